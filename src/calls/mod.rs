//! What is known of telephone calls, whoever runs them: what happens to them, how they end, and their records.

mod end;
mod network;
mod registry;
mod stage;
mod teller;

pub use end::{CallEnd, Class};
pub use network::{cause_of, rejected};
pub use registry::{CallRecord, CallRegistry, Direction};
pub use stage::Stage;
pub use teller::{CallAbout, CallEvent, CallMedia, CallTeller, Origin};

//! What is known of telephone calls, whoever runs them: what happens to them, how they end, and their records.

mod end;
mod registry;
mod stage;
mod teller;

pub use end::{CallEnd, Class};
pub use registry::{CallRecord, CallRegistry};
pub use stage::Stage;
pub use teller::{CallAbout, CallEvent, CallMedia, CallTeller};

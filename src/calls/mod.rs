//! What is known of telephone calls, whoever runs them: what happens to them, how they end, and their records.

mod end;
mod last;
mod network;
mod record;
mod registry;
mod stage;
mod teller;

pub use end::{CallEnd, Class};
pub use last::{LastCall, LastCalls, Refusal};
pub use network::{cause_of, rejected};
pub use record::{CallRecord, Direction, Provenance};
pub use registry::CallRegistry;
pub use stage::Stage;
pub use teller::{CallAbout, CallEvent, CallMedia, CallTeller, Origin};

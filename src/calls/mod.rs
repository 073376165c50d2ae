//! What is known of telephone calls, whoever runs them: how they end, and their records.

mod end;
mod registry;

pub use end::{CallEnd, Class};
pub use registry::{CallRecord, CallRegistry};

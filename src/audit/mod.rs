//! The audit log in the store: entries of `crate::observe::Audit` are written by one task, in groups, and read by the API.
//!
//! It is added to and, after `audit.keep_days`, forgotten; no entry is ever changed.

mod log;
mod writer;

pub use log::{AuditLog, AuditQuery, LONGEST_PAGE};
pub use writer::start;

//! How a trunk behaves: a battery of calls by the real ways, what was seen of them, and the settings that fit.
//!
//! ```text
//!   begin ──▶ Ways ──▶ Call ──▶ Call with each codec ──▶ long Call ──▶ Call in ──▶ Done
//!     └────────────────┴── the client or the service goes, or says so ──┴─────────▶ Stopped
//! ```
//!
//! | file | what it is |
//! | --- | --- |
//! | `order` | what is asked for, and whether it may be |
//! | `book` | those that go on, one of each trunk, and the last ones |
//! | `begin` | begins and ends them |
//! | `battery` | all parts, one after the other |
//! | `standing` | what can be said without a call |
//! | `call_out`, `call_in`, `look` | the tasks of calls: carry out an exercise on a line |
//! | `exercise` | what is done in a call: a pure state machine |
//! | `seen`, `outbound`, `inbound`, `shape` | what was seen, and what that says of the trunk |
//! | `fit` | the settings that fit |
//! | `step` | what is told of it |
//!
//! Calls go by the ways of all calls, within the trunk's limits, and are recorded as such. Of those that come in, one is taken:
//! the next to the number that the order names.

mod battery;
mod begin;
mod book;
mod call_in;
mod call_out;
mod exercise;
mod fit;
mod inbound;
mod look;
mod order;
mod outbound;
mod seen;
mod shape;
mod standing;
mod step;
#[cfg(test)]
mod tests;

pub(super) use book::Certifications;
pub(super) use call_in::run as take_call;
pub use order::{CertificationOrder, CertificationRefusal};
pub use step::{Certification, Outcome, Part, Progress, Proposal, Step, StepId};

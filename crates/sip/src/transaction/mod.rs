//! Transactions (RFC 3261 section 17 with RFC 6026): what makes one exchange out of messages that get lost and come twice.
//!
//! ```text
//!   message ──▶ Transactions ──▶ Event: a new request, a cancel, an ACK of a 2xx, a response, a failure
//!   respond, send, cancel ──▶        └─▶ Transmit: bytes, and the hop that they take
//!   failed, timeout ──▶
//! ```
//!
//! | file | what it knows |
//! | --- | --- |
//! | `server`, `client` | the states of one transaction |
//! | `layer` | all of them, and which message is whose |
//! | `key` | what makes two requests the same |
//! | `via` | where a response goes |
//! | `event` | what comes out |
//! | `timers` | T1, T2, T4 |

mod client;
mod event;
mod key;
mod layer;
mod server;
mod timers;
mod via;

pub use event::{ClientId, Event, Failure, Origin, Output, ServerId, Transmit};
pub use layer::Transactions;
pub use timers::Timers;

pub(crate) use timers::Repeat;

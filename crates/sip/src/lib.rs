//! SIP without I/O.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod deadlines;
mod hop;
pub mod message;
mod random;
pub mod transaction;

pub use hop::{ConnectionId, Hop, ListenerId};
pub use random::Random;

//! SIP without I/O.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod digest;
pub mod framing;
pub mod message;
mod random;
pub mod registration;
pub mod resolve;

pub use random::Random;

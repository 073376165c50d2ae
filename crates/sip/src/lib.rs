//! SIP without I/O.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod framing;
pub mod message;

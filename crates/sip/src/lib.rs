//! SIP without I/O.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod call;
mod deadlines;
mod dialog;
pub mod digest;
mod endpoint;
pub mod framing;
mod hop;
mod listeners;
pub mod message;
mod random;
pub mod transaction;

pub use call::{
    CallEnd, CallError, CallEvent, CallKey, CallSettings, Cause, Invitation, NatRule, ReferTo, Rejection,
    SessionSettings,
};
pub use dialog::Dialog;
pub use endpoint::{Endpoint, EndpointSettings, Event, Incoming, Output};
pub use hop::{ConnectionId, Hop, ListenerId};
pub use listeners::{Listener, Listeners, Own};
pub use random::Random;

//! SIP without I/O.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod call;
mod deadlines;
mod dialog;
pub mod digest;
mod endpoint;
pub mod framing;
mod hop;
pub mod info;
mod listeners;
pub mod message;
pub mod negotiation;
mod random;
pub mod registration;
pub mod resolve;
pub mod sdp;
pub mod transaction;

pub use call::{
    CallEnd, CallError, CallEvent, CallKey, CallSettings, Cause, Invitation, NatRule, ReferTo, Rejection,
    SessionSettings,
};
pub use dialog::Dialog;
pub use endpoint::{Endpoint, EndpointSettings, Event, Incoming, Output};
pub use hop::{ConnectionId, Hop, ListenerId};
pub use listeners::{Listener, Listeners, Own};
pub use negotiation::{Agreed, LocalMedia, Negotiator, Refusal};
pub use random::Random;
pub use sdp::{Direction, Payload};

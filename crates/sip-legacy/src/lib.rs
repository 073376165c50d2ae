//! What stands around `rsipstack` until `omnigate-sip` carries the calls.
//!
//! SIP calls without I/O: numbers, offer/answer, dialogs and the shield in front of the parser.
//!
//! Everything here is a pure core: bytes or messages in, what is to be done out. The message types are
//! those of `rsipstack::sip`; its transaction layer and transports are used by `omnigate::sip` only.
//!
//! ```text
//!   datagram ─▶ shield ─▶ (rsipstack: parser, transactions) ─▶ Call ─▶ responses, requests, media changes
//!                                                               │
//!                                                     Dialog ◀──┴──▶ Negotiator (SDP)
//! ```

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod call;
pub mod dialog;
pub mod framing;
pub mod header;
pub mod identity;
pub mod info;
pub mod negotiation;
pub mod sdp;
pub mod shield;

pub use call::{Call, CallEnd, Input, Output, TransactionId};
pub use dialog::Dialog;
pub use negotiation::{Agreed, LocalMedia, Negotiator, Refusal};
pub use rsipstack::sip as message;
pub use sdp::{Direction, Payload};

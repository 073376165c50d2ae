//! WebRTC audio peers without I/O, on `str0m` behind our own small types.
//!
//! [`PeerFactory`] answers a browser's offer and makes a [`Peer`]; the peer takes datagrams and the time and
//! says through a [`Sink`] what to send, what was heard and when it is up or gone. The server side is
//! ICE-lite: it announces complete candidates, needs none of the client's and learns the client's address
//! from its connectivity checks (RFC 8445 section 2.5).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod dtls;
mod peer;
mod sdp;
pub mod stun;

pub use peer::{AudioPacket, Peer, PeerError, PeerFactory, Sink, TransportState};

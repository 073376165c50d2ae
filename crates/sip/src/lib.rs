//! SIP (RFC 3261) without I/O: what a telephone, a gateway or a test needs to speak it, with no socket, no task and no clock.
//!
//! The one who drives puts bytes, the way that they came and the time into an [`Endpoint`], and carries out what comes out of
//! [`Endpoint::poll`]: bytes to send, and events. [`Endpoint::deadline`] says when to call [`Endpoint::timeout`]. Every call
//! of a method that changes something is followed by a complete drain.
//!
//! ```text
//!   receive(now, hop, bytes) ──▶ ┌──────────────────────────────────────────────┐
//!   failed(now, origin)      ──▶ │ Endpoint                                     │ ──▶ Transmit { hop, bytes, origin }
//!   timeout(now)             ──▶ │   message ▶ transaction ▶ dialog ▶ call      │ ──▶ Event: Incoming, Call, Request, …
//!   answer, hang_up, offer … ──▶ └──────────────────────────────────────────────┘ ──▶ deadline
//! ```
//!
//! A call that comes in, answered:
//!
//! ```
//! use omnigate_sip::message::{Headers, Transport};
//! use omnigate_sip::{Endpoint, EndpointSettings, Event, Hop, Listener, ListenerId, Listeners, Output};
//! # #[expect(clippy::disallowed_methods)]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ours = "192.0.2.2:5060".parse()?;
//! let mut endpoint = Endpoint::new(EndpointSettings {
//!     listeners: Listeners::new(vec![Listener { transport: Transport::Udp, bound: ours, advertised: None }]),
//!     seed: 1,
//!     ..EndpointSettings::default()
//! });
//! let invite = "INVITE sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\n\
//!     To: <sip:b@192.0.2.2>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1>\r\n\r\n";
//! let hop = Hop::datagram(ListenerId(0), ours, "192.0.2.1:5060".parse()?);
//! let now = std::time::Instant::now();
//! endpoint.receive(now, &hop, invite.as_bytes());
//! let mut sent = Vec::new();
//! while let Some(output) = endpoint.poll() {
//!     match output {
//!         Output::Transmit(transmit) => sent.push(transmit.bytes),
//!         // The INVITE has no offer, so the answer has ours.
//!         Output::Event(Event::Incoming(incoming)) => {
//!             endpoint.answer(now, incoming.call, Some(b"v=0\r\n".to_vec()), &Headers::default())?;
//!         }
//!         Output::Event(_) => {}
//!     }
//! }
//! assert!(sent[0].starts_with(b"SIP/2.0 100") && sent[1].starts_with(b"SIP/2.0 200"));
//! # Ok(())
//! # }
//! ```
//!
//! `examples/answer.rs` is the same on a UDP socket, `examples/call.rs` makes a call.
//!
//! | part | RFC |
//! | --- | --- |
//! | [`message`], [`framing`] | 3261 sections 7, 18.3, 20, 25; 3966, 3986 as far as SIP needs them; 4475 as tests; 5621 bodies; 7118 names |
//! | [`transaction`] | 3261 section 17, 6026; 3581 and 18.2.2 for responses |
//! | calls and [`Dialog`] | 3261 sections 12 to 15; 3262 100rel; 3264 and 6337 offers and answers; 3311 UPDATE; 3326 Reason; 3515 and 4488 REFER; 3891 Replaces; 4028 session timers; 6086 INFO |
//! | [`digest`] | 7616, 8760 |
//! | [`resolve`] | 3263 |
//! | [`registration`] | 3261 section 10, 3327 Path, 3608 Service-Route, 5626 keep-alives and back-off |
//! | [`negotiation`], [`sdp`] | 3264, 3551, 4733, 7587, 8866 for one audio stream |
//! | [`keying`], [`sdes`], [`mod@dtls`] | 4568; 5763, 8122, 4145, and 5761 for one port where there is a handshake |

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod call;
mod deadlines;
mod dialog;
pub mod digest;
pub mod dtls;
mod endpoint;
pub mod framing;
mod hop;
pub mod info;
pub mod keying;
mod listeners;
pub mod message;
pub mod negotiation;
mod random;
pub mod registration;
pub mod resolve;
pub mod sdes;
pub mod sdp;
pub mod transaction;

pub use call::{
    CallEnd, CallError, CallEvent, CallKey, CallSettings, CallTerms, Cause, Invitation, NatRule, ReferTo,
    RefreshedBy, Rejection, Reliable, SessionSettings, SessionTimers,
};
pub use dialog::Dialog;
pub use endpoint::{Endpoint, EndpointSettings, Event, Incoming, Output, Refused, Screening};
pub use hop::{ConnectionId, Hop, ListenerId, Peer, Proof};
pub use listeners::{Listener, Listeners, Own};
pub use negotiation::{Agreed, LocalMedia, MediaTerms, Negotiator, Refusal};
pub use random::Random;
pub use sdp::Direction;

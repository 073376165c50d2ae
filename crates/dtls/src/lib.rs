//! Keys of sealed media by a DTLS handshake in the media's own path (RFC 5763, RFC 5764), without I/O or a clock.
//!
//! ```text
//!              begin: it may send, and its time runs
//!   Handshake ─────────────────────────────────────▶ Keys     the certificate is that of the fingerprint in SDP
//!      ▲   │                                    └──▶ Failure  it is not, time is over, the other side refuses
//!      │   └── datagrams out, one by one
//!      └────── datagrams in, timeouts
//! ```
//!
//! | file | what it knows |
//! | --- | --- |
//! | `identity` | our certificate, one of the process, and the configuration |
//! | `screen` | what of a datagram may come before the library |
//! | `handshake` | one handshake, to its keys or its failure |
//! | `failure` | why there are none |
//!
//! The handshake is that of `dimpl`, DTLS 1.2. It knows certificates of ECDSA (P-256, P-384) and no RSA, and wants the
//! extended master secret (RFC 7627).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod failure;
mod handshake;
mod identity;
mod screen;

pub use failure::{Failure, LIMIT};
pub use handshake::{Handshake, Outcome};
pub use identity::Identity;
pub use screen::{is_dtls, is_handshake};

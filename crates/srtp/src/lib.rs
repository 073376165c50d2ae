//! SRTP and SRTCP (RFC 3711, RFC 7714) over the primitives of aws-lc: sealing, opening, and what SDP carries of keys: they
//! themselves (RFC 4568), or the fingerprint of the certificate with which they are agreed on (RFC 8122).
//!
//! | file | what it knows |
//! | --- | --- |
//! | `suite` | the suites and their lengths |
//! | `key` | a master key with its salt, as SDP carries it; those of both directions |
//! | `fingerprint` | the fingerprint of a certificate, as SDP carries it |
//! | `role` | who begins a DTLS handshake |
//! | `header` | what of a packet stays readable |
//! | `transform` | session keys; what is done to one packet |
//! | `index` | packet indices: roll-overs of the sequence number, replays |
//! | `sealer`, `opener` | one direction of a session |
//!
//! Packets are changed in place, in a buffer that has room for what is added ([`MAX_OVERHEAD`]), so nothing is allocated.
//! There is no master key identifier, and keys are derived once (a key derivation rate of 0).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod error;
mod fingerprint;
mod header;
mod index;
mod key;
mod opener;
mod role;
mod sealer;
mod suite;
mod transform;

pub use error::{Error, Result};
pub use fingerprint::{Fingerprint, FingerprintError, HashFunction};
pub use key::{KeyError, Keys, MasterKey};
pub use opener::Opener;
pub use role::Role;
pub use sealer::Sealer;
pub use suite::Suite;

/// Most that sealing adds to a packet, bytes: the tag, and the index of SRTCP.
pub const MAX_OVERHEAD: usize = 16 + 4;

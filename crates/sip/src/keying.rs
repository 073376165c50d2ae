//! How both sides come by the keys of sealed media.

use crate::dtls::Association;
use omnigate_srtp::{Fingerprint, Keys, MasterKey};
use std::net::IpAddr;
use std::sync::Arc;

/// A way to keys that a session may go, and what we bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyWay {
    /// Said in the description (RFC 4568): those of what we send, one of each suite, made for this session alone, the
    /// preferred one first.
    Sdes(Arc<[MasterKey]>),
    /// By a DTLS handshake (RFC 5763).
    Dtls {
        /// Of our certificate.
        fingerprint: Fingerprint,
        /// Where the other side's SIP comes from. Whoever names another address for media may be behind a NAT, and has to
        /// begin. None: nobody knows.
        peer: Option<IpAddr>,
    },
}

impl KeyWay {
    pub(crate) fn is_dtls(&self) -> bool {
        matches!(self, KeyWay::Dtls { .. })
    }
}

/// How the keys of a session come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keying {
    /// They are there: both descriptions say them.
    Sdes(Keys),
    /// A handshake makes them.
    Dtls(Association),
}

//! Why there is no session.

use crate::sdp::SdpError;
use omnigate_srtp::FingerprintError;
use std::net::IpAddr;

/// Why an offer or answer is refused: the status and the text of a Warning (RFC 3261 section 20.43).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body is no SDP: 400.
    #[error("{0}")]
    Malformed(#[from] SdpError),
    /// No usable media line: 488 with warn-code 304 or 305.
    #[error("offered {offered}; allowed {allowed}")]
    NotAcceptable {
        /// Warn-code: 304 media type not available, 305 incompatible media format.
        code: u16,
        /// What was offered.
        offered: String,
        /// What may be.
        allowed: String,
    },
    /// Media would go in the clear, and must not: 488.
    #[error("media must be sealed here: {0}")]
    SealedOnly(
        /// What is taken.
        &'static str,
    ),
    /// Media could be sealed, but by whom cannot be told: 488.
    #[error("{0}")]
    Fingerprint(#[from] FingerprintError),
    /// The media of the other side is at an address that ours cannot reach: 488 with warn-code 301, incompatible network
    /// address formats.
    #[error("media address {offered} is not of the address family of ours")]
    AddressFamily {
        /// What was offered.
        offered: IpAddr,
    },
}

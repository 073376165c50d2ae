//! The crate's error.

/// Why a packet is not sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is no RTP or RTCP packet, or too short to be sealed.
    #[error("not an SRTP packet")]
    Malformed,
    /// It was here before, or is so old that nobody can tell.
    #[error("a packet that was here before")]
    Replayed,
    /// Somebody else has made or changed it, or it is sealed with another key.
    #[error("a packet that was not sealed with the key of the session")]
    NotAuthentic,
    /// The key has been used as often as it may be (RFC 3711 section 9.2).
    #[error("the key is used up")]
    UsedUp,
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

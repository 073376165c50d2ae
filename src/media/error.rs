//! Why the media plane refuses.

use omnigate_rtc::PeerError;
use std::io;

/// Why the media plane refuses.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// A socket cannot be opened.
    #[error("{what}: {source}")]
    Socket {
        /// Which.
        what: &'static str,
        /// Cause.
        source: io::Error,
    },
    /// The shard's queue is full or it has ended.
    #[error("media thread does not take orders")]
    Busy,
    /// The peer's offer was refused.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A decoder cannot be made.
    #[error(transparent)]
    Rtp(#[from] omnigate_rtp::Error),
}

//! RTP and RTCP without sockets: packets, sessions, telephone events, jitter buffer, playout, quality.
//!
//! Time comes in as [`std::time::Instant`]; nothing here reads a clock. Nothing allocates per packet in the steady
//! state: buffers grow to their size once and are reused.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod delay;
pub mod digits;
pub mod jitter;
pub mod packet;
pub mod playout;
pub mod quality;
pub mod sender;
pub mod session;
pub mod telephone_event;
mod unwrap;

pub use packet::{RtpPacket, is_rtcp};
pub use sender::RtpSender;

/// What can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not an RTP packet.
    #[error("not an RTP packet: {0}")]
    Rtp(#[from] rtp_types::RtpParseError),
    /// Bytes that are not an RTCP packet.
    #[error("not an RTCP packet: {0}")]
    Rtcp(#[from] rtcp_types::RtcpParseError),
    /// A codec that cannot be made, or a rate that it does not have.
    #[error(transparent)]
    Audio(#[from] omnigate_audio::Error),
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

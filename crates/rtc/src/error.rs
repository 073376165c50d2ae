//! Why a peer cannot be made.

use str0m::RtcError;

/// Largest session description read, bytes.
pub const MAX_SDP: usize = 64 * 1024;

/// Why a peer cannot be made or has ended.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The description is larger than 64 KiB.
    #[error("jsep.sdp of {0} bytes is larger than {MAX_SDP}")]
    TooLarge(usize),
    /// The description is not SDP.
    #[error("jsep.sdp is not a session description: {0}")]
    Malformed(String),
    /// The offer has no audio section with Opus.
    #[error("jsep.sdp offers no audio section with opus/48000/2")]
    NoAudio,
    /// The offer has no video section that sends.
    #[error("jsep.sdp offers no video section that sends")]
    NoVideo,
    /// The offer's video section has no codec that may be used.
    #[error("jsep.sdp offers no video codec that can be forwarded: {0}")]
    NoVideoCodec(String),
    /// The answer does not take the video that was offered.
    #[error("jsep.sdp does not take the video that was offered")]
    Declined,
    /// An answer came for a peer that has one.
    #[error("jsep.sdp answers an offer that is answered already")]
    Answered,
    /// No address to announce.
    #[error("no usable address to announce as candidate")]
    NoCandidate,
    /// No certificate could be made.
    #[error("no DTLS certificate could be made")]
    Certificate,
    /// The stack refused.
    #[error("WebRTC stack: {0}")]
    Stack(#[from] RtcError),
}

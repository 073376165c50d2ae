//! What the media plane reports.

use crate::media::ids::PlaybackId;
use omnigate_audio::dtmf::Key;
use omnigate_room::{ParticipantId, StreamId, ViewerId};
use omnigate_rtp::digits::Source;
use std::net::SocketAddr;
use std::time::Duration;

/// What happens on a phone leg.
#[derive(Debug, Clone, PartialEq)]
pub enum LegEvent {
    /// The first RTP packet from the caller.
    FirstPacket,
    /// A key press, each source reported by itself. `Key` shows no digit in logs.
    Digit(Key, Source),
    /// RTP comes from an address other than the signalled one.
    RemoteLearned {
        /// Where it was sent to before.
        from: SocketAddr,
        /// Where it is sent to from now on.
        to: SocketAddr,
    },
    /// A playback came to its end.
    PlaybackDone(PlaybackId),
    /// No RTP for the configured time, while not on hold.
    Silent,
    /// A bug in handling this leg; it is gone.
    Failed,
    /// The leg was removed; its last figures.
    Ended(LegFigures),
}

/// Quality figures of a leg.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LegFigures {
    /// RTP packets received.
    pub received: u64,
    /// RTP packets sent.
    pub sent: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Share lost, 0.0 to 1.0.
    pub loss_fraction: f64,
    /// RFC 3550 jitter, seconds.
    pub jitter_seconds: f64,
    /// Round trip time by RTCP.
    pub rtt: Option<Duration>,
    /// Loss that the other side reports, 0.0 to 1.0.
    pub remote_loss_fraction: Option<f64>,
}

/// What happens to a browser's peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE and DTLS are up.
    Up(ParticipantId),
    /// The transport is lost.
    Gone(ParticipantId),
    /// A publisher's transport is lost.
    StreamGone(StreamId),
    /// A viewer's transport is lost, or its answer was of no use.
    ViewerGone(ViewerId),
}

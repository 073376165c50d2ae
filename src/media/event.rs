//! What the media plane reports.

use crate::media::ids::PlaybackId;
use omnigate_audio::dtmf::Key;
use omnigate_dtls::Failure;
use omnigate_room::{PeerId, StreamId, ViewerId};
use omnigate_rtp::digits::Source;
use omnigate_srtp::Suite;
use std::net::SocketAddr;
use std::time::Duration;

/// What happens on a phone leg. The end of these events is the end of the leg, whatever came last.
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
    /// A handshake has made the keys of the media, of this suite.
    Sealed(Suite),
    /// A handshake has ended without keys: nothing is sent, and nothing heard.
    NoKeys(Failure),
    /// A bug in handling this leg; it is gone. The last event.
    Failed,
    /// The leg was removed; its last figures. The last event.
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

/// What happens to a browser's peer. "Gone" is terminal: the shard has forgotten it before it tells. Nothing is told of
/// what the control plane has closed itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerEvent {
    /// ICE and DTLS are up.
    Up(PeerId),
    /// The transport is lost, or a bug has cost the peer.
    Gone(PeerId),
    /// A publisher's transport is lost; its viewers are gone too.
    StreamGone(StreamId),
    /// A viewer's transport is lost, or its answer was of no use.
    ViewerGone(ViewerId),
}

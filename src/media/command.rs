//! What the control plane asks of a shard, and what a shard reports.

use super::app::App;
use super::leg::Leg;
use super::room::RoomKey;
use super::tap::Capture;
use super::video::{Stream, Viewing};
use omnigate_audio::dtmf::Key;
use omnigate_audio::tone::Tone;
use omnigate_omnitalk::{ParticipantId, RoomId, StreamId, ViewerId};
use omnigate_rtp::digits::Source;
use omnigate_sip::Agreed;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One phone leg. Never used twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LegId(pub u64);

/// One playback on one leg, to tell its end from that of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlaybackId(pub u64);

/// What is played to a leg, mixed into what it hears.
#[derive(Debug, Clone)]
pub enum Playback {
    /// Recordings at 8 kHz, one after the other, once.
    Prompts(Vec<Arc<[i16]>>),
    /// Recordings at 8 kHz over and over, with this pause between.
    Repeat(Vec<Arc<[i16]>>, Duration),
    /// A call progress tone.
    Tone(Tone),
}

/// What a recorded room hears about it.
#[derive(Debug, Clone, Default)]
pub struct Announcement {
    /// Recordings at 8 kHz, one after the other, once; again when somebody comes.
    pub prompts: Vec<Arc<[i16]>>,
    /// A beep each so often.
    pub beep_each: Option<Duration>,
}

/// Orders to a shard.
pub(crate) enum Command {
    /// Takes a leg, alone in a room of its own.
    AddLeg(Box<Leg>),
    /// Takes a leg that another shard had, into a room.
    Adopt(Box<Leg>, RoomKey),
    /// What SDP agreed on is new or has changed.
    SetMedia(LegId, Box<Agreed>),
    /// Plays; a playback that runs is replaced.
    Play(LegId, PlaybackId, Playback),
    /// Stops what is played.
    StopPlayback(LegId),
    /// Moves a leg into a room, as this participant, here or on the shard with this index.
    Join(LegId, RoomId, ParticipantId, usize),
    /// Ends a leg; [`LegEvent::Ended`] follows.
    RemoveLeg(LegId),
    /// Takes a browser's peer into a room.
    AddPeer(RoomId, Box<App>),
    /// Ends a peer.
    RemovePeer(ParticipantId),
    /// Takes a peer's audio out of every mix, or back in.
    MutePeer(ParticipantId, bool),
    /// Captures what a room's members send from now on.
    Capture(RoomId, Capture),
    /// Captures nothing for a while, or again.
    PauseCapture(RoomId, bool),
    /// Ends the room's capture.
    EndCapture(RoomId),
    /// Plays to a whole room, telephones and apps: recordings at 8 kHz, then this tone each so many seconds.
    Announce(RoomId, Announcement),
    /// Takes a published video.
    AddStream(Box<Stream>),
    /// Ends a published video and its viewers.
    CloseStream(StreamId),
    /// Forwards nothing of a stream, or goes on.
    MuteStream(StreamId, bool),
    /// Takes a viewer of a stream.
    AddViewer(StreamId, Box<Viewing>),
    /// A viewer's answer to our offer.
    AnswerViewer(ViewerId, String),
    /// Ends a viewer.
    CloseViewer(ViewerId),
    /// Ends the thread.
    Stop,
}

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

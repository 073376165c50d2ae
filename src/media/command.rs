//! What the control plane orders a shard to do.

use crate::media::heard::Heard;
use crate::media::ids::{LegId, PlaybackId};
use crate::media::net::sources::MediaSources;
use crate::media::playback::{Announcement, Playback};
use crate::media::sound::app::App;
use crate::media::sound::leg::Leg;
use crate::media::sound::room::RoomKey;
use crate::media::tap::Capture;
use crate::media::video::{Stream, Viewing};
use omnigate_audio::dtmf::Key;
use omnigate_room::{ParticipantId, PeerId, RoomId, StreamId, ViewerId};
use omnigate_sip::Agreed;
use tokio::sync::mpsc::Sender;

/// Orders to a shard.
pub(crate) enum Command {
    /// Takes a leg, alone in a room of its own.
    AddLeg(Box<Leg>),
    /// Takes a leg that another shard had, into a room.
    Adopt(Box<Leg>, RoomKey),
    /// Orders to a leg go to the shard that opened it, which hands them on to where the leg is: so they keep their order.
    Leg(LegId, LegOrder),
    /// Takes a browser's peer into a room.
    AddPeer(RoomId, Box<App>),
    /// Ends a peer.
    RemovePeer(PeerId),
    /// Takes a peer's audio out of every mix, or back in.
    MutePeer(PeerId, bool),
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

/// Orders to a leg.
pub(crate) enum LegOrder {
    /// What SDP agreed on is new or has changed.
    SetMedia(Box<Agreed>),
    /// Plays; a playback that runs is replaced.
    Play(PlaybackId, Playback),
    /// Stops what is played.
    StopPlayback,
    /// Who else may send its media from now on: it calls somebody else than before.
    SetSources(MediaSources),
    /// Says this in the telephone's place, to all who hear it, until the telephone itself says something; or no longer.
    StandIn(Option<Playback>),
    /// Presses a key towards the telephone.
    Press(Key),
    /// Takes what it says out of every mix, or back in, until it leaves its room.
    Mute(bool),
    /// Hands on what is heard of it from now on.
    Hear(Sender<Heard>),
    /// Moves it into a room, as this participant, on the shard with this index.
    Enter(RoomId, ParticipantId, usize),
    /// Takes it out of its room: alone again.
    Leave,
    /// Ends it; [`LegEvent::Ended`](crate::media::LegEvent::Ended) follows.
    Remove,
}

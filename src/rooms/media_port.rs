//! The rooms' way to the media plane, and the one book of what is open there.
//!
//! The rule of this seam:
//!
//! * One id, one owner, one book. A leg belongs to its call, which opens and ends it; the rooms only move it. Everything
//!   else belongs to the rooms: it is opened and closed here alone, and what is open stands in this book alone. The shard that
//!   carries a thing has the thing, not a copy of the book.
//! * An id names one opening. A participant may have another audio peer after it has lost one: that one has another
//!   [`PeerId`], so that what is told of the old one does not touch it.
//! * "Gone" is terminal. When the media plane tells that something is gone it has forgotten it already, and here it is taken
//!   out of the book; nobody has to close it. What was closed here is never told of. Either side forgets first; the other one
//!   then hears it once, or finds nothing left to forget.
//! * What frees a thing is never lost; what opens or changes one may be refused while a shard is overloaded, and then
//!   nothing has been opened or changed. What cannot go on without the change is closed, and said to be gone.

use crate::media::{
    Announcement, CaptureId, LegSeat, MediaError, MediaPlane, PeerEvent, Published, ShardIndex,
};
use omnigate_room::{ParticipantId, PeerId, RecordingId, RoomId, StreamId, ViewerId};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;
use tracing::warn;

/// Why something cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The media plane refuses.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// There is no such stream in the room.
    #[error("no such stream")]
    NoStream,
}

struct Peer {
    id: PeerId,
    shard: ShardIndex,
}

struct Stream {
    room: RoomId,
    published: Published,
}

/// What is captured of a room, for its recordings.
#[derive(Debug, Clone, Copy)]
pub struct Capture {
    /// Which.
    pub id: CaptureId,
    /// Its times are counted from here.
    pub epoch: Instant,
}

struct Captured {
    capture: Capture,
    paused: bool,
    recordings: BTreeSet<RecordingId>,
}

/// What the media plane has told, in the ids of the rooms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaNews {
    /// A participant's audio is up.
    Up(ParticipantId),
    /// A participant has no audio any more.
    Gone(ParticipantId),
    /// A stream is gone, and its viewers.
    StreamGone(StreamId),
    /// A viewer is gone.
    ViewerGone(ViewerId),
}

/// See the module.
pub struct RoomMedia {
    plane: Arc<MediaPlane>,
    peers: HashMap<ParticipantId, Peer>,
    streams: HashMap<StreamId, Stream>,
    viewers: HashMap<ViewerId, StreamId>,
    captures: HashMap<RoomId, Captured>,
    openings: u64,
    next_capture: u32,
}

impl RoomMedia {
    /// Nothing is open yet.
    pub fn new(plane: Arc<MediaPlane>) -> RoomMedia {
        RoomMedia {
            plane,
            peers: HashMap::new(),
            streams: HashMap::new(),
            viewers: HashMap::new(),
            captures: HashMap::new(),
            openings: 0,
            next_capture: 0,
        }
    }

    /// The media plane.
    pub fn plane(&self) -> &Arc<MediaPlane> {
        &self.plane
    }

    /// Takes what the media plane tells. None: it is about something that is open no more.
    pub fn told(&mut self, event: PeerEvent) -> Option<MediaNews> {
        match event {
            PeerEvent::Up(peer) => self.is_open(peer).then_some(MediaNews::Up(peer.participant)),
            PeerEvent::Gone(peer) => {
                if !self.is_open(peer) {
                    return None;
                }
                self.peers.remove(&peer.participant);
                Some(MediaNews::Gone(peer.participant))
            }
            PeerEvent::StreamGone(stream) => {
                self.streams.remove(&stream)?;
                self.viewers.retain(|_, of| *of != stream);
                Some(MediaNews::StreamGone(stream))
            }
            PeerEvent::ViewerGone(viewer) => {
                self.viewers.remove(&viewer)?;
                Some(MediaNews::ViewerGone(viewer))
            }
        }
    }

    fn is_open(&self, peer: PeerId) -> bool {
        self.peers
            .get(&peer.participant)
            .is_some_and(|open| open.id == peer)
    }

    /// Answers an app's offer and puts its audio into `room`; the answer. An audio peer that it has is closed.
    ///
    /// # Errors
    /// The offer is of no use, or the media plane is overloaded; the participant has no audio then.
    pub fn open_peer(
        &mut self,
        participant: ParticipantId,
        room: RoomId,
        offer: &str,
        max_playback_rate: u32,
        now: Instant,
    ) -> Result<String, OpenError> {
        self.close_peer(participant);
        self.openings += 1;
        let id = PeerId {
            participant,
            opening: self.openings,
        };
        let (shard, answer) = self.plane.open_peer(id, room, offer, max_playback_rate, now)?;
        self.peers.insert(participant, Peer { id, shard });
        Ok(answer)
    }

    /// Ends a participant's audio, if it has any.
    pub fn close_peer(&mut self, participant: ParticipantId) {
        if let Some(peer) = self.peers.remove(&participant) {
            self.plane.close_peer(peer.shard, peer.id);
        }
    }

    /// Takes a participant's audio out of every mix, or back in; what that has cost.
    pub fn mute_peer(&mut self, participant: ParticipantId, muted: bool) -> Option<MediaNews> {
        let peer = self.peers.get(&participant)?;
        let done = self.plane.mute_peer(peer.shard, peer.id, muted);
        if !refused("mute", done) || !muted {
            return None;
        }
        // Whoever wants silence gets it.
        self.close_peer(participant);
        Some(MediaNews::Gone(participant))
    }

    /// Answers a publisher's offer of a camera or screen and puts the stream into `room`; the answer. `pixels` is width
    /// times height.
    ///
    /// # Errors
    /// The offer is of no use, or the media plane is overloaded; there is no stream then.
    pub fn open_stream(
        &mut self,
        stream: StreamId,
        room: RoomId,
        offer: &str,
        pixels: u32,
        now: Instant,
    ) -> Result<String, OpenError> {
        self.close_stream(stream);
        let others = self.streams.values().filter(|one| one.room == room);
        let others = others.map(|one| one.published);
        let (published, answer) = self
            .plane
            .open_stream(stream, room, (offer, pixels), others, now)?;
        self.streams.insert(stream, Stream { room, published });
        Ok(answer)
    }

    /// Ends a stream and all its viewers.
    pub fn close_stream(&mut self, stream: StreamId) {
        if let Some(open) = self.streams.remove(&stream) {
            self.viewers.retain(|_, of| *of != stream);
            self.plane.close_stream(open.published.shard, stream);
        }
    }

    /// Forwards nothing of a stream, or goes on; what that has cost.
    pub fn mute_stream(&mut self, stream: StreamId, muted: bool) -> Option<MediaNews> {
        let open = self.streams.get(&stream)?;
        let done = self.plane.mute_stream(open.published.shard, stream, muted);
        if !refused("mute", done) || !muted {
            return None;
        }
        self.close_stream(stream);
        Some(MediaNews::StreamGone(stream))
    }

    /// Makes a viewer of a stream of `room`; our offer.
    ///
    /// # Errors
    /// The stream is not there, or the media plane is overloaded; there is no viewer then.
    pub fn open_viewer(
        &mut self,
        viewer: ViewerId,
        stream: StreamId,
        room: RoomId,
        now: Instant,
    ) -> Result<String, OpenError> {
        self.close_viewer(viewer);
        let open = self.streams.get(&stream).filter(|one| one.room == room);
        let published = open.ok_or(OpenError::NoStream)?.published;
        let offer = self.plane.open_viewer(viewer, stream, &published, now)?;
        self.viewers.insert(viewer, stream);
        Ok(offer)
    }

    /// Takes a viewer's answer; what that has cost. One that is of no use ends the viewer, which is told later.
    pub fn answer_viewer(&mut self, viewer: ViewerId, answer: String) -> Option<MediaNews> {
        let shard = self.shard_of(viewer)?;
        if !refused("answer", self.plane.answer_viewer(shard, viewer, answer)) {
            return None;
        }
        self.close_viewer(viewer);
        Some(MediaNews::ViewerGone(viewer))
    }

    /// Ends a viewer, if there is one.
    pub fn close_viewer(&mut self, viewer: ViewerId) {
        if let Some(shard) = self.shard_of(viewer) {
            self.plane.close_viewer(shard, viewer);
        }
        self.viewers.remove(&viewer);
    }

    fn shard_of(&self, viewer: ViewerId) -> Option<ShardIndex> {
        let stream = self.streams.get(self.viewers.get(&viewer)?)?;
        Some(stream.published.shard)
    }

    /// Moves a telephone's leg into a room, as this participant.
    ///
    /// # Errors
    /// The media plane is overloaded; the leg stays where it is.
    pub fn enter(&self, leg: &LegSeat, room: RoomId, participant: ParticipantId) -> Result<(), MediaError> {
        self.plane.enter(leg, room, participant)
    }

    /// Takes what a telephone says out of its room's mix, or back in.
    pub fn mute_leg(&self, leg: &LegSeat, muted: bool) {
        self.plane.mute_leg(leg, muted);
    }

    /// Takes a telephone's leg out of its room: whoever is no participant any more hears nothing of it.
    pub fn leave(&self, leg: &LegSeat) {
        self.plane.leave(leg);
    }

    /// A recording of a room begins: the room's capture, begun now if there was none, with `announcement` to the room.
    ///
    /// # Errors
    /// The media plane is overloaded; nothing is captured for this recording then.
    pub fn record(
        &mut self,
        recording: RecordingId,
        room: RoomId,
        announcement: Option<&Announcement>,
        now: Instant,
    ) -> Result<Capture, MediaError> {
        if let Some(captured) = self.captures.get_mut(&room) {
            captured.recordings.insert(recording);
            return Ok(captured.capture);
        }
        self.next_capture += 1;
        let capture = Capture {
            id: CaptureId(self.next_capture),
            epoch: now,
        };
        self.plane.capture(room, capture.id, now)?;
        if let Some(announcement) = announcement
            && let Err(error) = self.plane.announce(room, announcement.clone())
        {
            // What is not announced is not recorded.
            self.plane.end_capture(room);
            return Err(error);
        }
        let captured = Captured {
            capture,
            paused: false,
            recordings: BTreeSet::from([recording]),
        };
        self.captures.insert(room, captured);
        Ok(capture)
    }

    /// A recording is over; whether its room's capture is over with it.
    pub fn stop(&mut self, recording: RecordingId) -> bool {
        let Some(room) = self.room_of(recording) else {
            return false;
        };
        let Some(captured) = self.captures.get_mut(&room) else {
            return false;
        };
        captured.recordings.remove(&recording);
        let over = captured.recordings.is_empty();
        if over {
            self.captures.remove(&room);
            self.plane.end_capture(room);
        }
        over
    }

    /// Captures nothing of a recording's room for a while, or again; false when the recording does not run.
    pub fn pause(&mut self, recording: RecordingId, paused: bool) -> bool {
        let Some(room) = self.room_of(recording) else {
            return false;
        };
        let Some(captured) = self.captures.get_mut(&room).filter(|one| one.paused != paused) else {
            return true;
        };
        if refused("pause", self.plane.pause_capture(room, paused)) {
            return false;
        }
        captured.paused = paused;
        true
    }

    /// The recordings that run, and whether each is paused.
    pub fn recordings(&self) -> HashMap<RecordingId, bool> {
        let all = self.captures.values();
        all.flat_map(|one| one.recordings.iter().map(|id| (*id, one.paused)))
            .collect()
    }

    /// True when nothing is open.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let open = [
            self.peers.len(),
            self.streams.len(),
            self.viewers.len(),
            self.captures.len(),
        ];
        open == [0; 4]
    }

    fn room_of(&self, recording: RecordingId) -> Option<RoomId> {
        let mut all = self.captures.iter();
        all.find(|(_, one)| one.recordings.contains(&recording))
            .map(|(room, _)| *room)
    }
}

/// True when the media plane did not take an order; that is told.
fn refused(order: &str, done: Result<(), MediaError>) -> bool {
    if let Err(error) = &done {
        warn!(order, %error, "an order to the media plane is lost");
    }
    done.is_err()
}

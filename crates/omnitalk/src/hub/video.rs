//! Published video: cameras, and what cameras and screens have in common (6.11, 6.20, 9.3, 9.7).
//!
//! ```text
//!   a stream:
//!             publish           answer
//!   (nothing) ───────▶ opening ────────▶ open ──▶ its owner leaves or unshares, or its transport is lost
//!
//!   a subscription:
//!             subscribe         offer             WS_SUBSCRIBE_COMP
//!   (nothing) ───────▶ opening ────────▶ offered ───────────────▶ answered
//!                         │                 │ 30 s (11.24)           │
//!                         ▼                 ▼                        ▼
//!                       it is ended, its owner leaves, its stream ends, or its transport is lost
//! ```

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::{Participant, Room, Source, Stream};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::outgoing::Reply;
use crate::timers::Timer;
use crate::words::Track;
use omnigate_room::{ParticipantId, RoomId, StreamId};
use std::collections::BTreeSet;

/// The size of a picture when the client names none: 720 times 480 (6.11).
const DEFAULT_PIXELS: u32 = 345_600;

impl Hub {
    /// `WS_PUBLISH_REQ` for video (6.11).
    pub(super) fn publish_camera(&mut self, socket: SocketId, fields: &Fields) -> Handled {
        let (room_id, me) = self.inside(socket)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        let participant = room.participants.get(&me).ok_or(Fault::NotInRoom)?;
        if !room.kind.has_video() {
            return Err(Fault::NotInThisRoom {
                what: "video",
                room_type: room.kind.word(),
            });
        }
        if participant.camera.is_some() {
            return Err(Fault::AlreadyPublished("Video"));
        }
        let session = participant.session.clone();
        let stream = self.open_stream(room_id, me, session, Source::Camera, fields)?;
        if let Some(participant) = self.participant_mut(me) {
            participant.camera = Some(stream);
        }
        Ok(Awaited::Stream(stream).into())
    }

    /// Asks the media plane for a stream from the request's offer.
    pub(super) fn open_stream(
        &mut self,
        room: RoomId,
        owner: ParticipantId,
        session: String,
        source: Source,
        fields: &Fields,
    ) -> Result<StreamId, Fault> {
        let offer = fields.offer()?.to_owned();
        // A size that makes no sense must not cost the video: some clients would hang (11.1).
        let pixels = fields.pixels().unwrap_or(DEFAULT_PIXELS);
        let stream = self.next.stream();
        let opening = Stream {
            room,
            owner,
            session,
            source,
            open: false,
            pixels,
            viewers: BTreeSet::new(),
        };
        self.streams.insert(stream, opening);
        self.effects.push(Effect::OpenStream {
            stream,
            room,
            offer: offer.into(),
            pixels,
        });
        Ok(stream)
    }

    /// The media plane has answered for the stream, or not.
    pub(super) fn stream_ready(
        &mut self,
        id: StreamId,
        answer: Result<String, Fault>,
    ) -> Result<Reply, Fault> {
        let stream = self.streams.get_mut(&id).ok_or(Fault::VideoEnded)?;
        let (owner, source) = (stream.owner, stream.source);
        stream.open = answer.is_ok();
        if answer.is_err() {
            self.forget_stream(id);
        }
        match source {
            Source::Screen => self.screen_ready(id, answer?),
            Source::Camera => {
                // Its own video has had its response, good or bad: it can show those of others (9.7).
                self.show_video(owner);
                let sdp = answer?;
                if self.participant(owner).is_some_and(|one| one.video_mute) {
                    self.mute_camera(Some(id), true);
                }
                self.broadcast(owner);
                Ok(Reply::published(Track::Video, &sdp))
            }
        }
    }

    /// The others of the room whose camera is on the air.
    pub(super) fn publishers<'a>(
        &'a self,
        room: &'a Room,
        me: ParticipantId,
    ) -> impl Iterator<Item = &'a Participant> {
        room.participants.values().filter(move |one| {
            let camera = one.camera.and_then(|camera| self.streams.get(&camera));
            one.id != me && camera.is_some_and(|camera| camera.open)
        })
    }

    /// Tells the others that somebody's camera is on the air: those in a video call only when they are ready (9.7).
    fn broadcast(&mut self, id: ParticipantId) {
        let Some((room, participant)) = self.places.get(&id).and_then(|room| {
            let room = self.rooms.get(room)?;
            Some((room, room.participants.get(&id)?))
        }) else {
            return;
        };
        let text = room.about(participant).broadcast();
        let others = room
            .participants
            .values()
            .filter(|one| one.id != id && one.sees_video);
        let sockets: Vec<SocketId> = others.filter_map(|one| one.line.socket()).collect();
        for socket in sockets {
            self.send(socket, text.clone());
        }
    }

    /// A side of a video call is ready to show video: it is told of all that is there, once, and then of what comes.
    fn show_video(&mut self, id: ParticipantId) {
        self.timers.clear(Timer::ShowVideo(id));
        let Some(participant) = self.participant_mut(id).filter(|one| !one.sees_video) else {
            return;
        };
        participant.sees_video = true;
        let socket = participant.line.socket();
        let Some(room) = self.places.get(&id).and_then(|room| self.rooms.get(room)) else {
            return;
        };
        let texts: Vec<String> = self
            .publishers(room, id)
            .map(|one| room.about(one).broadcast())
            .collect();
        if let Some(socket) = socket {
            for text in texts {
                self.send(socket, text);
            }
        }
    }

    /// It has published audio and no video for a while; while its video is being answered, that response decides.
    pub(super) fn show_video_overdue(&mut self, id: ParticipantId) {
        let opening = |camera| self.streams.get(&camera).is_some_and(|stream| !stream.open);
        let camera = self.participant(id).and_then(|one| one.camera);
        if !camera.is_some_and(opening) {
            self.show_video(id);
        }
    }

    pub(super) fn mute_camera(&mut self, camera: Option<StreamId>, muted: bool) {
        let open = |stream: &StreamId| self.streams.get(stream).is_some_and(|stream| stream.open);
        if let Some(stream) = camera.filter(open) {
            self.effects.push(Effect::SetStreamMuted { stream, muted });
        }
    }

    /// `WS_RESOLUTION_REQ` (6.20): stored, not enforced (12.35).
    pub(super) fn resolution(&mut self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let pixels = fields.pixels()?;
        let (_, me) = self.inside(socket)?;
        let camera = self.participant(me).and_then(|one| one.camera);
        if let Some(stream) = camera.and_then(|camera| self.streams.get_mut(&camera)) {
            stream.pixels = pixels;
        }
        Ok(Reply::new())
    }

    /// `WS_RESOLUTION_RPT` (6.20): stored; never answered, never a failure.
    pub(super) fn resolution_report(&mut self, socket: SocketId, fields: &Fields) {
        if let Ok((_, me)) = self.inside(socket)
            && let Ok(pixels) = fields.pixels()
            && let Some(participant) = self.participant_mut(me)
        {
            participant.reported_pixels = Some(pixels);
        }
    }

    /// Ends a stream and its subscriptions.
    pub(super) fn close_stream(&mut self, id: StreamId) {
        if self.forget_stream(id) {
            self.effects.push(Effect::CloseStream { stream: id });
        }
    }

    /// The transport of an answered stream is lost. There is no message that takes a camera back; for a screen
    /// there is (7).
    pub(super) fn stream_lost(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(&id).filter(|stream| stream.open) else {
            return;
        };
        if stream.source == Source::Screen {
            self.tell_of_screen(id, false);
        }
        self.forget_stream(id);
    }

    /// Takes a stream out of everything, closing its viewers. Whether there was one.
    fn forget_stream(&mut self, id: StreamId) -> bool {
        let Some(stream) = self.streams.get(&id) else {
            return false;
        };
        let (room, owner, source) = (stream.room, stream.owner, stream.source);
        for viewer in stream.viewers.clone() {
            self.close_viewer(viewer);
        }
        self.streams.remove(&id);
        match source {
            Source::Camera => {
                if let Some(participant) = self.participant_mut(owner) {
                    participant.camera = None;
                }
            }
            Source::Screen => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    room.screen = None;
                }
            }
        }
        true
    }
}

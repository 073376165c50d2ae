//! Shared screens: at most one a room, with a session of its own beside its owner's (6.12, 8.5, 9.16).

use super::Hub;
use super::outcome::{Awaited, Handled};
use super::people::Source;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::{About, Reply};
use crate::words::Track;
use omnigate_room::{ParticipantId, RoomId, StreamId};

impl Hub {
    /// `WS_SCREEN_SHARE_REQ`.
    pub(super) fn share_screen(&mut self, socket: SocketId, fields: &Fields, now: Now) -> Handled {
        let (room_id, me) = self.inside(socket)?;
        let room = self.rooms.get(&room_id).ok_or(Fault::NotInRoom)?;
        if !room.kind.has_screens() {
            return Err(Fault::NotInThisRoom {
                what: "screen sharing",
                room_type: room.kind.word(),
            });
        }
        if room.screen.is_some() {
            return Err(Fault::ScreenTaken);
        }
        let session = self.dice.session(now.unix);
        let stream = self.open_stream(room_id, me, session, Source::Screen, fields)?;
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.screen = Some(stream);
        }
        Ok(Awaited::Stream(stream).into())
    }

    /// The media plane has answered for the screen.
    pub(super) fn screen_ready(&mut self, id: StreamId, sdp: String) -> Result<Reply, Fault> {
        let stream = self.streams.get(&id).ok_or(Fault::VideoEnded)?;
        let reply = Reply::published(Track::Video, &sdp).with("session", stream.session.clone());
        self.tell_of_screen(id, true);
        Ok(reply)
    }

    /// Tells the others in the room that a screen is shared, or no longer.
    pub(super) fn tell_of_screen(&mut self, id: StreamId, shared: bool) {
        let Some(stream) = self.streams.get(&id) else {
            return;
        };
        let Some(room) = self.rooms.get(&stream.room) else {
            return;
        };
        let Some(owner) = room.participants.get(&stream.owner) else {
            return;
        };
        let about = About {
            session: &stream.session,
            ..room.about(owner)
        };
        let (room_id, owner, texts) = (room.id, owner.id, [about.screen(shared)]);
        self.tell_room(room_id, owner, &texts);
    }

    /// The screen that a participant shares, answered or not.
    pub(super) fn own_screen(&self, room: RoomId, owner: ParticipantId) -> Option<StreamId> {
        let screen = self.rooms.get(&room)?.screen?;
        let stream = self.streams.get(&screen)?;
        (stream.owner == owner).then_some(screen)
    }

    /// Whether somebody's screen can be subscribed to in the room (6.7).
    pub(super) fn screen_runs(&self, room: RoomId) -> bool {
        let screen = self.rooms.get(&room).and_then(|room| room.screen);
        screen
            .and_then(|screen| self.streams.get(&screen))
            .is_some_and(|stream| stream.open)
    }

    /// `WS_SCREEN_UNSHARE_REQ`: a success also when nothing is shared any more (11.1).
    pub(super) fn unshare_screen(&mut self, socket: SocketId) -> Result<Reply, Fault> {
        let (room, me) = self.inside(socket)?;
        self.end_screen(room, me);
        Ok(Reply::new())
    }

    /// The participant's screen ends. On leaving too: `WS_LEAVE_NOTI` names its other session alone.
    pub(super) fn end_screen(&mut self, room: RoomId, owner: ParticipantId) {
        if let Some(screen) = self.own_screen(room, owner) {
            if self.screen_runs(room) {
                self.tell_of_screen(screen, false);
            }
            self.close_stream(screen);
        }
    }
}

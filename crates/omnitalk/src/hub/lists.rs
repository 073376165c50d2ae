//! Lists: sessions, rooms, participants (6.3, 6.6, 6.8 to 6.10, 10.4).

use super::Hub;
use super::people::{Line, Participant, Place, Room};
use crate::fault::Fault;
use crate::fields::Fields;
use crate::ids::SocketId;
use crate::outgoing::Reply;
use crate::words::{CallType, Track};
use serde_json::{Value, json};

/// Entries of one page (10.2).
const PAGE: usize = 10;

/// The reply with the page of `all`; a page beyond the end is empty (10.4).
fn paged<T>(all: &[T], page: u64, entry: impl Fn(&T) -> Value) -> Reply {
    let skipped = usize::try_from(page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(PAGE);
    Reply::list(
        page,
        all.len(),
        all.iter().skip(skipped).take(PAGE).map(entry).collect(),
    )
}

/// What every list of a room's people says about each.
fn person(room: &Room, participant: &Participant) -> Value {
    json!({
        "session": participant.session,
        "user_id": participant.user_id,
        "user_name": participant.user_name,
        "call_type": room.call_type_of(participant).word(),
    })
}

fn with_mutes(mut entry: Value, participant: &Participant) -> Value {
    entry["audio_mute"] = participant.audio_mute.into();
    entry["video_mute"] = participant.video_mute.into();
    entry
}

impl Hub {
    /// `WS_SESSION_LIST_REQ` (6.3, 12.22): the other sessions of the service.
    pub(super) fn session_list(&self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let page = fields.page()?;
        self.session(socket)?;
        let others = self.connections.iter().filter(|(other, _)| **other != socket);
        let sessions = others.filter_map(|(_, connection)| connection.session.as_ref());
        let all: Vec<_> = sessions.collect();
        Ok(paged(&all, page, |session| {
            let (call_type, user_name) = match session.place {
                Place::Idle => (CallType::Unknown, None),
                Place::Rung(room) | Place::Answered(room) | Place::Calling { room, .. } => {
                    (self.call_type(room), None)
                }
                Place::Inside { room, me } => {
                    let me = self.rooms.get(&room).and_then(|room| room.participants.get(&me));
                    (self.call_type(room), me.map(|me| me.user_name.as_str()))
                }
            };
            json!({
                "user_id": session.user_id,
                "user_name": user_name.unwrap_or(&session.user_id),
                "call_type": call_type.word(),
                "state": if session.place == Place::Idle { "active" } else { "busy" },
            })
        }))
    }

    fn call_type(&self, room: omnigate_room::RoomId) -> CallType {
        self.rooms
            .get(&room)
            .map_or(CallType::Unknown, |room| room.kind.call_type())
    }

    /// `WS_ROOM_LIST_REQ` (6.6, 12.18): the open rooms of the service, oldest first.
    pub(super) fn room_list(&self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let (page, filter) = (fields.page()?, fields.room_filter()?);
        self.session(socket)?;
        let reply = paged(self.listing.of(filter), page, |(_, id)| {
            let Some(room) = self.rooms.get(id) else {
                return Value::Null;
            };
            let number = room.number;
            let mut entry = json!({
                "room_id": room.wire,
                "room_type": room.kind.word(),
                "subject": room.subject,
                "secret": room.secret.is_some(),
                "count": room.participants.len(),
                "start_date": room.start_date,
                "end_date": room.end_date,
                "reg_date": room.reg_date,
                "sip_support": number.is_some(),
            });
            if let Some(number) = number {
                entry["sip_number"] = number.expose().into();
            }
            entry
        });
        Ok(reply.with("room_type", filter.map_or("all", |kind| kind.word())))
    }

    /// The requester's room; a `room_id` in the request must be it.
    fn own_room(&self, socket: SocketId, fields: &Fields) -> Result<&Room, Fault> {
        let (id, _) = self.inside(socket)?;
        if fields.given_room()?.is_some_and(|given| given != id) {
            return Err(Fault::NotThisRoom);
        }
        self.rooms.get(&id).ok_or(Fault::NotInRoom)
    }

    /// `WS_PARTI_LIST_REQ` (6.8): everybody in the room but the requester, telephones included.
    pub(super) fn parti_list(&self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let page = fields.page()?;
        let (_, me) = self.inside(socket)?;
        let room = self.own_room(socket, fields)?;
        let all: Vec<_> = room
            .participants
            .values()
            .filter(|participant| participant.id != me && !room.is_dialled(participant))
            .collect();
        let reply = paged(&all, page, |participant| {
            with_mutes(person(room, participant), participant)
        });
        Ok(reply.with("room_id", room.wire.clone()))
    }

    /// `WS_PUBLISH_LIST_REQ` (6.9): the others whose camera is on the air.
    pub(super) fn publish_list(&self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let page = fields.page()?;
        let (_, me) = self.inside(socket)?;
        let room = self.own_room(socket, fields)?;
        let all: Vec<_> = self.publishers(room, me).collect();
        let reply = paged(&all, page, |participant| {
            let mut entry = person(room, participant);
            entry["track"] = Track::Video.word().into();
            with_mutes(entry, participant)
        });
        Ok(reply.with("room_id", room.wire.clone()))
    }

    /// `WS_SCREEN_LIST_REQ` (6.10): the screen that somebody else shares, under the session to subscribe to.
    pub(super) fn screen_list(&self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let page = fields.page()?;
        let (_, me) = self.inside(socket)?;
        let room = self.own_room(socket, fields)?;
        let screen = room.screen.and_then(|screen| self.streams.get(&screen));
        let all: Vec<_> = screen
            .filter(|stream| stream.open && stream.owner != me)
            .and_then(|stream| Some((stream, room.participants.get(&stream.owner)?)))
            .into_iter()
            .collect();
        let reply = paged(&all, page, |(stream, owner)| {
            let mut entry = person(room, owner);
            entry["session"] = stream.session.as_str().into();
            entry
        });
        Ok(reply.with("room_id", room.wire.clone()))
    }

    /// `WS_MESSAGE_REQ` with `list` (6.19): whom one can write to; outside a room that is nobody (10.1).
    pub(super) fn message_list(&self, socket: SocketId, fields: &Fields) -> Result<Reply, Fault> {
        let page = fields.page()?;
        let Ok((room, me)) = self.inside(socket) else {
            return Ok(Reply::list(page, 0, Vec::new()));
        };
        let room = self.rooms.get(&room).ok_or(Fault::NotInRoom)?;
        let others = room
            .participants
            .values()
            .filter(|participant| participant.id != me);
        let all: Vec<_> = others
            .filter(|other| matches!(other.line, Line::App(_)))
            .collect();
        Ok(paged(&all, page, |participant| person(room, participant)))
    }
}

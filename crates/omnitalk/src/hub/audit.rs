//! What is always true of a hub between two calls. Tests ask after every step.

use super::Hub;
use super::people::{Audio, Connection, Line, Place, Room, Stage};
use crate::ids::{RoomId, SocketId};
use crate::numbers::Owner;
use crate::timers::Timer;

/// Fails with the text unless the condition holds.
fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

impl Hub {
    /// Checks that everything the hub keeps fits together: every session in exactly one place and every place with
    /// its session, counts equal to lists, an owner for every number and timer. Takes time in proportion to
    /// everything in the hub: for tests.
    ///
    /// # Errors
    /// The first rule that does not hold, as text without names or numbers.
    pub fn audit(&self) -> Result<(), String> {
        let mut sessions = 0;
        for (socket, connection) in &self.connections {
            sessions += usize::from(connection.session.is_some());
            self.audit_connection(*socket, connection)?;
        }
        ensure(sessions == self.sessions.len(), "a session id leads nowhere")?;
        let by_user: usize = self.users.values().map(std::collections::BTreeSet::len).sum();
        ensure(sessions == by_user, "a user has a session that does not exist")?;
        let participants: usize = self.rooms.values().map(|room| room.participants.len()).sum();
        ensure(participants == self.places.len(), "a participant is in no room")?;
        let phones = |room: &Room| {
            room.participants
                .values()
                .filter(|p| p.line.socket().is_none())
                .count()
        };
        let telephones: usize = self.rooms.values().map(phones).sum();
        ensure(telephones == self.telephones.len(), "a telephone is in no room")?;
        for (id, room) in &self.rooms {
            self.audit_room(*id, room)?;
        }
        for owner in self.numbers.owners() {
            let exists = match owner {
                Owner::Session(socket) => self.session_of(socket).is_some(),
                Owner::Room(room) => self.rooms.get(&room).is_some_and(Room::is_open),
            };
            ensure(exists, "a number without an owner")?;
        }
        for timer in self.timers.all() {
            let exists = match timer {
                Timer::NoSession(socket) => self
                    .connections
                    .get(&socket)
                    .is_some_and(|connection| connection.session.is_none()),
                Timer::Heartbeat(socket) => self.session_of(socket).is_some(),
                Timer::Answer(socket) => self
                    .connections
                    .get(&socket)
                    .is_some_and(|connection| connection.owed.is_some()),
                Timer::Call(room) => self.rooms.get(&room).is_some_and(|room| room.call.is_some()),
                Timer::EmptyRoom(room) => self
                    .rooms
                    .get(&room)
                    .is_some_and(|room| room.participants.is_empty()),
            };
            ensure(exists, "a timer without an owner")?;
        }
        ensure(self.effects.is_empty(), "effects were left behind")
    }

    fn audit_connection(&self, socket: SocketId, connection: &Connection) -> Result<(), String> {
        ensure(
            connection.owed.is_some() || connection.waiting.is_empty(),
            "requests wait for nothing",
        )?;
        ensure(
            connection.owed.is_some() == self.timers.has(Timer::Answer(socket)),
            "an answer is owed without a deadline",
        )?;
        let bytes: usize = connection.waiting.iter().map(|request| request.size).sum();
        ensure(bytes == connection.waiting_bytes, "waiting bytes are miscounted")?;
        let Some(session) = &connection.session else {
            return Ok(());
        };
        ensure(
            self.sessions.get(&session.id) == Some(&socket),
            "a session id leads to another socket",
        )?;
        let user = self.users.get(&(session.service, session.user_id.clone()));
        ensure(
            user.is_some_and(|sockets| sockets.contains(&socket)),
            "a user does not know its session",
        )?;
        let stage = |room: RoomId| Some(&self.rooms.get(&room)?.call.as_ref()?.stage);
        let fits = match session.place {
            Place::Idle => true,
            Place::Rung(room) => {
                matches!(stage(room), Some(Stage::Ringing(sockets)) if sockets.contains(&socket))
            }
            Place::Answered(room) => matches!(stage(room), Some(Stage::Answered(by)) if *by == socket),
            Place::Inside { room, me } => {
                let participant = self.rooms.get(&room).and_then(|room| room.participants.get(&me));
                participant.is_some_and(|participant| {
                    participant.line == Line::App(socket)
                        && participant.session == session.id
                        && (participant.audio == Audio::Opening) == connection.owed.is_some()
                })
            }
        };
        ensure(fits, "a session is not where it believes to be")
    }

    fn audit_room(&self, id: RoomId, room: &Room) -> Result<(), String> {
        for (participant_id, participant) in &room.participants {
            ensure(
                self.places.get(participant_id) == Some(&id),
                "a participant is listed elsewhere",
            )?;
            let known = match participant.line {
                Line::Telephone(call) => self.telephones.get(&call) == Some(participant_id),
                Line::App(socket) => self.session_of(socket).is_some_and(|session| {
                    session.place
                        == Place::Inside {
                            room: id,
                            me: *participant_id,
                        }
                }),
            };
            ensure(known, "a participant without a session or telephone")?;
        }
        let empty = room.participants.is_empty();
        let Some(call) = &room.call else {
            ensure(
                empty == self.timers.has(Timer::EmptyRoom(id)),
                "an empty room without an end",
            )?;
            return ensure(
                !(empty && room.destroyed),
                "a destroyed room without participants",
            );
        };
        let apps = room.sockets(None).len();
        let phone = room.participants.contains_key(&call.caller);
        let (fits, timed) = match &call.stage {
            Stage::Ringing(sockets) => {
                let rung = |socket| {
                    self.session_of(socket)
                        .is_some_and(|s| s.place == Place::Rung(id))
                };
                let all = !sockets.is_empty() && sockets.iter().all(|socket| rung(*socket));
                (phone && apps == 0 && all, true)
            }
            Stage::Answered(socket) => {
                let place = self.session_of(*socket).map(|session| session.place);
                (phone && apps == 0 && place == Some(Place::Answered(id)), true)
            }
            Stage::Joined => (phone && apps == 1, true),
            Stage::Talking => (phone && apps == 1, false),
            Stage::Over => (!phone && apps == 1, true),
        };
        ensure(fits, "a call's parties do not fit its stage")?;
        ensure(
            timed == self.timers.has(Timer::Call(id)),
            "a call's stage without its deadline",
        )
    }
}

//! What is always true of a hub between two calls. Tests ask after every step.

use super::Hub;
use super::outcome::Awaited;
use super::people::{
    Audio, Call, Connection, Life, Line, Participant, Place, Recorded, Room, Session, Source, Stage, Stream,
    Viewer, Watching,
};
use crate::ids::SocketId;
use crate::timers::Timer;
use omnigate_room::{ParticipantId, RoomId, StreamId, ViewerId};

/// Fails with the text unless the condition holds.
fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

impl Hub {
    /// Checks that everything the hub keeps fits together: every session in exactly one place and every place with
    /// its session, counts equal to lists, an owner for every timer. Takes time in proportion to
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
        let numbered = |room: &&Room| room.number.is_some();
        let closed = self.rooms.values().filter(numbered).any(|room| !room.is_open());
        ensure(!closed, "a room that nobody gets into has a number")?;
        self.audit_counts()?;
        let known = self.personal.keys().all(|user| self.users.contains_key(user));
        ensure(known, "a personal number of nobody")?;
        self.audit_video()?;
        let asked = |call| {
            self.connections.values().any(|one| {
                one.owed
                    .as_ref()
                    .is_some_and(|owed| owed.awaited == Awaited::Dialled(call))
            })
        };
        ensure(
            self.dialling.keys().all(|call| asked(*call)),
            "nobody waits for a call that is to be made",
        )?;
        let ringing = self.ringing.iter().flat_map(|(callee, rooms)| {
            let rings = move |id: &RoomId| {
                self.rooms.get(id).is_some_and(|room| {
                    let call = room.call.as_ref();
                    room.is_ringing() && call.is_some_and(|call| call.callee == *callee)
                })
            };
            rooms.iter().map(rings)
        });
        let ringing: Vec<bool> = ringing.collect();
        ensure(ringing.iter().all(|rings| *rings), "a call that does not ring")?;
        ensure(
            ringing.len() == self.figures().ringing_calls,
            "a call rings and nobody knows",
        )?;
        self.audit_timers()?;
        ensure(self.effects.is_empty(), "effects were left behind")
    }

    /// Lists and shares count what there is.
    fn audit_counts(&self) -> Result<(), String> {
        let listed = self.rooms.values().filter(|room| room.is_open()).count();
        ensure(
            listed == self.listing.of(None).len(),
            "a list misses a room or shows one too many",
        )?;
        let calls = self.rooms.values().filter(|room| room.call.is_some()).count();
        ensure(calls == self.call_rooms, "calls are miscounted")?;
        let made = self.rooms.values().filter(|room| room.made_by.is_some()).count();
        ensure(
            made == self.made_rooms.of_sessions(),
            "rooms are counted for the wrong ones",
        )?;
        let rooms = self
            .rooms
            .values()
            .filter(|room| room.numbered_by.is_some())
            .count();
        let sessions = self.connections.values().filter_map(|one| one.session.as_ref());
        let numbered = rooms + sessions.filter(|session| session.numbered).count();
        ensure(
            numbered == self.made_numbers.of_sessions(),
            "numbers are counted for the wrong ones",
        )
    }

    fn audit_timers(&self) -> Result<(), String> {
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
                Timer::ShowVideo(id) => self.participant(id).is_some_and(|one| !one.sees_video),
                Timer::HalfOpen(viewer) => self
                    .viewers
                    .get(&viewer)
                    .is_some_and(|viewer| viewer.stage == Watching::Offered),
                Timer::CallerJoins(room) => self
                    .rooms
                    .get(&room)
                    .is_some_and(|room| self.caller_is_outside(room)),
                Timer::Call(room) => self.rooms.get(&room).is_some_and(|room| room.call.is_some()),
                Timer::EmptyRoom(room) => self
                    .rooms
                    .get(&room)
                    .is_some_and(|room| room.participants.is_empty()),
            };
            ensure(exists, "a timer without an owner")?;
        }
        Ok(())
    }

    /// Whether the room's caller is an app that has not joined yet.
    fn caller_is_outside(&self, room: &Room) -> bool {
        let socket = room.caller().and_then(|caller| caller.line.socket());
        let place = socket
            .and_then(|socket| self.session_of(socket))
            .map(|session| session.place);
        matches!(place, Some(Place::Calling { .. }))
    }

    /// Streams and viewers know their owners and each other.
    fn audit_video(&self) -> Result<(), String> {
        let cameras = |room: &Room| {
            room.participants
                .values()
                .filter(|one| one.camera.is_some())
                .count()
        };
        let published: usize = self
            .rooms
            .values()
            .map(|room| cameras(room) + usize::from(room.screen.is_some()))
            .sum();
        ensure(published == self.streams.len(), "a stream that nobody publishes")?;
        for (id, stream) in &self.streams {
            self.audit_stream(*id, stream)?;
        }
        let watched: usize = self.streams.values().map(|stream| stream.viewers.len()).sum();
        ensure(watched == self.viewers.len(), "a viewer of no stream")?;
        for (id, viewer) in &self.viewers {
            self.audit_viewer(*id, viewer)?;
        }
        let watching = |room: &Room| {
            room.participants
                .values()
                .map(|one| one.watches.len())
                .sum::<usize>()
        };
        let watching: usize = self.rooms.values().map(watching).sum();
        ensure(watching == self.viewers.len(), "a subscription to nothing")
    }

    fn audit_stream(&self, id: StreamId, stream: &Stream) -> Result<(), String> {
        let Some(owner) = self.participant(stream.owner) else {
            return Err("a stream without an owner".to_owned());
        };
        let room = self.rooms.get(&stream.room);
        let known = match stream.source {
            Source::Camera => owner.camera == Some(id) && owner.session == stream.session,
            Source::Screen => {
                room.and_then(|room| room.screen) == Some(id) && owner.session != stream.session
            }
        };
        ensure(
            known && self.places.get(&stream.owner) == Some(&stream.room),
            "a stream of another owner",
        )?;
        ensure(
            stream.open != self.owes(owner.line.socket(), Awaited::Stream(id)),
            "a stream is opened for nobody",
        )?;
        let see = |viewer| self.viewers.get(viewer).is_some_and(|viewer| viewer.stream == id);
        ensure(
            stream.viewers.iter().all(see) && (stream.open || stream.viewers.is_empty()),
            "a stream's viewer looks elsewhere",
        )
    }

    fn audit_viewer(&self, id: ViewerId, viewer: &Viewer) -> Result<(), String> {
        let owner = self.participant(viewer.owner);
        let watches = owner.and_then(|one| one.watches.get(&viewer.stream)) == Some(&id);
        ensure(watches, "a viewer of another owner")?;
        let socket = owner.and_then(|one| one.line.socket());
        let opening = viewer.stage == Watching::Opening;
        ensure(
            opening == self.owes(socket, Awaited::Viewer(id)),
            "a viewer is opened for nobody",
        )?;
        ensure(
            (viewer.stage == Watching::Offered) == self.timers.has(Timer::HalfOpen(id)),
            "a half-open viewer without an end",
        )
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
        if let Some(owed) = &connection.owed {
            ensure(self.on_its_way(owed.awaited), "an answer is owed for nothing")?;
        }
        let bytes: usize = connection.waiting.iter().map(|request| request.size).sum();
        ensure(bytes == connection.waiting_bytes, "waiting bytes are miscounted")?;
        let Some(session) = &connection.session else {
            return Ok(());
        };
        ensure(
            self.sessions.get(&session.id) == Some(&socket),
            "a session id leads to another socket",
        )?;
        let user = self.users.get(&session.user_id);
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
            Place::Calling { room, me } => {
                // Nothing of media is owed to it: it has not joined.
                connection
                    .owed
                    .as_ref()
                    .is_none_or(|owed| !owed.awaited.is_of_media())
                    && self.timers.has(Timer::CallerJoins(room))
                    && self.is_participant(socket, session, room, me)
            }
            Place::Inside { room, me } => self.is_participant(socket, session, room, me),
        };
        ensure(fits, "a session is not where it believes to be")
    }

    fn is_participant(&self, socket: SocketId, session: &Session, room: RoomId, me: ParticipantId) -> bool {
        let participant = self.rooms.get(&room).and_then(|room| room.participants.get(&me));
        let is = |one: &Participant| one.line == Line::App(socket) && one.session == session.id;
        participant.is_some_and(is)
    }

    fn audit_room(&self, id: RoomId, room: &Room) -> Result<(), String> {
        let owned = room
            .recordings
            .iter()
            .filter_map(|(id, owner)| Some((*id, (*owner)?)));
        let running = room.participants.values().filter_map(|one| match one.recording {
            Recorded::Runs(recording) => Some((recording, one.id)),
            Recorded::Never | Recorded::Once => None,
        });
        let (mut owned, mut running): (Vec<_>, Vec<_>) = (owned.collect(), running.collect());
        owned.sort_unstable();
        running.sort_unstable();
        ensure(
            owned == running,
            "a recording and its owner do not know each other",
        )?;
        ensure(
            !room.participants.is_empty() || room.recordings.is_empty(),
            "nobody is recorded",
        )?;
        for (listed_as, participant) in &room.participants {
            ensure(*listed_as == participant.id, "a participant under another's id")?;
            self.audit_participant(id, participant)?;
        }
        if let Some(call) = &room.call {
            return self.audit_call(id, room, call);
        }
        let empty = room.participants.is_empty();
        if room.life == Life::Pending {
            let waits = self.awaiting(Awaited::Kept(id)).is_some() || self.managed.contains(&id);
            return ensure(empty && waits, "nobody waits for a room that is being made");
        }
        ensure(
            empty == self.timers.has(Timer::EmptyRoom(id)),
            "an empty room without an end",
        )?;
        ensure(
            !(empty && room.life == Life::Destroyed),
            "a destroyed room without participants",
        )
    }

    fn audit_participant(&self, room: RoomId, participant: &Participant) -> Result<(), String> {
        ensure(
            self.places.get(&participant.id) == Some(&room),
            "a participant is listed elsewhere",
        )?;
        let known = match participant.line {
            Line::Telephone(call) => self.telephones.get(&call) == Some(&participant.id),
            Line::App(socket) => self.session_of(socket).is_some_and(|session| {
                let me = participant.id;
                session.place == Place::Inside { room, me } || session.place == Place::Calling { room, me }
            }),
        };
        let opening = self.owes(participant.line.socket(), Awaited::Peer(participant.id));
        ensure(
            (participant.audio == Audio::Opening) == opening,
            "a peer is opened for nobody",
        )?;
        ensure(known, "a participant without a session or telephone")
    }

    fn audit_call(&self, id: RoomId, room: &Room, call: &Call) -> Result<(), String> {
        let all = room.participants.len();
        let caller = room.caller();
        let phone = room.telephone().is_some();
        let by_phone = caller.is_some_and(|caller| caller.line.socket().is_none());
        let caller = caller.is_some();
        let (fits, timed) = match &call.stage {
            Stage::Dialling => (caller && all == 2 && phone && !by_phone, true),
            Stage::Ringing(sockets) => {
                let rung = |socket| {
                    self.session_of(socket)
                        .is_some_and(|s| s.place == Place::Rung(id))
                };
                let fits = !(phone && sockets.is_empty()) && sockets.iter().all(|socket| rung(*socket));
                (caller && all == 1 && fits, true)
            }
            Stage::Answered(socket) => {
                let place = self.session_of(*socket).map(|session| session.place);
                (caller && all == 1 && place == Some(Place::Answered(id)), true)
            }
            Stage::Joined => (caller && all == 2, phone),
            Stage::Talking => {
                let silent = |one: &Participant| one.line.socket().is_some() && one.audio != Audio::Up;
                let waits = phone && room.participants.values().any(silent);
                (caller && all == 2 && !self.caller_is_outside(room), waits)
            }
            Stage::Over => (!phone && all == 1 && !self.caller_is_outside(room), true),
        };
        ensure(fits, "a call's parties do not fit its stage")?;
        ensure(
            timed == self.timers.has(Timer::Call(id)),
            "a call's stage without its deadline",
        )
    }
}

//! Sessions: beginning, heartbeat, end (6.1, 2.1, 6.23).

use super::listing::Listing;
use super::outcome::Awaited;
use super::people::{Audio, Guest, Place, Sdk, Session};
use super::shares::Held;
use super::{CLOSE_KICKED, CLOSE_LEFT, CLOSE_LOST, CLOSE_SHUTDOWN, Hub};
use crate::effects::{Effect, TelephoneEnd, TelephoneNotice};
use crate::fault::Fault;
use crate::fields::{Fields, NAME_LIMIT, SERVICE_LIMIT};
use crate::grant::{Grant, LONGEST};
use crate::ids::SocketId;
use crate::now::Now;
use crate::outgoing::{self, Reply};
use crate::timers::{Timer, Timers};
use omnigate_room::Ending;
use omnigate_room::{CallId, Secret};

impl Hub {
    /// `WS_SESSION_REQ` (6.1, 12.27).
    pub(super) fn create_session(
        &mut self,
        socket: SocketId,
        fields: &Fields,
        now: Now,
    ) -> Result<Reply, Fault> {
        if self.session_of(socket).is_some() {
            return Err(Fault::SecondSession);
        }
        let grant = self.grant(fields, now)?;
        if grant.is_none() {
            self.check_service(fields, now)?;
        }
        let granted = grant.as_ref().map(|grant| grant.user_id.clone());
        let given = granted.or(fields.given("user_id", NAME_LIMIT)?.map(str::to_owned));
        let user_is_drawn = given.is_none();
        let user_id = given.unwrap_or_else(|| self.dice.letters());
        let most = self.quota().sessions;
        if self.sessions.len() >= most {
            return Err(Fault::TooManySessions(most));
        }
        let id = self.dice.session(now.unix);
        let (turn_id, turn_secret) = self.turn_credentials(&user_id, now);
        let connection = self.connections.get_mut(&socket).ok_or(Fault::NoSession)?;
        connection.session = Some(Session {
            id: id.clone(),
            user_id: user_id.clone(),
            user_is_drawn,
            numbered: false,
            sdk: Sdk::of(fields),
            place: Place::Idle,
            guest: grant.map(|grant| Guest {
                room: grant.room,
                name: grant.user_name,
                host: grant.host,
            }),
        });
        self.sessions.insert(id, socket);
        self.users.entry(user_id.clone()).or_default().insert(socket);
        self.timers.clear(Timer::NoSession(socket));
        if fields.flag("heartbeat") {
            self.timers
                .set(Timer::Heartbeat(socket), now.instant + self.settings.heartbeat);
        }
        if self.guest(socket).is_none() {
            self.ring_newcomer(socket, &user_id);
        }
        Ok(Reply::new()
            .with("user_id", user_id)
            .with("turn_id", turn_id)
            .with("turn_secret", turn_secret))
    }

    /// What the join token of a request grants; none: there is none in it.
    fn grant(&self, fields: &Fields, now: Now) -> Result<Option<Grant>, Fault> {
        let Some(token) = fields.given("join_token", LONGEST)? else {
            return Ok(None);
        };
        let key = self.settings.join_key.as_ref();
        let grant = key.and_then(|key| Grant::read(token, key, now.unix));
        let grant = grant.filter(|grant| grant.service == self.service_id());
        grant.map(Some).ok_or(Fault::InvalidToken)
    }

    /// By whose key join tokens are judged.
    pub(crate) fn set_join_key(&mut self, key: Secret) {
        self.settings.join_key = Some(key);
    }

    fn check_service(&self, fields: &Fields, now: Now) -> Result<(), Fault> {
        let id = fields.required("service_id", SERVICE_LIMIT)?;
        let key = fields.given("service_key", SERVICE_LIMIT)?;
        let ours = self.settings.service.as_ref();
        let service = ours
            .filter(|service| service.id == id)
            .ok_or(Fault::InvalidService)?;
        let valid = match key.filter(|_| !service.keys.is_empty()) {
            Some(given) => service.keys.iter().any(|key| key.takes(given, now.unix)),
            None => !service.key_required,
        };
        if valid { Ok(()) } else { Err(Fault::InvalidService) }
    }

    /// What a session may that has come by a join token.
    pub(super) fn guest(&self, socket: SocketId) -> Option<&Guest> {
        self.session_of(socket)?.guest.as_ref()
    }

    pub(super) fn session_of(&self, socket: SocketId) -> Option<&Session> {
        self.connections.get(&socket)?.session.as_ref()
    }

    /// The session of a request that has passed the checks.
    pub(super) fn session(&self, socket: SocketId) -> Result<&Session, Fault> {
        self.session_of(socket).ok_or(Fault::NoSession)
    }

    pub(super) fn set_place(&mut self, socket: SocketId, place: Place) {
        let connection = self.connections.get_mut(&socket);
        if let Some(session) = connection.and_then(|connection| connection.session.as_mut()) {
            session.place = place;
        }
    }

    /// A heartbeat is due (12.2): the third unanswered one means that the connection is lost.
    pub(super) fn beat(&mut self, socket: SocketId, now: Now) {
        let id = self.own_id(socket);
        let Some(connection) = self.connections.get_mut(&socket) else {
            return;
        };
        if connection.heartbeats_out >= self.settings.heartbeats_missed {
            self.end_session(socket, Some(CLOSE_LOST), now);
            return;
        }
        connection.heartbeats_out += 1;
        self.send(socket, outgoing::heartbeat(&id, now.unix));
        self.timers
            .set(Timer::Heartbeat(socket), now.instant + self.settings.heartbeat);
    }

    /// `WS_LEAVE_REQ` (6.23, 9.14): always answered, then the socket closes. While a call rings it declines (9.5).
    pub(super) fn leave(&mut self, socket: SocketId, now: Now) -> Result<Reply, Fault> {
        let place = self.session(socket)?.place;
        let mut reply = Reply::new();
        match place {
            Place::Inside { room, .. } => reply = reply.with("room_id", room.to_string()),
            Place::Rung(room) => self.decline(socket, room, now),
            Place::Idle | Place::Answered(_) | Place::Calling { .. } => {}
        }
        self.end_session(socket, Some(CLOSE_LEFT), now);
        Ok(reply)
    }

    /// The one way out for every socket: leaves what it is in, ends its number, forgets it.
    pub(super) fn end_session(&mut self, socket: SocketId, close: Option<(u16, &'static str)>, now: Now) {
        let maker = self.maker(socket);
        let Some(connection) = self.connections.remove(&socket) else {
            return;
        };
        self.timers.clear(Timer::NoSession(socket));
        self.timers.clear(Timer::Heartbeat(socket));
        self.timers.clear(Timer::Answer(socket));
        if let Some(Awaited::Dialled(call)) = connection.owed.as_ref().map(|owed| owed.awaited) {
            self.forget_dialling(call);
        }
        let owed = connection.owed.as_ref().map(|owed| owed.awaited);
        let number_owed = matches!(owed, Some(Awaited::Number(_)));
        if let Some(Awaited::Kept(room)) = owed {
            self.give_up_pending(room);
        }
        if let Some(session) = connection.session {
            let ending = match close {
                Some(CLOSE_LEFT) => Ending::Leave,
                Some(CLOSE_KICKED) => Ending::KickOut,
                _ => Ending::Disconnect,
            };
            match session.place {
                Place::Idle => {}
                Place::Rung(room) => self.stop_ringing(socket, room, false, now),
                Place::Answered(room) => self.give_up_answered(room, ending, now),
                Place::Calling { room, me } | Place::Inside { room, me } => {
                    self.remove_participant(room, me, ending, now);
                }
            }
            if session.numbered {
                self.made_numbers.give_back(maker);
            }
            self.sessions.remove(&session.id);
            if let Some(sockets) = self.users.get_mut(&session.user_id) {
                sockets.remove(&socket);
                if sockets.is_empty() {
                    self.users.remove(&session.user_id);
                    self.release_of_user(&session.user_id, number_owed);
                }
            }
        }
        if let Some((code, reason)) = close {
            self.effects.push(Effect::Close { socket, code, reason });
        }
    }

    /// Ends everything (shutdown).
    pub(super) fn shut_down(&mut self, now: Now) {
        let calls: Vec<CallId> = self.telephones.keys().copied().collect();
        for call in calls {
            self.end_telephone(call, Some(TelephoneNotice::Ended(TelephoneEnd::Shutdown)), now);
        }
        // The sockets close together: nobody is left to be told who else goes.
        for viewer in self.viewers.keys().copied() {
            self.effects.push(Effect::CloseViewer { viewer });
        }
        for stream in self.streams.keys().copied() {
            self.effects.push(Effect::CloseStream { stream });
        }
        for participant in self.rooms.values().flat_map(|room| room.participants.values()) {
            if participant.audio != Audio::None {
                self.effects.push(Effect::ClosePeer {
                    participant: participant.id,
                });
            }
        }
        self.end_all_recordings();
        self.tell_all_gone();
        let (code, reason) = CLOSE_SHUTDOWN;
        for socket in self.connections.keys().copied() {
            self.effects.push(Effect::Close { socket, code, reason });
        }
        // Rooms and numbers are written down: the next process has them again.
        self.personal.clear();
        self.listing = Listing::default();
        self.managed.clear();
        (self.made_rooms, self.made_numbers) = (Held::default(), Held::default());
        self.call_rooms = 0;
        self.connections.clear();
        self.sessions.clear();
        self.users.clear();
        self.rooms.clear();
        self.places.clear();
        self.ringing.clear();
        self.streams.clear();
        self.viewers.clear();
        self.timers = Timers::default();
    }
}

//! What a service's own servers do with its rooms, beside the apps: they make and close rooms, look at them, and remove who is there.
//! They are nobody's session, so no state of the protocol bars them and no share of a client counts.

use super::Hub;
use super::chat::expelled;
use super::people::{Line, Participant, Room};
use crate::effects::Effect;
use crate::fault::Fault;
use crate::fields::Fields;
use crate::masked::CallNumber;
use crate::now::Now;
use crate::numbers::TargetKind;
use crate::words::Track;
use omnigate_room::{CallId, ParticipantId, RoomId};
use serde_json::{Map, Value};

/// Why something is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What programs tell it by, as in `FAULT_CODES`.
    pub code: &'static str,
    /// What people are told: it names the field and the fix.
    pub reason: String,
}

impl Refusal {
    /// There is no such service.
    #[must_use]
    pub fn no_service() -> Self {
        Self {
            code: Fault::InvalidService.code(),
            reason: "service_id: there is no such service".to_owned(),
        }
    }

    /// The store takes nothing.
    #[must_use]
    pub fn store_absent() -> Self {
        Fault::StoreAbsent.into()
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.code(),
            reason: fault.to_string(),
        }
    }
}

/// A room as it is shown. Times are unix seconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomShown {
    /// Which.
    pub id: RoomId,
    /// Its type, as the protocol writes it.
    pub room_type: &'static str,
    /// Its subject.
    pub subject: String,
    /// Whether it has a secret.
    pub secret: bool,
    /// The user who made it; empty: the service.
    pub creator: String,
    /// When it is to start, when to end, when it was made.
    pub start_date: u64,
    /// See above.
    pub end_date: u64,
    /// See above.
    pub reg_date: u64,
    /// Its plain call number. Never for a log.
    pub call_number: Option<String>,
    /// Who is in it.
    pub participants: usize,
}

/// Rooms of one page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomsPage {
    /// The newest first.
    pub rooms: Vec<RoomShown>,
    /// Where the next page begins; `None`: this is the last one.
    pub next: Option<RoomsBefore>,
}

/// A place in the list of rooms: those behind it are older.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoomsBefore {
    /// The place of a room that is there.
    Room(RoomId),
    /// The place that a room had, whether it is there any more or not. It is that of this process; a room that outlives a restart
    /// brings its place along.
    Place {
        /// Its place.
        serial: u64,
        /// Which.
        room: RoomId,
    },
}

impl RoomsBefore {
    /// Hex digits of a serial.
    const SERIAL: usize = 16;

    /// Reads a room id, or what [`Display`](std::fmt::Display) has written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((serial, room)) = text.split_once('-') else {
            return RoomId::parse(text).map(Self::Room);
        };
        let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if serial.len() != Self::SERIAL || !is_hex(serial) {
            return None;
        }
        Some(Self::Place {
            serial: u64::from_str_radix(serial, 16).ok()?,
            room: RoomId::parse(room)?,
        })
    }
}

impl std::fmt::Display for RoomsBefore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Room(room) => write!(f, "{room}"),
            Self::Place { serial, room } => write!(f, "{serial:0width$x}-{room}", width = Self::SERIAL),
        }
    }
}

/// Somebody in a room. `Debug` does not show who.
#[derive(Clone, PartialEq, Eq)]
pub struct ParticipantShown {
    /// The session; a telephone has one of the same shape.
    pub session: String,
    /// Its user, and the name that it gave.
    pub user_id: String,
    /// See above.
    pub user_name: String,
    /// `audiocall`, `videocall` or `sipcall`.
    pub call_type: &'static str,
    /// The call of a telephone.
    pub telephone: Option<CallId>,
    /// Whether its sound is muted.
    pub audio_mute: bool,
    /// Whether its camera is.
    pub video_mute: bool,
    /// Whether it publishes a camera.
    pub video: bool,
}

impl std::fmt::Debug for ParticipantShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParticipantShown")
            .field("session", &self.session)
            .field("call_type", &self.call_type)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// Makes a room of these fields: those of `WS_CREATE_ROOM_REQ` (6.4). It is there when it is written down:
    /// [`is_open`](Self::is_open) says so after [`room_kept`](Self::room_kept).
    ///
    /// # Errors
    /// A field that is not valid, or a quota.
    pub fn make_room(
        &mut self,
        fields: Map<String, Value>,
        now: Now,
    ) -> (Result<RoomId, Refusal>, Vec<Effect>) {
        let made = self.plan_room(&Fields::new(fields), String::new(), None, now);
        if let Ok(room) = made {
            self.managed.insert(room);
        }
        (made.map_err(Refusal::from), self.take_effects())
    }

    /// Closes a room: when it is struck out of the store nobody gets in any more, and all who are in it are let go.
    ///
    /// # Errors
    /// There is no such room, or it is that of a call.
    pub fn close_room(&mut self, room: RoomId) -> (Result<(), Refusal>, Vec<Effect>) {
        let open = self.open_room(room).map(|room| room.id);
        if let Ok(room) = open {
            self.managed.insert(room);
            self.strike(room, true);
        }
        (open.map(drop).map_err(Refusal::from), self.take_effects())
    }

    /// Whether this room is found by others.
    #[must_use]
    pub fn is_open(&self, room: RoomId) -> bool {
        self.rooms.get(&room).is_some_and(Room::is_open)
    }

    /// A room is closed: everybody in it goes.
    pub(super) fn empty_room(&mut self, id: RoomId, now: Now) {
        while let Some(next) = self
            .rooms
            .get(&id)
            .and_then(|room| room.participants.keys().next().copied())
        {
            self.expel(id, next, None, now);
            if self.participant(next).is_some() {
                // Never: whoever is expelled is gone.
                return;
            }
        }
    }

    /// Who has this session in an open room.
    fn who(&self, room: RoomId, session: &str) -> Result<ParticipantId, Fault> {
        let found = self.open_room(room)?.by_session(session);
        let found = found.ok_or(Fault::NoSuchParticipant { field: "session" })?;
        Ok(found.id)
    }

    /// Removes somebody from a room, as a kick-out does.
    ///
    /// # Errors
    /// There is no such room, or nobody of this session in it.
    pub fn remove(&mut self, room: RoomId, session: &str, now: Now) -> (Result<(), Refusal>, Vec<Effect>) {
        let found = self.who(room, session);
        if let Ok(victim) = found {
            self.expel(room, victim, None, now);
        }
        (found.map(drop).map_err(Refusal::from), self.take_effects())
    }

    /// A number of the service's own leads to this room. One that is gone meanwhile gives it back.
    ///
    /// # Errors
    /// There is no such room.
    pub fn room_numbered(
        &mut self,
        room: RoomId,
        number: CallNumber,
        plain: bool,
    ) -> (Result<(), Refusal>, Vec<Effect>) {
        let open = self.open_room(room).map(drop);
        if plain || open.is_err() {
            self.number_is(TargetKind::Room(room), number);
        }
        (open.map_err(Refusal::from), self.take_effects())
    }

    /// The service has withdrawn a number.
    pub fn number_withdrawn(&mut self, kind: &TargetKind, number: CallNumber) {
        self.number_gone(kind, number);
    }

    /// Mutes the sound of somebody in a room, a telephone too, or no longer. Apps may unmute themselves; the others are told of both.
    ///
    /// # Errors
    /// There is no such room, or nobody of this session in it.
    pub fn mute_session(
        &mut self,
        room: RoomId,
        session: &str,
        muted: bool,
    ) -> (Result<(), Refusal>, Vec<Effect>) {
        let found = self.who(room, session);
        let done = found.and_then(|one| self.set_muted(one, Track::Audio, muted));
        (done.map_err(Refusal::from), self.take_effects())
    }

    /// Mutes the telephone of a call, or no longer.
    ///
    /// # Errors
    /// There is no such call, or it is in no room yet.
    pub fn mute_telephone(&mut self, call: CallId, muted: bool) -> (Result<(), Refusal>, Vec<Effect>) {
        let found = self.telephones.get(&call).copied();
        let found = found.ok_or(Fault::NoSuchParticipant { field: "call" });
        let done = found.and_then(|one| self.set_muted(one, Track::Audio, muted));
        (done.map_err(Refusal::from), self.take_effects())
    }

    /// Open rooms, the newest first: of this type or of all, older than `before`, at most `limit`. Whoever goes from page to page by
    /// [`RoomsPage::next`] sees every room once that is there all the time, whichever are closed meanwhile.
    ///
    /// # Errors
    /// The type is none, or there is no room [`RoomsBefore::Room`].
    pub fn shown_rooms(
        &self,
        room_type: Option<&str>,
        before: Option<RoomsBefore>,
        limit: usize,
    ) -> Result<RoomsPage, Refusal> {
        let mut fields = Map::new();
        fields.extend(room_type.map(|word| ("room_type".to_owned(), Value::from(word))));
        let all = self.listing.of(Fields::new(fields).room_filter()?);
        let place = |id: &RoomId| self.rooms.get(id).map(|room| room.serial);
        let end = match before {
            None => all.len(),
            Some(before) => {
                let serial = match before {
                    RoomsBefore::Room(room) => place(&room).ok_or(Fault::NoSuchRoom)?,
                    RoomsBefore::Place { serial, room } => place(&room).unwrap_or(serial),
                };
                all.partition_point(|(other, _)| *other < serial)
            }
        };
        let begin = end.saturating_sub(limit);
        let page = all.get(begin..end).unwrap_or_default();
        let next = page.first().filter(|_| begin > 0);
        Ok(RoomsPage {
            rooms: page
                .iter()
                .rev()
                .filter_map(|(_, id)| self.rooms.get(id))
                .map(Room::shown)
                .collect(),
            next: next.map(|(serial, room)| RoomsBefore::Place {
                serial: *serial,
                room: *room,
            }),
        })
    }

    /// One open room.
    ///
    /// # Errors
    /// There is none.
    pub fn shown_room(&self, room: RoomId) -> Result<RoomShown, Refusal> {
        Ok(self.open_room(room)?.shown())
    }

    /// Who is in an open room.
    ///
    /// # Errors
    /// There is no such room.
    pub fn shown_participants(&self, room: RoomId) -> Result<Vec<ParticipantShown>, Refusal> {
        let room = self.open_room(room)?;
        Ok(room
            .participants
            .values()
            .map(|one| room.shown_participant(one))
            .collect())
    }

    /// Takes a participant out of its room by force; `by` is not told of it.
    pub(super) fn expel(&mut self, room: RoomId, victim: ParticipantId, by: Option<ParticipantId>, now: Now) {
        let Some(room) = self.rooms.get(&room) else { return };
        let Some(victim) = room.participants.get(&victim) else {
            return;
        };
        let (line, text) = (victim.line, room.about(victim).kicked_out());
        let told = room.sockets(by);
        for other in told.into_iter().filter(|other| Some(*other) != line.socket()) {
            self.send(other, text.clone());
        }
        match line {
            Line::App(socket) => self.end_session(socket, Some(super::CLOSE_KICKED), now),
            Line::Telephone(call) => self.end_telephone(call, Some(expelled()), now),
        }
    }
}

impl Room {
    fn shown(&self) -> RoomShown {
        RoomShown {
            id: self.id,
            room_type: self.kind.word(),
            subject: self.subject.clone(),
            secret: self.secret.is_some(),
            creator: self.creator.clone(),
            start_date: self.start_date,
            end_date: self.end_date,
            reg_date: self.reg_date,
            call_number: self.number.map(|number| number.expose().to_owned()),
            participants: self.participants.len(),
        }
    }

    fn shown_participant(&self, one: &Participant) -> ParticipantShown {
        ParticipantShown {
            session: one.session.clone(),
            user_id: one.user_id.clone(),
            user_name: one.user_name.clone(),
            call_type: self.call_type_of(one).word(),
            telephone: match one.line {
                Line::App(_) => None,
                Line::Telephone(call) => Some(call),
            },
            audio_mute: one.audio_mute,
            video_mute: one.video_mute,
            video: one.camera.is_some(),
        }
    }
}

//! What the hub keeps: connections, sessions, rooms, participants, calls.

use crate::fields::RoomSecret;
use crate::ids::{ParticipantId, RoomId, SocketId, TelephoneId};
use crate::incoming::Request;
use crate::outgoing::About;
use crate::words::{CallType, RoomType};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// One socket.
#[derive(Default)]
pub(crate) struct Connection {
    pub(super) session: Option<Session>,
    /// Frames in a row that were not messages (12.31).
    pub(super) malformed: u32,
    /// Heartbeats sent since the last frame (12.2).
    pub(super) heartbeats_out: u32,
    /// The publish that the media plane owes an answer for.
    pub(super) owed: Option<Request>,
    /// Requests that came in since; bounded in count and bytes.
    pub(super) waiting: VecDeque<Request>,
    pub(super) waiting_bytes: usize,
}

/// One session (section 1).
pub(crate) struct Session {
    pub(super) id: String,
    /// Index into the settings' services.
    pub(super) service: usize,
    pub(super) user_id: String,
    pub(super) place: Place,
}

/// Where a session is; see the drawing in the parent module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Nowhere.
    Idle,
    /// The call of this room rings for it.
    Rung(RoomId),
    /// It has answered the call of this room and is yet to join (12.29).
    Answered(RoomId),
    /// In a room.
    Inside { room: RoomId, me: ParticipantId },
}

/// One room.
pub(crate) struct Room {
    pub(super) id: RoomId,
    /// The id in its wire form.
    pub(super) wire: String,
    /// Order of creation.
    pub(super) serial: u64,
    /// Index into the settings' services.
    pub(super) service: usize,
    pub(super) kind: RoomType,
    pub(super) subject: String,
    pub(super) secret: Option<RoomSecret>,
    /// Unix seconds, as are the next three.
    pub(super) start_date: u64,
    pub(super) end_date: u64,
    pub(super) reg_date: u64,
    /// The end date that was given explicitly: the room is kept until then even if empty (12.4).
    pub(super) keep_until: Option<u64>,
    /// Out of the list and closed to newcomers; goes with its last participant (10.7).
    pub(super) destroyed: bool,
    /// Rooms of calls are not listed and only the two parties get in (12.18).
    pub(super) call: Option<Call>,
    pub(super) participants: BTreeMap<ParticipantId, Participant>,
}

impl Room {
    /// Whether it is found by lists, joins, numbers and telephones.
    pub(super) fn is_open(&self) -> bool {
        self.call.is_none() && !self.destroyed
    }

    pub(super) fn call_type_of(&self, participant: &Participant) -> CallType {
        match participant.line {
            Line::App(_) => self.kind.call_type(),
            Line::Telephone(_) => CallType::SipCall,
        }
    }

    /// The participant as notifications name it.
    pub(super) fn about<'a>(&'a self, participant: &'a Participant) -> About<'a> {
        About {
            session: &participant.session,
            user_id: &participant.user_id,
            user_name: &participant.user_name,
            call_type: self.call_type_of(participant),
            room_id: &self.wire,
            room_type: self.kind,
        }
    }

    /// The sockets of all app participants but `except`.
    pub(super) fn sockets(&self, except: Option<ParticipantId>) -> Vec<SocketId> {
        let others = self
            .participants
            .values()
            .filter(|participant| Some(participant.id) != except);
        others
            .filter_map(|participant| participant.line.socket())
            .collect()
    }

    pub(super) fn by_session(&self, session: &str) -> Option<&Participant> {
        self.participants
            .values()
            .find(|participant| participant.session == session)
    }
}

/// One participant of a room.
pub(crate) struct Participant {
    pub(super) id: ParticipantId,
    /// Its session id; a telephone has one of the same format (12.25).
    pub(super) session: String,
    pub(super) user_id: String,
    pub(super) user_name: String,
    pub(super) line: Line,
    pub(super) audio: Audio,
    pub(super) audio_mute: bool,
    pub(super) video_mute: bool,
    /// Whether the others were told that it is connected: once per participant (12.13).
    pub(super) announced: bool,
}

/// By which way a participant takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    App(SocketId),
    Telephone(TelephoneId),
}

impl Line {
    pub(super) fn socket(self) -> Option<SocketId> {
        match self {
            Self::App(socket) => Some(socket),
            Self::Telephone(_) => None,
        }
    }
}

/// The audio peer of an app participant; a telephone has none. A participant without audio is legal (11.14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Audio {
    /// None yet, or lost.
    None,
    /// The media plane owes the answer.
    Opening,
    /// Answered; ICE and DTLS are on their way.
    Open,
    /// ICE and DTLS are up.
    Up,
}

/// The telephone call that a room was made for.
pub(crate) struct Call {
    pub(super) telephone: TelephoneId,
    /// The telephone's participant.
    pub(super) caller: ParticipantId,
    /// The user who is called.
    pub(super) callee: String,
    /// Whether a session that rang has declined.
    pub(super) declined: bool,
    pub(super) stage: Stage,
}

/// The stages of a telephone call; `calls` draws them.
pub(crate) enum Stage {
    /// These sockets ring; never empty.
    Ringing(BTreeSet<SocketId>),
    /// This one has answered.
    Answered(SocketId),
    /// The app is in the room without audio.
    Joined,
    /// Bridged.
    Talking,
    /// One party is gone: the telephone, with the app still in the room (12.7), or the app, a moment before the
    /// telephone goes too.
    Over,
}

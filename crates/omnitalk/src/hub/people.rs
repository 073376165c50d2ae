//! What the hub keeps: connections, sessions, rooms, participants, streams, viewers, calls.

use super::outcome::Owed;
use super::shares::Maker;
use crate::fields::Fields;
use crate::ids::{ClientId, SocketId};
use crate::incoming::Request;
use crate::masked::CallNumber;
use crate::outgoing::About;
use crate::record_policy::RecordPolicy;
use crate::room_secret::RoomSecret;
use crate::words::{CallType, RoomType};
use omnigate_room::{CallId, CallOver, ParticipantId, RecordingId, RoomId, StreamId, ViewerId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// One socket.
#[derive(Default)]
pub(crate) struct Connection {
    pub(super) client: Option<ClientId>,
    pub(super) session: Option<Session>,
    /// Frames in a row that were not messages (12.31).
    pub(super) malformed: u32,
    /// Heartbeats sent since the last frame (12.2).
    pub(super) heartbeats_out: u32,
    /// The request that the media plane owes an answer for.
    pub(super) owed: Option<Owed>,
    /// Requests that came in since; bounded in count and bytes.
    pub(super) waiting: VecDeque<Request>,
    pub(super) waiting_bytes: usize,
}

/// One session (section 1).
pub(crate) struct Session {
    pub(super) id: String,
    pub(super) user_id: String,
    /// Whether the user id was drawn for it: such a user does not come back.
    pub(super) user_is_drawn: bool,
    /// Whether a personal number is counted for it.
    pub(super) numbered: bool,
    /// The client's `sdk`: the React Native SDK asks for a stop by another start (11.2).
    pub(super) sdk: Sdk,
    pub(super) place: Place,
    /// Of a session that a join token has begun: what it may.
    pub(super) guest: Option<Guest>,
}

/// What somebody may who has come by a join token: enter one room, and there what hosts may, or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Guest {
    pub(super) room: RoomId,
    pub(super) name: Option<String>,
    pub(super) host: bool,
}

/// Which client a session is of, where that matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sdk {
    /// `react`.
    ReactNative,
    /// `omnigate`: our own, which is told when its room is recorded, and the code of a failure. Published SDKs know no
    /// such notification (11.22) and no such field.
    Own,
    Other,
}

impl Sdk {
    /// The one that a session request names.
    pub(super) fn of(fields: &Fields) -> Self {
        match fields.string("sdk") {
            Some("react") => Self::ReactNative,
            Some("omnigate") => Self::Own,
            _ => Self::Other,
        }
    }
}

/// Where a session is; see the drawing in the parent module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Nowhere.
    Idle,
    /// The call of this room rings for it.
    Rung(RoomId),
    /// It has offered the call of this room, is a participant of it already, and is yet to join (12.29).
    Calling { room: RoomId, me: ParticipantId },
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
    pub(super) kind: RoomType,
    pub(super) subject: String,
    pub(super) secret: Option<RoomSecret>,
    /// The user who made it; empty: nobody in particular.
    pub(super) creator: String,
    /// For whom it is counted; none: for nobody, as one of an earlier process.
    pub(super) made_by: Option<Maker>,
    /// For whom its number is counted.
    pub(super) numbered_by: Option<Maker>,
    pub(super) number: Option<CallNumber>,
    /// Unix seconds, as are the next three.
    pub(super) start_date: u64,
    pub(super) end_date: u64,
    pub(super) reg_date: u64,
    /// The end date that was given explicitly: the room is kept until then even if empty (12.4).
    pub(super) keep_until: Option<u64>,
    pub(super) life: Life,
    /// Rooms of calls are not listed and only the two parties get in (12.18).
    pub(super) call: Option<Call>,
    /// The shared screen: at most one (6.12).
    pub(super) screen: Option<StreamId>,
    pub(super) participants: BTreeMap<ParticipantId, Participant>,
    /// The recordings that run here, and whose each is; those by policy are nobody's.
    pub(super) recordings: BTreeMap<RecordingId, Option<ParticipantId>>,
}

impl Room {
    /// Whether it is found by lists, joins, numbers and telephones.
    pub(super) fn is_open(&self) -> bool {
        self.call.is_none() && self.life == Life::Open
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

    /// Whether it is that of a call that is not over.
    pub(super) fn calls(&self) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| !matches!(call.stage, Stage::Over))
    }

    pub(super) fn is_ringing(&self) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| matches!(call.stage, Stage::Ringing(_)))
    }

    /// The caller of the room's call, until it goes.
    pub(super) fn caller(&self) -> Option<&Participant> {
        self.participants.get(&self.call.as_ref()?.caller)
    }

    /// The telephone in the room of a call, whichever side it is.
    pub(super) fn telephone(&self) -> Option<&Participant> {
        self.call.as_ref()?;
        self.participants.values().find(|one| one.line.socket().is_none())
    }

    /// Whether this is a telephone that has not answered yet: nobody is told of it.
    pub(super) fn is_dialled(&self, participant: &Participant) -> bool {
        participant.line.socket().is_none()
            && self
                .call
                .as_ref()
                .is_some_and(|call| matches!(call.stage, Stage::Dialling))
    }

    pub(super) fn by_session(&self, session: &str) -> Option<&Participant> {
        self.participants
            .values()
            .find(|participant| participant.session == session)
    }
}

/// How far a room is found by others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// It is being written down: nobody knows it yet.
    Pending,
    /// It is found.
    Open,
    /// Out of the list and closed to newcomers; goes with its last participant (10.7).
    Destroyed,
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
    /// The camera that it publishes.
    pub(super) camera: Option<StreamId>,
    /// Whether it is told who publishes: in video calls only some time after its join (9.7).
    pub(super) sees_video: bool,
    /// What it is subscribed to.
    pub(super) watches: BTreeMap<StreamId, ViewerId>,
    /// The size of a picture that it has reported last (6.20), in pixels.
    pub(super) reported_pixels: Option<u32>,
    /// Whether the others were told that it is connected: once per participant (12.13).
    pub(super) announced: bool,
    pub(super) recording: Recorded,
    /// What is recorded because it takes part: by the policy of its trunk, or as it offered the call (12.30).
    pub(super) record: RecordPolicy,
    /// When the last key that was sent to this telephone will have been pressed.
    pub(super) keys_until: Option<Instant>,
}

/// Whether a participant has recorded: once per stay (9.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Recorded {
    Never,
    Runs(RecordingId),
    Once,
}

/// By which way a participant takes part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Line {
    App(SocketId),
    Telephone(CallId),
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

/// One published video.
pub(crate) struct Stream {
    pub(super) room: RoomId,
    pub(super) owner: ParticipantId,
    /// What subscribers name: the owner's session, or the screen's own (8.5).
    pub(super) session: String,
    pub(super) source: Source,
    /// Whether the media plane has answered.
    pub(super) open: bool,
    /// The announced picture size (6.11, 6.20).
    pub(super) pixels: u32,
    pub(super) viewers: BTreeSet<ViewerId>,
}

/// Where a video comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Camera,
    Screen,
}

/// One subscription.
pub(crate) struct Viewer {
    pub(super) stream: StreamId,
    pub(super) owner: ParticipantId,
    pub(super) stage: Watching,
}

/// The stages of a subscription (6.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watching {
    /// The media plane owes the offer.
    Opening,
    /// The client owes the answer.
    Offered,
    /// Both are there.
    Answered,
}

/// The call that a room was made for. The caller, a telephone or an app, is a participant from the beginning.
pub(crate) struct Call {
    pub(super) id: CallId,
    pub(super) caller: ParticipantId,
    /// The user who is called.
    pub(super) callee: String,
    /// The session of the callee that was heard of last: the one that the caller is told about at the end.
    pub(super) heard_of: Option<String>,
    /// Whether the caller is a telephone, and who it is: known after it has gone, too.
    pub(super) by_telephone: bool,
    pub(super) caller_id: String,
    /// Unix seconds.
    pub(super) started_at: u64,
    pub(super) answered_at: Option<u64>,
    /// Whether a session that rang has declined.
    pub(super) declined: bool,
    /// Why it is going to be over: the first cause of several counts.
    pub(super) over: Option<CallOver>,
    pub(super) stage: Stage,
}

/// The stages of a call as its callee sees it; `calls` draws them.
pub(crate) enum Stage {
    /// The telephone that an app calls has not answered yet; it is in the room all the same.
    Dialling,
    /// These sockets ring: none while an app calls a user without a session (9.6).
    Ringing(BTreeSet<SocketId>),
    /// This one has answered.
    Answered(SocketId),
    /// The callee is in the room; somebody's audio is missing.
    Joined,
    /// Both hear each other.
    Talking,
    /// One party is gone, and the other one, an app, is still in the room (12.7); or it goes in a moment.
    Over,
}

impl Stage {
    /// The callee's sockets that know of the call and are not in its room.
    pub(super) fn outside(&self) -> Vec<SocketId> {
        match self {
            Self::Ringing(sockets) => sockets.iter().copied().collect(),
            Self::Answered(socket) => vec![*socket],
            Self::Dialling | Self::Joined | Self::Talking | Self::Over => Vec::new(),
        }
    }
}

/// An offer that waits for whoever calls the telephone.
pub(crate) struct Asked {
    pub(super) socket: SocketId,
    pub(super) callee: String,
    pub(super) record: bool,
}

//! The hub: its state and its public face.
//!
//! A session is in exactly one place, which is what the protocol's states (5, 10.1) come down to on the server:
//!
//! ```text
//!            ring            answer              join
//!   Idle ───────────▶ Rung ─────────▶ Answered ────────▶ Inside ──▶ (leave: the session ends)
//!   ▲ │ │               │                │               ▲    ▲
//!   │ │ │ join          │                │               │    │
//!   │ │ └───────────────┼────────────────┼───────────────┘    │
//!   │ │                 │ declined, over │ 10 s, over         │
//!   ├─┼─────────────────┴────────────────┘                    │
//!   │ │      offer                          join              │
//!   │ └──────────────▶ Calling ───────────────────────────────┘
//!   │                     │ 10 s, declined, no answer
//!   └─────────────────────┘
//! ```
//!
//! Joining another room or offering another call gives the call up that a session is part of.
//!
//! `calls` draws the stages of a call, `video` those of a stream and of a subscription.
//!
//! | module | what it does |
//! | --- | --- |
//! | `dispatch` | the way of a request to its handler, and of the response back |
//! | `sessions` | sessions: beginning, heartbeat, end |
//! | `numbers` | call numbers of sessions and rooms |
//! | `rooms` | rooms: joining, leaving |
//! | `lives` | rooms: making, destroying, expiry; what of them is written down |
//! | `calls` | 1:1 calls: ring, answer, decline, bridge, end |
//! | `app_calls`, `telephones` | what is special to calls from apps and from telephones |
//! | `outcome`, `owed` | responses that wait for the media plane or the directory |
//! | `audio`, `video`, `viewers`, `screens` | what is published and subscribed |
//! | `recordings` | what is recorded, by whom, until when; who takes part |
//! | `managed` | what the service's own servers do with its rooms |
//! | `noted` | who did what, for the audit log |
//! | `chat`, `talk` | chat and kick-out; what chat may cost |
//! | `lists`, `listing` | lists; the rooms in them |
//! | `shares` | what clients and sessions have of the service's rooms and numbers |
//! | `guesses` | wrong room secrets |
//! | `people`, `next_ids`, `turn`, `audit` | what is kept; what is counted up; TURN credentials; what is always true |

mod app_calls;
mod audio;
mod audit;
mod calls;
mod chat;
mod dialled;
mod dispatch;
mod guesses;
mod listing;
mod lists;
mod lives;
mod managed;
mod next_ids;
mod noted;
mod numbers;
mod outcome;
mod owed;
mod people;
mod recordings;
mod rooms;
mod screens;
mod sessions;
mod shares;
mod talk;
mod telephones;
mod turn;
mod video;
mod viewers;

use crate::dial::DialRefusal;
use crate::effects::{Effect, Figures, TelephoneCaller};
use crate::fault::Fault;
use crate::ids::{ClientId, SocketId};
use crate::incoming::{Incoming, Report};
use crate::kept::{KeptRoom, StoreFault};
use crate::masked::CallNumber;
use crate::now::Now;
use crate::numbers::{NumberFault, TargetKind};
use crate::quota::Quota;
use crate::random::Dice;
use crate::settings::{HubSettings, Service};
use crate::timers::{Timer, Timers};
use guesses::Guesses;
use listing::Listing;
pub use managed::{ParticipantShown, Refusal, RoomShown, RoomsBefore, RoomsPage};
use next_ids::NextIds;
use omnigate_room::Ending;
use omnigate_room::{CallId, CallOver, ParticipantId, RecordingId, RoomId, StreamId, ViewerId};
use outcome::Awaited;
use people::{Asked, Stream, Viewer};
pub(crate) use people::{Connection, Room};
use shares::{Held, Maker};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, Instant};
use talk::Talk;

/// Frames in a row that are not messages before the socket is closed (12.31).
const MOST_MALFORMED: u32 = 20;
/// Requests that may wait while the media plane owes an answer.
const MOST_WAITING: usize = 64;
/// Bytes that may wait while the media plane owes an answer.
const MOST_WAITING_BYTES: usize = 524_288;

/// Close code and reason after leave and at the end of a call (12.34).
pub(crate) const CLOSE_LEFT: (u16, &str) = (1000, "left");
/// The server stops.
pub(crate) const CLOSE_SHUTDOWN: (u16, &str) = (1001, "shutdown");
/// Kicked out.
pub(crate) const CLOSE_KICKED: (u16, &str) = (4000, "kicked out");
/// No sign of life.
pub(crate) const CLOSE_LOST: (u16, &str) = (4001, "heartbeat lost");
/// The client does not follow the protocol.
pub(crate) const CLOSE_PROTOCOL: (u16, &str) = (4002, "protocol error");

/// Sessions, rooms and calls of one service as one state machine.
///
/// The driver reports what happened together with the time and carries out the returned effects in their order.
/// After every call it asks [`next_deadline`](Self::next_deadline) when to call [`expire`](Self::expire).
pub struct Hub {
    settings: HubSettings,
    dice: Dice,
    timers: Timers,
    connections: BTreeMap<SocketId, Connection>,
    /// Session id → its socket.
    sessions: BTreeMap<String, SocketId>,
    /// Every user's sockets.
    users: BTreeMap<String, BTreeSet<SocketId>>,
    rooms: BTreeMap<RoomId, Room>,
    /// In which room a participant is.
    places: BTreeMap<ParticipantId, RoomId>,
    telephones: BTreeMap<CallId, ParticipantId>,
    /// The rooms of the calls that ring for a user, also for one without a session (9.6).
    ringing: BTreeMap<String, BTreeSet<RoomId>>,
    streams: BTreeMap<StreamId, Stream>,
    viewers: BTreeMap<ViewerId, Viewer>,
    next: NextIds,
    malformed: u64,
    /// Why nothing can be recorded at the moment.
    cannot_record: Option<&'static str>,
    /// Whether the service has recorded as much as it may keep.
    storage_full: bool,
    guesses: Guesses,
    /// Calls that apps want to telephones, until it is known whether they are made.
    dialling: BTreeMap<CallId, Asked>,
    /// The call numbers of users.
    personal: BTreeMap<String, CallNumber>,
    /// The rooms that lists show.
    listing: Listing,
    /// Rooms that clients and sessions have made, and numbers that they have asked for.
    made_rooms: Held,
    made_numbers: Held,
    talk: Talk,
    /// Rooms of 1:1 calls.
    call_rooms: usize,
    /// Rooms that the service itself makes or closes, until the store has answered.
    managed: BTreeSet<RoomId>,
    /// Whether rooms that are not known may be in the store.
    awaits_rooms: bool,
    /// No new calls.
    draining: bool,
    /// What the current call has brought about so far.
    effects: Vec<Effect>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest holds names, telephone numbers and secrets.
        f.debug_struct("Hub")
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub without sessions. All ids and numbers are drawn from `seed`, which must be unguessable in production.
    /// A heartbeat interval of zero counts as one millisecond.
    #[must_use]
    pub fn new(mut settings: HubSettings, seed: [u8; 32]) -> Self {
        settings.heartbeat = settings.heartbeat.max(Duration::from_millis(1));
        Self {
            dice: Dice::new(seed),
            timers: Timers::default(),
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            users: BTreeMap::new(),
            rooms: BTreeMap::new(),
            places: BTreeMap::new(),
            telephones: BTreeMap::new(),
            ringing: BTreeMap::new(),
            streams: BTreeMap::new(),
            viewers: BTreeMap::new(),
            next: NextIds::from(settings.first_id),
            malformed: 0,
            cannot_record: None,
            storage_full: false,
            guesses: Guesses::default(),
            dialling: BTreeMap::new(),
            personal: BTreeMap::new(),
            listing: Listing::default(),
            made_rooms: Held::default(),
            made_numbers: Held::default(),
            talk: Talk::default(),
            call_rooms: 0,
            managed: BTreeSet::new(),
            awaits_rooms: false,
            draining: false,
            effects: Vec::new(),
            settings,
        }
    }

    /// A socket is open. It has the settings' `session_time` to ask for a session. Sockets of the same `client` share
    /// what one may get wrong; without it each has its own.
    pub fn connected(&mut self, socket: SocketId, client: Option<ClientId>, now: Now) {
        if self.connections.contains_key(&socket) {
            return;
        }
        let connection = Connection {
            client,
            ..Connection::default()
        };
        self.connections.insert(socket, connection);
        self.timers
            .set(Timer::NoSession(socket), now.instant + self.settings.session_time);
    }

    /// A text (or binary) frame came in. Frames of a socket that is unknown or closed already are ignored.
    pub fn received(&mut self, socket: SocketId, text: &str, now: Now) -> Vec<Effect> {
        let Some(connection) = self.connections.get_mut(&socket) else {
            return Vec::new();
        };
        connection.heartbeats_out = 0;
        match Incoming::read(text) {
            Incoming::Malformed => {
                self.malformed += 1;
                connection.malformed += 1;
                if connection.malformed >= MOST_MALFORMED {
                    self.end_session(socket, Some(CLOSE_PROTOCOL), now);
                }
            }
            Incoming::OneWay => connection.malformed = 0,
            Incoming::Report(report, fields) => {
                connection.malformed = 0;
                // These come without a session too; one of somebody else is not this client's.
                let own = fields.raw("session").is_none_or(|given| {
                    let session = connection.session.as_ref();
                    session.is_some_and(|session| given.as_str() == Some(session.id.as_str()))
                });
                match report {
                    _ if !own => {}
                    Report::SubscribeComplete => self.complete_subscription(socket, &fields),
                    Report::Resolution => self.resolution_report(socket, &fields),
                }
            }
            Incoming::Request(request) => {
                connection.malformed = 0;
                if connection.owed.is_none() {
                    self.handle(socket, request, now);
                } else {
                    connection.waiting_bytes += request.size;
                    connection.waiting.push_back(request);
                    let full = connection.waiting.len() > MOST_WAITING
                        || connection.waiting_bytes > MOST_WAITING_BYTES;
                    if full {
                        self.end_session(socket, Some(CLOSE_PROTOCOL), now);
                    }
                }
            }
        }
        self.take_effects()
    }

    /// The socket has ended by itself: the same as leaving, without the messages to it (9.14, 12.28).
    pub fn disconnected(&mut self, socket: SocketId, now: Now) -> Vec<Effect> {
        self.end_session(socket, None, now);
        self.take_effects()
    }

    /// The media plane's answer to [`Effect::OpenPeer`]: the SDP answer, or why there is none. The driver gives it as
    /// soon as it can; after the settings' `answer_time` the publish has failed and a late answer is ignored. Requests
    /// of that socket that came in between have waited (at most 64) and are handled now, in their order.
    pub fn peer_answered(
        &mut self,
        participant: ParticipantId,
        answer: Result<String, String>,
        now: Now,
    ) -> Vec<Effect> {
        self.media_answered(Awaited::Peer(participant), answer, now);
        self.take_effects()
    }

    /// The media plane's answer to [`Effect::OpenStream`]: the SDP answer, or why there is none. The rules are those
    /// of [`peer_answered`](Self::peer_answered).
    pub fn stream_answered(
        &mut self,
        stream: StreamId,
        answer: Result<String, String>,
        now: Now,
    ) -> Vec<Effect> {
        self.media_answered(Awaited::Stream(stream), answer, now);
        self.take_effects()
    }

    /// The media plane's answer to [`Effect::OpenViewer`]: the SDP offer, or why there is none. The rules are those
    /// of [`peer_answered`](Self::peer_answered).
    pub fn viewer_offered(
        &mut self,
        viewer: ViewerId,
        offer: Result<String, String>,
        now: Now,
    ) -> Vec<Effect> {
        self.media_answered(Awaited::Viewer(viewer), offer, now);
        self.take_effects()
    }

    /// The publisher's video transport is lost for good: the stream is no longer listed and its viewers are closed
    /// (with effects; there is none for the stream itself). The participant stays; it may publish again.
    pub fn stream_gone(&mut self, stream: StreamId, _now: Now) -> Vec<Effect> {
        self.stream_lost(stream);
        self.take_effects()
    }

    /// The subscriber's video transport is lost for good. The session may subscribe again.
    pub fn viewer_gone(&mut self, viewer: ViewerId, _now: Now) -> Vec<Effect> {
        self.viewer_lost(viewer);
        self.take_effects()
    }

    /// The picture size that a stream's publisher has announced last, in pixels (6.11, 6.20, 12.35).
    #[must_use]
    pub fn stream_pixels(&self, stream: StreamId) -> Option<u32> {
        Some(self.streams.get(&stream)?.pixels)
    }

    /// The size of a picture that a participant has reported last as received, in pixels (6.20, 12.35).
    #[must_use]
    pub fn reported_pixels(&self, participant: ParticipantId) -> Option<u32> {
        let room = self.rooms.get(self.places.get(&participant)?)?;
        room.participants.get(&participant)?.reported_pixels
    }

    /// ICE and DTLS of the participant's audio peer are up (12.13): the others are told, or the call is bridged.
    pub fn peer_up(&mut self, participant: ParticipantId, now: Now) -> Vec<Effect> {
        self.audio_up(participant, now);
        self.take_effects()
    }

    /// The participant's audio peer is lost. The participant stays until its socket ends; it may publish again. A
    /// telephone that was talking to it waits for that as long as it waits for audio at the start.
    pub fn peer_gone(&mut self, participant: ParticipantId, now: Now) -> Vec<Effect> {
        self.audio_gone(participant, now);
        self.take_effects()
    }

    /// The directory's answer to the [`Effect::AssignNumber`] of this wish. After the settings' `answer_time` the request has
    /// failed; a number that comes later is the target's all the same.
    pub fn number_assigned(
        &mut self,
        socket: SocketId,
        wish: u64,
        kind: TargetKind,
        answer: Result<CallNumber, NumberFault>,
        now: Now,
    ) -> Vec<Effect> {
        self.number_answered(socket, wish, kind, answer, now);
        self.take_effects()
    }

    /// The answer to [`Effect::KeepRoom`]: whether the room is written down. After the settings' `answer_time` the request has
    /// failed, and a room that is written down later is struck out again.
    pub fn room_kept(&mut self, room: RoomId, kept: Result<(), StoreFault>, now: Now) -> Vec<Effect> {
        self.keep_answered(room, kept, now);
        self.take_effects()
    }

    /// The answer to [`Effect::StrikeRoom`]: whether the room is struck out.
    pub fn room_struck(&mut self, room: RoomId, struck: Result<(), StoreFault>, now: Now) -> Vec<Effect> {
        self.strike_answered(room, struck, now);
        self.take_effects()
    }

    /// A room that an earlier process has written down, and its number. One that is known already is left as it is.
    pub fn restore(&mut self, room: &KeptRoom, number: Option<CallNumber>, now: Now) {
        self.restore_room(room, number, now);
    }

    /// Whether the rooms of an earlier process are yet to be [restored](Self::restore): until then a room that is not known may
    /// be one of them.
    pub fn awaits_rooms(&mut self, awaits: bool) {
        self.awaits_rooms = awaits;
    }

    pub(crate) fn has_room(&self, room: RoomId) -> bool {
        self.rooms.contains_key(&room)
    }

    /// Forgets a socket that has no session, without a word: it goes to another hub. Its client, if that is known.
    pub(crate) fn hand_over(&mut self, socket: SocketId) -> Option<ClientId> {
        self.timers.clear(Timer::NoSession(socket));
        self.connections.remove(&socket)?.client
    }

    /// A telephone calls a user (9.9): makes the call's room with the telephone in it and rings every idle session of
    /// the user. Returns at once a notice `Ringing` or `Refused`. A `call` that the hub knows already is ignored.
    pub fn ring<'a>(
        &mut self,
        call: CallId,
        user_id: &str,
        caller: impl Into<TelephoneCaller<'a>>,
        now: Now,
    ) -> Vec<Effect> {
        self.ring_user(call, user_id, caller.into(), now);
        self.take_effects()
    }

    /// A telephone enters a room (9.10). Returns at once a notice `Admitted` or `Refused`. A `call` that the hub knows already is ignored.
    pub fn admit<'a>(
        &mut self,
        call: CallId,
        room: RoomId,
        caller: impl Into<TelephoneCaller<'a>>,
        now: Now,
    ) -> Vec<Effect> {
        self.admit_telephone(call, room, caller.into(), now);
        self.take_effects()
    }

    /// Whether the telephone of [`Effect::Dial`] is called. With `Ok` a notice `Dialled` follows, or `Ended` when the app does not
    /// want it any more. The driver says it as soon as it is so; after the settings' `answer_time` the offer has failed.
    pub fn dialled(&mut self, call: CallId, answer: Result<(), DialRefusal>, now: Now) -> Vec<Effect> {
        self.dial_answered(call, answer, now);
        self.take_effects()
    }

    /// A telephone that was called has answered.
    pub fn telephone_answered(&mut self, call: CallId, now: Now) -> Vec<Effect> {
        self.dialled_answers(call, now);
        self.take_effects()
    }

    /// A telephone that was called is not going to answer, or cannot be talked to any longer, because of this. There is no
    /// notice back.
    pub fn telephone_failed(&mut self, call: CallId, why: CallOver, now: Now) -> Vec<Effect> {
        self.dialled_fails(call, why, now);
        self.take_effects()
    }

    /// The telephone has hung up, in any state. There is no notice back; a call that has ended is ignored.
    pub fn hung_up(&mut self, call: CallId, now: Now) -> Vec<Effect> {
        self.end_telephone(call, None, now);
        self.take_effects()
    }

    /// Whether anything can be recorded from now on, or why not, as a reason for clients. Recordings that run go on.
    pub fn can_record(&mut self, refused: Option<&'static str>) {
        self.cannot_record = refused;
    }

    /// Whether the service has recorded as much as it may keep. Recordings that run go on.
    pub fn storage_full(&mut self, full: bool) {
        self.storage_full = full;
    }

    /// The disk has the recording of [`Effect::StartRecording`]: whoever asked for it is told. The driver says it as soon as
    /// it is so; after the settings' `answer_time` the start has failed.
    pub fn recording_begun(&mut self, recording: RecordingId, now: Now) -> Vec<Effect> {
        self.disk_answered(recording, Ok(()), now);
        self.take_effects()
    }

    /// A recording could not begin, or has ended by itself: the disk takes nothing.
    pub fn recording_failed(&mut self, recording: RecordingId, now: Now) -> Vec<Effect> {
        let fault = Fault::CannotRecord("the server's disk takes nothing");
        if !self.disk_answered(recording, Err(fault), now)
            && let Some((room, _)) = self.recorded(recording)
        {
            self.stop_recording(room, recording, Ending::Stop);
        }
        self.take_effects()
    }

    /// When [`expire`](Self::expire) is due next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Runs every timer that is due: heartbeats, ring and join times, owed answers, empty rooms.
    pub fn expire(&mut self, now: Now) -> Vec<Effect> {
        while let Some(timer) = self.timers.due(now.instant) {
            match timer {
                Timer::NoSession(socket) => self.end_session(socket, Some(CLOSE_PROTOCOL), now),
                Timer::Heartbeat(socket) => self.beat(socket, now),
                Timer::Answer(socket) => self.answer_overdue(socket, now),
                Timer::Call(room) => self.call_overdue(room, now),
                Timer::CallerJoins(room) => self.caller_overdue(room, now),
                Timer::ShowVideo(participant) => self.show_video_overdue(participant),
                Timer::HalfOpen(viewer) => self.close_viewer(viewer),
                Timer::EmptyRoom(room) => self.expire_room(room),
            }
        }
        self.take_effects()
    }

    /// The server stops: telephones end with `Shutdown` (the apps with them get `WS_LEAVE_NOTI`), all sockets close
    /// with 1001. Nothing is left afterwards.
    pub fn close_all(&mut self, now: Now) -> Vec<Effect> {
        self.shut_down(now);
        self.take_effects()
    }

    /// The server is about to stop: calls that are under way go on, new ones are refused.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Counts for metrics.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            sockets: self.connections.len(),
            sessions: self.sessions.len(),
            rooms: self.rooms.len(),
            participants: self.places.len(),
            telephones: self.telephones.len(),
            ringing_calls: self.rooms.values().filter(|room| room.is_ringing()).count(),
            streams: self.streams.len(),
            viewers: self.viewers.len(),
            calls: self.rooms.values().filter(|room| room.calls()).count(),
            recordings: self.rooms.values().map(|room| room.recordings.len()).sum(),
            numbers: self.numbers(),
            malformed: self.malformed,
        }
    }

    /// The service whose hub this is; empty in the lobby.
    fn service_id(&self) -> String {
        let service = self.settings.service.as_ref();
        service.map(|service| service.id.clone()).unwrap_or_default()
    }

    /// The service is another one from now on: what is there goes on.
    pub(crate) fn set_service(&mut self, service: Service) {
        self.settings.service = Some(service);
    }

    /// All rooms and numbers of the service are to be forgotten, for it is gone.
    pub(crate) fn forget_rooms(&mut self) -> Vec<Effect> {
        self.strike_all();
        self.take_effects()
    }

    /// What the service may have; in the lobby what a service has by default.
    #[must_use]
    pub fn quota(&self) -> Quota {
        let service = self.settings.service.as_ref();
        service.map(|service| service.quota).unwrap_or_default()
    }

    /// What the service has.
    #[must_use]
    pub fn used(&self) -> Quota {
        Quota {
            sessions: self.sessions.len(),
            rooms: self.rooms.len(),
            participants: self.places.len(),
            calls: self.calls_used(),
            numbers: self.numbers(),
            recordings: self.recordings_used(),
        }
    }

    /// For whom what this socket makes is counted.
    fn maker(&self, socket: SocketId) -> Maker {
        let client = self.connections.get(&socket).and_then(|one| one.client);
        Maker { client, socket }
    }

    fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    fn send(&mut self, socket: SocketId, text: String) {
        let text = text.into();
        self.effects.push(Effect::Send { socket, text });
    }

    /// The id of the socket's session, or "" (3.3).
    fn own_id(&self, socket: SocketId) -> String {
        let session = self
            .connections
            .get(&socket)
            .and_then(|connection| connection.session.as_ref());
        session.map(|session| session.id.clone()).unwrap_or_default()
    }
}

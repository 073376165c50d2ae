//! A world around a hub: a made clock, clients with inboxes, a media plane that answers, telephones that note.

// What the parts of a test share is `pub`; nothing is public in a test.
#![allow(unreachable_pub)]
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may panic"
)]

pub mod app_calls;
pub mod checklist;
pub mod steps;

use omnigate_omnitalk::{
    CallId, CallOver, CallStage, CallTold, ClientId, DialRefusal, Dialling, Effect, HubSettings, KeptRoom,
    Now, NumberBook, NumberRules, ParticipantId, Quota, RecordPolicy, RecordingAbout, RecordingId, RoomId,
    Secret, Service, SocketId, StoreFault, StreamId, TelephoneNotice, Tenants, ViewerId,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

pub const START: u64 = 1_700_000_000;

pub fn video_offer(track: &str) -> Value {
    json!({ "track": track, "jsep": { "type": "offer", "sdp": "v=0" }, "resolution": 921_600 })
}

pub fn settings() -> HubSettings {
    HubSettings::default()
}

pub fn services() -> Vec<Service> {
    let keyed = |id: &str, key: &str, key_required| Service {
        keys: vec![Secret::new(key).into()],
        key_required,
        ..Service::open(id)
    };
    vec![
        keyed("SVC1", "KEY1", false),
        keyed("APPS", "KEY2", true),
        Service::open("OPEN"),
    ]
}

/// The same services, of which the first records these without being asked.
pub fn recorded_by_policy(word: &str) -> Vec<Service> {
    let mut services = services();
    services[0].record = RecordPolicy::parse(word).unwrap();
    services
}

/// The same services, of which the first may have no more than this.
pub fn limited(quota: Quota) -> Vec<Service> {
    let mut services = services();
    services[0].quota = quota;
    services
}

/// What of a video the media plane answers for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Video {
    Stream(StreamId),
    Viewer(ViewerId),
}

pub struct World {
    pub hub: Tenants,
    /// The directory.
    pub numbers: NumberBook,
    pub now: Now,
    /// What was sent and not looked at yet.
    pub inbox: BTreeMap<u64, VecDeque<Value>>,
    pub closed: BTreeMap<u64, u16>,
    pub sessions: BTreeMap<u64, String>,
    /// The participant for which a socket's request last opened a peer.
    pub peers: BTreeMap<u64, ParticipantId>,
    pub open_peers: BTreeSet<ParticipantId>,
    pub offers: Vec<String>,
    pub muted: Vec<(ParticipantId, bool)>,
    pub muted_telephones: Vec<(CallId, bool)>,
    /// The streams that the media plane has, and whether each is muted.
    pub streams: BTreeMap<StreamId, bool>,
    /// The stream for which a socket's request was opened last.
    pub published: BTreeMap<u64, StreamId>,
    /// The viewers that the media plane has: what each sees, and the client's answer once it is there.
    pub viewers: BTreeMap<ViewerId, (StreamId, Option<String>)>,
    /// The viewer for which a socket's request was opened last.
    pub watching: BTreeMap<u64, ViewerId>,
    /// Streams and viewers that the media plane owes an answer for.
    pub unanswered_video: BTreeSet<Video>,
    /// The pixels of the last stream.
    pub pixels: u32,
    pub notices: BTreeMap<u64, VecDeque<TelephoneNotice>>,
    /// Peers that the media plane owes an answer for.
    pub unanswered: BTreeSet<ParticipantId>,
    /// Every kind of message that was sent so far: `cmd`, and its `result` or `action`.
    pub kinds: BTreeSet<String>,
    /// Whether the media plane answers at once.
    pub answers: bool,
    /// The calls that are told of, and whether each is answered.
    pub calls: BTreeMap<CallId, bool>,
    /// What was told of 1:1 calls, all of it.
    pub told: Vec<CallTold>,
    /// Who has entered, by user id.
    pub present: BTreeMap<ParticipantId, String>,
    /// Who has gone, and why.
    pub gone: Vec<(String, &'static str)>,
    /// What is recorded.
    pub recordings: BTreeMap<RecordingId, RecordingAbout>,
    /// Recordings that the disk owes an answer for.
    pub unrecorded: BTreeSet<RecordingId>,
    /// What was recorded, and why it ended.
    pub recorded: Vec<(RecordingAbout, &'static str)>,
    /// Telephones that are to be called, and have not been.
    pub diallings: VecDeque<(CallId, Dialling)>,
    /// Keys that were pressed towards telephones.
    pub pressed: Vec<String>,
    /// What was noted for the audit log.
    pub noted: Vec<String>,
    /// Whether the store takes what it is given; none: it does not answer.
    pub store: Option<bool>,
    /// What the store has not answered yet.
    pub unwritten: VecDeque<Effect>,
    /// The rooms in the store, and whose they are.
    pub kept: BTreeMap<RoomId, (String, KeptRoom)>,
}

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: HubSettings) -> Self {
        Self::with_services(services(), settings)
    }

    pub fn with_services(services: Vec<Service>, settings: HubSettings) -> Self {
        Self {
            hub: Tenants::new(services, &settings, [42; 32]),
            numbers: NumberBook::new(NumberRules::default(), [42; 32]),
            noted: Vec::new(),
            store: Some(true),
            unwritten: VecDeque::new(),
            kept: BTreeMap::new(),
            now: Now {
                instant: Instant::now(),
                unix: START,
                micros: 0,
            },
            inbox: BTreeMap::new(),
            closed: BTreeMap::new(),
            sessions: BTreeMap::new(),
            peers: BTreeMap::new(),
            open_peers: BTreeSet::new(),
            offers: Vec::new(),
            muted: Vec::new(),
            muted_telephones: Vec::new(),
            streams: BTreeMap::new(),
            published: BTreeMap::new(),
            viewers: BTreeMap::new(),
            watching: BTreeMap::new(),
            unanswered_video: BTreeSet::new(),
            pixels: 0,
            notices: BTreeMap::new(),
            unanswered: BTreeSet::new(),
            kinds: BTreeSet::new(),
            answers: true,
            calls: BTreeMap::new(),
            told: Vec::new(),
            present: BTreeMap::new(),
            gone: Vec::new(),
            recordings: BTreeMap::new(),
            unrecorded: BTreeSet::new(),
            recorded: Vec::new(),
            diallings: VecDeque::new(),
            pressed: Vec::new(),
        }
    }

    pub fn apply(&mut self, by: Option<u64>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { socket, text } => {
                    assert!(
                        !self.closed.contains_key(&socket.0),
                        "sent to a closed socket: {}",
                        &*text
                    );
                    let message: Value = serde_json::from_str(&text).expect("JSON");
                    // Ours, for our own client alone: the published ones need not understand it.
                    if message["cmd"] != "WS_RECORDING_NOTI" {
                        checklist::check(&message);
                    }
                    let detail = message["result"].as_str().or(message["action"].as_str());
                    let cmd = message["cmd"].as_str().unwrap_or_default();
                    self.kinds
                        .insert(format!("{cmd} {}", detail.unwrap_or_default()).trim().to_owned());
                    self.inbox.entry(socket.0).or_default().push_back(message);
                }
                Effect::Close { socket, code, .. } => {
                    assert_eq!(self.closed.insert(socket.0, code), None, "closed twice");
                }
                Effect::OpenPeer {
                    participant, offer, ..
                } => {
                    assert!(self.open_peers.insert(participant), "opened twice");
                    self.offers.push(offer.into_text());
                    self.unanswered.insert(participant);
                    if let Some(by) = by {
                        self.peers.insert(by, participant);
                    }
                    if self.answers {
                        self.answer(by, participant, Ok("v=0\r\n...".to_owned()));
                    }
                }
                Effect::ClosePeer { participant } => {
                    self.unanswered.remove(&participant);
                    assert!(
                        self.open_peers.remove(&participant),
                        "closed a peer that is not open"
                    );
                }
                Effect::MuteTelephone { call, muted } => self.muted_telephones.push((call, muted)),
                Effect::SetMuted { participant, muted } => {
                    assert!(self.open_peers.contains(&participant));
                    self.muted.push((participant, muted));
                }
                Effect::OpenStream {
                    stream,
                    offer,
                    pixels,
                    ..
                } => {
                    assert!(self.streams.insert(stream, false).is_none(), "opened twice");
                    self.offers.push(offer.into_text());
                    self.pixels = pixels;
                    if let Some(by) = by {
                        self.published.insert(by, stream);
                    }
                    self.owe(by, Video::Stream(stream), "v=0\r\n...");
                }
                Effect::CloseStream { stream } => {
                    self.unanswered_video.remove(&Video::Stream(stream));
                    assert!(
                        self.streams.remove(&stream).is_some(),
                        "closed a stream that is not open"
                    );
                    assert!(
                        self.viewers.values().all(|(sees, _)| *sees != stream),
                        "a viewer outlives its stream"
                    );
                }
                Effect::SetStreamMuted { stream, muted } => {
                    let state = self.streams.get_mut(&stream).expect("an open stream");
                    assert_ne!(*state, muted, "muted or unmuted twice");
                    *state = muted;
                }
                Effect::OpenViewer { viewer, stream, .. } => {
                    assert!(self.streams.contains_key(&stream));
                    assert!(
                        self.viewers.insert(viewer, (stream, None)).is_none(),
                        "opened twice"
                    );
                    if let Some(by) = by {
                        self.watching.insert(by, viewer);
                    }
                    self.owe(by, Video::Viewer(viewer), "v=0\r\n...");
                }
                Effect::AnswerViewer { viewer, answer } => {
                    let (_, answered) = self.viewers.get_mut(&viewer).expect("an open viewer");
                    assert_eq!(answered.replace(answer.into_text()), None, "answered twice");
                }
                Effect::CloseViewer { viewer } => {
                    self.unanswered_video.remove(&Video::Viewer(viewer));
                    assert!(
                        self.viewers.remove(&viewer).is_some(),
                        "closed a viewer that is not open"
                    );
                }
                Effect::Entered {
                    participant, person, ..
                } => {
                    let known = self.present.insert(participant, person.user_id.clone());
                    assert_eq!(known, None, "entered twice");
                }
                Effect::Call(call) => {
                    match call.stage {
                        CallStage::Started => assert_eq!(self.calls.insert(call.id, false), None),
                        CallStage::Answered => assert_eq!(self.calls.insert(call.id, true), Some(false)),
                        CallStage::Ended(_) => {
                            let rang = call.room.map(|_| call.answered_at.is_some());
                            assert_eq!(self.calls.remove(&call.id), rang);
                        }
                    }
                    self.told.push(*call);
                }
                Effect::Gone {
                    participant, ending, ..
                } => {
                    let user = self.present.remove(&participant).expect("one who had entered");
                    self.gone.push((user, ending.word()));
                }
                Effect::AssignNumber {
                    socket,
                    wish,
                    order,
                    most,
                } => {
                    let (service, kind) = (order.service_id.clone(), order.kind.clone());
                    let number = self.numbers.assign(*order, most, self.now.unix);
                    let number = number.map(|(number, _)| number);
                    let effects = self
                        .hub
                        .number_assigned(socket, wish, &service, kind, number, self.now);
                    self.apply(by, effects);
                }
                Effect::ReleaseNumber { service_id, kind } => {
                    self.numbers.release(&service_id, &kind, self.now.unix);
                }
                Effect::KeepRoom { .. } | Effect::StrikeRoom { .. } => {
                    self.unwritten.push_back(effect);
                    if let Some(works) = self.store {
                        self.write(by, works);
                    }
                }
                Effect::StartRecording {
                    recording,
                    room,
                    about,
                } => {
                    assert_eq!(room.to_string(), about.scene.room_id);
                    assert!(
                        self.recordings.insert(recording, *about).is_none(),
                        "started twice"
                    );
                    self.unrecorded.insert(recording);
                    if self.answers {
                        self.answer_recording(by, recording, true);
                    }
                }
                Effect::StopRecording { recording, ending } => {
                    let about = self.recordings.remove(&recording).expect("a recording that runs");
                    self.recorded.push((about, ending.word()));
                }
                Effect::Dial { call, dialling } => self.diallings.push_back((call, *dialling)),
                Effect::Noted {
                    what,
                    subject,
                    result,
                    ..
                } => self.noted.push(format!("{what} {subject} {result}")),
                Effect::Press { keys, .. } => self.pressed.push(keys.into_text()),
                Effect::Telephone { call, notice } => {
                    self.notices.entry(call.0 as u64).or_default().push_back(notice);
                }
            }
        }
    }

    /// The media plane answers; with an error it has no peer any more.
    pub fn answer(&mut self, by: Option<u64>, participant: ParticipantId, answer: Result<String, String>) {
        if self.unanswered.remove(&participant) && answer.is_err() {
            self.open_peers.remove(&participant);
        }
        let effects = self.hub.peer_answered(participant, answer, self.now);
        self.apply(by, effects);
    }

    /// The store has written down the oldest of what it was given, or cannot.
    pub fn write(&mut self, by: Option<u64>, works: bool) {
        let answer = works.then_some(()).ok_or(StoreFault);
        let effects = match self.unwritten.pop_front() {
            Some(Effect::KeepRoom { service_id, room }) => {
                let id = room.id;
                if works {
                    self.kept.insert(id, (service_id.clone(), *room));
                }
                self.hub.room_kept(&service_id, id, answer, self.now)
            }
            Some(Effect::StrikeRoom {
                service_id,
                room,
                asked,
            }) => {
                // What nobody waits for is tried until it is done.
                if works || !asked {
                    self.kept.remove(&room);
                }
                self.hub.room_struck(&service_id, room, answer, self.now)
            }
            other => panic!("{other:?}"),
        };
        self.apply(by, effects);
    }

    /// The disk has a recording, or does not take it.
    pub fn answer_recording(&mut self, by: Option<u64>, recording: RecordingId, taken: bool) {
        self.unrecorded.remove(&recording);
        let effects = if taken {
            self.hub.recording_begun(recording, self.now)
        } else {
            self.hub.recording_failed(recording, self.now)
        };
        self.apply(by, effects);
    }

    fn owe(&mut self, by: Option<u64>, video: Video, sdp: &str) {
        self.unanswered_video.insert(video);
        if self.answers {
            self.answer_video(by, video, Ok(sdp.to_owned()));
        }
    }

    /// The media plane answers for a stream or viewer; with an error it has none any more.
    pub fn answer_video(&mut self, by: Option<u64>, video: Video, answer: Result<String, String>) {
        if self.unanswered_video.remove(&video) && answer.is_err() {
            match video {
                Video::Stream(stream) => drop(self.streams.remove(&stream)),
                Video::Viewer(viewer) => drop(self.viewers.remove(&viewer)),
            }
        }
        let effects = match video {
            Video::Stream(stream) => self.hub.stream_answered(stream, answer, self.now),
            Video::Viewer(viewer) => self.hub.viewer_offered(viewer, answer, self.now),
        };
        self.apply(by, effects);
    }

    /// The transport of a stream or viewer is lost.
    pub fn lose_video(&mut self, video: Video) {
        let effects = match video {
            Video::Stream(stream) => self.hub.stream_gone(stream, self.now),
            Video::Viewer(viewer) => self.hub.viewer_gone(viewer, self.now),
        };
        self.apply(None, effects);
        match video {
            Video::Stream(stream) => drop(self.streams.remove(&stream)),
            Video::Viewer(viewer) => drop(self.viewers.remove(&viewer)),
        }
    }

    pub fn connect(&mut self, who: u64) {
        self.hub.connected(SocketId(who), None, self.now);
    }

    /// The same as one of several sessions of a client.
    pub fn connect_from(&mut self, who: u64, client: u128) {
        self.hub
            .connected(SocketId(who), Some(ClientId(client)), self.now);
    }

    pub fn raw(&mut self, who: u64, text: &str) {
        let effects = self.hub.received(SocketId(who), text, self.now);
        self.apply(Some(who), effects);
    }

    /// Sends a message as it is.
    pub fn send(&mut self, who: u64, message: &Value) {
        self.raw(who, &message.to_string());
    }

    /// Sends a request with the session and gives its response, which must be the first message that is new.
    pub fn ask(&mut self, who: u64, cmd: &str, fields: Value) -> Value {
        let mut message = fields;
        message["cmd"] = cmd.into();
        if message.get("session").is_none() {
            message["session"] = self.sessions.get(&who).cloned().unwrap_or_default().into();
        }
        let known = self.inbox.get(&who).map_or(0, VecDeque::len);
        self.send(who, &message);
        let response = self
            .inbox
            .get_mut(&who)
            .and_then(|inbox| inbox.remove(known))
            .expect("a response");
        assert_eq!(response["cmd"], cmd.replace("_REQ", "_RSP"), "{response}");
        response
    }

    pub fn ok(&mut self, who: u64, cmd: &str, fields: Value) -> Value {
        let response = self.ask(who, cmd, fields);
        assert_eq!(response["result"], "success", "{response}");
        response
    }

    /// The reason of a request that fails.
    pub fn fails(&mut self, who: u64, cmd: &str, fields: Value) -> String {
        let response = self.ask(who, cmd, fields);
        assert_eq!(response["result"], "failed", "{response}");
        response["reason"].as_str().unwrap().to_owned()
    }

    /// A session of service SVC1, without heartbeat.
    pub fn login(&mut self, who: u64, user: &str) -> String {
        self.connect(who);
        self.sign_in(who, user)
    }

    pub fn sign_in(&mut self, who: u64, user: &str) -> String {
        let fields = json!({ "service_id": "SVC1", "sdk": "JS", "ver": "2.1.3", "user_id": user });
        let response = self.ok(who, "WS_SESSION_REQ", fields);
        let session = response["session"].as_str().unwrap().to_owned();
        self.sessions.insert(who, session.clone());
        session
    }

    pub fn create(&mut self, who: u64, fields: Value) -> String {
        let mut fields = fields;
        if fields.get("room_type").is_none() {
            fields["room_type"] = "audioroom".into();
        }
        self.ok(who, "WS_CREATE_ROOM_REQ", fields)["room_id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn join(&mut self, who: u64, room: &str) -> Value {
        self.ok(who, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }))
    }

    pub fn publish(&mut self, who: u64) {
        let fields = json!({ "track": "audio", "jsep": { "type": "offer", "sdp": "v=0" } });
        self.ok(who, "WS_PUBLISH_REQ", fields);
    }

    /// Publishes a camera.
    pub fn camera(&mut self, who: u64) -> StreamId {
        self.ok(who, "WS_PUBLISH_REQ", video_offer("video"));
        self.published[&who]
    }

    /// Shares a screen; gives its session.
    pub fn screen(&mut self, who: u64) -> String {
        let response = self.ok(who, "WS_SCREEN_SHARE_REQ", video_offer("video"));
        response["session"].as_str().unwrap().to_owned()
    }

    pub fn subscribe(&mut self, who: u64, session: &str) -> ViewerId {
        let response = self.ok(who, "WS_SUBSCRIBE_REQ", json!({ "subscribe": session }));
        assert_eq!(response["jsep"]["type"], "offer");
        self.watching[&who]
    }

    /// The client's answer to a subscription.
    pub fn complete(&mut self, who: u64, session: &str) {
        self.send(
            who,
            &json!({ "cmd": "WS_SUBSCRIBE_COMP", "session": self.sessions[&who], "subscribe": session,
            "jsep": { "type": "answer", "sdp": "v=0 client" } }),
        );
    }

    pub fn up(&mut self, who: u64) {
        let effects = self.hub.peer_up(self.peers[&who], self.now);
        self.apply(None, effects);
    }

    /// Joins, publishes, and has its audio up.
    pub fn enter(&mut self, who: u64, room: &str) {
        self.join(who, room);
        self.publish(who);
        self.up(who);
    }

    pub fn disconnect(&mut self, who: u64) {
        let effects = self.hub.disconnected(SocketId(who), self.now);
        self.closed.entry(who).or_insert(0);
        self.apply(None, effects);
    }

    pub fn ring(&mut self, call: u64, user: &str, caller: &str) -> Option<TelephoneNotice> {
        let effects = self.hub.ring(CallId(call.into()), "SVC1", user, caller, self.now);
        self.apply(None, effects);
        self.notice(call)
    }

    pub fn admit(&mut self, call: u64, room: &str, caller: &str) -> Option<TelephoneNotice> {
        let room = RoomId::parse(room).expect("a room id");
        let effects = self.hub.admit(CallId(call.into()), room, caller, self.now);
        self.apply(None, effects);
        self.notice(call)
    }

    /// Whether the telephone that is to be called next is called; its call.
    pub fn dialled(&mut self, answer: Result<(), DialRefusal>) -> Option<CallId> {
        let (call, _) = self.diallings.pop_front()?;
        let effects = self.hub.dialled(call, answer, self.now);
        self.apply(None, effects);
        Some(call)
    }

    /// A telephone that was called answers.
    pub fn picks_up(&mut self, call: CallId) {
        let effects = self.hub.telephone_answered(call, self.now);
        self.apply(None, effects);
    }

    /// A telephone that was called does not answer, or cannot be called.
    pub fn fails_to_answer(&mut self, call: CallId, why: CallOver) {
        let effects = self.hub.telephone_failed(call, why, self.now);
        self.apply(None, effects);
    }

    pub fn hang_up(&mut self, call: u64) {
        let effects = self.hub.hung_up(CallId(call.into()), self.now);
        self.apply(None, effects);
    }

    pub fn notice(&mut self, call: u64) -> Option<TelephoneNotice> {
        self.notices.get_mut(&call)?.pop_front()
    }

    /// Everything new for a client.
    pub fn drain(&mut self, who: u64) -> Vec<Value> {
        self.inbox.remove(&who).map(Vec::from).unwrap_or_default()
    }

    /// The `cmd`s of everything new for a client.
    pub fn cmds(&mut self, who: u64) -> Vec<String> {
        self.drain(who)
            .iter()
            .map(|message| message["cmd"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Lets time pass; every deadline on the way is met in its own moment.
    pub fn wait(&mut self, seconds: u64) {
        self.wait_for(Duration::from_secs(seconds));
    }

    pub fn wait_for(&mut self, time: Duration) {
        let (start, unix) = (self.now.instant, self.now.unix);
        let end = start + time;
        while let Some(at) = self.hub.next_deadline().filter(|at| *at <= end) {
            self.now.instant = self.now.instant.max(at);
            self.now.unix = unix + (self.now.instant - start).as_secs();
            let effects = self.hub.expire(self.now);
            self.apply(None, effects);
            assert!(
                self.hub
                    .next_deadline()
                    .is_none_or(|next| next > self.now.instant)
            );
        }
        self.now = Now {
            instant: end,
            unix: unix + time.as_secs(),
            micros: self.now.micros,
        };
    }
}

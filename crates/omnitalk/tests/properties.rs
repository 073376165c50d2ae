//! Random conversations of several sockets and telephones, and what must hold in all of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use common::steps::{PHONES, SLOTS, Step, USERS, step};
use common::{Video, World};
use omnigate_omnitalk::{CallId, CallOver, DialRefusal, Figures, RoomId, TelephoneEnd, TelephoneNotice};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};

const JOIN: usize = 0;
const PUBLISH: usize = 2;
const CREATE: usize = 4;
const ANSWER: usize = 18;
const OFFER: usize = 21;
const CAMERA: usize = 23;
const SUBSCRIBE: usize = 25;
const SHARE: usize = 28;
const COMPLETE: usize = 33;
const ROOM_TYPES: [&str; 6] = [
    "videoroom",
    "audioroom",
    "videocall",
    "webinar",
    "audiocall",
    "sipcall",
];
/// Rooms that clients remember.
const REMEMBERED: usize = 3;

/// A world, and what its clients and telephones believe.
struct Play {
    world: World,
    /// The current socket of a slot; a slot whose socket has ended gets a new one.
    sockets: BTreeMap<u64, u64>,
    /// The current call of a telephone.
    calls: BTreeMap<u64, u64>,
    next: u64,
    /// The responses that a socket is owed, in order.
    owed: BTreeMap<u64, VecDeque<String>>,
    rooms: Vec<String>,
    /// The room of the last call that was offered or answered.
    call_room: Option<String>,
    /// The sessions of screens, and who shared them.
    screens: BTreeMap<String, u64>,
    /// What a telephone call was told last.
    told: BTreeMap<u64, TelephoneNotice>,
    /// Telephones that were called.
    dialled: Vec<CallId>,
}

fn over(notice: &TelephoneNotice) -> bool {
    !matches!(
        notice,
        TelephoneNotice::Ringing { .. }
            | TelephoneNotice::Dialled { .. }
            | TelephoneNotice::Bridged { .. }
            | TelephoneNotice::Admitted { .. }
    )
}

impl Play {
    fn new(answers: bool) -> Self {
        let mut world = World::with_services(common::recorded_by_policy("videoroom"), common::settings());
        world.answers = answers;
        world.store = answers.then_some(true);
        Self {
            world,
            sockets: BTreeMap::new(),
            calls: BTreeMap::new(),
            next: 1,
            owed: BTreeMap::new(),
            rooms: Vec::new(),
            call_room: None,
            screens: BTreeMap::new(),
            told: BTreeMap::new(),
            dialled: Vec::new(),
        }
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn socket(&mut self, slot: u64) -> u64 {
        if let Some(socket) = self
            .sockets
            .get(&slot)
            .filter(|socket| !self.world.closed.contains_key(socket))
        {
            return *socket;
        }
        let socket = self.fresh();
        self.sockets.insert(slot, socket);
        self.world.connect(socket);
        socket
    }

    fn call(&mut self, phone: u64) -> u64 {
        if let Some(call) = self.calls.get(&phone).copied()
            && !self.told.get(&call).is_some_and(over)
        {
            return call;
        }
        let call = self.fresh();
        self.calls.insert(phone, call);
        call
    }

    /// One of the telephones that were called.
    fn pick_dialled(&self, pick: usize) -> Option<CallId> {
        self.dialled.get(pick.checked_rem(self.dialled.len())?).copied()
    }

    /// Mostly a room that was made by hand, sometimes that of a call.
    fn pick_room(&self, pick: usize) -> Option<&String> {
        if pick.is_multiple_of(5) {
            return self.call_room.as_ref();
        }
        self.rooms.get(pick.checked_rem(self.rooms.len())?)
    }

    fn request(&mut self, socket: u64, kind: usize, pick: usize) {
        let room = self.pick_room(pick).cloned().unwrap_or_else(|| "none".to_owned());
        let closed = &self.world.closed;
        let sessions = self
            .world
            .sessions
            .iter()
            .filter(|(socket, _)| !closed.contains_key(socket));
        let alive: Vec<&String> = sessions
            .map(|(_, session)| session)
            .chain(self.screens.keys().rev().take(1))
            .collect();
        let other = pick.checked_rem(alive.len()).map(|index| alive[index].clone());
        let other = other.unwrap_or_else(|| "nobody".to_owned());
        let offer = json!({ "type": "offer", "sdp": "v=0" });
        let (cmd, mut fields) = match kind {
            0 | 1 => ("JOIN_ROOM", json!({ "room_id": room })),
            2 | 3 => ("PUBLISH", json!({ "track": "audio", "jsep": offer })),
            CREATE => (
                "CREATE_ROOM",
                json!({ "room_type": ROOM_TYPES[pick % ROOM_TYPES.len()] }),
            ),
            5 if pick.is_multiple_of(4) => ("LEAVE", json!({})),
            6 => ("PARTI_LIST", json!({})),
            7 => ("MUTE", json!({ "track": "audio" })),
            8 => ("UNMUTE", json!({ "track": "audio" })),
            9 => (
                "MESSAGE",
                json!({ "action": "send", "message": "hi", "transaction": "1" }),
            ),
            10 => (
                "MESSAGE",
                json!({ "action": "whisper", "message": "hi", "to_user": other, "transaction": "2" }),
            ),
            11 => ("MESSAGE", json!({ "action": "list", "transaction": "3" })),
            12 => ("KICKOUT", json!({ "target": other })),
            13 => ("DESTROY_ROOM", json!({ "room_id": room })),
            14 => ("MAKE_SIPNUM", json!({})),
            15 => ("MAKE_SIPNUM", json!({ "room_id": room })),
            16 => ("ROOM_LIST", json!({})),
            17 => ("SESSION_LIST", json!({})),
            18 | 19 => ("ANSWER_CALL", json!({})),
            20 => ("REJECT_CALL", json!({})),
            OFFER | 22 => {
                let call_type = ["audiocall", "videocall", "sipcall"][pick % 3];
                // Sometimes a user who never has a session.
                let callee = USERS.get(pick % 4).unwrap_or(&"dave");
                (
                    "OFFER_CALL",
                    json!({ "call_type": call_type, "callee": callee, "record": pick.is_multiple_of(8) }),
                )
            }
            CAMERA | 24 => ("PUBLISH", json!({ "track": "video", "jsep": offer })),
            SUBSCRIBE | 26 => ("SUBSCRIBE", json!({ "subscribe": other })),
            27 => ("UNSUBSCRIBE", json!({ "subscribe": other })),
            SHARE => ("SCREEN_SHARE", json!({ "track": "video", "jsep": offer })),
            29 => ("SCREEN_UNSHARE", json!({})),
            30 => ("PUBLISH_LIST", json!({})),
            31 => ("SCREEN_LIST", json!({})),
            32 => ("RESOLUTION", json!({ "resolution": pick })),
            COMPLETE => {
                let session = self.world.sessions.get(&socket);
                let answer = json!({ "cmd": "WS_SUBSCRIBE_COMP", "session": session, "subscribe": other,
                    "jsep": { "type": "answer", "sdp": "v=0" } });
                return self.world.send(socket, &answer);
            }
            34 => {
                let session = self.world.sessions.get(&socket);
                let report = json!({ "cmd": "WS_RESOLUTION_RPT", "session": session, "resolution": pick });
                return self.world.send(socket, &report);
            }
            35 => ("MUTE", json!({ "track": "video" })),
            36 => ("UNMUTE", json!({ "track": "video" })),
            37 => ("RECORDING", json!({ "action": "start", "track": "audio" })),
            38 => ("RECORDING", json!({ "action": "stop", "track": "audio" })),
            39 => ("KEYS", json!({ "keys": "12#" })),
            _ => ("UNHEARD_OF", json!({})),
        };
        fields["cmd"] = format!("WS_{cmd}_REQ").into();
        fields["session"] = self
            .world
            .sessions
            .get(&socket)
            .cloned()
            .unwrap_or_default()
            .into();
        self.owed
            .entry(socket)
            .or_default()
            .push_back(format!("WS_{cmd}_RSP"));
        self.world.send(socket, &fields);
    }

    /// The last stream and viewer of a socket.
    fn videos(&self, socket: u64) -> Vec<Video> {
        let stream = self.world.published.get(&socket).map(|id| Video::Stream(*id));
        let viewer = self.world.watching.get(&socket).map(|id| Video::Viewer(*id));
        stream.into_iter().chain(viewer).collect()
    }

    fn unanswered(&self, video: Video) -> bool {
        self.world.unanswered_video.contains(&video)
    }

    /// Publishes a camera or a screen.
    fn show(&mut self, slot: u64, kind: usize) {
        let socket = self.socket(slot);
        self.request(socket, kind, 0);
        self.run(&Step::Answer { slot, fine: true });
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Login { slot, user } => {
                let socket = self.socket(slot);
                if self.world.sessions.contains_key(&socket) {
                    return;
                }
                self.owed
                    .entry(socket)
                    .or_default()
                    .push_back("WS_SESSION_RSP".to_owned());
                let user = USERS[user];
                self.world.send(
                    socket,
                    &json!({ "cmd": "WS_SESSION_REQ", "service_id": "SVC1", "user_id": user }),
                );
            }
            Step::Request { slot, kind, pick } => {
                let socket = self.socket(slot);
                self.request(socket, kind, pick);
            }
            Step::Enter { slot, pick } => {
                let socket = self.socket(slot);
                for kind in [JOIN, PUBLISH] {
                    self.request(socket, kind, pick);
                }
                self.run(&Step::Answer { slot, fine: true });
                self.run(&Step::Up { slot });
                if !pick.is_multiple_of(4) {
                    self.show(slot, CAMERA);
                }
            }
            Step::TakeCall { slot } => {
                let socket = self.socket(slot);
                self.request(socket, ANSWER, 0);
                // The room is the call's, if the answer was a good one.
                self.check();
                self.run(&Step::Enter { slot, pick: 0 });
            }
            Step::Call { slot, pick } => {
                let socket = self.socket(slot);
                self.request(socket, OFFER, pick);
                if !self.world.answers || !pick.is_multiple_of(7) {
                    self.run(&Step::Dialled { fine: true });
                }
                self.check();
                self.run(&Step::Enter { slot, pick: 0 });
            }
            Step::Share { slot } => self.show(slot, SHARE),
            Step::Watch { slot, pick } => {
                let socket = self.socket(slot);
                self.request(socket, SUBSCRIBE, pick);
                self.run(&Step::Answer { slot, fine: true });
                self.request(socket, COMPLETE, pick);
            }
            Step::Noise { slot, kind } => {
                let socket = self.socket(slot);
                self.world.raw(
                    socket,
                    ["{", r#"{"cmd":"WS_TRICKLE"}"#, "[1]", r#"{"cmd":"x"}"#][kind],
                );
            }
            Step::Disconnect { slot } => {
                let socket = self.socket(slot);
                self.world.disconnect(socket);
            }
            Step::Answer { slot, fine } => {
                let socket = self.socket(slot);
                let answer = |sdp: &str| {
                    if fine {
                        Ok(sdp.to_owned())
                    } else {
                        Err("no codec in common".to_owned())
                    }
                };
                if let Some(video) = self
                    .videos(socket)
                    .into_iter()
                    .find(|video| self.unanswered(*video))
                {
                    self.world.answer_video(Some(socket), video, answer("v=0"));
                }
                if let Some(recording) = self.world.unrecorded.first().copied() {
                    self.world.answer_recording(None, recording, fine);
                }
                let Some(peer) = self.world.peers.get(&socket).copied() else {
                    return;
                };
                if !self.world.open_peers.contains(&peer) {
                    return;
                }
                let effects = self.world.hub.peer_answered(peer, answer("v=0"), self.world.now);
                if !fine && !effects.is_empty() {
                    // A media plane that has no answer has no peer either.
                    self.world.open_peers.remove(&peer);
                }
                self.world.apply(Some(socket), effects);
            }
            Step::Up { slot } => {
                let socket = self.socket(slot);
                if self.world.peers.contains_key(&socket) {
                    self.world.up(socket);
                }
            }
            Step::Gone { slot } => {
                let socket = self.socket(slot);
                let lost = self.videos(socket).into_iter().find(|video| {
                    let open = match video {
                        Video::Stream(stream) => self.world.streams.contains_key(stream),
                        Video::Viewer(viewer) => self.world.viewers.contains_key(viewer),
                    };
                    open && !self.unanswered(*video)
                });
                if let Some(video) = lost {
                    self.world.lose_video(video);
                    return;
                }
                // A peer that never answered cannot be lost.
                let Some(peer) = self
                    .world
                    .peers
                    .get(&socket)
                    .copied()
                    .filter(|_| self.world.answers)
                else {
                    return;
                };
                if self.world.open_peers.remove(&peer) {
                    let effects = self.world.hub.peer_gone(peer, self.world.now);
                    self.world.apply(None, effects);
                }
            }
            Step::Ring { phone, user } => {
                let call = self.call(phone);
                let first = self.world.ring(call, USERS[user], "01099998888");
                self.note(call, first);
            }
            Step::Admit { phone, pick } => {
                let Some(room) = self.pick_room(pick).cloned() else {
                    return;
                };
                let call = self.call(phone);
                let first = self.world.admit(call, &room, "01099998888");
                self.note(call, first);
            }
            Step::HangUp { phone } => {
                let call = self.call(phone);
                self.world.hang_up(call);
                assert_eq!(
                    self.world.notice(call),
                    None,
                    "nothing goes to a telephone that has hung up"
                );
                self.calls.remove(&phone);
            }
            Step::Dialled { fine } => {
                let answer = if fine { Ok(()) } else { Err(DialRefusal::NoTrunk) };
                let call = self.world.dialled(answer).filter(|_| fine);
                self.dialled.extend(call);
            }
            Step::PicksUp { pick } => {
                if let Some(call) = self.pick_dialled(pick) {
                    self.world.picks_up(call);
                }
            }
            Step::Fails { pick } => {
                if let Some(call) = self.pick_dialled(pick) {
                    self.world.fails_to_answer(call, CallOver::Busy);
                }
            }
            Step::PutsDown { pick } => {
                if let Some(call) = self.pick_dialled(pick) {
                    let effects = self.world.hub.hung_up(call, self.world.now);
                    self.world.apply(None, effects);
                }
            }
            Step::Write { works } => {
                if !self.world.unwritten.is_empty() {
                    self.world.write(None, works);
                }
            }
            Step::Wait { seconds } => self.world.wait(seconds),
        }
    }

    /// A telephone is told things in a sensible order, and nothing after the end.
    fn note(&mut self, call: u64, notice: Option<TelephoneNotice>) {
        let Some(notice) = notice else { return };
        let before = self.told.insert(call, notice);
        let sensible = match (before, notice) {
            (None, n) => matches!(
                n,
                TelephoneNotice::Ringing { .. }
                    | TelephoneNotice::Admitted { .. }
                    | TelephoneNotice::Refused(_)
                    | TelephoneNotice::Dialled { .. }
                    | TelephoneNotice::Ended(TelephoneEnd::AppLeft)
            ),
            (
                Some(TelephoneNotice::Ringing { room, participant }),
                TelephoneNotice::Bridged {
                    room: r,
                    participant: p,
                },
            ) => (room, participant) == (r, p),
            (
                Some(TelephoneNotice::Ringing { .. }),
                TelephoneNotice::Declined | TelephoneNotice::NoAnswer,
            ) => true,
            (Some(TelephoneNotice::Dialled { .. }), TelephoneNotice::NoAnswer) => true,
            (Some(before), TelephoneNotice::Ended(_)) => !over(&before),
            _ => false,
        };
        assert!(sensible, "{before:?} then {notice:?}");
    }

    /// Reads everything that came and checks it.
    fn check(&mut self) {
        self.world.hub.audit().expect("the hub's invariants");
        let calls: Vec<u64> = self.world.notices.keys().copied().collect();
        for call in calls {
            while let Some(notice) = self.world.notice(call) {
                self.note(call, Some(notice));
            }
        }
        for (socket, inbox) in std::mem::take(&mut self.world.inbox) {
            for message in inbox {
                self.read(socket, &message);
            }
            let waits = self.owed.get(&socket).map_or(0, VecDeque::len);
            if self.world.answers
                && self.world.diallings.is_empty()
                && !self.world.closed.contains_key(&socket)
            {
                assert_eq!(waits, 0, "a request was not answered");
            }
        }
    }

    fn read(&mut self, socket: u64, message: &Value) {
        let cmd = message["cmd"].as_str().unwrap();
        if cmd.ends_with("_NOTI") {
            let own = self.world.sessions.get(&socket).map(String::as_str);
            // RINGBACK is about the caller's own call (12.24).
            let session = message["session"].as_str().filter(|_| cmd != "WS_RINGBACK_NOTI");
            let by_screen = session.and_then(|session| self.screens.get(session)) == Some(&socket);
            assert!(
                session != own && !by_screen,
                "a notification to its originator: {message}"
            );
            return;
        }
        let expected = self.owed.get_mut(&socket).and_then(VecDeque::pop_front);
        assert_eq!(expected.as_deref(), Some(cmd), "answered in order and once");
        if message["result"] != "success" {
            return;
        }
        match cmd {
            "WS_SESSION_RSP" => {
                self.world
                    .sessions
                    .insert(socket, message["session"].as_str().unwrap().to_owned());
            }
            "WS_SCREEN_SHARE_RSP" => {
                let session = message["session"].as_str().unwrap().to_owned();
                assert!(!self.world.sessions.values().any(|own| *own == session));
                assert_eq!(self.screens.insert(session, socket), None);
            }
            "WS_ANSWER_CALL_RSP" | "WS_OFFER_CALL_RSP" => {
                self.call_room = message["room_id"].as_str().map(str::to_owned);
            }
            "WS_DESTROY_ROOM_RSP" => {
                let room = RoomId::parse(message["room_id"].as_str().unwrap()).unwrap();
                assert!(!self.world.kept.contains_key(&room), "it would come back");
            }
            "WS_CREATE_ROOM_RSP" => {
                let room = RoomId::parse(message["room_id"].as_str().unwrap()).unwrap();
                assert!(self.world.kept.contains_key(&room), "a promise that is not kept");
                self.rooms.push(message["room_id"].as_str().unwrap().to_owned());
                if self.rooms.len() > REMEMBERED {
                    self.rooms.remove(0);
                }
            }
            "WS_PARTI_LIST_RSP" | "WS_PUBLISH_LIST_RSP" => {
                let own = self.world.sessions.get(&socket).map(String::as_str);
                for entry in message["list"].as_array().unwrap() {
                    assert_ne!(entry["session"].as_str(), own, "the requester is not in its list");
                }
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_conversation_keeps_the_rules_and_leaves_nothing_behind(
        answers in prop::bool::weighted(0.6),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut play = Play::new(answers);
        for user in 0..3 {
            play.run(&Step::Login { slot: user as u64, user });
            play.check();
        }
        let maker = play.socket(0);
        play.request(maker, CREATE, 0);
        play.check();
        for step in &steps {
            play.run(step);
            play.check();
        }
        while !play.world.diallings.is_empty() {
            play.run(&Step::Dialled { fine: true });
            play.check();
        }
        // However slow the media plane is: at 4 s each, all that can wait has been answered after this.
        play.world.wait(4 * 64);
        play.check();
        for (socket, owed) in &play.owed {
            prop_assert!(owed.is_empty() || play.world.closed.contains_key(socket), "unanswered: {owed:?}");
        }
        for slot in 0..SLOTS {
            play.run(&Step::Disconnect { slot });
            play.check();
        }
        for phone in 0..PHONES {
            play.run(&Step::HangUp { phone });
            play.check();
        }
        // The last empty room goes after ten minutes.
        play.world.wait(600);
        play.check();
        while !play.world.unwritten.is_empty() {
            play.run(&Step::Write { works: true });
            play.check();
        }
        prop_assert!(play.world.kept.is_empty());
        let malformed = play.world.hub.figures().malformed;
        prop_assert_eq!(play.world.hub.figures(), Figures { malformed, ..Figures::default() });
        prop_assert_eq!(play.world.hub.next_deadline(), None);
        prop_assert!(play.world.open_peers.is_empty());
        prop_assert!(play.world.streams.is_empty() && play.world.viewers.is_empty());
        prop_assert!(play.world.recordings.is_empty() && play.world.present.is_empty());
        prop_assert!(play.world.calls.is_empty());
    }
}

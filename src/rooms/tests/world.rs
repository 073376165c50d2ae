//! The service from the sockets inwards, with all that is around it.

use super::app::App;
use super::browser::Browser;
use super::telephone::Telephone;
use crate::config::Settings;
use crate::media::{LegEvent, LegHandle, MadeShards, MediaPlane, MediaSettings, Net, PeerEvent, Port};
use crate::recording::{Index, Recorder, RecorderParts, RecordingNews};
use crate::rooms::host::{Host, HostParts};
use crate::rooms::ledger::{Left, Line, Written};
use crate::rooms::media_port::RoomMedia;
use crate::rooms::numbers::{Assigned, Wish};
use crate::rooms::port::{Destination, SocketOrigin, Telephone as Caller};
use crate::supervise::Supervisor;
use crate::webhook::{EventSink, Outbox, Targets};
use omnigate_omnitalk::{
    HubSettings, Now, NumberBook, NumberRules, RecordPolicy, Service, SocketId, Tenants,
};
use omnigate_room::{CallId, RecordingId, RoomId};
use omnigate_rtc::VideoCodec;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use str0m::media::MediaKind;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedReceiver};

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
const START: u64 = 1_700_000_000;
/// The made clock's step while something is going on.
pub(super) const STEP: Duration = Duration::from_millis(5);
/// The same while something is waited for.
const LONG_STEP: Duration = Duration::from_millis(20);
/// How long an empty room is kept.
const EMPTY_ROOM: Duration = Duration::from_secs(2);

/// A telephone's leg, with where it reports.
pub(super) type Leg = (LegHandle, mpsc::Receiver<LegEvent>);

pub(super) struct World {
    pub(super) now: Now,
    started: Instant,
    pub(super) host: Host,
    pub(super) plane: Arc<MediaPlane>,
    net: Net,
    shards: MadeShards,
    media_events: UnboundedReceiver<PeerEvent>,
    wishes: UnboundedReceiver<Wish>,
    lines: UnboundedReceiver<Line>,
    recorded: UnboundedReceiver<RecordingNews>,
    /// Recordings of which the recorder has told whether they have begun.
    heard_of: HashSet<RecordingId>,
    numbers: NumberBook,
    pub(super) recorder: Arc<Recorder>,
    runtime: Runtime,
    pub(super) folder: PathBuf,
    supervisor: Supervisor,
    pub(super) apps: Vec<App>,
    pub(super) telephones: Vec<Telephone>,
    next: u16,
    /// What the media plane tells is not heard for a while.
    pub(super) deaf: bool,
}

fn media_settings() -> MediaSettings {
    MediaSettings {
        bind: SERVER,
        advertise: vec![SERVER],
        rtp_ports: 20_000..=59_999,
        webrtc_port: 10_000,
        webrtc_tcp: false,
        shards: 2,
        silence_timeout: Duration::from_secs(600),
        video_codecs: vec![VideoCodec::Vp8],
    }
}

fn hub_settings() -> HubSettings {
    HubSettings {
        heartbeat: Duration::from_secs(3600),
        empty_room: EMPTY_ROOM,
        ..HubSettings::default()
    }
}

/// The real recorder, in a new folder with a store of its own.
async fn recorder(
    name: &str,
    plane: &MediaPlane,
    supervisor: &Supervisor,
) -> (Arc<Recorder>, EventSink, PathBuf) {
    let (store, folder) = crate::store::tests::store(name).await;
    let mut settings = Settings::default();
    settings.recording.dir = folder.join("recordings");
    settings.recording.min_free_mib = 1;
    let targets = Targets::new(&settings);
    let outbox = Outbox::new(store.clone());
    let events = EventSink::start(outbox, targets.clone(), Arc::default(), supervisor);
    let parts = RecorderParts {
        settings: settings.recording,
        public_url: String::new(),
        taps: plane.take_taps(),
        index: Index::new(store),
        events: events.clone(),
        targets,
    };
    let recorder = Recorder::start(parts, supervisor).await.unwrap();
    (recorder, events, folder)
}

impl World {
    /// Two shards, one service; `name` is the test's.
    pub(super) fn new(name: &str) -> World {
        let (now, net) = (Instant::now(), Net::default());
        let (sender, media_events) = mpsc::unbounded_channel();
        let (plane, shards) = MediaPlane::made(media_settings(), &sender, &net, now).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (supervisor, _) = Supervisor::new();
        let (recorder, events, folder) =
            runtime.block_on(async { recorder(&format!("rooms-{name}"), &plane, &supervisor).await });
        let (sender, wishes) = mpsc::unbounded_channel();
        let (to_ledger, lines) = mpsc::unbounded_channel();
        let host = Host::new(HostParts {
            tenants: Tenants::new(vec![Service::open("demo")], &hub_settings(), [7; 32]),
            media: RoomMedia::new(plane.clone()),
            recorder: recorder.clone(),
            audit: crate::observe::Audit::new().0,
            events,
            wishes: sender,
            lines: to_ledger,
            // Nobody calls telephones here.
            dials: mpsc::unbounded_channel().0,
            announcement: None,
        });
        World {
            now: Now {
                instant: now,
                unix: START,
                micros: 0,
            },
            started: now,
            host,
            plane,
            net,
            shards,
            media_events,
            wishes,
            lines,
            recorded: recorder.take_news().unwrap(),
            heard_of: HashSet::new(),
            numbers: NumberBook::new(NumberRules::default(), [7; 32]),
            recorder,
            runtime,
            folder,
            supervisor,
            apps: Vec::new(),
            telephones: Vec::new(),
            next: 0,
            deaf: false,
        }
    }

    fn number(&mut self) -> u16 {
        self.next += 1;
        self.next
    }

    /// A place outside, at an address that nobody had before.
    pub(super) fn place(&mut self) -> Port {
        let address = SocketAddr::new(OUTSIDE, 1024 + self.number());
        self.net.bind(address).unwrap()
    }

    // Time.

    pub(super) fn step(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix = START + (self.now.instant - self.started).as_secs();
        let now = self.now.instant;
        self.apps.iter_mut().for_each(|app| app.step(now));
        self.telephones.iter_mut().for_each(|one| one.step(now));
        for shard in 0..self.shards.count() {
            self.shards.turn(shard, now);
        }
        self.carry();
    }

    /// One shard alone, at the same moment.
    pub(super) fn turn(&mut self, shard: usize) {
        self.shards.turn(shard, self.now.instant);
        self.carry();
    }

    pub(super) fn run(&mut self, time: Duration) {
        for _ in 0..time.as_millis() / LONG_STEP.as_millis() {
            self.step(LONG_STEP);
        }
    }

    /// Lets time pass until it is so, at most ten seconds.
    pub(super) fn until(&mut self, what: &str, so: impl Fn(&World) -> bool) {
        for _ in 0..2000 {
            if so(self) {
                return;
            }
            self.step(STEP);
        }
        panic!("it did not come to pass: {what}");
    }

    /// Brings what each part has to say to the others, as the thread of the rooms does.
    pub(super) fn carry(&mut self) {
        let now = self.now;
        while !self.deaf
            && let Ok(event) = self.media_events.try_recv()
        {
            self.host.media_told(event, now);
        }
        while let Ok(wish) = self.wishes.try_recv() {
            self.wish(wish);
        }
        while let Ok(line) = self.lines.try_recv() {
            self.write(line);
        }
        // The recorder's threads are real: they are waited for, so that the made clock does not run away from them.
        while (self.heard_of.len() as u64) < self.recorder.figures().started.load(Relaxed) {
            let news = self.recorded.blocking_recv().unwrap();
            let (RecordingNews::Begun(recording) | RecordingNews::Failed(recording)) = news;
            self.heard_of.insert(recording);
            self.host.recorder_told(news, now);
        }
        while self.host.deadline().is_some_and(|at| at <= now.instant) {
            self.host.expire(now);
        }
        for app in &mut self.apps {
            if app.read() && !app.closed {
                app.closed = true;
                self.host.disconnected(app.socket, now);
            }
        }
        self.telephones.iter_mut().for_each(Telephone::read);
        self.host.audit().unwrap();
    }

    fn wish(&mut self, wish: Wish) {
        match wish {
            Wish::Assign {
                socket,
                wish,
                order,
                most,
                ..
            } => {
                let (service_id, kind) = (order.service_id.clone(), order.kind.clone());
                let number = self.numbers.assign(*order, most, self.now.unix);
                let answer = Assigned {
                    socket,
                    wish,
                    service_id,
                    kind,
                    number: number.map(|(number, _)| number),
                };
                self.host.assigned(answer, self.now);
            }
            Wish::Release { service_id, kind } => {
                self.numbers.release(&service_id, &kind, self.now.unix);
            }
        }
    }

    /// The store takes everything.
    fn write(&mut self, line: Line) {
        let written = match line {
            Line::Keep { service_id, room } => Written::Kept {
                service_id,
                room: room.id,
                written: Ok(()),
            },
            Line::Strike { service_id, room, .. } => Written::Struck {
                service_id,
                room,
                written: Ok(()),
            },
            Line::Read { service_id } => Written::ReadOf {
                service_id,
                left: Left::default(),
            },
        };
        self.host.written(written, self.now);
    }

    /// Fills a shard's queue, so that it takes nothing but what frees something, until its next turn.
    pub(super) fn fill(&mut self, shard: usize) {
        let room = RoomId(shard as u128);
        while self.plane.pause_capture(room, true).is_ok() {}
    }

    // Apps.

    /// An app with a session; its place in `apps`.
    pub(super) fn app(&mut self, user: &str) -> usize {
        let socket = SocketId(self.number().into());
        let (sender, outbox) = crate::rooms::outbox::outbox();
        let from = SocketOrigin {
            client: None,
            address: OUTSIDE,
        };
        self.host.connected(socket, from, sender, self.now);
        self.apps.push(App::new(socket, outbox, self.now.instant));
        let who = self.apps.len() - 1;
        let hello = json!({ "service_id": "demo", "sdk": "JS", "ver": "2.1.3", "user_id": user });
        let response = self.ok(who, "WS_SESSION_REQ", hello);
        response["session"]
            .as_str()
            .unwrap()
            .clone_into(&mut self.apps[who].session);
        who
    }

    /// Sends a message with the session.
    pub(super) fn send(&mut self, who: usize, cmd: &str, mut fields: Value) {
        let app = &self.apps[who];
        fields["cmd"] = cmd.into();
        if !app.session.is_empty() {
            fields["session"] = app.session.clone().into();
        }
        if !app.closed {
            self.host.received(app.socket, &fields.to_string(), self.now);
        }
        self.carry();
    }

    /// The response to a request that is done; none when it fails.
    fn done(&mut self, who: usize, cmd: &str, fields: Value) -> Option<Value> {
        let response = self.ask(who, cmd, fields)?;
        (response["result"] == "success").then_some(response)
    }

    /// The response to a request; none from a socket that is closed, or when it comes later.
    pub(super) fn ask(&mut self, who: usize, cmd: &str, fields: Value) -> Option<Value> {
        self.send(who, cmd, fields);
        self.apps[who].response(cmd)
    }

    pub(super) fn ok(&mut self, who: usize, cmd: &str, fields: Value) -> Value {
        let response = self.ask(who, cmd, fields).expect("a response");
        assert_eq!(response["result"], "success", "{response}");
        response
    }

    /// A new room for video; its id.
    pub(super) fn room(&mut self, who: usize) -> String {
        let response = self.ok(who, "WS_CREATE_ROOM_REQ", json!({ "room_type": "videoroom" }));
        response["room_id"].as_str().unwrap().to_owned()
    }

    pub(super) fn join(&mut self, who: usize, room: &str) {
        self.ask(who, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    }

    /// A browser's connection at a new address.
    fn browser(&mut self) -> Browser {
        let port = self.place();
        Browser::new(port, self.now.instant)
    }

    /// Publishes the microphone; false when that is refused.
    pub(super) fn speak(&mut self, who: usize) -> bool {
        let microphone = self.publish(who, MediaKind::Audio, "audio");
        let done = microphone.is_some();
        self.apps[who].microphone = microphone;
        done
    }

    /// Publishes the camera; false when that is refused.
    pub(super) fn show(&mut self, who: usize) -> bool {
        let camera = self.publish(who, MediaKind::Video, "video");
        let done = camera.is_some();
        self.apps[who].camera = camera;
        done
    }

    fn publish(&mut self, who: usize, kind: MediaKind, track: &str) -> Option<Browser> {
        let mut browser = self.browser();
        let offer = json!({ "type": "offer", "sdp": browser.offer(kind) });
        let fields = json!({ "track": track, "jsep": offer, "resolution": 921_600 });
        let response = self.done(who, "WS_PUBLISH_REQ", fields)?;
        browser.answered(response["jsep"]["sdp"].as_str()?);
        Some(browser)
    }

    /// Shows `who` the camera of `whom`; false when that is refused.
    pub(super) fn watch(&mut self, who: usize, whom: usize) -> bool {
        let whom = self.apps[whom].session.clone();
        let wanted = json!({ "subscribe": whom });
        let Some(response) = self.done(who, "WS_SUBSCRIBE_REQ", wanted) else {
            return false;
        };
        let offer = response["jsep"]["sdp"].as_str().unwrap();
        let mut browser = self.browser();
        let answer = json!({ "type": "answer", "sdp": browser.answer(offer) });
        self.send(
            who,
            "WS_SUBSCRIBE_COMP",
            json!({ "subscribe": whom, "jsep": answer }),
        );
        self.apps[who].screen = Some(browser);
        true
    }

    /// The socket is lost, whatever was said before.
    pub(super) fn lose_socket(&mut self, who: usize) {
        let app = &mut self.apps[who];
        if !app.closed {
            app.closed = true;
            self.host.disconnected(app.socket, self.now);
        }
        self.carry();
    }

    // Telephones.

    /// A leg, with where it reports. None: the media plane has none.
    pub(super) fn leg(&mut self) -> Option<Leg> {
        let (sender, events) = mpsc::channel(256);
        let leg = self.plane.open_leg_at(OUTSIDE.into(), sender, self.now.instant);
        Some((leg.ok()?, events))
    }

    /// A telephone that calls a room; its place in `telephones`.
    pub(super) fn call(&mut self, room: &str) -> Option<usize> {
        let leg = self.leg()?;
        Some(self.connect(leg, room))
    }

    /// Connects a leg with a room, as the gateway does; the telephone's place in `telephones`.
    pub(super) fn connect(&mut self, leg: Leg, room: &str) -> usize {
        self.connect_to(leg, Destination::Room(RoomId::parse(room).unwrap()))
    }

    /// The same with whomever it calls.
    pub(super) fn connect_to(&mut self, (leg, events): Leg, to: Destination) -> usize {
        let rtp = self.place();
        let (sender, notices) = mpsc::unbounded_channel();
        let caller = Caller {
            number: "4930123456".to_owned(),
            record: RecordPolicy::default(),
            leg: leg.seat(),
            notices: sender,
        };
        let call = CallId(self.number().into());
        self.host.connect(call, caller, to, self.now);
        let telephone = Telephone::new(call, leg, events, notices, rtp, self.now.instant);
        self.telephones.push(telephone);
        self.carry();
        self.telephones.len() - 1
    }

    /// Tells the rooms that a telephone's side is over.
    pub(super) fn tell_hung_up(&mut self, which: usize) {
        self.host.hung_up(self.telephones[which].call, self.now);
        self.carry();
    }

    /// Ends a telephone's leg.
    pub(super) fn end_leg(&mut self, which: usize) {
        self.telephones[which].leg = None;
        self.carry();
    }

    // The end.

    /// All sockets and telephones end; then, when all time is over, nothing is left.
    pub(super) fn close(&mut self, what: &str) {
        self.deaf = false;
        for who in 0..self.apps.len() {
            self.lose_socket(who);
        }
        for which in 0..self.telephones.len() {
            self.tell_hung_up(which);
            self.end_leg(which);
        }
        // Browsers whose page is gone say nothing.
        self.apps.clear();
        self.run(EMPTY_ROOM * 2);
        self.telephones.clear();
        self.assert_nothing_left(what);
    }

    /// What the hubs know of is what the shards have, once all that was said has been heard.
    pub(super) fn assert_agreed(&self, what: &str) {
        let (media, hubs) = (self.plane.figures(), self.host.figures().all);
        let of_media = (media.streams, media.viewers);
        let of_hubs = (hubs.streams as u64, hubs.viewers as u64);
        assert_eq!(of_media, of_hubs, "streams and viewers after {what}");
        assert_eq!(self.host.recordings().len(), hubs.recordings, "after {what}");
        assert_eq!(media.captures > 0, hubs.recordings > 0, "after {what}");
    }

    pub(super) fn assert_nothing_left(&self, what: &str) {
        let m = self.plane.figures();
        let media = [
            ("legs", m.legs),
            ("peers", m.peers),
            ("mixers", m.rooms),
            ("streams", m.streams),
            ("viewers", m.viewers),
            ("captures", m.captures),
            ("ports", m.ports_used),
            ("orders", m.queue),
            ("failures", m.failures),
        ];
        let h = self.host.figures().all;
        let hubs = [
            ("sockets", h.sockets),
            ("sessions", h.sessions),
            ("rooms", h.rooms),
            ("participants", h.participants),
            ("telephones", h.telephones),
            ("calls", h.calls),
            ("published", h.streams),
            ("subscriptions", h.viewers),
            ("recordings", h.recordings),
            ("numbers", h.numbers),
        ];
        let left: Vec<(&str, u64)> = media
            .into_iter()
            .chain(hubs.map(|(name, count)| (name, count as u64)))
            .filter(|(_, count)| *count > 0)
            .collect();
        assert!(left.is_empty(), "{left:?} left after {what}");
        assert!(
            self.shards.are_empty(),
            "the shards' books are not empty after {what}"
        );
        assert!(
            self.host.is_empty(),
            "the host's books are not empty after {what}"
        );
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.supervisor.stopping();
        self.runtime.block_on(self.recorder.stop());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

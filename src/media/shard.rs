//! One media thread: its sockets, rooms and clock.

use crate::media::command::Command;
use crate::media::event::LegEvent;
use crate::media::ids::LegId;
use crate::media::net::batch::{Batch, Moment};
use crate::media::net::routes::{PeerKey, Routes};
use crate::media::net::tcp;
use crate::media::ntp;
use crate::media::outlet::Outlet;
use crate::media::playback::Announcement;
use crate::media::sound::app::App;
use crate::media::sound::leg::Leg;
use crate::media::sound::room::{Room, RoomKey};
use crate::media::stats::ShardFigures;
use crate::media::tap::Capture;
use crate::media::video::Videos;
use crossbeam_channel::{Receiver, Sender};
use mio::{Events, Interest, Poll, Token, Waker};
use omnigate_room::{ParticipantId, RoomId};
use omnigate_rtc::{Path, stun};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The clock of all rooms.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// How often, while there are peers, their packets are read and their timers looked at. No packet wakes the thread: the
/// kernel keeps the times of arrival.
const PEER_SCAN: Duration = Duration::from_millis(4);
/// Ticks later than this are skipped instead of made up for.
const MAX_LAG: Duration = Duration::from_millis(200);
/// Rooms share this many moments within a tick: few wake-ups, and not all work at once.
const PHASES: u32 = 8;
/// Largest datagram read, bytes.
const MAX_DATAGRAM: usize = 2048;

const WAKER: Token = Token(0);
/// The RTCP socket of leg `n` has the token `n + FIRST_LEG`. RTP sockets are read by the tick.
const FIRST_LEG: usize = 16;

/// A way to one shard.
#[derive(Clone)]
pub(crate) struct ShardSender {
    pub(crate) commands: Sender<Command>,
    pub(crate) waker: Arc<Waker>,
}

impl ShardSender {
    /// False when the shard's queue is full or the shard has ended.
    pub(crate) fn send(&self, command: Command) -> bool {
        let sent = self.commands.try_send(command).is_ok();
        let _ = self.waker.wake();
        sent
    }
}

/// A shard's state; [`Shard::run`] is its thread.
pub(crate) struct Shard {
    index: usize,
    poll: Poll,
    commands: Receiver<Command>,
    others: Vec<ShardSender>,
    port: Outlet,
    rooms: HashMap<RoomKey, Room>,
    legs: HashMap<LegId, RoomKey>,
    peers: HashMap<ParticipantId, RoomKey>,
    videos: Videos,
    /// What is captured, by room, whether or not anybody is there yet.
    captures: HashMap<RoomId, (Capture, Option<Announcement>)>,
    routes: Routes,
    ticks: BinaryHeap<Reverse<(Instant, RoomKey)>>,
    next_scan: Instant,
    phase: u32,
    ntp_at_start: u64,
    started: Instant,
    buffer: Vec<u8>,
    /// None only while it is lent.
    batch: Option<Batch>,
    /// When peers were read last: their time never goes back.
    read_until: Instant,
}

impl Shard {
    /// `ntp_now` is the wall clock in NTP format at `now`; sender reports count from it.
    pub(crate) fn new(
        index: usize,
        poll: Poll,
        commands: Receiver<Command>,
        port: Outlet,
        now: Instant,
        ntp_now: u64,
    ) -> std::io::Result<Shard> {
        Ok(Shard {
            index,
            poll,
            commands,
            others: Vec::new(),
            port,
            rooms: HashMap::new(),
            legs: HashMap::new(),
            peers: HashMap::new(),
            videos: Videos::default(),
            captures: HashMap::new(),
            routes: Routes::default(),
            ticks: BinaryHeap::new(),
            next_scan: now,
            phase: 0,
            ntp_at_start: ntp_now,
            started: now,
            buffer: vec![0; MAX_DATAGRAM],
            batch: Some(Batch::new()),
            read_until: now,
        })
    }

    pub(crate) fn waker(poll: &Poll) -> std::io::Result<Waker> {
        Waker::new(poll.registry(), WAKER)
    }

    /// The thread's loop. `others` are all shards, this one included, by index.
    pub(crate) fn run(mut self, others: Vec<ShardSender>) {
        self.others = others;
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self
                .next_deadline()
                .map(|d| d.saturating_duration_since(Instant::now()));
            if self.poll.poll(&mut events, timeout).is_err() {
                continue;
            }
            let now = Instant::now();
            for event in &events {
                match event.token() {
                    WAKER => {}
                    tcp::LISTENER => self.port.tcp.borrow_mut().acceptable(),
                    token => match tcp::connection_of(token) {
                        Some(n) => self.port.tcp.borrow_mut().ready(n, event.is_writable()),
                        None => self.receive_rtcp(token.0, now),
                    },
                }
            }
            while let Ok(command) = self.commands.try_recv() {
                if matches!(command, Command::Stop) {
                    return;
                }
                self.command(command, now);
            }
            if self.has_peers() {
                self.receive_webrtc();
                self.receive_tcp(self.read_until);
            } else {
                self.receive_tcp(now);
            }
            self.tick_rooms();
            self.scan_peers();
        }
    }

    /// None without a room or connection: an idle shard sleeps.
    fn next_deadline(&self) -> Option<Instant> {
        let tick = self.ticks.peek().map(|Reverse((at, _))| *at);
        let scan = self.has_peers().then_some(self.next_scan);
        let tcp = self.port.tcp.borrow().deadline();
        tick.into_iter().chain(scan).chain(tcp).min()
    }

    fn has_peers(&self) -> bool {
        !self.peers.is_empty() || !self.videos.is_empty()
    }

    fn receive_rtcp(&mut self, token: usize, now: Instant) {
        let Some(n) = token.checked_sub(FIRST_LEG) else {
            return;
        };
        let id = LegId(n as u64);
        let Some(room) = self.legs.get(&id).and_then(|key| self.rooms.get_mut(key)) else {
            return;
        };
        let Some(leg) = room.legs.iter_mut().find(|l| l.id == id) else {
            return;
        };
        let buffer = &mut self.buffer;
        if catch_unwind(AssertUnwindSafe(|| leg.receive_rtcp(buffer, now))).is_err() {
            ShardFigures::count(&self.port.figures.failures);
            if let Some(leg) = self.take_leg(id) {
                leg.tell(LegEvent::Failed, &self.port.figures);
            }
        }
    }

    fn receive_webrtc(&mut self) {
        let Some(mut batch) = self.batch.take() else {
            return;
        };
        let (moment, socket) = (Moment::read(), self.port.socket.clone());
        let read_until = std::mem::replace(&mut self.read_until, moment.now);
        batch.receive(&socket, &moment, |source, arrival, datagram| {
            ShardFigures::count(&self.port.figures.webrtc_received);
            self.webrtc_datagram(Path::Udp(source), datagram, arrival.max(read_until));
        });
        self.batch = Some(batch);
    }

    fn receive_tcp(&mut self, now: Instant) {
        let ready = self.port.tcp.borrow_mut().turn(now);
        for number in ready {
            let Some(mut reading) = self.port.tcp.borrow_mut().begin(number) else {
                continue;
            };
            let (source, mut sane) = (Path::Tcp(reading.source), true);
            while sane && self.port.tcp.borrow_mut().read(&mut reading) {
                let framed = reading.datagrams(|datagram| {
                    ShardFigures::count(&self.port.figures.webrtc_received);
                    // A check may come late, for a peer that has just gone; nothing else comes from a stranger.
                    sane &= self.webrtc_datagram(source, datagram, now) || stun::is_stun(datagram);
                });
                sane &= framed;
            }
            self.port.tcp.borrow_mut().end(reading, sane);
        }
        let mut tcp = self.port.tcp.borrow_mut();
        tcp.sweep(now, |address| self.routes.knows(Path::Tcp(address)));
        for path in tcp.take_closed().into_iter().map(Path::Tcp) {
            match self.routes.forget(path) {
                Some(PeerKey::Audio(participant)) => {
                    if let Some(app) = find_app(&mut self.rooms, &self.peers, participant) {
                        app.path_closed(path);
                    }
                }
                Some(key) => self.videos.path_closed(key, path),
                None => {}
            }
        }
    }

    /// False for a datagram of nobody.
    fn webrtc_datagram(&mut self, source: Path, datagram: &[u8], now: Instant) -> bool {
        let Some(key) = self.routes.find(source, datagram) else {
            return false;
        };
        let proven = match key {
            PeerKey::Audio(participant) => self.feed_app(participant, source, datagram, now),
            PeerKey::Stream(_) | PeerKey::Viewer(_) => {
                let (port, routes) = (&self.port, &mut self.routes);
                self.videos.receive(key, source, datagram, now, port, routes)
            }
        };
        if proven {
            self.routes.learn(source, key);
        }
        true
    }

    /// True when the datagram proves that the participant sends from `source`.
    fn feed_app(&mut self, participant: ParticipantId, source: Path, datagram: &[u8], now: Instant) -> bool {
        let Some(app) = find_app(&mut self.rooms, &self.peers, participant) else {
            return false;
        };
        let port = &self.port;
        let fed = catch_unwind(AssertUnwindSafe(|| app.receive(source, datagram, now, port)));
        if fed.is_err() {
            self.lose_peer(participant);
        }
        fed.unwrap_or(false)
    }

    fn lose_peer(&mut self, participant: ParticipantId) {
        ShardFigures::count(&self.port.figures.failures);
        let _ = self
            .port
            .events
            .try_send(crate::media::PeerEvent::Gone(participant));
        self.take_app(participant);
    }

    fn scan_peers(&mut self) {
        let now = Instant::now();
        if !self.has_peers() || now < self.next_scan {
            return;
        }
        self.next_scan = now + PEER_SCAN;
        let mut lost = Vec::new();
        for room in self.rooms.values_mut() {
            for app in room
                .apps
                .iter_mut()
                .filter(|a| !a.is_gone() && a.deadline() <= now)
            {
                let port = &self.port;
                if catch_unwind(AssertUnwindSafe(|| app.timeout(now, port))).is_err() {
                    lost.push(app.participant);
                }
            }
        }
        for participant in lost {
            self.lose_peer(participant);
        }
        self.videos.scan(now, &self.port, &mut self.routes);
    }

    fn tick_rooms(&mut self) {
        loop {
            let moment = Moment::read();
            let now = moment.now;
            let Some(Reverse((at, room_key))) = self.ticks.peek().copied() else {
                return;
            };
            if at > now {
                return;
            }
            self.ticks.pop();
            let Some(room) = self.rooms.get_mut(&room_key) else {
                continue;
            };
            let late = now.saturating_duration_since(at);
            self.port.figures.tick(late);
            let (start, started) = (self.ntp_at_start, self.started);
            let Some(batch) = &mut self.batch else { return };
            room.tick(&moment, &self.port, batch, &|| {
                ntp::after(start, now.saturating_duration_since(started))
            });
            let skipped = if late > MAX_LAG {
                late.as_millis() / TICK.as_millis()
            } else {
                0
            };
            let next = at + TICK * (skipped as u32 + 1);
            self.ticks.push(Reverse((next, room_key)));
        }
    }

    fn command(&mut self, command: Command, now: Instant) {
        match command {
            Command::AddLeg(leg) => {
                let key = RoomKey::Alone(leg.id);
                self.put_leg(leg, key, now);
            }
            Command::Adopt(leg, room) => self.put_leg(leg, room, now),
            Command::SetMedia(id, agreed) => {
                if let Some(leg) = self.leg(id) {
                    leg.set_media(*agreed, now);
                }
            }
            Command::Play(id, playback_id, playback) => {
                if let Some(leg) = self.leg(id) {
                    leg.play(playback_id, playback);
                }
            }
            Command::StopPlayback(id) => {
                if let Some(leg) = self.leg(id) {
                    leg.stop_playback();
                }
            }
            Command::Join(id, room, participant, shard) => self.join(id, room, participant, shard, now),
            Command::RemoveLeg(id) => {
                if let Some(leg) = self.take_leg(id) {
                    leg.end(&self.port.figures);
                }
            }
            Command::AddPeer(room, app) => self.put_app(room, app, now),
            Command::RemovePeer(participant) => {
                if let Some(mut app) = self.take_app(participant) {
                    app.close(now, &self.port);
                }
            }
            Command::MutePeer(participant, muted) => {
                if let Some(app) = find_app(&mut self.rooms, &self.peers, participant) {
                    app.set_muted(muted, now, &self.port);
                }
            }
            Command::Capture(room, capture) => {
                self.captures.insert(room, (capture, None));
                if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
                    room.set_capture(Some(capture), now, &self.port);
                }
            }
            Command::PauseCapture(room, paused) => self.pause_capture(room, paused, now),
            Command::EndCapture(room) => {
                self.captures.remove(&room);
                if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
                    room.set_capture(None, now, &self.port);
                    room.announce(None);
                }
            }
            Command::Announce(room, announcement) => {
                if let Some((_, known)) = self.captures.get_mut(&room) {
                    *known = Some(announcement.clone());
                }
                if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
                    room.announce(Some(announcement));
                }
            }
            Command::AddStream(stream) => {
                self.videos.add_stream(stream, &self.port, &mut self.routes);
                self.next_scan = now;
            }
            Command::CloseStream(stream) => {
                self.videos
                    .close_stream(stream, now, &self.port, &mut self.routes);
            }
            Command::MuteStream(stream, muted) => {
                self.videos.mute(stream, muted, now, &self.port, &mut self.routes);
            }
            Command::AddViewer(stream, viewing) => {
                self.videos
                    .add_viewer(stream, viewing, &self.port, &mut self.routes);
            }
            Command::AnswerViewer(viewer, answer) => {
                self.videos
                    .answer(viewer, &answer, now, &self.port, &mut self.routes);
            }
            Command::CloseViewer(viewer) => {
                self.videos
                    .close_viewer(viewer, now, &self.port, &mut self.routes);
            }
            Command::Stop => {}
        }
    }

    fn pause_capture(&mut self, room: RoomId, paused: bool, now: Instant) {
        let Some((capture, _)) = self.captures.get_mut(&room) else {
            return;
        };
        capture.paused = paused;
        self.port.tap.borrow_mut().paused(*capture, now);
        if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
            room.pause_capture(paused);
        }
    }

    fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        let room = self.rooms.get_mut(self.legs.get(&id)?)?;
        room.legs.iter_mut().find(|l| l.id == id).map(|l| &mut **l)
    }

    fn room(&mut self, room_key: RoomKey, now: Instant) -> &mut Room {
        let (ticks, phase, figures) = (&mut self.ticks, &mut self.phase, &self.port.figures);
        let (captures, port) = (&self.captures, &self.port);
        let started = self.started;
        self.rooms.entry(room_key).or_insert_with(|| {
            // Steps of three walk through all eight.
            *phase = (*phase + 3) % PHASES;
            ticks.push(Reverse((next_at_phase(started, *phase, now), room_key)));
            figures.rooms.fetch_add(1, Relaxed);
            let mut room = Room::new();
            if let RoomKey::Room(id) = room_key
                && let Some((capture, announcement)) = captures.get(&id)
            {
                room.set_capture(Some(*capture), now, port);
                room.announce(announcement.clone());
            }
            room
        })
    }

    fn put_leg(&mut self, mut leg: Box<Leg>, room_key: RoomKey, now: Instant) {
        let id = leg.id;
        let token = FIRST_LEG + id.0 as usize;
        let registered = self
            .poll
            .registry()
            .register(&mut leg.rtcp, Token(token), Interest::READABLE);
        if registered.is_err() {
            return leg.tell(LegEvent::Failed, &self.port.figures);
        }
        self.port.figures.legs.fetch_add(1, Relaxed);
        self.legs.insert(id, room_key);
        let room = self.room(room_key, now);
        room.legs.push(leg);
        room.members_changed();
        self.tap_newcomers(room_key, now);
        // What came before the registration has raised no event.
        self.receive_rtcp(token, now);
    }

    fn take_leg(&mut self, id: LegId) -> Option<Box<Leg>> {
        let room_key = self.legs.remove(&id)?;
        let room = self.rooms.get_mut(&room_key)?;
        let index = room.legs.iter().position(|l| l.id == id)?;
        let mut leg = room.legs.swap_remove(index);
        leg.captured
            .leave(Instant::now(), &mut self.port.tap.borrow_mut());
        room.members_changed();
        let _ = self.poll.registry().deregister(&mut leg.rtcp);
        self.port.figures.legs.fetch_sub(1, Relaxed);
        self.drop_empty(room_key);
        Some(leg)
    }

    fn join(&mut self, id: LegId, room: RoomId, participant: ParticipantId, shard: usize, now: Instant) {
        let Some(mut leg) = self.take_leg(id) else { return };
        leg.participant = Some(participant);
        let Some(other) = self.others.get(shard).filter(|_| shard != self.index) else {
            return self.put_leg(leg, RoomKey::Room(room), now);
        };
        match other.commands.try_send(Command::Adopt(leg, RoomKey::Room(room))) {
            Ok(()) => drop(other.waker.wake()),
            Err(e) => {
                if let Command::Adopt(leg, _) = e.into_inner() {
                    leg.tell(LegEvent::Failed, &self.port.figures);
                }
            }
        }
    }

    fn put_app(&mut self, id: RoomId, app: Box<App>, now: Instant) {
        let participant = app.participant;
        self.port.figures.peers.fetch_add(1, Relaxed);
        self.routes.add(app.ufrag(), PeerKey::Audio(participant));
        self.peers.insert(participant, RoomKey::Room(id));
        let room = self.room(RoomKey::Room(id), now);
        room.apps.push(app);
        room.members_changed();
        self.tap_newcomers(RoomKey::Room(id), now);
        self.next_scan = now;
    }

    fn tap_newcomers(&mut self, room_key: RoomKey, now: Instant) {
        if let Some(room) = self.rooms.get_mut(&room_key) {
            room.tap_newcomers(now, &self.port);
        }
    }

    fn take_app(&mut self, participant: ParticipantId) -> Option<Box<App>> {
        let room_key = self.peers.remove(&participant)?;
        self.routes.remove(PeerKey::Audio(participant));
        self.port.figures.peers.fetch_sub(1, Relaxed);
        let room = self.rooms.get_mut(&room_key)?;
        let index = room.apps.iter().position(|a| a.participant == participant);
        let mut app = index.map(|i| room.apps.swap_remove(i));
        if let Some(app) = &mut app {
            app.captured
                .leave(Instant::now(), &mut self.port.tap.borrow_mut());
        }
        room.members_changed();
        self.drop_empty(room_key);
        app
    }

    fn drop_empty(&mut self, room_key: RoomKey) {
        if self.rooms.get(&room_key).is_some_and(Room::is_empty) {
            self.rooms.remove(&room_key);
            self.ticks.retain(|Reverse((_, k))| *k != room_key);
            self.port.figures.rooms.fetch_sub(1, Relaxed);
        }
    }
}

/// The first moment after `now` that is `phase` eighths of a tick behind a whole tick since `started`.
fn next_at_phase(started: Instant, phase: u32, now: Instant) -> Instant {
    let offset = TICK * phase / PHASES;
    let passed = now.saturating_duration_since(started + offset).as_millis() as u64;
    let tick = TICK.as_millis() as u64;
    started + offset + Duration::from_millis(passed - passed % tick + tick)
}

/// The app of a participant, with the rest of the shard left free.
fn find_app<'a>(
    rooms: &'a mut HashMap<RoomKey, Room>,
    peers: &HashMap<ParticipantId, RoomKey>,
    participant: ParticipantId,
) -> Option<&'a mut App> {
    let room = rooms.get_mut(peers.get(&participant)?)?;
    let app = room.apps.iter_mut().find(|a| a.participant == participant)?;
    Some(app)
}

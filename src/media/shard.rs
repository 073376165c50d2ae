//! One media thread: what it waits for, whose a datagram is, what it is ordered to do.

use crate::media::command::{Command, LegOrder};
use crate::media::ids::LegId;
use crate::media::net::batch::{Batch, Moment};
use crate::media::net::routes::{PeerKey, Routes};
use crate::media::net::tcp;
use crate::media::orders::Orders;
use crate::media::outlet::Outlet;
use crate::media::sound::leg::Leg;
use crate::media::sound::room::RoomKey;
use crate::media::sound::rooms::{Rooms, Seat};
use crate::media::stats::ShardFigures;
use crate::media::video::Videos;
use crate::observe::Beat;
use crate::supervise::test_point;
use crossbeam_channel::Receiver;
use mio::{Events, Poll, Token, Waker};
use omnigate_room::{ParticipantId, PeerId, RoomId};
use omnigate_rtc::{Path, stun};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How often, while there are peers, their packets are read and their timers looked at. No packet wakes the thread: the
/// kernel keeps the times of arrival.
const PEER_SCAN: Duration = Duration::from_millis(4);

const WAKER: Token = Token(0);

/// A shard's state; [`Shard::run`] is its thread.
pub(crate) struct Shard {
    index: usize,
    orders: Receiver<Command>,
    /// The ways to all shards, this one included, by index.
    others: Vec<Orders>,
    outlet: Outlet,
    rooms: Rooms,
    videos: Videos,
    routes: Routes,
    batch: Batch,
    next_scan: Instant,
    /// When peers were read last: their time never goes back.
    read_until: Instant,
    beat: Beat,
}

/// What a shard does with a turn of its loop.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It goes on.
    On,
    /// It was told to end.
    End,
}

impl Shard {
    /// `ntp_now` is the wall clock in NTP format at `now`.
    pub(crate) fn new(
        index: usize,
        orders: Receiver<Command>,
        outlet: Outlet,
        beat: Beat,
        (now, ntp_now): (Instant, u64),
    ) -> Shard {
        Shard {
            index,
            orders,
            others: Vec::new(),
            outlet,
            rooms: Rooms::new(now, ntp_now),
            videos: Videos::default(),
            routes: Routes::default(),
            batch: Batch::new(),
            next_scan: now,
            read_until: now,
            beat,
        }
    }

    pub(crate) fn waker(poll: &Poll) -> std::io::Result<Waker> {
        Waker::new(poll.registry(), WAKER)
    }

    /// The ways to all shards.
    pub(crate) fn knows(&mut self, others: Vec<Orders>) {
        self.others = others;
    }

    /// The thread's loop, until it is told to end.
    pub(crate) fn run(mut self, mut poll: Poll) {
        let mut events = Events::with_capacity(1024);
        loop {
            let timeout = self.deadline().saturating_duration_since(Instant::now());
            if poll.poll(&mut events, Some(timeout)).is_err() {
                continue;
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    tcp::LISTENER => self.outlet.tcp.borrow_mut().acceptable(),
                    token => {
                        if let Some(n) = tcp::connection_of(token) {
                            self.outlet.tcp.borrow_mut().ready(n, event.is_writable());
                        }
                    }
                }
            }
            if self.index == 0 {
                test_point("media-0");
            }
            if self.turn(Moment::read) == Turn::End {
                return;
            }
        }
    }

    /// One turn: orders, packets, ticks and timers that are due by `clock`.
    pub(crate) fn turn(&mut self, clock: impl Fn() -> Moment) -> Turn {
        let moment = clock();
        self.beat.at(moment.now);
        while let Ok(order) = self.orders.try_recv() {
            if matches!(order, Command::Stop) {
                return Turn::End;
            }
            self.order(order, moment.now);
        }
        if self.has_peers() {
            self.receive_webrtc(&clock());
            self.receive_tcp(self.read_until);
        } else {
            self.receive_tcp(moment.now);
        }
        self.rooms.tick(&clock, &self.outlet, &mut self.batch);
        self.scan_peers(clock().now);
        Turn::On
    }

    /// When the next turn is due. An idle shard sleeps, and only shows that it is alive.
    pub(crate) fn deadline(&self) -> Instant {
        let scan = self.has_peers().then_some(self.next_scan);
        let tcp = self.outlet.tcp.borrow().deadline();
        let dues = self.rooms.deadline().into_iter().chain(scan).chain(tcp);
        dues.fold(self.beat.due(), Instant::min)
    }

    /// True when its books are empty.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let videos = self.videos.is_empty() && self.videos.has_no_viewers();
        videos && self.rooms.is_empty() && self.routes.is_empty()
    }

    fn has_peers(&self) -> bool {
        self.rooms.has_peers() || !self.videos.is_empty()
    }

    fn receive_webrtc(&mut self, moment: &Moment) {
        let socket = self.outlet.socket.clone();
        let read_until = std::mem::replace(&mut self.read_until, moment.now);
        let (rooms, videos) = (&mut self.rooms, &mut self.videos);
        let (routes, outlet) = (&mut self.routes, &self.outlet);
        self.batch.receive(&socket, moment, |source, arrival, datagram| {
            ShardFigures::count(&outlet.figures.webrtc_received);
            let (source, now) = (Path::Udp(source), arrival.max(read_until));
            deliver(rooms, videos, routes, outlet, source, datagram, now);
        });
    }

    fn receive_tcp(&mut self, now: Instant) {
        let ready = self.outlet.tcp.borrow_mut().turn(now);
        for number in ready {
            let Some(mut reading) = self.outlet.tcp.borrow_mut().begin(number) else {
                continue;
            };
            let (source, mut sane) = (Path::Tcp(reading.source), true);
            while sane && self.outlet.tcp.borrow_mut().read(&mut reading) {
                let (rooms, videos) = (&mut self.rooms, &mut self.videos);
                let (routes, outlet) = (&mut self.routes, &self.outlet);
                let framed = reading.datagrams(|datagram| {
                    ShardFigures::count(&outlet.figures.webrtc_received);
                    // A check may come late, for a peer that has just gone; nothing else comes from a stranger.
                    sane &= deliver(rooms, videos, routes, outlet, source, datagram, now)
                        || stun::is_stun(datagram);
                });
                sane &= framed;
            }
            self.outlet.tcp.borrow_mut().end(reading, sane);
        }
        let mut tcp = self.outlet.tcp.borrow_mut();
        tcp.sweep(now, |address| self.routes.knows(Path::Tcp(address)));
        for path in tcp.take_closed().into_iter().map(Path::Tcp) {
            match self.routes.forget(path) {
                Some(PeerKey::Audio(id)) => {
                    if let Some(app) = self.rooms.app(id) {
                        app.path_closed(path);
                    }
                }
                Some(key) => self.videos.path_closed(key, path),
                None => {}
            }
        }
    }

    fn scan_peers(&mut self, now: Instant) {
        if !self.has_peers() || now < self.next_scan {
            return;
        }
        self.next_scan = now + PEER_SCAN;
        let mut gone = Vec::new();
        self.rooms.scan_peers(now, &self.outlet, &mut gone);
        for id in gone {
            self.routes.remove(PeerKey::Audio(id));
        }
        self.videos.scan(now, &self.outlet, &mut self.routes);
    }

    fn order(&mut self, order: Command, now: Instant) {
        match order {
            Command::AddLeg(leg) => {
                let key = RoomKey::Alone(leg.id);
                self.rooms.put_leg(leg, key, now, &self.outlet);
            }
            Command::Adopt(leg, room) => self.rooms.put_leg(leg, room, now, &self.outlet),
            Command::Leg(id, order) => self.leg_order(id, order, now),
            Command::AddPeer(room, app) => {
                self.routes.add(app.ufrag(), PeerKey::Audio(app.id));
                self.rooms.put_app(room, app, now, &self.outlet);
                self.next_scan = now;
            }
            Command::RemovePeer(id) => {
                self.routes.remove(PeerKey::Audio(id));
                if let Some(mut app) = self.rooms.take_app(id, now, &self.outlet) {
                    app.close(now, &self.outlet);
                }
            }
            Command::MutePeer(id, muted) => {
                if let Some(app) = self.rooms.app(id) {
                    app.set_muted(muted, now, &self.outlet);
                }
            }
            Command::Capture(room, capture) => self.rooms.capture(room, capture, now, &self.outlet),
            Command::PauseCapture(room, paused) => {
                self.rooms.pause_capture(room, paused, now, &self.outlet);
            }
            Command::EndCapture(room) => self.rooms.end_capture(room, now, &self.outlet),
            Command::Announce(room, announcement) => self.rooms.announce(room, announcement),
            video => self.video_order(video, now),
        }
    }

    fn video_order(&mut self, order: Command, now: Instant) {
        let (videos, outlet, routes) = (&mut self.videos, &self.outlet, &mut self.routes);
        match order {
            Command::AddStream(stream) => {
                videos.add_stream(stream, outlet, routes);
                self.next_scan = now;
            }
            Command::CloseStream(stream) => videos.close_stream(stream, now, outlet, routes),
            Command::MuteStream(stream, muted) => videos.mute(stream, muted, now, outlet, routes),
            Command::AddViewer(stream, viewing) => videos.add_viewer(stream, viewing, outlet, routes),
            Command::AnswerViewer(viewer, answer) => videos.answer(viewer, &answer, now, outlet, routes),
            Command::CloseViewer(viewer) => videos.close_viewer(viewer, now, outlet, routes),
            _ => {}
        }
    }

    /// Carries out an order to a leg, or hands it on to where the leg is.
    fn leg_order(&mut self, id: LegId, order: LegOrder, now: Instant) {
        match self.rooms.seat(id) {
            Some(Seat::Here(_)) => {}
            Some(Seat::Moved(shard)) => {
                if matches!(order, LegOrder::Remove) {
                    self.rooms.forget_moved(id);
                }
                if let Some(other) = self.others.get(shard) {
                    other.release(Command::Leg(id, order));
                }
                return;
            }
            // A bug has cost it; who owns it hears that by the end of its events.
            None => return,
        }
        match order {
            LegOrder::Enter(room, participant, shard) => self.enter(id, room, participant, shard, now),
            LegOrder::Leave => {
                if let Some(mut leg) = self.rooms.take_leg(id, now, &self.outlet) {
                    leg.take_part(None);
                    self.rooms.put_leg(leg, RoomKey::Alone(id), now, &self.outlet);
                }
            }
            LegOrder::Remove => {
                if let Some(leg) = self.rooms.take_leg(id, now, &self.outlet) {
                    leg.end(now, &self.outlet.figures);
                }
            }
            LegOrder::SetMedia(agreed) => self.rooms.set_media(id, *agreed, now),
            LegOrder::Play(playback_id, playback) => self.with_leg(id, |leg| leg.play(playback_id, playback)),
            LegOrder::StopPlayback => self.with_leg(id, Leg::stop_playback),
            LegOrder::SetSources(sources) => self.with_leg(id, |leg| leg.set_sources(sources)),
            LegOrder::StandIn(playback) => self.with_leg(id, |leg| leg.stand_in(playback)),
            LegOrder::Hear(to) => self.with_leg(id, |leg| leg.hear(to)),
            LegOrder::Mute(muted) => {
                if let Some(leg) = self.rooms.leg(id) {
                    leg.set_muted(muted, now, &mut self.outlet.tap.borrow_mut());
                }
            }
            LegOrder::Press(key) => self.with_leg(id, |leg| leg.press(key)),
        }
    }

    fn with_leg(&mut self, id: LegId, step: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.rooms.leg(id) {
            step(leg);
        }
    }

    fn enter(&mut self, id: LegId, room: RoomId, participant: ParticipantId, shard: usize, now: Instant) {
        let Some(mut leg) = self.rooms.take_leg(id, now, &self.outlet) else {
            return;
        };
        leg.take_part(Some(participant));
        let key = RoomKey::Room(room);
        match self.others.get(shard).filter(|_| shard != self.index) {
            None => self.rooms.put_leg(leg, key, now, &self.outlet),
            Some(other) => {
                self.rooms.moved(id, shard);
                other.release(Command::Adopt(leg, key));
            }
        }
    }
}

/// Hands a datagram to whom it is for; false when it is nobody's.
fn deliver(
    rooms: &mut Rooms,
    videos: &mut Videos,
    routes: &mut Routes,
    outlet: &Outlet,
    source: Path,
    datagram: &[u8],
    now: Instant,
) -> bool {
    let Some(key) = routes.find(source, datagram) else {
        return false;
    };
    let proven = match key {
        PeerKey::Audio(id) => feed(rooms, id, source, datagram, now, outlet).unwrap_or_else(|| {
            routes.remove(key);
            false
        }),
        PeerKey::Stream(_) | PeerKey::Viewer(_) => videos.receive(key, source, datagram, now, outlet, routes),
    };
    if proven {
        routes.learn(source, key);
    }
    true
}

/// True when the datagram proves that the peer sends from `source`; none when a bug has cost the peer.
fn feed(
    rooms: &mut Rooms,
    id: PeerId,
    source: Path,
    datagram: &[u8],
    now: Instant,
    outlet: &Outlet,
) -> Option<bool> {
    let app = rooms.app(id)?;
    let fed = catch_unwind(AssertUnwindSafe(|| app.receive(source, datagram, now, outlet)));
    if fed.is_err() {
        rooms.fail_peer(id, now, outlet);
    }
    fed.ok()
}

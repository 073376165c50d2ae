//! The rooms of a shard: who is in which, and when each has its turn.
//!
//! A leg or peer is in exactly one room of exactly one shard. A leg that has moved to another shard leaves behind where it
//! went, because all orders to it come to the shard that opened it.

use crate::media::event::{LegEvent, PeerEvent};
use crate::media::ids::LegId;
use crate::media::net::batch::{Batch, Moment};
use crate::media::ntp;
use crate::media::outlet::Outlet;
use crate::media::playback::Announcement;
use crate::media::sound::app::App;
use crate::media::sound::leg::Leg;
use crate::media::sound::room::{Room, RoomKey};
use crate::media::stats::ShardFigures;
use crate::media::tap::Capture;
use omnigate_room::{PeerId, RoomId};
use omnigate_sip::Agreed;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// The clock of all rooms.
const TICK: Duration = Duration::from_millis(20);
/// Ticks later than this are skipped instead of made up for.
const MAX_LAG: Duration = Duration::from_millis(200);
/// Rooms share this many moments within a tick: few wake-ups, and not all work at once.
const PHASES: u32 = 8;

/// Where a leg is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seat {
    /// In a room here.
    Here(RoomKey),
    /// On the shard with this index.
    Moved(usize),
}

/// What is captured of a room, and what the room hears about it.
struct Recorded {
    capture: Capture,
    announcement: Option<Announcement>,
}

/// All rooms of a shard.
pub(crate) struct Rooms {
    rooms: HashMap<RoomKey, Room>,
    legs: HashMap<LegId, Seat>,
    peers: HashMap<PeerId, RoomKey>,
    /// What is captured, whether or not anybody is there yet.
    captures: HashMap<RoomId, Recorded>,
    ticks: BinaryHeap<Reverse<(Instant, RoomKey)>>,
    phase: u32,
    /// The wall clock in NTP format at the start.
    ntp_at_start: u64,
    started: Instant,
}

impl Rooms {
    /// `ntp_now` is the wall clock in NTP format at `now`; sender reports count from it.
    pub(crate) fn new(now: Instant, ntp_now: u64) -> Rooms {
        Rooms {
            rooms: HashMap::new(),
            legs: HashMap::new(),
            peers: HashMap::new(),
            captures: HashMap::new(),
            ticks: BinaryHeap::new(),
            phase: 0,
            ntp_at_start: ntp_now,
            started: now,
        }
    }

    /// When a room has its turn next; none without a room.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.ticks.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn has_peers(&self) -> bool {
        !self.peers.is_empty()
    }

    /// True when nobody is here, nobody is known to have moved, and nothing is due.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let known = [
            self.rooms.len(),
            self.legs.len(),
            self.peers.len(),
            self.captures.len(),
            self.ticks.len(),
        ];
        known == [0; 5]
    }

    /// Gives every room whose turn has come its tick.
    pub(crate) fn tick(&mut self, clock: impl Fn() -> Moment, outlet: &Outlet, batch: &mut Batch) {
        loop {
            let moment = clock();
            let now = moment.now;
            let Some(Reverse((at, key))) = self.ticks.peek().copied() else {
                return;
            };
            if at > now {
                return;
            }
            self.ticks.pop();
            let Some(room) = self.rooms.get_mut(&key) else {
                continue;
            };
            let late = now.saturating_duration_since(at);
            outlet.figures.tick(late);
            let (start, started) = (self.ntp_at_start, self.started);
            room.tick(&moment, outlet, batch, &|| {
                ntp::after(start, now.saturating_duration_since(started))
            });
            let dead = room.take_dead();
            self.bury(dead, now, outlet);
            let skipped = if late > MAX_LAG {
                late.as_millis() / TICK.as_millis()
            } else {
                0
            };
            if self.rooms.contains_key(&key) {
                let next = at + TICK * (skipped as u32 + 1);
                self.ticks.push(Reverse((next, key)));
            }
        }
    }

    /// Removes members whose step panicked: a bug costs one member, not the shard.
    fn bury(&mut self, dead: (Vec<LegId>, Vec<PeerId>), now: Instant, outlet: &Outlet) {
        for id in dead.0 {
            ShardFigures::count(&outlet.figures.failures);
            if let Some(leg) = self.take_leg(id, now, outlet) {
                leg.tell(LegEvent::Failed, &outlet.figures);
            }
        }
        for id in dead.1 {
            self.fail_peer(id, now, outlet);
        }
    }

    /// A bug has cost a peer.
    pub(crate) fn fail_peer(&mut self, id: PeerId, now: Instant, outlet: &Outlet) {
        ShardFigures::count(&outlet.figures.failures);
        if self.take_app(id, now, outlet).is_some() {
            outlet.tell(PeerEvent::Gone(id));
        }
    }

    /// Lets the peers' timers run. Peers whose transport is lost are forgotten, then told of; all that are gone.
    pub(crate) fn scan_peers(&mut self, now: Instant, outlet: &Outlet, gone: &mut Vec<PeerId>) {
        let mut failed = Vec::new();
        for app in self.rooms.values_mut().flat_map(|room| &mut room.apps) {
            if !app.is_gone() && app.deadline() <= now {
                let step = AssertUnwindSafe(|| app.timeout(now, outlet));
                if catch_unwind(step).is_err() {
                    failed.push(app.id);
                    continue;
                }
            }
            if app.is_gone() {
                gone.push(app.id);
            }
        }
        for id in &*gone {
            if self.take_app(*id, now, outlet).is_some() {
                outlet.tell(PeerEvent::Gone(*id));
            }
        }
        for id in failed {
            self.fail_peer(id, now, outlet);
            gone.push(id);
        }
    }

    pub(crate) fn seat(&self, id: LegId) -> Option<Seat> {
        self.legs.get(&id).copied()
    }

    pub(crate) fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        let Seat::Here(key) = self.seat(id)? else {
            return None;
        };
        let room = self.rooms.get_mut(&key)?;
        room.legs.iter_mut().find(|l| l.id == id).map(|l| &mut **l)
    }

    /// What a leg has agreed on is new.
    pub(crate) fn set_media(&mut self, id: LegId, agreed: Agreed, now: Instant) {
        let Some(Seat::Here(key)) = self.seat(id) else {
            return;
        };
        if let Some(leg) = self.leg(id) {
            leg.set_media(agreed, now);
        }
        // It may speak another codec, which the room follows.
        if let Some(room) = self.rooms.get_mut(&key) {
            room.members_changed();
        }
    }

    pub(crate) fn app(&mut self, id: PeerId) -> Option<&mut App> {
        let room = self.rooms.get_mut(self.peers.get(&id)?)?;
        room.apps.iter_mut().find(|a| a.id == id).map(|a| &mut **a)
    }

    pub(crate) fn put_leg(&mut self, leg: Box<Leg>, key: RoomKey, now: Instant, outlet: &Outlet) {
        outlet.figures.legs.fetch_add(1, Relaxed);
        self.legs.insert(leg.id, Seat::Here(key));
        let room = self.room(key, now, outlet);
        room.legs.push(leg);
        room.members_changed();
        room.tap_newcomers(now, outlet);
    }

    /// Takes a leg out that is here.
    pub(crate) fn take_leg(&mut self, id: LegId, now: Instant, outlet: &Outlet) -> Option<Box<Leg>> {
        let Seat::Here(key) = self.seat(id)? else {
            return None;
        };
        self.legs.remove(&id);
        let room = self.rooms.get_mut(&key)?;
        let index = room.legs.iter().position(|l| l.id == id)?;
        let mut leg = room.legs.swap_remove(index);
        leg.captured.leave(now, &mut outlet.tap.borrow_mut());
        room.members_changed();
        outlet.figures.legs.fetch_sub(1, Relaxed);
        self.drop_empty(key, outlet);
        Some(leg)
    }

    /// A leg that was here is on the shard with this index from now on.
    pub(crate) fn moved(&mut self, id: LegId, shard: usize) {
        self.legs.insert(id, Seat::Moved(shard));
    }

    /// A leg that has moved is to end: nothing comes for it any more.
    pub(crate) fn forget_moved(&mut self, id: LegId) {
        self.legs.remove(&id);
    }

    pub(crate) fn put_app(&mut self, room: RoomId, app: Box<App>, now: Instant, outlet: &Outlet) {
        outlet.figures.peers.fetch_add(1, Relaxed);
        let key = RoomKey::Room(room);
        self.peers.insert(app.id, key);
        let room = self.room(key, now, outlet);
        room.apps.push(app);
        room.members_changed();
        room.tap_newcomers(now, outlet);
    }

    pub(crate) fn take_app(&mut self, id: PeerId, now: Instant, outlet: &Outlet) -> Option<Box<App>> {
        let key = self.peers.remove(&id)?;
        outlet.figures.peers.fetch_sub(1, Relaxed);
        let room = self.rooms.get_mut(&key)?;
        let index = room.apps.iter().position(|a| a.id == id)?;
        let mut app = room.apps.swap_remove(index);
        app.captured.leave(now, &mut outlet.tap.borrow_mut());
        room.members_changed();
        self.drop_empty(key, outlet);
        Some(app)
    }

    /// Captures what is said in a room from now on.
    pub(crate) fn capture(&mut self, room: RoomId, capture: Capture, now: Instant, outlet: &Outlet) {
        outlet.figures.captures.fetch_add(1, Relaxed);
        let recorded = Recorded {
            capture,
            announcement: None,
        };
        if self.captures.insert(room, recorded).is_some() {
            outlet.figures.captures.fetch_sub(1, Relaxed);
        }
        if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
            room.set_capture(Some(capture), now, outlet);
        }
    }

    /// Captures nothing of a room for a while, or again.
    pub(crate) fn pause_capture(&mut self, room: RoomId, paused: bool, now: Instant, outlet: &Outlet) {
        if let Some(recorded) = self.captures.get(&room) {
            outlet.tap.borrow_mut().pause(recorded.capture, paused, now);
        }
    }

    pub(crate) fn end_capture(&mut self, room: RoomId, now: Instant, outlet: &Outlet) {
        let Some(recorded) = self.captures.remove(&room) else {
            return;
        };
        outlet.figures.captures.fetch_sub(1, Relaxed);
        if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
            room.set_capture(None, now, outlet);
            room.announce(None);
        }
        outlet.tap.borrow_mut().forget(recorded.capture.id);
    }

    /// Tells a captured room, and each who comes, that it is recorded.
    pub(crate) fn announce(&mut self, room: RoomId, announcement: Announcement) {
        if let Some(recorded) = self.captures.get_mut(&room) {
            recorded.announcement = Some(announcement.clone());
        }
        if let Some(room) = self.rooms.get_mut(&RoomKey::Room(room)) {
            room.announce(Some(announcement));
        }
    }

    /// The room; made when the first comes.
    fn room(&mut self, key: RoomKey, now: Instant, outlet: &Outlet) -> &mut Room {
        let (ticks, phase, captures) = (&mut self.ticks, &mut self.phase, &self.captures);
        let started = self.started;
        self.rooms.entry(key).or_insert_with(|| {
            // Steps of three walk through all eight.
            *phase = (*phase + 3) % PHASES;
            ticks.push(Reverse((next_at_phase(started, *phase, now), key)));
            outlet.figures.rooms.fetch_add(1, Relaxed);
            let mut room = Room::new();
            if let RoomKey::Room(id) = key
                && let Some(recorded) = captures.get(&id)
            {
                room.set_capture(Some(recorded.capture), now, outlet);
                room.announce(recorded.announcement.clone());
            }
            room
        })
    }

    fn drop_empty(&mut self, key: RoomKey, outlet: &Outlet) {
        if self.rooms.get(&key).is_some_and(Room::is_empty) {
            self.rooms.remove(&key);
            self.ticks.retain(|Reverse((_, k))| *k != key);
            outlet.figures.rooms.fetch_sub(1, Relaxed);
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

//! A room's mixer: everybody hears all others and never themselves.

use crate::media::ids::LegId;
use crate::media::net::batch::{Batch, Moment};
use crate::media::outlet::Outlet;
use crate::media::playback::Announcement;
use crate::media::sound::announcer::Announcer;
use crate::media::sound::app::App;
use crate::media::sound::bus::Bus;
use crate::media::sound::g711_out::TICK_8K;
use crate::media::sound::leg::Leg;
use crate::media::tap::{Capture, Captured};
use omnigate_audio::mix;
use omnigate_room::{PeerId, RoomId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// Which mixer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RoomKey {
    /// A room of the signaling hub.
    Room(RoomId),
    /// A caller in the IVR, alone.
    Alone(LegId),
}

/// A mixer and its members.
pub(crate) struct Room {
    pub(crate) legs: Vec<Box<Leg>>,
    pub(crate) apps: Vec<Box<App>>,
    bus: Bus,
    dead_legs: Vec<LegId>,
    dead_peers: Vec<PeerId>,
    capture: Option<Capture>,
    announcer: Option<Announcer>,
    /// The announcer is heard in this tick.
    announced: bool,
}

impl Room {
    pub(crate) fn new() -> Room {
        Room {
            legs: Vec::new(),
            apps: Vec::new(),
            bus: Bus::new(),
            dead_legs: Vec::new(),
            dead_peers: Vec::new(),
            capture: None,
            announcer: None,
            announced: false,
        }
    }

    /// Captures all who are here and all who come, or nobody any more.
    pub(crate) fn set_capture(&mut self, capture: Option<Capture>, now: Instant, outlet: &Outlet) {
        self.capture = capture;
        if capture.is_none() {
            let tap = &mut outlet.tap.borrow_mut();
            self.captured().for_each(|one| one.leave(now, tap));
        }
        self.tap_newcomers(now, outlet);
    }

    /// To be called when somebody has come.
    pub(crate) fn tap_newcomers(&mut self, now: Instant, outlet: &Outlet) {
        if let Some(capture) = self.capture {
            let tap = &mut outlet.tap.borrow_mut();
            self.legs
                .iter_mut()
                .for_each(|leg| leg.capture(capture, now, tap));
            self.apps
                .iter_mut()
                .for_each(|app| app.capture(capture, now, tap));
        }
        if let Some(announcer) = &mut self.announcer {
            announcer.speak();
        }
    }

    /// All members' parts in the capture.
    fn captured(&mut self) -> impl Iterator<Item = &mut Captured> {
        let legs = self.legs.iter_mut().map(|leg| &mut leg.captured);
        legs.chain(self.apps.iter_mut().map(|app| &mut app.captured))
    }

    /// Says what is to be said to a recorded room, or nothing any more.
    pub(crate) fn announce(&mut self, announcement: Option<Announcement>) {
        self.announcer = announcement.map(Announcer::new);
        self.members_changed();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.legs.is_empty() && self.apps.is_empty()
    }

    /// To be called when members came or went.
    pub(crate) fn members_changed(&mut self) {
        let announced = self.announcer.is_some();
        let rate = self.bus.follow(self.legs.len(), self.apps.len(), announced);
        for app in &mut self.apps {
            app.set_rate(rate);
        }
    }

    /// One step of 20 ms.
    pub(crate) fn tick(
        &mut self,
        moment: &Moment,
        outlet: &Outlet,
        batch: &mut Batch,
        ntp: &dyn Fn() -> u64,
    ) {
        let now = moment.now;
        self.pull(moment, outlet, batch);
        self.sum();
        self.send_to_legs(now, outlet, ntp);
        self.send_to_apps(now, outlet);
    }

    fn pull(&mut self, moment: &Moment, outlet: &Outlet, batch: &mut Batch) {
        let now = moment.now;
        for leg in &mut self.legs {
            let step = AssertUnwindSafe(|| {
                leg.receive(batch, moment, outlet);
                leg.pull(now, outlet);
            });
            if catch_unwind(step).is_err() {
                self.dead_legs.push(leg.id);
            }
        }
        for app in &mut self.apps {
            if catch_unwind(AssertUnwindSafe(|| app.pull(now))).is_err() {
                self.dead_peers.push(app.id);
            }
        }
    }

    fn sum(&mut self) {
        self.bus.clear();
        for leg in self.legs.iter().filter(|l| l.talking) {
            self.bus.add_phone(&leg.frame);
        }
        for app in self.apps.iter().filter(|a| a.talking) {
            self.bus.add_app(&app.frame);
        }
        let mut frame = [0; TICK_8K];
        self.announced = self.announcer.as_mut().is_some_and(|one| one.fill(&mut frame));
        if self.announced {
            self.bus.add_phone(&frame);
        }
    }

    fn send_to_legs(&mut self, now: Instant, outlet: &Outlet, ntp: &dyn Fn() -> u64) {
        let apps_talk = self.apps.iter().any(|a| a.talking);
        let all = self.bus.for_phones(apps_talk);
        for leg in &mut self.legs {
            let own = leg.frame;
            let talking = leg.talking;
            let step = AssertUnwindSafe(|| {
                let mut mix = [0i16; TICK_8K];
                mix::minus_self(&all, talking.then_some(&own[..]), &mut mix, &mut leg.limiter);
                leg.push(&mut mix, &outlet.figures);
                leg.report(now, ntp);
            });
            if catch_unwind(step).is_err() {
                self.dead_legs.push(leg.id);
            }
        }
    }

    fn send_to_apps(&mut self, now: Instant, outlet: &Outlet) {
        if self.apps.is_empty() {
            return;
        }
        let phones_talk = self.announced || self.legs.iter().any(|l| l.talking);
        let phones_audible = self.bus.for_apps(phones_talk);
        let talkers = self.apps.iter().filter(|a| a.talking).count();
        let mut shared = None;
        // Listeners who do not talk hear the same: encode once. A lone app keeps its own encoder.
        if self.apps.len() > 1 && talkers < self.apps.len() {
            let silent = talkers == 0 && !phones_audible;
            shared = self.bus.shared(silent);
        }
        for app in &mut self.apps {
            let step = AssertUnwindSafe(|| match &shared {
                Some(packet) if !app.talking => app.push_shared(packet.clone(), now, outlet),
                _ => {
                    let others_talk = talkers > usize::from(app.talking) || phones_audible;
                    let own = app.talking.then_some(&app.frame[..]);
                    let mix = self.bus.without(own, &mut app.limiter);
                    app.push(mix, !others_talk, now, outlet);
                }
            });
            if catch_unwind(step).is_err() {
                self.dead_peers.push(app.id);
            }
        }
    }

    /// Members whose step panicked: they are to be taken out.
    pub(crate) fn take_dead(&mut self) -> (Vec<LegId>, Vec<PeerId>) {
        (
            std::mem::take(&mut self.dead_legs),
            std::mem::take(&mut self.dead_peers),
        )
    }
}

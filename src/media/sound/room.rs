//! A room's mixer: everybody hears all others and never themselves.

use crate::media::ids::LegId;
use crate::media::net::batch::{Batch, Moment};
use crate::media::outlet::Outlet;
use crate::media::playback::Announcement;
use crate::media::sound::announcer::Announcer;
use crate::media::sound::app::App;
use crate::media::sound::bus::{Bus, Members};
use crate::media::sound::leg::Leg;
use crate::media::sound::phone_out::TICK_8K;
use crate::media::tap::{Capture, Captured};
use omnigate_audio::codec::Band;
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

    /// To be called when members came or went, or speak another codec.
    pub(crate) fn members_changed(&mut self) {
        let announced = self.announcer.is_some();
        let legs = |band| self.legs.iter().filter(|leg| leg.band() == band).count();
        let members = Members {
            narrow: legs(Band::Narrow),
            wide: legs(Band::Wide),
            full: legs(Band::Full),
            apps: self.apps.len(),
        };
        let rate = self.bus.follow(members, announced);
        for leg in &mut self.legs {
            leg.follow(rate);
        }
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
        self.send_to_phones(now, outlet, ntp);
        self.send_to_others(now, outlet, ntp);
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
            match leg.band() {
                Band::Narrow => self.bus.add_phone(&leg.frame),
                Band::Wide | Band::Full => self.bus.add_other(&leg.frame),
            }
        }
        for app in self.apps.iter().filter(|a| a.talking) {
            self.bus.add_other(&app.frame);
        }
        let mut frame = [0; TICK_8K];
        self.announced = self.announcer.as_mut().is_some_and(|one| one.fill(&mut frame));
        if self.announced {
            self.bus.add_phone(&frame);
        }
    }

    /// So many members of the bus talk: all but the narrow phones.
    fn others_talking(&self) -> usize {
        let wide = self.legs.iter().filter(|leg| leg.band() > Band::Narrow);
        let wide = wide.filter(|leg| leg.talking).count();
        self.apps.iter().filter(|app| app.talking).count() + wide
    }

    fn send_to_phones(&mut self, now: Instant, outlet: &Outlet, ntp: &dyn Fn() -> u64) {
        let others_talk = self.others_talking() > 0;
        let all = self.bus.for_phones(others_talk);
        for leg in self.legs.iter_mut().filter(|leg| leg.band() == Band::Narrow) {
            let step = AssertUnwindSafe(|| {
                let mut mix = [0i16; TICK_8K];
                let own = leg.talking.then_some(&leg.frame[..]);
                mix::minus_self(&all, own, &mut mix, &mut leg.limiter);
                leg.push(&mut mix, &outlet.figures);
                leg.report(now, ntp);
            });
            if catch_unwind(step).is_err() {
                self.dead_legs.push(leg.id);
            }
        }
    }

    fn send_to_others(&mut self, now: Instant, outlet: &Outlet, ntp: &dyn Fn() -> u64) {
        let wide = self.legs.iter().any(|leg| leg.band() > Band::Narrow);
        if self.apps.is_empty() && !wide {
            return;
        }
        let mut narrow = self.legs.iter().filter(|leg| leg.band() == Band::Narrow);
        let phones_talk = self.announced || narrow.any(|leg| leg.talking);
        let phones_audible = self.bus.for_others(phones_talk);
        self.send_to_wide(now, outlet, ntp);
        self.send_to_apps(phones_audible, now, outlet);
    }

    fn send_to_wide(&mut self, now: Instant, outlet: &Outlet, ntp: &dyn Fn() -> u64) {
        for leg in self.legs.iter_mut().filter(|leg| leg.band() > Band::Narrow) {
            let step = AssertUnwindSafe(|| {
                let own = leg.talking.then_some(&leg.frame[..]);
                let mix = self.bus.without(own, &mut leg.limiter);
                leg.push(mix, &outlet.figures);
                leg.report(now, ntp);
            });
            if catch_unwind(step).is_err() {
                self.dead_legs.push(leg.id);
            }
        }
    }

    fn send_to_apps(&mut self, phones_audible: bool, now: Instant, outlet: &Outlet) {
        let talkers = self.others_talking();
        let listeners = self.apps.iter().filter(|app| !app.talking).count();
        let mut shared = None;
        // Listeners who do not talk hear the same: encode once. A lone app keeps its own encoder.
        if self.apps.len() > 1 && listeners > 0 {
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

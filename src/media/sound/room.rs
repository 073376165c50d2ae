//! A room's mixer: phones at 8 kHz, apps at the bus rate, everybody hears all others and never themselves.
//!
//! The bus rate follows the members: 8 kHz for phones and at most one app (no resampler at all), 16 kHz for
//! phones with several apps, 48 kHz for apps alone. On a wider bus the phones are summed at 8 kHz first and go
//! up once, and the apps' sum goes down once: resampling costs a room, not a member.

use crate::media::ids::LegId;
use crate::media::net::batch::{Batch, Moment};
use crate::media::outlet::Outlet;
use crate::media::playback::Announcement;
use crate::media::sound::announcer::Announcer;
use crate::media::sound::app::App;
use crate::media::sound::g711_out::TICK_8K;
use crate::media::sound::leg::Leg;
use crate::media::sound::opus_out::OpusOut;
use crate::media::tap::{Capture, Captured};
use omnigate_audio::mix::{self, Limiter};
use omnigate_audio::resample::Resampler;
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

/// Ticks that a resampler runs on after the last sound, to let its tail out.
const TAIL_TICKS: u8 = 2;

/// A mixer and its members.
pub(crate) struct Room {
    pub(crate) legs: Vec<Box<Leg>>,
    pub(crate) apps: Vec<Box<App>>,
    rate_hz: u32,
    phones: Vec<i32>,
    others: Vec<i32>,
    up: Option<Converter>,
    down: Option<Converter>,
    shared: Option<OpusOut>,
    shared_limiter: Limiter,
    mix: Vec<i16>,
    dead_legs: Vec<LegId>,
    dead_peers: Vec<PeerId>,
    capture: Option<Capture>,
    announcer: Option<Announcer>,
    /// The announcer is heard in this tick.
    announced: bool,
}

/// A resampler between the two sides with its buffers.
struct Converter {
    resampler: Resampler,
    input: Vec<i16>,
    output: Vec<i16>,
    tail: u8,
}

impl Converter {
    fn new(from: u32, to: u32) -> Option<Converter> {
        Some(Converter {
            resampler: Resampler::new(from, to).ok()?,
            input: vec![0; from as usize / 50],
            output: vec![0; to as usize / 50],
            tail: 0,
        })
    }

    /// Carries a sum to the other side; false when there is nothing to hear.
    fn carry(&mut self, sum: &[i32], audible: bool) -> bool {
        if audible {
            self.tail = TAIL_TICKS;
        } else if self.tail == 0 {
            self.output.fill(0);
            return false;
        } else {
            self.tail -= 1;
        }
        for (i, s) in self.input.iter_mut().zip(sum) {
            *i = (*s).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
        self.resampler.process(&self.input, &mut self.output).is_ok()
    }
}

impl Room {
    pub(crate) fn new() -> Room {
        Room {
            legs: Vec::new(),
            apps: Vec::new(),
            rate_hz: 8_000,
            phones: vec![0; TICK_8K],
            others: vec![0; TICK_8K],
            up: None,
            down: None,
            shared: None,
            shared_limiter: Limiter::default(),
            mix: vec![0; TICK_8K],
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
        let rate = bus_rate(self.legs.len(), self.apps.len());
        let mixed = rate > 8_000 && (!self.legs.is_empty() || self.announcer.is_some());
        if rate != self.rate_hz || mixed != self.up.is_some() {
            self.rate_hz = rate;
            let samples = rate as usize / 50;
            self.others = vec![0; samples];
            self.mix = vec![0; samples];
            self.shared = None;
            self.up = mixed.then(|| Converter::new(8_000, rate)).flatten();
            self.down = mixed.then(|| Converter::new(rate, 8_000)).flatten();
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
        self.phones.fill(0);
        self.others.fill(0);
        for leg in self.legs.iter().filter(|l| l.talking) {
            mix::add(&mut self.phones, &leg.frame);
        }
        for app in self.apps.iter().filter(|a| a.talking) {
            mix::add(&mut self.others, &app.frame);
        }
        let mut frame = [0; TICK_8K];
        self.announced = self.announcer.as_mut().is_some_and(|one| one.fill(&mut frame));
        if self.announced {
            mix::add(&mut self.phones, &frame);
        }
    }

    fn send_to_legs(&mut self, now: Instant, outlet: &Outlet, ntp: &dyn Fn() -> u64) {
        let apps_talk = self.apps.iter().any(|a| a.talking);
        // On the 8 kHz bus one sum serves all.
        let mut all = [0i32; TICK_8K];
        match &mut self.down {
            Some(path) => {
                path.carry(&self.others, apps_talk);
                for ((a, p), d) in all.iter_mut().zip(&self.phones).zip(&path.output) {
                    *a = p + i32::from(*d);
                }
            }
            None if self.rate_hz == 8_000 => {
                for ((a, p), o) in all.iter_mut().zip(&self.phones).zip(&self.others) {
                    *a = p + o;
                }
            }
            None => {}
        }
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
        let mut phones_audible = phones_talk;
        match &mut self.up {
            Some(path) => {
                phones_audible = path.carry(&self.phones, phones_talk);
                for (o, p) in self.others.iter_mut().zip(&path.output) {
                    *o += i32::from(*p);
                }
            }
            None if self.rate_hz == 8_000 => {
                for (o, p) in self.others.iter_mut().zip(&self.phones) {
                    *o += p;
                }
            }
            None => {}
        }
        let talkers = self.apps.iter().filter(|a| a.talking).count();
        let mut shared = None;
        // Listeners who do not talk hear the same: encode once. A lone app keeps its own encoder.
        if self.apps.len() > 1 && talkers < self.apps.len() {
            let silent = talkers == 0 && !phones_audible;
            mix::minus_self(&self.others, None, &mut self.mix, &mut self.shared_limiter);
            if self.shared.is_none() {
                self.shared = OpusOut::new(self.rate_hz).ok();
            }
            shared = self.shared.as_mut().map(|s| s.tick(&self.mix, silent));
        }
        for app in &mut self.apps {
            let step = AssertUnwindSafe(|| match &shared {
                Some(packet) if !app.talking => app.push_shared(packet.clone(), now, outlet),
                _ => {
                    let others_talk = talkers > usize::from(app.talking) || phones_audible;
                    let own = app.talking.then_some(&app.frame[..]);
                    mix::minus_self(&self.others, own, &mut self.mix, &mut app.limiter);
                    app.push(&self.mix, !others_talk, now, outlet);
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

fn bus_rate(phones: usize, apps: usize) -> u32 {
    match (phones, apps) {
        (_, 0) | (1.., 1) => 8_000,
        (0, _) => 48_000,
        _ => 16_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_rate_follows_the_members() {
        assert_eq!(bus_rate(1, 0), 8_000);
        assert_eq!(bus_rate(1, 1), 8_000);
        assert_eq!(bus_rate(5, 1), 8_000);
        assert_eq!(bus_rate(2, 2), 16_000);
        assert_eq!(bus_rate(0, 1), 48_000);
        assert_eq!(bus_rate(0, 9), 48_000);
    }
}

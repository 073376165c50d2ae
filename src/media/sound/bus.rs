//! What the members of a room say, summed: phones with G.711 at 8 kHz, all others at the bus rate, and carried to each
//! other's side.
//!
//! The bus rate follows the members (docs/decisions/0005): the least that lets any two hear each other as well as their
//! codecs allow, but that it is 16 kHz as soon as a codec of that rate is there. On a bus of more than 8 kHz the narrow
//! phones are summed at 8 kHz first and go up once, and the others' sum goes down once: resampling costs a room, not a
//! member.

use crate::media::sound::opus_out::OpusOut;
use crate::media::sound::phone_out::TICK_8K;
use omnigate_audio::mix::{self, Limiter};
use omnigate_audio::resample::Resampler;
use std::sync::Arc;

/// Ticks that a resampler runs on after the last sound, to let its tail out.
const TAIL_TICKS: u8 = 2;

/// Who is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Members {
    /// Telephones that are heard up to 4 kHz.
    pub(super) narrow: usize,
    /// Those that are heard up to 8 kHz, at 16 kHz.
    pub(super) wide: usize,
    /// Those that speak Opus, at any rate.
    pub(super) full: usize,
    pub(super) apps: usize,
}

impl Members {
    fn rate_hz(self) -> u32 {
        let Members {
            narrow, wide, full, ..
        } = self;
        match (narrow, wide, full + self.apps) {
            (_, 1.., _) => 16_000,
            // Nobody hears more than 4 kHz of anybody.
            (_, 0, 0) | (1.., 0, 1) => 8_000,
            (1.., 0, _) => 16_000,
            // A telephone in the menu, whose prompts are of 8 kHz.
            (0, 0, 1) if full == 1 => 8_000,
            (0, 0, _) => 48_000,
        }
    }
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

/// The sums of one tick, and what is made of them.
pub(super) struct Bus {
    rate_hz: u32,
    /// Of the narrow phones.
    phones: Vec<i32>,
    /// Of all others; from [`for_others`](Self::for_others) on of all.
    others: Vec<i32>,
    up: Option<Converter>,
    down: Option<Converter>,
    /// For all apps that hear the same.
    shared: Option<OpusOut>,
    shared_limiter: Limiter,
    mix: Vec<i16>,
}

impl Bus {
    pub(super) fn new() -> Bus {
        Bus {
            rate_hz: 8_000,
            phones: vec![0; TICK_8K],
            others: vec![0; TICK_8K],
            up: None,
            down: None,
            shared: None,
            shared_limiter: Limiter::default(),
            mix: vec![0; TICK_8K],
        }
    }

    /// Follows the members; `announced`: something is said at 8 kHz, also without phones. The rate.
    pub(super) fn follow(&mut self, members: Members, announced: bool) -> u32 {
        let rate = members.rate_hz();
        let mixed = rate > 8_000 && (members.narrow > 0 || announced);
        if rate != self.rate_hz || mixed != self.up.is_some() {
            self.rate_hz = rate;
            let samples = rate as usize / 50;
            self.others = vec![0; samples];
            self.mix = vec![0; samples];
            self.shared = None;
            self.up = mixed.then(|| Converter::new(8_000, rate)).flatten();
            self.down = mixed.then(|| Converter::new(rate, 8_000)).flatten();
        }
        rate
    }

    /// Another tick begins.
    pub(super) fn clear(&mut self) {
        self.phones.fill(0);
        self.others.fill(0);
    }

    pub(super) fn add_phone(&mut self, frame: &[i16]) {
        mix::add(&mut self.phones, frame);
    }

    pub(super) fn add_other(&mut self, frame: &[i16]) {
        mix::add(&mut self.others, frame);
    }

    /// The sum of all at 8 kHz.
    pub(super) fn for_phones(&mut self, others_talk: bool) -> [i32; TICK_8K] {
        // On the 8 kHz bus one sum serves all.
        let mut all = [0i32; TICK_8K];
        match &mut self.down {
            Some(path) => {
                path.carry(&self.others, others_talk);
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
        all
    }

    /// Makes the sum of all at the bus rate, after [`for_phones`](Self::for_phones); whether the phones are heard in it.
    pub(super) fn for_others(&mut self, phones_talk: bool) -> bool {
        match &mut self.up {
            Some(path) => {
                let audible = path.carry(&self.phones, phones_talk);
                for (o, p) in self.others.iter_mut().zip(&path.output) {
                    *o += i32::from(*p);
                }
                return audible;
            }
            None if self.rate_hz == 8_000 => {
                for (o, p) in self.others.iter_mut().zip(&self.phones) {
                    *o += p;
                }
            }
            None => {}
        }
        phones_talk
    }

    /// What everybody hears who does not talk, encoded once.
    pub(super) fn shared(&mut self, silent: bool) -> Option<Arc<[u8]>> {
        mix::minus_self(&self.others, None, &mut self.mix, &mut self.shared_limiter);
        if self.shared.is_none() {
            self.shared = OpusOut::new(self.rate_hz).ok();
        }
        self.shared.as_mut().map(|s| s.tick(&self.mix, silent))
    }

    /// What one of the others hears: all but itself.
    pub(super) fn without(&mut self, own: Option<&[i16]>, limiter: &mut Limiter) -> &mut [i16] {
        mix::minus_self(&self.others, own, &mut self.mix, limiter);
        &mut self.mix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_rate_follows_the_members() {
        for (narrow, wide, full, apps, rate_hz) in [
            (1, 0, 0, 0, 8_000),
            (1, 0, 0, 1, 8_000),
            (5, 0, 0, 1, 8_000),
            (2, 0, 0, 2, 16_000),
            (0, 0, 0, 1, 48_000),
            (0, 0, 0, 9, 48_000),
            // A telephone with G.722 alone, with an app, with a narrow one, with everybody.
            (0, 1, 0, 0, 16_000),
            (0, 1, 0, 1, 16_000),
            (1, 1, 0, 0, 16_000),
            (1, 1, 1, 1, 16_000),
            // One with Opus in the menu, with an app, with another one, with a narrow one.
            (0, 0, 1, 0, 8_000),
            (0, 0, 1, 1, 48_000),
            (0, 0, 2, 0, 48_000),
            (1, 0, 1, 0, 8_000),
            (1, 0, 1, 1, 16_000),
        ] {
            let members = Members {
                narrow,
                wide,
                full,
                apps,
            };
            assert_eq!(members.rate_hz(), rate_hz, "{members:?}");
        }
    }
}

//! How much of a tone that never pauses is in what somebody heard.

use crate::audio::level_at;
use std::ops::AddAssign;

const RATE_HZ: u32 = 8_000;
/// A packet's time, and how far the next look is from the last one.
const LOOK: usize = 160;
const STEP: usize = 80;
/// A tone that is there, dB; they are said at -12.
const THERE: f64 = -24.0;
/// So many looks in a row say where it begins and ends.
const STEADY: usize = 25;
/// What strangers send.
pub const STRANGE: f64 = 3_000.0;

/// Looks, those that missed a tone, and those in which a stranger was heard.
#[derive(Debug, Default)]
pub struct Heard {
    pub looks: usize,
    pub silent: usize,
    pub strange: usize,
}

impl Heard {
    /// From the moment when all of these tones are there to the last one.
    pub fn of(pcm: &[i16], tones: &[f64]) -> Heard {
        let looks: Vec<&[i16]> = pcm.windows(LOOK).step_by(STEP).collect();
        let has = |look: &&[i16]| tones.iter().all(|hertz| level_at(look, RATE_HZ, *hertz) > THERE);
        let there: Vec<bool> = looks.iter().map(has).collect();
        let steady = |window: &[bool]| window.iter().all(|there| *there);
        let first = there
            .windows(STEADY)
            .position(steady)
            .unwrap_or_else(|| panic!("{tones:?} Hz are nowhere in {} samples", pcm.len()));
        let last = there.windows(STEADY).rposition(steady).unwrap() + STEADY;
        let strange = |look: &&&[i16]| level_at(look, RATE_HZ, STRANGE) > THERE;
        Heard {
            looks: last - first,
            silent: there[first..last].iter().filter(|there| !**there).count(),
            strange: looks[first..last].iter().filter(strange).count(),
        }
    }

    /// Share of the time in which a tone was not there.
    pub fn silence(&self) -> f64 {
        self.silent as f64 / self.looks.max(1) as f64
    }
}

impl AddAssign for Heard {
    fn add_assign(&mut self, other: Heard) {
        self.looks += other.looks;
        self.silent += other.silent;
        self.strange += other.strange;
    }
}

#[test]
fn a_packet_that_is_missing_from_a_tone_is_seen() {
    let mut pcm = [vec![0; 4_000], crate::audio::tone(440.0, 2.0), vec![0; 4_000]].concat();
    assert_eq!(Heard::of(&pcm, &[440.0]).silent, 0);
    pcm[12_000..12_160].fill(0);
    let heard = Heard::of(&pcm, &[440.0]);
    assert!((1..4).contains(&heard.silent) && heard.strange == 0, "{heard:?}");
}

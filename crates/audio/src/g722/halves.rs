//! The two halves of the band: each a predictor, and a quantizer whose step follows what it quantizes (sections 3.2 to 3.5).

use super::arithmetic::{limited, saturated};
use super::predictor::Predictor;

/// Decision levels of the lower half's 60 steps, as multiples of 1/4096 of the scale.
const LOWER_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121,
    1_219, 1_339, 1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// Output of six bits, scaled by 2^15.
const LOWER_SIX_BITS: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232,
    -9_360, -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776,
    -2_400, -2_032, -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280,
    11_192, 10_232, 9_360, 8_576, 7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168,
    2_776, 2_400, 2_032, 1_688, 1_360, 1_040, 728, 432, 136, -432, -136,
];
/// Output of the four upper bits, by which both sides adapt, scaled by 2^15.
const LOWER_FOUR_BITS: [i32; 16] = [
    0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584,
    1_200, 0,
];
/// By how much the scale grows for the four upper bits.
const LOWER_GROWTH: [i32; 16] = [
    -60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60,
];
/// The decision level of the upper half's two bits.
const UPPER_LEVEL: i32 = 564;
/// Output of its two bits, scaled by 2^15.
const UPPER_TWO_BITS: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// By how much its scale grows for them.
const UPPER_GROWTH: [i32; 4] = [798, -214, 798, -214];
/// 2048 times the powers of two in steps of 1/32.
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774,
    2_834, 2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838,
    3_922, 4_008,
];

/// The scale of a quantizer.
#[derive(Debug, Clone)]
struct Scale {
    /// Its logarithm to the base 2, times 2048.
    logarithm: i32,
    /// Itself.
    factor: i32,
    /// Largest logarithm.
    limit: i32,
    /// log2 of the factor at logarithm 0, below 12.
    shift: i32,
}

impl Scale {
    fn grow(&mut self, growth: i32) {
        self.logarithm = (((self.logarithm * 127) >> 7) + growth).clamp(0, self.limit);
        let power = POWERS[(self.logarithm >> 6 & 31) as usize];
        let down = self.shift - (self.logarithm >> 11);
        self.factor = (if down < 0 { power << -down } else { power >> down }) << 2;
    }

    fn times(&self, output: i32) -> i32 {
        (self.factor * output) >> 15
    }

    /// A decision level.
    fn level(&self, level: i32) -> i32 {
        (self.factor * level) >> 12
    }
}

/// Signed magnitude: the recommendation counts a negative difference from -1.
fn magnitude(difference: i32) -> i32 {
    if difference < 0 {
        -(difference + 1)
    } else {
        difference
    }
}

/// 0 to 4 kHz.
#[derive(Debug, Clone)]
pub(super) struct Lower {
    predictor: Predictor,
    scale: Scale,
}

impl Default for Lower {
    fn default() -> Lower {
        Lower {
            predictor: Predictor::default(),
            scale: Scale {
                logarithm: 0,
                factor: 32,
                limit: 18_432,
                shift: 8,
            },
        }
    }
}

impl Lower {
    /// Six bits.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let difference = saturated(sample - self.predictor.next);
        let size = magnitude(difference);
        let step = LOWER_LEVELS.partition_point(|level| size >= self.scale.level(*level)) as u8;
        // Codes fall as the difference grows; those below 4 are for other modes, so the two smallest negative
        // ones stand at the end.
        let code = match (difference < 0, step) {
            (false, step) => 61 - step,
            (true, step @ 0..=1) => 63 - step,
            (true, step) => 33 - step,
        };
        self.adapt(code);
        code
    }

    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let output = self.scale.times(LOWER_SIX_BITS[usize::from(code & 63)]);
        let sample = limited(self.predictor.next + output);
        self.adapt(code);
        sample
    }

    fn adapt(&mut self, code: u8) {
        let four = usize::from(code >> 2 & 15);
        let difference = self.scale.times(LOWER_FOUR_BITS[four]);
        self.scale.grow(LOWER_GROWTH[four]);
        self.predictor.adapt(difference);
    }
}

/// 4 to 8 kHz.
#[derive(Debug, Clone)]
pub(super) struct Upper {
    predictor: Predictor,
    scale: Scale,
}

impl Default for Upper {
    fn default() -> Upper {
        Upper {
            predictor: Predictor::default(),
            scale: Scale {
                logarithm: 0,
                factor: 8,
                limit: 22_528,
                shift: 10,
            },
        }
    }
}

impl Upper {
    /// Two bits.
    pub(super) fn encode(&mut self, sample: i32) -> u8 {
        let difference = saturated(sample - self.predictor.next);
        let large = magnitude(difference) >= self.scale.level(UPPER_LEVEL);
        let code = match (difference < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.adapt(code);
        code
    }

    pub(super) fn decode(&mut self, code: u8) -> i32 {
        let sample = limited(self.predictor.next + self.scale.times(UPPER_TWO_BITS[usize::from(code & 3)]));
        self.adapt(code);
        sample
    }

    fn adapt(&mut self, code: u8) {
        let two = usize::from(code & 3);
        let difference = self.scale.times(UPPER_TWO_BITS[two]);
        self.scale.grow(UPPER_GROWTH[two]);
        self.predictor.adapt(difference);
    }
}

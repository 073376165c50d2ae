//! Finds the tones of keys in audio at 8 kHz; measured against the requirements of ITU-T Q.24.
//!
//! Half blocks of 51 samples (6.375 ms); a block is a half block and the one before. For each of the eight frequencies
//! the complex sum of a half block is turned to absolute time, so that the phase between two blocks tells the true
//! frequency: this is what separates ±1.8 % (a key) from ±3.5 % (not a key) within 13 ms, and what ignores speech.
//! A key counts after four blocks in a row that agree (24..=38 ms) and is over after four that do not.

use std::f32::consts::PI;

use super::{COLUMN_HZ, Key, ROW_HZ};

const RATE_HZ: f32 = 8_000.0;
const HALF: usize = 51;
const BLOCK: f32 = 2.0 * HALF as f32;
const FREQUENCIES: usize = 8;

/// Each tone must be above this, dBm0; 0 dBm0 is 3.17 dB below a full-scale sine.
const MIN_LEVEL_DBM0: f32 = -30.0;
const FULL_SCALE_DBM0: f32 = 3.17;
/// Largest deviation of a frequency, as a share of it.
const MAX_DEVIATION: f32 = 0.026;
/// The other rows or columns must be this factor (7.8 dB) weaker.
const OTHERS_BELOW: f32 = 6.0;
/// Power of the two tones as a share of all power.
const PURITY: std::ops::Range<f32> = 0.75..1.35;
/// Column level over row level, dB.
const TWIST_DB: std::ops::Range<f32> = -9.5..6.5;
/// A block counts when it has at least this share of the strongest block's power.
const MIN_SHARE_OF_PEAK: f32 = 0.5;
/// Once a key is reported its tone may fade: a block then needs this share of the one before it.
const MIN_SHARE_WHILE_ACTIVE: f32 = 0.1;
/// Blocks that must agree to begin, and that must miss to end.
const BEGIN_BLOCKS: u32 = 4;
const END_BLOCKS: u32 = 4;

type Complex = (f32, f32);

/// Detects keys in one stream; digits are reported once, at the start of the tone.
#[derive(Clone)]
pub struct Detector {
    tables: Box<[[Complex; HALF]; FREQUENCIES]>,
    samples: [f32; HALF],
    filled: usize,
    half_blocks: u64,
    before: HalfBlock,
    previous_block: [Complex; FREQUENCIES],
    run: Run,
}

#[derive(Clone, Copy, Default)]
struct HalfBlock {
    sums: [Complex; FREQUENCIES],
    energy: f32,
}

/// What the blocks so far amount to.
#[derive(Clone, Copy, Default)]
struct Run {
    candidate: Option<Key>,
    hits: u32,
    misses: u32,
    peak: f32,
    reported: Option<Key>,
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

impl Detector {
    /// A detector that has heard nothing.
    pub fn new() -> Self {
        let mut tables = Box::new([[(0.0, 0.0); HALF]; FREQUENCIES]);
        for (k, table) in tables.iter_mut().enumerate() {
            for (i, entry) in table.iter_mut().enumerate() {
                let angle = 2.0 * PI * hz(k) * i as f32 / RATE_HZ;
                *entry = (angle.cos(), -angle.sin());
            }
        }
        Self {
            tables,
            samples: [0.0; HALF],
            filled: 0,
            half_blocks: 0,
            before: HalfBlock::default(),
            previous_block: [(0.0, 0.0); FREQUENCIES],
            run: Run::default(),
        }
    }

    /// Takes audio at 8 kHz of any length and calls `on_key` for each key that begins in it.
    pub fn push(&mut self, pcm: &[i16], mut on_key: impl FnMut(Key)) {
        for &sample in pcm {
            self.samples[self.filled] = f32::from(sample);
            self.filled += 1;
            if self.filled == HALF {
                self.filled = 0;
                if let Some(key) = self.half_block() {
                    on_key(key);
                }
            }
        }
    }

    /// Whether a reported key's tone is still heard: for muting it.
    pub fn is_active(&self) -> bool {
        self.run.reported.is_some()
    }

    fn half_block(&mut self) -> Option<Key> {
        let half = HalfBlock {
            sums: std::array::from_fn(|k| self.sum(k)),
            energy: self.samples.iter().map(|sample| sample * sample).sum(),
        };
        let block: [Complex; FREQUENCIES] = std::array::from_fn(|k| add(half.sums[k], self.before.sums[k]));
        let hit = self.judge(&block, half.energy + self.before.energy);
        self.before = half;
        self.previous_block = block;
        self.half_blocks += 1;
        self.run.step(hit)
    }

    /// Sum over the half block at one frequency, its phase turned to absolute time.
    fn sum(&self, k: usize) -> Complex {
        let (mut re, mut im) = ([0f32; 3], [0f32; 3]);
        for (samples, table) in self.samples.chunks_exact(3).zip(self.tables[k].chunks_exact(3)) {
            for j in 0..3 {
                re[j] += samples[j] * table[j].0;
                im[j] += samples[j] * table[j].1;
            }
        }
        let (re, im) = (re[0] + re[1] + re[2], im[0] + im[1] + im[2]);
        // Frequencies are whole Hz, so the phase repeats each 8 000 samples and stays exact for ever.
        let turn = self.half_blocks * HALF as u64 % 8_000 * hz(k) as u64 % 8_000;
        let (sin, cos) = (-2.0 * PI * turn as f32 / RATE_HZ).sin_cos();
        (re * cos - im * sin, re * sin + im * cos)
    }

    /// Whether one block is a key's tone, and with what power.
    fn judge(&self, block: &[Complex; FREQUENCIES], energy: f32) -> Option<(Key, f32)> {
        let strongest = |range: std::ops::Range<usize>| {
            range.max_by(|&a, &b| power(block[a]).total_cmp(&power(block[b])))
        };
        let (row, column) = (strongest(0..4)?, strongest(4..8)?);
        let (row_power, column_power) = (power(block[row]), power(block[column]));
        let minimum = 32_767.0 * 10f32.powf((MIN_LEVEL_DBM0 - FULL_SCALE_DBM0) / 20.0) * BLOCK / 2.0;
        if row_power <= minimum * minimum || column_power <= minimum * minimum {
            return None;
        }
        let (row_off, column_off) = (self.deviation_hz(block, row), self.deviation_hz(block, column));
        if row_off.abs() >= MAX_DEVIATION * hz(row) || column_off.abs() >= MAX_DEVIATION * hz(column) {
            return None;
        }
        // A tone beside the nominal frequency loses power in the sum; give it back.
        let (row_level, column_level) = (row_power / loss(row_off), column_power / loss(column_off));
        let twist = 10.0 * (column_level / row_level).log10();
        let purity = 2.0 * (row_level + column_level) / BLOCK / energy;
        let clean = (0..4).all(|k| k == row || power(block[k]) * OTHERS_BELOW <= row_power)
            && (4..8).all(|k| k == column || power(block[k]) * OTHERS_BELOW <= column_power);
        if !clean || !PURITY.contains(&purity) || !TWIST_DB.contains(&twist) {
            return None;
        }
        Some((Key::at(row, column - 4)?, row_level + column_level))
    }

    /// How far the true frequency is from the nominal one, Hz, from the phase since the block before; within ±78 Hz.
    fn deviation_hz(&self, block: &[Complex; FREQUENCIES], k: usize) -> f32 {
        let (now, then) = (block[k], self.previous_block[k]);
        let turn = (now.1 * then.0 - now.0 * then.1).atan2(now.0 * then.0 + now.1 * then.1);
        turn / (2.0 * PI) * RATE_HZ / HALF as f32
    }
}

impl Run {
    fn share(&self) -> f32 {
        let active = self.reported.is_some() && self.reported == self.candidate;
        if active {
            MIN_SHARE_WHILE_ACTIVE
        } else {
            MIN_SHARE_OF_PEAK
        }
    }

    /// Takes the verdict on one block; returns a key that has just begun.
    fn step(&mut self, hit: Option<(Key, f32)>) -> Option<Key> {
        match hit {
            Some((key, power)) if Some(key) == self.candidate && power > self.peak * self.share() => {
                self.hits += 1;
                self.misses = 0;
                self.peak = if self.reported == Some(key) {
                    power
                } else {
                    self.peak.max(power)
                };
            }
            Some((key, power)) if Some(key) != self.candidate => {
                if self.reported != Some(key) {
                    self.reported = None;
                }
                (self.candidate, self.hits, self.misses, self.peak) = (Some(key), 1, 0, power);
            }
            _ => {
                self.misses += 1;
                if self.misses >= END_BLOCKS {
                    *self = Self::default();
                }
            }
        }
        let begins = self.misses == 0 && self.hits >= BEGIN_BLOCKS && self.reported != self.candidate;
        if !begins {
            return None;
        }
        self.reported = self.candidate;
        self.candidate
    }
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector")
            .field("active", &self.is_active())
            .finish_non_exhaustive()
    }
}

fn hz(k: usize) -> f32 {
    if k < 4 { ROW_HZ[k] } else { COLUMN_HZ[k - 4] }
}

fn add(a: Complex, b: Complex) -> Complex {
    (a.0 + b.0, a.1 + b.1)
}

fn power(z: Complex) -> f32 {
    z.0 * z.0 + z.1 * z.1
}

/// Share of a tone's power that a block's sum keeps when the tone is `off_hz` beside the frequency: sinc².
fn loss(off_hz: f32) -> f32 {
    let x = PI * off_hz * BLOCK / RATE_HZ;
    if x.abs() < 1e-3 {
        1.0
    } else {
        (x.sin() / x).powi(2)
    }
}

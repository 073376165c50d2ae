//! Call progress tones of the Korean network and the short tones of a room.

use std::f32::consts::TAU;

use crate::level::sine_amplitude;

/// Which tone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// Ring-back: 440 + 480 Hz, 1 s on, 2 s off, for ever.
    RingBack,
    /// Busy: 480 + 620 Hz, 0.5 s on, 0.5 s off, for ever.
    Busy,
    /// Someone has joined: two rising notes, 0.28 s, once.
    Join,
    /// Someone has left: two falling notes, 0.28 s, once.
    Leave,
    /// This is recorded: 1 400 Hz, 0.2 s, once.
    Recorded,
}

/// Level of the tones, dBov.
pub const LEVEL_DBOV: f32 = -20.0;

/// Rise and fall at both ends of a burst, so that it does not click, in milliseconds.
const RAMP_MS: u32 = 5;

#[derive(Debug, Clone, Copy)]
struct Segment {
    ms: u32,
    /// Two frequencies in Hz; 0.0 = none.
    hz: [f32; 2],
}

const RING_BACK: &[Segment] = &[
    Segment {
        ms: 1_000,
        hz: [440.0, 480.0],
    },
    Segment {
        ms: 2_000,
        hz: [0.0, 0.0],
    },
];
const BUSY: &[Segment] = &[
    Segment {
        ms: 500,
        hz: [480.0, 620.0],
    },
    Segment {
        ms: 500,
        hz: [0.0, 0.0],
    },
];
const JOIN: &[Segment] = &[
    Segment {
        ms: 120,
        hz: [523.25, 0.0],
    },
    Segment {
        ms: 160,
        hz: [783.99, 0.0],
    },
];
const LEAVE: &[Segment] = &[
    Segment {
        ms: 120,
        hz: [783.99, 0.0],
    },
    Segment {
        ms: 160,
        hz: [523.25, 0.0],
    },
];
const RECORDED: &[Segment] = &[Segment {
    ms: 200,
    hz: [1_400.0, 0.0],
}];

/// Plays a tone with its cadence.
#[derive(Debug, Clone)]
pub struct Cadence {
    segments: &'static [Segment],
    repeat: bool,
    rate_hz: u32,
    amplitude: f32,
    segment: usize,
    position: u32,
}

impl Cadence {
    /// Starts `tone` for audio at `rate_hz`, at [`LEVEL_DBOV`].
    pub fn new(tone: Tone, rate_hz: u32) -> Self {
        Self::with_level(tone, rate_hz, LEVEL_DBOV)
    }

    /// Starts `tone` at a level in dBov.
    pub fn with_level(tone: Tone, rate_hz: u32, level_dbov: f32) -> Self {
        let (segments, repeat) = match tone {
            Tone::RingBack => (RING_BACK, true),
            Tone::Busy => (BUSY, true),
            Tone::Join => (JOIN, false),
            Tone::Leave => (LEAVE, false),
            Tone::Recorded => (RECORDED, false),
        };
        Self {
            segments,
            repeat,
            rate_hz,
            amplitude: sine_amplitude(level_dbov),
            segment: 0,
            position: 0,
        }
    }

    /// Whether a tone that plays once is over.
    pub fn is_finished(&self) -> bool {
        self.segment >= self.segments.len()
    }

    /// Writes the next samples (silence after the end); `false` when nothing but silence is to come.
    pub fn fill(&mut self, out: &mut [i16]) -> bool {
        let per_ms = self.rate_hz / 1_000;
        let ramp = (RAMP_MS * per_ms).max(1);
        for out in out.iter_mut() {
            let Some(&Segment { ms, hz }) = self.segments.get(self.segment) else {
                *out = 0;
                continue;
            };
            let length = ms * per_ms;
            let time = self.position as f32 / self.rate_hz as f32;
            let notes = hz.iter().filter(|&&hz| hz > 0.0).count().max(1);
            // Two sines share the power.
            let amplitude = self.amplitude / (notes as f32).sqrt();
            let value: f32 = hz
                .iter()
                .filter(|&&hz| hz > 0.0)
                .map(|hz| (TAU * hz * time).sin())
                .sum();
            let edge = (self.position + 1).min(length - self.position).min(ramp) as f32 / ramp as f32;
            *out = (value * amplitude * edge).clamp(-32_768.0, 32_767.0) as i16;
            self.position += 1;
            if self.position >= length {
                self.position = 0;
                self.segment += 1;
                if self.repeat && self.segment == self.segments.len() {
                    self.segment = 0;
                }
            }
        }
        !self.is_finished()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbov;

    fn second(cadence: &mut Cadence, rate: usize) -> Vec<i16> {
        let mut out = vec![0; rate];
        cadence.fill(&mut out);
        out
    }

    #[test]
    fn ring_back_sounds_one_second_of_three_at_minus_twenty() {
        for rate in [8_000, 16_000, 48_000] {
            let mut cadence = Cadence::new(Tone::RingBack, rate as u32);
            for _ in 0..2 {
                assert!((dbov(&second(&mut cadence, rate)) + 20.0).abs() < 0.3);
                assert_eq!(dbov(&second(&mut cadence, rate)), -127.0);
                assert_eq!(dbov(&second(&mut cadence, rate)), -127.0);
            }
        }
    }

    #[test]
    fn busy_sounds_half_of_each_second() {
        let mut cadence = Cadence::new(Tone::Busy, 8_000);
        for _ in 0..3 {
            let out = second(&mut cadence, 8_000);
            assert!((dbov(&out[..4_000]) + 20.0).abs() < 0.3);
            assert!(out[4_000..].iter().all(|&sample| sample == 0));
        }
    }

    #[test]
    fn join_and_leave_end_by_themselves_without_a_click() {
        // The steepest step of a sine from one sample to the next is in proportion to its frequency.
        for (tone, steepest) in [(Tone::Join, 700), (Tone::Leave, 700), (Tone::Recorded, 900)] {
            let mut cadence = Cadence::new(tone, 48_000);
            let out = second(&mut cadence, 48_000);
            assert!(cadence.is_finished());
            assert!(out[280 * 48..].iter().all(|&sample| sample == 0));
            assert!(
                out.windows(2)
                    .all(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs() < steepest)
            );
        }
    }
}

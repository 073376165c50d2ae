//! Makes the dual tone of a key.

use std::f32::consts::TAU;

use super::{COLUMN_HZ, Key, ROW_HZ};
use crate::level::sine_amplitude;

/// Plays one key's tone for as long as it is asked to.
#[derive(Clone)]
pub struct Generator {
    row_hz: f32,
    column_hz: f32,
    rate_hz: f32,
    amplitude: f32,
    position: u32,
}

impl Generator {
    /// The tone of `key` for audio at `rate_hz`; `level_dbov` is that of each of the two tones (-13 is common).
    pub fn new(key: Key, rate_hz: u32, level_dbov: f32) -> Self {
        let (row, column) = key.position();
        Self {
            row_hz: ROW_HZ[row],
            column_hz: COLUMN_HZ[column],
            rate_hz: rate_hz as f32,
            amplitude: sine_amplitude(level_dbov),
            position: 0,
        }
    }

    /// Writes the next samples of the tone.
    pub fn fill(&mut self, out: &mut [i16]) {
        for out in out {
            let time = self.position as f32 / self.rate_hz;
            let value = (TAU * self.row_hz * time).sin() + (TAU * self.column_hz * time).sin();
            *out = (self.amplitude * value).clamp(-32_768.0, 32_767.0) as i16;
            self.position += 1;
        }
    }
}

impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The frequencies would tell the key.
        f.debug_struct("Generator").finish_non_exhaustive()
    }
}

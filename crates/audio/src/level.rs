//! How loud, and whether somebody is talking.

/// The level of digital silence, dBov (RFC 6464 stops at -127).
pub const SILENCE_DBOV: f32 = -127.0;

/// Level of a block in dBov, -127.0..=0.0.
pub fn dbov(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return SILENCE_DBOV;
    }
    let energy: u64 = pcm
        .iter()
        .map(|&sample| u64::from(i32::from(sample).unsigned_abs().pow(2)))
        .sum();
    if energy == 0 {
        return SILENCE_DBOV;
    }
    let mean = energy as f64 / pcm.len() as f64;
    (10.0 * (mean / (32_768.0 * 32_768.0)).log10()).clamp(f64::from(SILENCE_DBOV), 0.0) as f32
}

/// Amplitude (peak) of a sine at `dbov`.
pub fn sine_amplitude(dbov: f32) -> f32 {
    32_768.0 * std::f32::consts::SQRT_2 * 10f32.powf(dbov / 20.0)
}

/// Decides by energy, with a hangover. A constant tone stays "talking": there is no adaptive noise floor.
#[derive(Debug, Clone)]
pub struct TalkDetector {
    threshold_dbov: f32,
    hangover_samples: u32,
    left: u32,
    level_dbov: f32,
}

/// Default threshold, dBov.
pub const TALK_THRESHOLD_DBOV: f32 = -55.0;
/// Default hangover, milliseconds.
pub const TALK_HANGOVER_MS: u32 = 300;

impl TalkDetector {
    /// A detector for audio at `rate_hz` with the defaults.
    pub fn new(rate_hz: u32) -> Self {
        Self::with(rate_hz, TALK_THRESHOLD_DBOV, TALK_HANGOVER_MS)
    }

    /// A detector with a threshold in dBov and a hangover in milliseconds.
    pub fn with(rate_hz: u32, threshold_dbov: f32, hangover_ms: u32) -> Self {
        Self {
            threshold_dbov,
            hangover_samples: rate_hz / 1_000 * hangover_ms,
            left: 0,
            level_dbov: SILENCE_DBOV,
        }
    }

    /// Takes a block of any length and says whether it counts as talking.
    pub fn push(&mut self, pcm: &[i16]) -> bool {
        self.level_dbov = dbov(pcm);
        if self.level_dbov > self.threshold_dbov {
            self.left = self.hangover_samples.saturating_add(1);
            return true;
        }
        self.left = self.left.saturating_sub(pcm.len() as u32);
        self.left > 0
    }

    /// The answer to the last block.
    pub fn is_talking(&self) -> bool {
        self.left > 0
    }

    /// Level of the last block, dBov.
    pub fn level_dbov(&self) -> f32 {
        self.level_dbov
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f32, n: usize) -> Vec<i16> {
        (0..n)
            .map(|i| (amplitude * (i as f32 * 0.7).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_sine_has_the_level_it_was_made_for() {
        for wanted in [-10.0, -20.0, -50.0] {
            let got = dbov(&sine(sine_amplitude(wanted), 16_000));
            assert!((got - wanted).abs() < 0.3, "{got} for {wanted}");
        }
        assert_eq!(dbov(&[0; 160]), SILENCE_DBOV);
        assert_eq!(dbov(&[]), SILENCE_DBOV);
        assert_eq!(dbov(&[i16::MIN; 160]), 0.0);
    }

    #[test]
    fn a_constant_tone_stays_talking_for_a_minute_and_ends_after_the_hangover() {
        let mut detector = TalkDetector::new(8_000);
        let tone = sine(sine_amplitude(-40.0), 160);
        for _ in 0..3_000 {
            assert!(detector.push(&tone));
        }
        let quiet = (0..100).take_while(|_| detector.push(&[0; 160])).count();
        assert!((14..=15).contains(&quiet), "{quiet} frames of hangover");
        assert!(!detector.is_talking());
    }

    #[test]
    fn noise_below_the_threshold_is_not_talking() {
        let mut detector = TalkDetector::new(8_000);
        assert!(!detector.push(&sine(sine_amplitude(-60.0), 160)));
    }
}

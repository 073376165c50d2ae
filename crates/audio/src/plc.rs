//! Packet loss concealment for codecs without one of their own, at 8 or 16 kHz, in the manner of ITU-T G.711 Appendix I.
//!
//! The last pitch periods are repeated (one, after 10 ms two, after 20 ms three, so that it does not buzz), fade by
//! 20 % each 10 ms and are silent at 60 ms; the first good samples are cross-faded with the continuation. Unlike
//! Appendix I nothing is delayed: the step where the repetition begins is levelled out instead.

/// Most samples a millisecond: 16 kHz.
const MAX_SAMPLES_A_MS: usize = 16;
/// Pitch periods that are searched, milliseconds: 200 to 67 Hz.
const MIN_PITCH_MS: usize = 5;
const MAX_PITCH_MS: usize = 15;
/// Window of the pitch search, milliseconds.
const WINDOW_MS: usize = 20;
/// Most that is kept: three longest periods and a quarter.
const MAX_HISTORY: usize = history(MAX_SAMPLES_A_MS);
/// The step in which the number of periods grows and the gain falls, and the longest cross-fade when the stream returns,
/// milliseconds.
const STEP_MS: usize = 10;
/// All is silent from here, milliseconds.
const SILENT_AT_MS: usize = 60;

const fn history(samples_a_ms: usize) -> usize {
    let longest = MAX_PITCH_MS * samples_a_ms;
    3 * longest + longest / 4
}

/// Concealment state of one inbound stream.
#[derive(Debug, Clone)]
pub struct Concealer {
    samples_a_ms: usize,
    /// What was heard; its end is used, as much of it as the rate needs.
    history: [i16; MAX_HISTORY],
    pitch: usize,
    /// Samples made up since the last good one; 0 = not concealing.
    made: usize,
    position: usize,
    periods: usize,
    /// Step at the start of the repetition that is levelled out.
    step: f32,
}

impl Concealer {
    /// A concealer that has heard nothing, at `rate_hz`: 8 000 or 16 000.
    pub fn new(rate_hz: u32) -> Self {
        let samples_a_ms = (rate_hz as usize / 1_000).clamp(8, MAX_SAMPLES_A_MS);
        Self {
            samples_a_ms,
            history: [0; MAX_HISTORY],
            pitch: MIN_PITCH_MS * samples_a_ms,
            made: 0,
            position: 0,
            periods: 1,
            step: 0.0,
        }
    }

    /// Takes a decoded frame of any length; after a loss its beginning is cross-faded with what was made up.
    pub fn good(&mut self, frame: &mut [i16]) {
        if self.made > 0 {
            let step = self.samples(STEP_MS);
            let more = self.samples(4) * (self.made / step);
            let merge = (self.pitch / 4 + more).clamp(1, step).min(frame.len());
            for (i, sample) in frame.iter_mut().take(merge).enumerate() {
                let share = (i + 1) as f32 / (merge + 1) as f32;
                let old = self.next_made();
                *sample = (f32::from(*sample) * share + old * (1.0 - share)).round() as i16;
            }
            self.made = 0;
        }
        self.remember(frame);
    }

    /// Makes up the next samples of a gap.
    pub fn conceal(&mut self, out: &mut [i16]) {
        if self.made == 0 {
            self.start();
        }
        for out in out {
            *out = self.next_made().round().clamp(-32_768.0, 32_767.0) as i16;
        }
    }

    /// Whether the last samples were made up.
    pub fn is_concealing(&self) -> bool {
        self.made > 0
    }

    /// Whether the gap is so long that only silence comes (60 ms).
    pub fn is_silent(&self) -> bool {
        self.made >= self.samples(SILENT_AT_MS)
    }

    fn samples(&self, ms: usize) -> usize {
        ms * self.samples_a_ms
    }

    fn remember(&mut self, frame: &[i16]) {
        let new = &frame[frame.len().saturating_sub(MAX_HISTORY)..];
        self.history.copy_within(new.len().., 0);
        self.history[MAX_HISTORY - new.len()..].copy_from_slice(new);
    }

    fn start(&mut self) {
        self.pitch = self.find_pitch();
        self.position = 0;
        self.periods = 1;
        let last = f32::from(self.history[MAX_HISTORY - 1]);
        self.step = last - f32::from(self.history[MAX_HISTORY - 1 - self.pitch]);
    }

    /// Next sample of the continuation, with everything applied.
    fn next_made(&mut self) -> f32 {
        let (step, silent_at) = (self.samples(STEP_MS), self.samples(SILENT_AT_MS));
        let gain = if self.made < step {
            1.0
        } else {
            (1.0 - (self.made - step) as f32 / (silent_at - step) as f32).max(0.0)
        };
        let quarter = self.pitch / 4;
        let mut value = 0.0;
        if gain > 0.0 {
            let wanted = (1 + self.made / step).min(3);
            value = self.repeated(wanted);
            let into = self.made % step;
            if wanted != self.periods {
                // Fade from the shorter repetition to the longer one, then stay with it.
                let share = (into + 1) as f32 / quarter as f32;
                value = value * share + self.repeated(self.periods) * (1.0 - share);
                if into + 1 >= quarter {
                    self.periods = wanted;
                }
            }
            if self.made < quarter {
                value += self.step * (1.0 - (self.made + 1) as f32 / quarter as f32);
            }
        }
        self.position += 1;
        self.made = self.made.saturating_add(1);
        value * gain
    }

    /// The current sample when the last `periods` periods are repeated; the end of the stretch fades into what was
    /// before its start, so that the repetition closes.
    fn repeated(&self, periods: usize) -> f32 {
        let length = periods * self.pitch;
        let quarter = self.pitch / 4;
        let offset = self.position % length;
        let sample = f32::from(self.history[MAX_HISTORY - length + offset]);
        let from_end = length - offset;
        if from_end > quarter {
            return sample;
        }
        let share = (quarter - from_end + 1) as f32 / quarter as f32;
        // `history[MAX_HISTORY - length - from_end]` precedes the stretch; it exists: 3 periods and a quarter are kept.
        sample * (1.0 - share) + f32::from(self.history[MAX_HISTORY - length - from_end]) * share
    }

    fn find_pitch(&self) -> usize {
        let (shortest, longest) = (self.samples(MIN_PITCH_MS), self.samples(MAX_PITCH_MS));
        let window = self.samples(WINDOW_MS);
        // A first look in steps of 4 kHz.
        let coarse_step = self.samples_a_ms / 4;
        let correlation = |lag: usize, stride: usize| -> f32 {
            let (mut cross, mut energy) = (0f32, 1f32);
            for i in (MAX_HISTORY - window..MAX_HISTORY).step_by(stride) {
                let (now, then) = (f32::from(self.history[i]), f32::from(self.history[i - lag]));
                cross += now * then;
                energy += then * then;
            }
            cross / energy.sqrt()
        };
        let mut best = (shortest, f32::MIN);
        for lag in (shortest..=longest).step_by(coarse_step) {
            let value = correlation(lag, coarse_step);
            if value > best.1 {
                best = (lag, value);
            }
        }
        let coarse = best.0;
        best.1 = f32::MIN;
        for lag in coarse.saturating_sub(coarse_step).max(shortest)..=(coarse + coarse_step).min(longest) {
            let value = correlation(lag, 1);
            if value > best.1 {
                best = (lag, value);
            }
        }
        best.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbov;

    fn voice(rate_hz: u32, from: usize, n: usize) -> Vec<i16> {
        (from..from + n)
            .map(|i| {
                let phase = std::f32::consts::TAU * 125.0 * i as f32 / rate_hz as f32;
                (6_000.0 * phase.sin() + 3_000.0 * (2.0 * phase + 0.3).sin() + 2_000.0 * (5.0 * phase).sin())
                    as i16
            })
            .collect()
    }

    #[test]
    fn a_lost_frame_of_a_periodic_voice_is_restored() {
        restored_at(8_000);
        restored_at(16_000);
    }

    fn restored_at(rate_hz: u32) {
        let n = rate_hz as usize / 50;
        let voice = |from, n| voice(rate_hz, from, n);
        let mut concealer = Concealer::new(rate_hz);
        for frame in 0..5 {
            concealer.good(&mut voice(frame * n, n));
        }
        let mut made = vec![0; n];
        concealer.conceal(&mut made);
        let wanted = voice(5 * n, n);
        let error: f64 = made
            .iter()
            .zip(&wanted)
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
            .sum();
        let power: f64 = wanted.iter().map(|a| f64::from(*a).powi(2)).sum();
        assert!(error / power < 0.05, "{}", error / power);
        let mut back = voice(6 * n, n);
        concealer.good(&mut back);
        let all: Vec<i16> = [voice(4 * n, n), made, back].concat();
        let step = |pcm: &[i16]| {
            pcm.windows(2)
                .map(|p| (i32::from(p[1]) - i32::from(p[0])).abs())
                .max()
                .unwrap()
        };
        assert!(
            step(&all) <= step(&voice(0, 5 * n)) * 5 / 4,
            "a click of {}",
            step(&all)
        );
    }

    #[test]
    fn it_fades_and_is_silent_after_sixty_milliseconds() {
        for rate_hz in [8_000, 16_000] {
            fades_at(rate_hz);
        }
    }

    fn fades_at(rate_hz: u32) {
        let step = rate_hz as usize / 100;
        let mut concealer = Concealer::new(rate_hz);
        concealer.good(&mut voice(rate_hz, 0, 6 * step));
        let mut made = vec![0; 10 * step];
        concealer.conceal(&mut made);
        let levels: Vec<f32> = made.chunks(step).map(dbov).collect();
        assert!((levels[0] - dbov(&voice(rate_hz, 0, 6 * step))).abs() < 1.0);
        assert!(
            levels[..6].windows(2).all(|pair| pair[1] < pair[0] + 0.5),
            "{levels:?}"
        );
        assert!(levels[6..].iter().all(|&level| level == -127.0), "{levels:?}");
        assert!(concealer.is_silent());
    }

    #[test]
    fn short_and_odd_frames_and_an_empty_history_are_no_panic() {
        let mut concealer = Concealer::new(8_000);
        for n in [0, 1, 7, 80, 240, 480, 2_000] {
            let mut out = vec![0; n];
            concealer.conceal(&mut out);
            concealer.good(&mut out);
            concealer.good(&mut voice(8_000, 0, n));
        }
        let mut out = [0; 160];
        for _ in 0..1_000 {
            concealer.conceal(&mut out);
        }
        assert_eq!(out, [0; 160]);
    }
}

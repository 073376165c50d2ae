//! Packet loss concealment for G.711 at 8 kHz, in the manner of ITU-T G.711 Appendix I.
//!
//! The last pitch periods are repeated (one, after 10 ms two, after 20 ms three, so that it does not buzz), fade by
//! 20 % each 10 ms and are silent at 60 ms; the first good samples are cross-faded with the continuation. Unlike
//! Appendix I nothing is delayed: the step where the repetition begins is levelled out instead.

/// Pitch periods that are searched: 5..=15 ms (200..67 Hz) at 8 kHz.
const MIN_PITCH: usize = 40;
const MAX_PITCH: usize = 120;
/// Window of the pitch search: 20 ms.
const WINDOW: usize = 160;
/// Three longest periods and a quarter.
const HISTORY: usize = 3 * MAX_PITCH + MAX_PITCH / 4;
/// 10 ms: the step in which the number of periods grows and the gain falls.
const STEP: usize = 80;
/// The longest cross-fade when the stream returns: 10 ms.
const MAX_MERGE: usize = 80;
/// All is silent from here: 60 ms.
const SILENT_AT: usize = 480;

/// Concealment state of one inbound stream.
#[derive(Debug, Clone)]
pub struct Concealer {
    history: [i16; HISTORY],
    pitch: usize,
    /// Samples made up since the last good one; 0 = not concealing.
    made: usize,
    position: usize,
    periods: usize,
    /// Step at the start of the repetition that is levelled out.
    step: f32,
}

impl Default for Concealer {
    fn default() -> Self {
        Self::new()
    }
}

impl Concealer {
    /// A concealer that has heard nothing.
    pub const fn new() -> Self {
        Self {
            history: [0; HISTORY],
            pitch: MIN_PITCH,
            made: 0,
            position: 0,
            periods: 1,
            step: 0.0,
        }
    }

    /// Takes a decoded frame of any length; after a loss its beginning is cross-faded with what was made up.
    pub fn good(&mut self, frame: &mut [i16]) {
        if self.made > 0 {
            let steps = self.made / STEP;
            let merge = (self.pitch / 4 + 32 * steps).clamp(1, MAX_MERGE).min(frame.len());
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
        self.made >= SILENT_AT
    }

    fn remember(&mut self, frame: &[i16]) {
        let new = &frame[frame.len().saturating_sub(HISTORY)..];
        self.history.copy_within(new.len().., 0);
        self.history[HISTORY - new.len()..].copy_from_slice(new);
    }

    fn start(&mut self) {
        self.pitch = self.find_pitch();
        self.position = 0;
        self.periods = 1;
        let last = f32::from(self.history[HISTORY - 1]);
        self.step = last - f32::from(self.history[HISTORY - 1 - self.pitch]);
    }

    /// Next sample of the continuation, with everything applied.
    fn next_made(&mut self) -> f32 {
        let gain = if self.made < STEP {
            1.0
        } else {
            (1.0 - (self.made - STEP) as f32 / (SILENT_AT - STEP) as f32).max(0.0)
        };
        let quarter = self.pitch / 4;
        let mut value = 0.0;
        if gain > 0.0 {
            let wanted = (1 + self.made / STEP).min(3);
            value = self.repeated(wanted);
            let into = self.made % STEP;
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
        let sample = f32::from(self.history[HISTORY - length + offset]);
        let from_end = length - offset;
        if from_end > quarter {
            return sample;
        }
        let share = (quarter - from_end + 1) as f32 / quarter as f32;
        // `history[HISTORY - length - from_end]` precedes the stretch; it exists: 3 periods and a quarter are kept.
        sample * (1.0 - share) + f32::from(self.history[HISTORY - length - from_end]) * share
    }

    fn find_pitch(&self) -> usize {
        let correlation = |lag: usize, stride: usize| -> f32 {
            let (mut cross, mut energy) = (0f32, 1f32);
            for i in (HISTORY - WINDOW..HISTORY).step_by(stride) {
                let (now, then) = (f32::from(self.history[i]), f32::from(self.history[i - lag]));
                cross += now * then;
                energy += then * then;
            }
            cross / energy.sqrt()
        };
        let mut best = (MIN_PITCH, f32::MIN);
        for lag in (MIN_PITCH..=MAX_PITCH).step_by(2) {
            let value = correlation(lag, 2);
            if value > best.1 {
                best = (lag, value);
            }
        }
        let coarse = best.0;
        best.1 = f32::MIN;
        for lag in coarse.saturating_sub(2).max(MIN_PITCH)..=(coarse + 2).min(MAX_PITCH) {
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

    fn voice(from: usize, n: usize) -> Vec<i16> {
        (from..from + n)
            .map(|i| {
                let phase = std::f32::consts::TAU * 125.0 * i as f32 / 8_000.0;
                (6_000.0 * phase.sin() + 3_000.0 * (2.0 * phase + 0.3).sin() + 2_000.0 * (5.0 * phase).sin())
                    as i16
            })
            .collect()
    }

    #[test]
    fn a_lost_frame_of_a_periodic_voice_is_restored() {
        let mut concealer = Concealer::new();
        for frame in 0..5 {
            concealer.good(&mut voice(frame * 160, 160));
        }
        let mut made = [0; 160];
        concealer.conceal(&mut made);
        let wanted = voice(800, 160);
        let error: f64 = made
            .iter()
            .zip(&wanted)
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
            .sum();
        let power: f64 = wanted.iter().map(|a| f64::from(*a).powi(2)).sum();
        assert!(error / power < 0.05, "{}", error / power);
        let mut back = voice(960, 160);
        concealer.good(&mut back);
        let all: Vec<i16> = [voice(640, 160), made.to_vec(), back].concat();
        let step = |pcm: &[i16]| {
            pcm.windows(2)
                .map(|p| (i32::from(p[1]) - i32::from(p[0])).abs())
                .max()
                .unwrap()
        };
        assert!(
            step(&all) <= step(&voice(0, 800)) * 5 / 4,
            "a click of {}",
            step(&all)
        );
    }

    #[test]
    fn it_fades_and_is_silent_after_sixty_milliseconds() {
        let mut concealer = Concealer::new();
        concealer.good(&mut voice(0, 480));
        let mut made = [0; 800];
        concealer.conceal(&mut made);
        let levels: Vec<f32> = made.chunks(80).map(dbov).collect();
        assert!((levels[0] - dbov(&voice(0, 480))).abs() < 1.0);
        assert!(
            levels[..6].windows(2).all(|pair| pair[1] < pair[0] + 0.5),
            "{levels:?}"
        );
        assert!(levels[6..].iter().all(|&level| level == -127.0), "{levels:?}");
        assert!(concealer.is_silent());
    }

    #[test]
    fn short_and_odd_frames_and_an_empty_history_are_no_panic() {
        let mut concealer = Concealer::new();
        for n in [0, 1, 7, 80, 240, 480, 2_000] {
            let mut out = vec![0; n];
            concealer.conceal(&mut out);
            concealer.good(&mut out);
            concealer.good(&mut voice(0, n));
        }
        let mut out = [0; 160];
        for _ in 0..1_000 {
            concealer.conceal(&mut out);
        }
        assert_eq!(out, [0; 160]);
    }
}

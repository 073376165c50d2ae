//! Makes speech a little shorter or longer by whole pitch periods, so that its pitch stays (as WSOLA).
//!
//! A jitter buffer uses it to change its delay while somebody talks.

use crate::level;

/// Periods that are searched: 2.5..=15 ms (400..67 Hz).
const MIN_PERIOD_US: usize = 2_500;
const MAX_PERIOD_US: usize = 15_000;
/// Similarity (normalised correlation) from which two periods may be merged.
const MIN_CORRELATION: f32 = 0.9;
/// Below this level, in dBov, anything may be merged.
const QUIET_DBOV: f32 = -50.0;
/// Length of what is merged in quiet, in microseconds.
const QUIET_US: usize = 5_000;
/// The search runs on the signal decimated to this rate.
const SEARCH_HZ: usize = 4_000;
/// 40 ms at the search rate: more is not looked at.
const SEARCH_SAMPLES: usize = 160;

/// Removes one period from `samples[from..]`; returns how many samples are gone, or `None` when nothing there may be
/// merged without being heard. At least 5 ms are needed, 20..=30 ms are good.
pub fn remove_period(samples: &mut Vec<i16>, from: usize, rate_hz: u32) -> Option<usize> {
    let period = mergeable_period(samples.get(from..)?, rate_hz)?;
    for i in 0..period {
        let (early, late) = (samples[from + i], samples[from + period + i]);
        samples[from + i] = cross_fade(early, late, i, period);
    }
    samples.drain(from + period..from + 2 * period);
    Some(period)
}

/// Inserts one period into `samples[from..]`; returns how many samples are new. The vector must have room for 15 ms
/// more, else it allocates.
pub fn insert_period(samples: &mut Vec<i16>, from: usize, rate_hz: u32) -> Option<usize> {
    let period = mergeable_period(samples.get(from..)?, rate_hz)?;
    let old = samples.len();
    samples.resize(old + period, 0);
    // a b rest -> a (b fading into a) b rest
    samples.copy_within(from + period..old, from + 2 * period);
    for i in 0..period {
        let (second, first) = (samples[from + 2 * period + i], samples[from + i]);
        samples[from + period + i] = cross_fade(second, first, i, period);
    }
    Some(period)
}

/// Length in samples of two successive stretches at the start of `pcm` that resemble each other.
fn mergeable_period(pcm: &[i16], rate_hz: u32) -> Option<usize> {
    let rate = rate_hz as usize;
    let samples = |us: usize| us * rate / 1_000_000;
    if pcm.len() < 2 * samples(MIN_PERIOD_US) {
        return None;
    }
    if level::dbov(pcm) < QUIET_DBOV {
        return Some(samples(QUIET_US).min(pcm.len() / 2));
    }
    let (period, correlation) = best_period(pcm, rate)?;
    (correlation > MIN_CORRELATION).then_some(period)
}

/// The period in samples with the highest normalised correlation, and that correlation.
fn best_period(pcm: &[i16], rate: usize) -> Option<(usize, f32)> {
    let step = (rate / SEARCH_HZ).max(1);
    let mut coarse = [0f32; SEARCH_SAMPLES];
    let mut count = 0;
    for (out, block) in coarse.iter_mut().zip(pcm.chunks_exact(step)) {
        *out = block.iter().map(|&sample| f32::from(sample)).sum();
        count += 1;
    }
    let coarse = &coarse[..count];
    let shortest = MIN_PERIOD_US * SEARCH_HZ / 1_000_000;
    let longest = (MAX_PERIOD_US * SEARCH_HZ / 1_000_000).min(count / 2);
    let (lag, _) = (shortest..=longest)
        .map(|lag| (lag, correlation(coarse, lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let mut fine = [0f32; 2_880];
    let mut length = 0;
    for (out, &sample) in fine.iter_mut().zip(pcm) {
        *out = f32::from(sample);
        length += 1;
    }
    let fine = &fine[..length];
    let around = (lag * step).saturating_sub(step)..=(lag * step + step).min(length / 2);
    around
        .map(|lag| (lag, correlation(fine, lag)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Similarity of the first `lag` samples to the following ones, over one period and 5 ms at least.
fn correlation(x: &[f32], lag: usize) -> f32 {
    if lag == 0 || x.len() < 2 * lag {
        return 0.0;
    }
    let window = lag.max(x.len() / 4).min(x.len() - lag);
    let (mut cross, mut first, mut second) = (0f32, 1f32, 1f32);
    for (a, b) in x[..window].iter().zip(&x[lag..lag + window]) {
        cross += a * b;
        first += a * a;
        second += b * b;
    }
    cross / (first * second).sqrt()
}

fn cross_fade(from: i16, to: i16, i: usize, length: usize) -> i16 {
    let (i, length) = (i as i32, length as i32);
    ((i32::from(from) * (length - i) + i32::from(to) * i) / length) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(rate: usize, hz: f32, ms: usize) -> Vec<i16> {
        (0..rate * ms / 1_000)
            .map(|i| {
                let phase = std::f32::consts::TAU * hz * i as f32 / rate as f32;
                (6_000.0 * phase.sin() + 3_000.0 * (2.0 * phase).sin() + 2_000.0 * (3.0 * phase + 1.0).sin())
                    as i16
            })
            .collect()
    }

    fn largest_step(pcm: &[i16]) -> i32 {
        pcm.windows(2)
            .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs())
            .max()
            .unwrap()
    }

    #[test]
    fn whole_periods_come_and_go_without_a_step() {
        for rate in [8_000, 16_000, 48_000] {
            for hz in [120.0, 200.0, 310.0] {
                let original = voice(rate, hz, 20);
                let mut shorter = original.clone();
                let gone = remove_period(&mut shorter, 0, rate as u32).unwrap();
                let periods = gone as f32 / (rate as f32 / hz);
                assert!(
                    (periods - periods.round()).abs() < 0.1,
                    "{periods} periods of {hz} Hz at {rate}"
                );
                assert_eq!(shorter.len() + gone, original.len());
                let mut longer = original.clone();
                let new = insert_period(&mut longer, 0, rate as u32).unwrap();
                assert_eq!(longer.len(), original.len() + new);
                assert_eq!(longer.last(), original.last());
                let allowed = largest_step(&original) * 5 / 4 + 50;
                assert!(largest_step(&shorter) <= allowed && largest_step(&longer) <= allowed);
            }
        }
    }

    #[test]
    fn loud_noise_is_left_alone_and_quiet_noise_is_not() {
        let mut seed = 1u32;
        let mut noise = |amplitude: i32| -> Vec<i16> {
            (0..160)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    ((seed >> 16) as i32 % amplitude - amplitude / 2) as i16
                })
                .collect()
        };
        let mut loud = noise(20_000);
        assert_eq!(remove_period(&mut loud, 0, 8_000), None);
        let mut quiet = noise(60);
        assert_eq!(remove_period(&mut quiet, 0, 8_000), Some(40));
        assert_eq!(insert_period(&mut quiet, 0, 8_000), Some(40));
    }

    #[test]
    fn too_little_to_look_at_is_no_panic() {
        for n in 0..45 {
            let mut few = vec![0; n];
            let _ = remove_period(&mut few, 0, 8_000);
            let _ = insert_period(&mut few, 0, 8_000);
            assert_eq!(remove_period(&mut few, 10_000, 8_000), None);
        }
    }
}

//! Mix minus self: one sum of all, then for each listener the sum without the listener's own voice, limited.

/// Adds `pcm` to `sum`; stops at the end of the shorter slice.
pub fn add(sum: &mut [i32], pcm: &[i16]) {
    for (total, &sample) in sum.iter_mut().zip(pcm) {
        *total += i32::from(sample);
    }
}

/// Writes `sum` without `own` into `out` (all of one length), limited to 16 bits.
///
/// A sum that fits comes out bit for bit.
pub fn minus_self(sum: &[i32], own: Option<&[i16]>, out: &mut [i16], limiter: &mut Limiter) {
    match own {
        Some(own) => limiter.run(sum.len().min(own.len()), |i| sum[i] - i32::from(own[i]), out),
        None => limiter.run(sum.len(), |i| sum[i], out),
    }
}

/// The largest magnitude that comes out.
const CEILING: i32 = 32_767;
/// Parts of a block with a gain of their own: 2.5 ms each for a block of 20 ms.
const PARTS: usize = 8;
/// How much the gain may rise over one block of 20 ms: from -6 dB to 0 dB in about 200 ms.
const RELEASE: f32 = 1.072;

/// A block limiter for one listener: scales by a gain that moves in straight lines, never waveshapes.
///
/// The one exception is an overload in the first 2.5 ms of a block that the block before did not announce: there the
/// rest is clipped while the gain comes down.
#[derive(Debug, Clone)]
pub struct Limiter {
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    /// A limiter at unity.
    pub const fn new() -> Self {
        Self { gain: 1.0 }
    }

    /// The gain at the end of the last block, 0.0..=1.0.
    pub fn gain(&self) -> f32 {
        self.gain
    }

    fn run(&mut self, len: usize, sample: impl Fn(usize) -> i32, out: &mut [i16]) {
        let len = len.min(out.len());
        if len == 0 {
            return;
        }
        let part = len.div_ceil(PARTS);
        let mut need = [1f32; PARTS + 1];
        let mut fits = true;
        for (k, need) in need.iter_mut().enumerate().take(PARTS) {
            let range = (k * part).min(len)..((k + 1) * part).min(len);
            let peak = range.map(|i| sample(i).saturating_abs()).max().unwrap_or(0);
            if peak > CEILING {
                fits = false;
                *need = CEILING as f32 / peak as f32;
            }
        }
        if fits && self.gain >= 1.0 {
            for (i, out) in out.iter_mut().enumerate().take(len) {
                *out = sample(i) as i16;
            }
            return;
        }
        let rise = RELEASE.powf(1.0 / PARTS as f32);
        for k in 0..PARTS {
            let start = (k * part).min(len);
            let end = ((k + 1) * part).min(len);
            // The gain at a border suits the parts on both sides, so the line between borders suits its part.
            let target = need[k].min(need[k + 1]).min(self.gain * rise).min(1.0);
            let step = (target - self.gain) / (end - start).max(1) as f32;
            for (n, out) in out[start..end].iter_mut().enumerate() {
                let gain = self.gain + step * (n + 1) as f32;
                let value = (sample(start + n) as f32 * gain).round() as i32;
                *out = value.clamp(-CEILING - 1, CEILING) as i16;
            }
            self.gain = target;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f32, step: f32, n: usize, from: usize) -> Vec<i16> {
        (from..from + n)
            .map(|i| (amplitude * (i as f32 * step).sin()) as i16)
            .collect()
    }

    #[test]
    fn a_sum_that_fits_comes_out_bit_for_bit_without_the_listener() {
        let (a, b) = (sine(9_000.0, 0.3, 160, 0), sine(12_000.0, 0.11, 160, 0));
        let mut sum = [0; 160];
        add(&mut sum, &a);
        add(&mut sum, &b);
        let mut out = [0; 160];
        let mut limiter = Limiter::new();
        minus_self(&sum, Some(&a), &mut out, &mut limiter);
        assert_eq!(out.as_slice(), b);
        minus_self(&sum, None, &mut out, &mut limiter);
        assert!(out.iter().zip(a.iter().zip(&b)).all(|(o, (a, b))| *o == a + b));
    }

    #[test]
    fn an_overload_is_scaled_without_steps_and_recovers() {
        let mut limiter = Limiter::new();
        let mut previous = 0;
        let mut clipped = 0;
        for block in 0..50 {
            let one = sine(30_000.0, 0.1, 160, block * 160);
            let mut sum = [0; 160];
            for _ in 0..3 {
                add(&mut sum, &one);
            }
            let mut out = [0; 160];
            minus_self(&sum, None, &mut out, &mut limiter);
            for &sample in &out {
                // A full-scale sine of this frequency moves by 3 277 a sample.
                assert!(
                    block == 0 || (i32::from(sample) - previous).abs() < 3_600,
                    "a step in block {block}"
                );
                previous = i32::from(sample);
                clipped += usize::from(block > 0 && sample.saturating_abs() == i16::MAX);
            }
        }
        assert!(clipped < 50 * 8, "{clipped} samples at the ceiling");
        assert!((limiter.gain() - 0.36).abs() < 0.05, "{}", limiter.gain());
        let quiet = [1_000; 160];
        let mut out = [0; 160];
        for _ in 0..60 {
            minus_self(&quiet, None, &mut out, &mut limiter);
        }
        assert_eq!(out, [1_000; 160]);
    }

    #[test]
    fn a_hundred_full_scale_talkers_do_not_overflow() {
        let mut sum = [0; 960];
        for _ in 0..100 {
            add(&mut sum, &[i16::MIN; 960]);
        }
        let mut out = [0; 960];
        let mut limiter = Limiter::new();
        for _ in 0..3 {
            minus_self(&sum, Some(&[i16::MIN; 960]), &mut out, &mut limiter);
        }
        assert!(out.iter().all(|&sample| sample <= -32_766));
    }
}

//! Comfort noise of RFC 3389: white noise through an all-pole lattice.

/// Reflection coefficients that are used; more in a packet are ignored (RFC 3389 section 3.2 recommends few).
pub const MAX_ORDER: usize = 12;

/// How fast the level follows a new packet: the share of the distance covered each sample (about 20 ms at 8 kHz).
const LEVEL_STEP: f32 = 1.0 / 160.0;

/// A noise generator that follows the packets of one stream.
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    /// RMS of the noise that is wanted and that plays now, full scale = 32 768.
    target_rms: f32,
    rms: f32,
    reflection: [f32; MAX_ORDER],
    order: usize,
    /// Excitation for each unit of output RMS: the square root of the product of (1 - k²).
    excitation: f32,
    state: [f32; MAX_ORDER],
    seed: u32,
}

impl ComfortNoise {
    /// A generator that is silent until the first [`update`](Self::update); `seed` makes streams differ.
    pub const fn new(seed: u32) -> Self {
        Self {
            target_rms: 0.0,
            rms: 0.0,
            reflection: [0.0; MAX_ORDER],
            order: 0,
            excitation: 1.0,
            state: [0.0; MAX_ORDER],
            seed: seed | 1,
        }
    }

    /// Takes a payload: the level byte (-dBov, RFC 3389 section 3.1) and reflection coefficients (section 3.2), if
    /// any. An empty payload changes nothing.
    pub fn update(&mut self, payload: &[u8]) {
        let Some((&level, coefficients)) = payload.split_first() else {
            return;
        };
        self.set_level(-f32::from(level & 0x7f));
        self.order = coefficients.len().min(MAX_ORDER);
        let mut left = 1.0;
        for (k, &code) in self.reflection.iter_mut().zip(coefficients) {
            *k = ((f32::from(code) - 127.0) * 258.0 / 32_768.0).clamp(-0.99, 0.99);
            left *= 1.0 - *k * *k;
        }
        self.excitation = left.sqrt();
    }

    /// Sets the level by hand, in dBov; the spectrum stays.
    pub fn set_level(&mut self, dbov: f32) {
        self.target_rms = if dbov <= -127.0 {
            0.0
        } else {
            32_768.0 * 10f32.powf(dbov.min(0.0) / 20.0)
        };
    }

    /// Writes the next samples.
    pub fn generate(&mut self, out: &mut [i16]) {
        for out in out {
            self.rms += (self.target_rms - self.rms) * LEVEL_STEP;
            // A uniform value of -1..1 has an RMS of 1/√3.
            let mut forward = self.white() * 3f32.sqrt() * self.rms * self.excitation;
            for i in (0..self.order).rev() {
                let k = self.reflection[i];
                forward -= k * self.state[i];
                let backward = self.state[i] + k * forward;
                if i + 1 < self.order {
                    self.state[i + 1] = backward;
                }
            }
            if self.order > 0 {
                self.state[0] = forward;
            }
            *out = forward.clamp(-32_768.0, 32_767.0) as i16;
        }
    }

    /// Marsaglia's xorshift: no random source from outside is needed for noise.
    fn white(&mut self) -> f32 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 17;
        self.seed ^= self.seed << 5;
        self.seed as i32 as f32 / 2_147_483_648.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::dbov;

    fn after_settling(noise: &mut ComfortNoise) -> Vec<i16> {
        let mut out = vec![0; 16_000];
        noise.generate(&mut out[..4_000]);
        noise.generate(&mut out);
        out
    }

    #[test]
    fn the_level_is_the_one_in_the_packet_with_and_without_a_spectrum() {
        for payload in [
            &[50][..],
            &[50, 40],
            &[50, 20, 180, 127],
            &[50, 10, 200, 120, 140, 127, 127, 127, 127, 127],
        ] {
            let mut noise = ComfortNoise::new(7);
            noise.update(payload);
            let level = dbov(&after_settling(&mut noise));
            assert!((level + 50.0).abs() < 1.0, "{level} for {payload:?}");
        }
    }

    #[test]
    fn a_negative_first_coefficient_makes_a_low_sounding_noise() {
        let differences = |payload: &[u8]| -> f64 {
            let mut noise = ComfortNoise::new(7);
            noise.update(payload);
            let out = after_settling(&mut noise);
            out.windows(2)
                .map(|p| (f64::from(p[1]) - f64::from(p[0])).powi(2))
                .sum::<f64>()
        };
        assert!(differences(&[40, 20]) < 0.5 * differences(&[40]));
        assert!(differences(&[40, 230]) > 1.5 * differences(&[40]));
    }

    #[test]
    fn any_payload_keeps_it_stable() {
        for fill in 0..=255 {
            let mut noise = ComfortNoise::new(1);
            noise.update(&[]);
            noise.update(&[fill; 40]);
            let out = after_settling(&mut noise);
            assert!(dbov(&out) <= 0.0);
        }
    }
}

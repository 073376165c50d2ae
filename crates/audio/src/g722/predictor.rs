//! What comes next in one half, from what came before: two poles and six zeros that adapt with each sample (section 3.6).

use super::arithmetic::saturated;

/// The names are those of the recommendation's block 4 where it has any.
#[derive(Debug, Clone, Default)]
pub(super) struct Predictor {
    /// Coefficients of the poles, a1 and a2, scaled by 2^14.
    poles: [i32; 2],
    /// Coefficients of the zeros, b1 to b6, scaled by 2^14.
    zeros: [i32; 6],
    /// The last quantized differences, d.
    differences: [i32; 6],
    /// The last reconstructed sample, r.
    reconstructed: i32,
    /// The last two samples reconstructed by the zeros alone, p.
    partial: [i32; 2],
    /// What the zeros say, sz.
    by_zeros: i32,
    /// What comes next, s.
    pub(super) next: i32,
}

impl Predictor {
    /// Takes the quantized difference between what came and what was predicted.
    pub(super) fn adapt(&mut self, difference: i32) {
        let reconstructed = saturated(self.next + difference);
        let partial = saturated(self.by_zeros + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.differences.rotate_right(1);
        self.differences[0] = difference;
        let by_pole = |pole: i32, sample: i32| (pole * saturated(2 * sample)) >> 15;
        let by_poles = by_pole(self.poles[0], reconstructed) + by_pole(self.poles[1], self.reconstructed);
        let by_zeros = self.zeros.iter().zip(&self.differences);
        self.by_zeros = saturated(by_zeros.map(|(zero, d)| by_pole(*zero, *d)).sum());
        self.next = saturated(saturated(by_poles) + self.by_zeros);
        self.reconstructed = reconstructed;
        self.partial = [partial, self.partial[0]];
    }

    /// UPPOL2 and UPPOL1: towards the signs of the last samples, within what is stable.
    fn adapt_poles(&mut self, partial: i32) {
        let ([first, second], [before, earlier]) = (self.poles, self.partial);
        let as_before = same_sign(partial, before);
        let by_first = saturated(4 * first);
        let by_first = if as_before { -by_first } else { by_first };
        let by_sign = if same_sign(partial, earlier) { 128 } else { -128 };
        let second = saturated(by_first).div_euclid(128) + by_sign + ((second * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let first = (if as_before { 192 } else { -192 }) + ((first * 32_640) >> 15);
        let limit = 15_360 - second;
        self.poles = [saturated(first).clamp(-limit, limit), second];
    }

    /// UPZERO: towards the signs of the last differences.
    fn adapt_zeros(&mut self, difference: i32) {
        for (zero, before) in self.zeros.iter_mut().zip(&self.differences) {
            let step = match difference {
                0 => 0,
                _ if same_sign(difference, *before) => 128,
                _ => -128,
            };
            *zero = saturated(step + ((*zero * 32_640) >> 15));
        }
    }
}

fn same_sign(a: i32, b: i32) -> bool {
    (a < 0) == (b < 0)
}

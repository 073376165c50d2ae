//! The quadrature mirror filters that split a band in halves and join them again (sections 3.1 and 4.4).

use super::arithmetic::saturated;

/// Every other one of the 24 coefficients, scaled by 2^13; the others are the same ones backwards.
const COEFFICIENTS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// The last twelve pairs of samples, the newest one last.
type Pairs = [[i32; 2]; 12];

fn push(pairs: &mut Pairs, pair: [i32; 2]) {
    pairs.copy_within(1.., 0);
    pairs[11] = pair;
}

/// The two halves of the filter over these pairs.
fn halves(pairs: &Pairs) -> (i32, i32) {
    let (mut first, mut second) = (0, 0);
    for (pair, (ahead, back)) in pairs
        .iter()
        .zip(COEFFICIENTS.iter().zip(COEFFICIENTS.iter().rev()))
    {
        first += pair[0] * ahead;
        second += pair[1] * back;
    }
    (first, second)
}

/// Splits.
#[derive(Debug, Clone, Default)]
pub(super) struct Splitting(Pairs);

impl Splitting {
    /// The lower and the upper half of the next two samples.
    pub(super) fn split(&mut self, pair: [i16; 2]) -> (i32, i32) {
        push(&mut self.0, pair.map(i32::from));
        let (first, second) = halves(&self.0);
        ((second + first) >> 14, (second - first) >> 14)
    }
}

/// Joins.
#[derive(Debug, Clone, Default)]
pub(super) struct Joining(Pairs);

impl Joining {
    /// The two samples of the next lower and upper half.
    pub(super) fn join(&mut self, low: i32, high: i32) -> [i16; 2] {
        push(&mut self.0, [low + high, low - high]);
        let (first, second) = halves(&self.0);
        [second, first].map(|sum| saturated(sum >> 11) as i16)
    }
}

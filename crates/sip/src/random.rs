//! Tags, branches and Call-IDs: numbers that nobody guesses, from a seed that the driver gives.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fmt;
use std::time::Duration;

/// A source of randomness. The same seed gives the same numbers, so that a test can be run again.
pub struct Random(StdRng);

impl Random {
    /// Starts from this seed, which is to come from the system's randomness.
    pub fn new(seed: u64) -> Random {
        Random(StdRng::seed_from_u64(seed))
    }

    /// 64 random bits.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 64 random bits as 16 hexadecimal digits: twice what a tag must have (RFC 3261 section 19.3).
    pub fn token(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    /// A time from `least` to `most`.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least);
        let share = (self.number() >> 11) as f64 / (1_u64 << 53) as f64;
        least + span.mul_f64(share)
    }
}

impl fmt::Debug for Random {
    /// Says nothing: what comes next is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

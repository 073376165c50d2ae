//! Token buckets: budgets that refill steadily.

use std::time::{Duration, Instant};

/// How a [`Bucket`] refills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Tokens a second.
    pub(crate) rate: f64,
    /// Most tokens.
    pub(crate) burst: f64,
}

impl Pace {
    pub(crate) fn new(rate: impl Into<f64>, burst: impl Into<f64>) -> Pace {
        Pace {
            rate: rate.into(),
            burst: burst.into(),
        }
    }

    /// That of so many at once.
    pub(crate) fn times(self, many: u32) -> Pace {
        Pace {
            rate: self.rate * f64::from(many),
            burst: self.burst * f64::from(many),
        }
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    pub(crate) fn full(pace: Pace, now: Instant) -> Bucket {
        Bucket {
            tokens: pace.burst,
            at: now,
        }
    }

    fn refill(&mut self, pace: Pace, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * pace.rate).min(pace.burst);
        self.at = now;
    }

    /// True when nothing of it is used.
    pub(crate) fn is_full(&mut self, pace: Pace, now: Instant) -> bool {
        self.refill(pace, now);
        self.tokens >= pace.burst
    }

    /// Takes one, or says how long to wait for one.
    pub(crate) fn take(&mut self, pace: Pace, now: Instant) -> Result<(), Duration> {
        self.refill(pace, now);
        if self.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.tokens) / pace.rate));
        }
        self.tokens -= 1.0;
        Ok(())
    }

    /// Takes one on credit; how long to wait until it is paid back.
    pub(crate) fn borrow(&mut self, pace: Pace, now: Instant) -> Duration {
        self.borrow_many(1, pace, now)
    }

    /// Takes so many on credit; how long to wait until they are paid back.
    pub(crate) fn borrow_many(&mut self, many: u32, pace: Pace, now: Instant) -> Duration {
        self.refill(pace, now);
        self.tokens -= f64::from(many);
        Duration::from_secs_f64((-self.tokens).max(0.0) / pace.rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_waited_off_at_the_pace() {
        let pace = Pace {
            rate: 10.0,
            burst: 2.0,
        };
        let now = Instant::now();
        let mut bucket = Bucket::full(pace, now);
        let waits: Vec<_> = (0..4).map(|_| bucket.borrow(pace, now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
    }
}

//! The times of RFC 3261 section 17 and table 4.

use std::time::{Duration, Instant};

/// How long things take at least, and at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Estimate of the round trip: 500 ms.
    pub t1: Duration,
    /// Longest interval between retransmissions of requests other than INVITE and of responses to INVITE: 4 s.
    pub t2: Duration,
    /// How long a message may stay in the network: 5 s.
    pub t4: Duration,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

impl Timers {
    /// 64 times T1, 32 s: when a transaction gives up (timers B, F, H), and how long it absorbs what comes late (timers D, J,
    /// and L and M of RFC 6026).
    pub fn give_up(&self) -> Duration {
        self.t1 * 64
    }
}

/// A retransmission that is due, and by which interval the next one follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) at: Instant,
    interval: Duration,
}

impl Repeat {
    /// The first one, T1 from now.
    pub(crate) fn first(now: Instant, timers: &Timers) -> Repeat {
        Repeat {
            at: now + timers.t1,
            interval: timers.t1,
        }
    }

    /// The next one after this interval.
    pub(crate) fn every(now: Instant, interval: Duration) -> Repeat {
        Repeat {
            at: now + interval,
            interval,
        }
    }

    /// The next one: the interval doubles, up to `longest`.
    pub(crate) fn again(self, now: Instant, longest: Option<Duration>) -> Repeat {
        let doubled = self.interval * 2;
        Repeat::every(now, longest.map_or(doubled, |longest| doubled.min(longest)))
    }
}

//! How long nothing has come from a caller.

use std::time::{Duration, Instant};

/// How long nothing has come. It is told once, until something comes.
pub(super) struct Silence {
    /// Of calls that say nothing of it.
    usual: Duration,
    timeout: Duration,
    since: Instant,
    told: bool,
}

impl Silence {
    pub(super) fn new(timeout: Duration, now: Instant) -> Silence {
        Silence {
            usual: timeout,
            timeout,
            since: now,
            told: false,
        }
    }

    /// From now on it may last for so long; `None`: as usual.
    pub(super) fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout.unwrap_or(self.usual);
    }

    /// Something came.
    pub(super) fn broken(&mut self, now: Instant) {
        self.since = now;
        self.told = false;
    }

    /// Nothing has to come now: the caller is on hold.
    pub(super) fn excused(&mut self, now: Instant) {
        self.since = now;
    }

    /// Whether it is to be told now that it lasts too long.
    pub(super) fn is_news(&mut self, now: Instant) -> bool {
        let news = !self.told && now.saturating_duration_since(self.since) > self.timeout;
        self.told |= news;
        news
    }
}

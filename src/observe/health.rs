//! Whether the service is ready for new calls, and whether its parts are alive.

use crate::sync::lock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const READY: u8 = 1;
const DRAINING: u8 = 2;

/// How often a part shows that it is alive, at least.
const BEAT: Duration = Duration::from_secs(1);
/// A part that has not shown that it is alive for so long hangs.
const STALLED: Duration = Duration::from_secs(10);

/// Starting (0), ready or draining; and the heartbeats of the parts without which nothing works.
#[derive(Debug)]
pub struct Health {
    state: AtomicU8,
    since: Instant,
    pulses: Mutex<Vec<Arc<Pulse>>>,
}

/// One part's last heartbeat, in milliseconds since the start.
#[derive(Debug)]
struct Pulse {
    part: String,
    last: AtomicU64,
}

/// A part's way to show that it is alive.
#[derive(Debug)]
pub struct Beat {
    pulse: Arc<Pulse>,
    since: Instant,
    due: Instant,
}

impl Default for Health {
    fn default() -> Health {
        Health {
            state: AtomicU8::new(0),
            since: Instant::now(),
            pulses: Mutex::default(),
        }
    }
}

impl Health {
    /// All sockets are open.
    pub fn set_ready(&self) {
        self.state.store(READY, Relaxed);
    }

    /// No new calls from here on.
    pub fn set_draining(&self) {
        self.state.store(DRAINING, Relaxed);
    }

    /// True between start and drain.
    pub fn is_ready(&self) -> bool {
        self.state.load(Relaxed) == READY
    }

    /// True once draining.
    pub fn is_draining(&self) -> bool {
        self.state.load(Relaxed) == DRAINING
    }

    /// The heartbeat of a part that is expected from now on.
    pub fn beat(&self, part: impl Into<String>) -> Beat {
        let now = Instant::now();
        let pulse = Arc::new(Pulse {
            part: part.into(),
            last: AtomicU64::new(millis(self.since, now)),
        });
        lock(&self.pulses).push(pulse.clone());
        Beat {
            pulse,
            since: self.since,
            due: now,
        }
    }

    /// The parts that have not shown that they are alive for 10 s.
    pub fn stalled(&self, now: Instant) -> Vec<String> {
        let oldest = millis(self.since, now).saturating_sub(STALLED.as_millis() as u64);
        let pulses = lock(&self.pulses);
        let stalled = pulses.iter().filter(|pulse| pulse.last.load(Relaxed) < oldest);
        stalled.map(|pulse| pulse.part.clone()).collect()
    }
}

impl Beat {
    /// The part is alive at `now`.
    pub fn at(&mut self, now: Instant) {
        if now >= self.due {
            self.due = now + BEAT;
            self.pulse.last.store(millis(self.since, now), Relaxed);
        }
    }

    /// When the part has to show that it is alive next.
    pub fn due(&self) -> Instant {
        self.due
    }
}

fn millis(since: Instant, now: Instant) -> u64 {
    now.saturating_duration_since(since).as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_silent_for_ten_seconds_is_named() {
        let health = Health::default();
        let (mut hub, _media) = (health.beat("hub"), health.beat("media-0"));
        let now = Instant::now();
        assert!(health.stalled(now).is_empty());
        hub.at(now + Duration::from_secs(8));
        assert_eq!(health.stalled(now + Duration::from_secs(11)), ["media-0"]);
        assert_eq!(health.stalled(now + Duration::from_secs(30)), ["hub", "media-0"]);
    }
}

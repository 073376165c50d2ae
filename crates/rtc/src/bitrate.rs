//! How fast a publisher may send, and which viewer cannot follow.
//!
//! One encoding serves all viewers, so the publisher is told (REMB) the lowest estimate among them, but:
//!
//! * a viewer far below the others pulls them down to a quarter of their median and no further;
//! * nothing goes below [`FLOOR`];
//! * whoever cannot take what that leaves is paused until it can, and starts again at a key frame. Without layers a
//!   slow viewer can only be given all or nothing: dropping single frames would break the pictures that follow.

use std::time::{Duration, Instant};

/// Least bitrate asked of a publisher, bit/s.
pub const FLOOR: u64 = 150_000;
/// What a viewer's connection is taken to carry until it is measured, bit/s.
pub const START: u64 = 1_000_000;
/// Time that a viewer's estimate has to settle before it counts.
const SETTLE: Duration = Duration::from_secs(3);
/// The median of the viewers is divided by this for the lowest rate that one of them can cause.
const PULL: u64 = 4;
/// A viewer that carries less than this share of the rate is behind, per cent.
const BEHIND: u64 = 80;
/// A viewer whose oldest waiting packet is older than this is behind.
const BACKLOG: Duration = Duration::from_millis(500);
/// A viewer that is behind for this long is paused.
const PATIENCE: Duration = Duration::from_secs(2);
/// A pause lasts at least this long, so that the queue and the network empty.
const REST: Duration = Duration::from_secs(3);
/// After this long a paused viewer is tried again, whatever its estimate.
const RETRY: Duration = Duration::from_secs(15);

/// Most that a picture of so many pixels (width times height) is worth, bit/s: the steps of libwebrtc's default for
/// one stream, continued above 720p.
pub fn cap(pixels: u32) -> u64 {
    match pixels {
        0..=76_800 => 600_000,
        76_801..=307_200 => 1_700_000,
        307_201..=518_400 => 2_000_000,
        518_401..=921_600 => 2_500_000,
        921_601..=2_073_600 => 4_500_000,
        _ => 8_000_000,
    }
}

/// The rate for a publisher whose viewers are measured at `estimates` (sorted in place), bit/s. Without any: `cap`, so
/// that the first viewer sees a good picture at once.
pub fn share(estimates: &mut [u64], cap: u64) -> u64 {
    estimates.sort_unstable();
    let Some(lowest) = estimates.first() else {
        return cap;
    };
    let median = estimates[estimates.len() / 2];
    (*lowest).max(median / PULL).min(cap).max(FLOOR)
}

/// Whether one viewer can follow.
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    behind_since: Option<Instant>,
    paused_since: Option<Instant>,
}

impl Pace {
    /// From the moment when the viewer's connection is up.
    pub fn new(now: Instant) -> Pace {
        Pace {
            since: now,
            behind_since: None,
            paused_since: None,
        }
    }

    /// True while nothing is to be forwarded.
    pub fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// The estimate if it counts for the publisher's rate: settled, and of a viewer that is not paused.
    pub fn counted(&self, estimate: Option<u64>, now: Instant) -> Option<u64> {
        let settled = now.saturating_duration_since(self.since) >= SETTLE;
        estimate.filter(|_| settled && !self.is_paused())
    }

    /// Judges the viewer: its `estimate` in bit/s if there is one, the age of its oldest waiting packet, the `rate` asked of the
    /// publisher. To be called a few times a second.
    pub fn judge(&mut self, estimate: Option<u64>, backlog: Duration, rate: u64, now: Instant) {
        let settled = now.saturating_duration_since(self.since) >= SETTLE;
        let short = settled && estimate.is_some_and(|e| e < rate * BEHIND / 100);
        match self.paused_since {
            Some(since) => {
                let paused = now.saturating_duration_since(since);
                if (paused >= REST && !short && backlog.is_zero()) || paused >= RETRY {
                    // A fresh start: the estimate settles again before it counts.
                    *self = Pace::new(now);
                }
            }
            None if short || backlog > BACKLOG => {
                let behind = *self.behind_since.get_or_insert(now);
                if now.saturating_duration_since(behind) >= PATIENCE {
                    self.paused_since = Some(now);
                }
            }
            None => self.behind_since = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_lowest_estimate_within_the_cap() {
        assert_eq!(share(&mut [], 2_500_000), 2_500_000);
        assert_eq!(share(&mut [900_000, 700_000, 2_000_000], 2_500_000), 700_000);
        assert_eq!(share(&mut [9_000_000, 8_000_000], 2_500_000), 2_500_000);
        assert_eq!(share(&mut [20_000], 2_500_000), FLOOR);
    }

    #[test]
    fn one_slow_viewer_does_not_starve_the_others() {
        assert_eq!(share(&mut [2_000_000, 50_000, 2_400_000], 2_500_000), 500_000);
        assert_eq!(share(&mut [50_000, 2_000_000], 2_500_000), 500_000);
    }

    #[test]
    fn larger_pictures_are_worth_more() {
        let all = [
            320 * 240,
            640 * 480,
            720 * 480,
            1280 * 720,
            1920 * 1080,
            3840 * 2160,
        ];
        assert!(all.windows(2).all(|w| cap(w[0]) < cap(w[1])));
        assert_eq!(cap(u32::MAX), 8_000_000);
    }

    /// Judges every 100 ms for `seconds`, and gives the end.
    fn run(pace: &mut Pace, from: Instant, seconds: u64, estimate: u64, backlog_ms: u64) -> Instant {
        let mut now = from;
        for _ in 0..seconds * 10 {
            now += Duration::from_millis(100);
            pace.judge(Some(estimate), Duration::from_millis(backlog_ms), 1_000_000, now);
        }
        now
    }

    #[test]
    fn a_viewer_that_stays_behind_is_paused_and_comes_back_when_it_can() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let now = run(&mut pace, start, 3, 300_000, 0);
        assert!(!pace.is_paused(), "not settled yet");
        let now = run(&mut pace, now, 3, 300_000, 0);
        assert!(pace.is_paused());
        assert_eq!(
            pace.counted(Some(300_000), now),
            None,
            "does not hold the others down"
        );
        let now = run(&mut pace, now, 5, 300_000, 0);
        assert!(pace.is_paused());
        run(&mut pace, now, 1, 1_200_000, 0);
        assert!(!pace.is_paused());
    }

    #[test]
    fn a_short_dip_pauses_nobody() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = run(&mut pace, start, 5, 2_000_000, 0);
        for _ in 0..5 {
            now = run(&mut pace, now, 1, 300_000, 0);
            now = run(&mut pace, now, 1, 2_000_000, 0);
        }
        assert!(!pace.is_paused());
        assert_eq!(pace.counted(Some(2_000_000), now), Some(2_000_000));
    }

    #[test]
    fn a_queue_that_does_not_empty_pauses_without_any_estimate() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut now = start;
        for _ in 0..30 {
            now += Duration::from_millis(100);
            pace.judge(None, Duration::from_millis(900), 1_000_000, now);
        }
        assert!(pace.is_paused());
        let now = run(&mut pace, now, 4, 1_000_000, 900);
        assert!(pace.is_paused(), "the queue is not empty");
        run(&mut pace, now, 12, 100_000, 900);
        assert!(!pace.is_paused(), "tried again after all");
    }

    #[test]
    fn an_estimate_counts_once_it_is_settled() {
        let start = Instant::now();
        let pace = Pace::new(start);
        assert_eq!(pace.counted(Some(1), start), None);
        assert_eq!(pace.counted(Some(1), start + SETTLE), Some(1));
        assert_eq!(pace.counted(None, start + SETTLE), None);
    }
}

//! Steps of the wall clock.
//!
//! Age is told by the wall clock, which may be wrong, and whoever deletes what is old must not believe it at once. So a round
//! compares it with the monotonic one: when it has gone more than [`STEP`] further than that (or, over a restart, more than
//! [`AWAY`]), no age is told for [`HOLD`], and a line in the log says so. A clock that is right is a day late then; one that is
//! wrong has a day to be set.

use std::time::{Duration, Instant};
use tracing::warn;

/// The wall clock may go so much further than the monotonic one between two rounds, seconds: a correction.
const STEP: i64 = 300;
/// And so much since the last round of an earlier process, seconds: the time that it was not running.
const AWAY: i64 = 86_400;
/// After a larger step no age is told for so long.
const HOLD: Duration = Duration::from_secs(86_400);

/// What an earlier process leaves of its last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The wall clock, unix seconds.
    pub(crate) wall: i64,
    /// For how long no age was to be told from then on, seconds.
    pub(crate) held: u64,
}

/// Tells steps of the wall clock.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Wall clock and monotonic clock when it was looked last.
    seen: Option<(i64, Instant)>,
    held_until: Option<Instant>,
}

impl Steps {
    /// Looks at the clocks; `before` is what an earlier process has left, and counts the first time. Whether ages can be told.
    pub(crate) fn look(&mut self, wall: i64, now: Instant, before: Option<Seen>) -> bool {
        let (expected, most) = match (self.seen, before) {
            (Some((seen, at)), _) => {
                let passed = now.saturating_duration_since(at).as_secs();
                (seen.saturating_add_unsigned(passed), STEP)
            }
            (None, Some(before)) => {
                let held = Duration::from_secs(before.held).min(HOLD);
                self.held_until = (!held.is_zero()).then(|| now + held);
                (before.wall, AWAY)
            }
            (None, None) => (wall, STEP),
        };
        self.seen = Some((wall, now));
        let ahead = wall.saturating_sub(expected);
        if ahead > most {
            warn!(
                seconds = ahead,
                "the clock has gone forward: nothing is deleted for its age for a day"
            );
            self.held_until = Some(now + HOLD);
        }
        self.held_until.take_if(|until| *until <= now);
        self.held_until.is_none()
    }

    /// What a later process is to know; none before the first look.
    pub(crate) fn seen(&self) -> Option<Seen> {
        let (wall, at) = self.seen?;
        let left = self.held_until.map(|until| until.saturating_duration_since(at));
        Some(Seen {
            wall,
            held: left.unwrap_or_default().as_secs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const YEAR: i64 = 31_536_000;

    fn left(wall: i64) -> Option<Seen> {
        Some(Seen { wall, held: 0 })
    }

    #[test]
    fn a_clock_that_steps_forward_deletes_nothing_for_a_day() {
        let (mut steps, start) = (Steps::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(steps.look(1_000_000, at(0), None));
        assert!(steps.look(1_000_600, at(600), None));
        assert!(steps.look(1_001_400, at(1_200), None), "a correction");
        assert!(!steps.look(1_002_000 + YEAR, at(1_800), None));
        assert!(
            !steps.look(1_002_600 + YEAR, at(2_400), None),
            "and it stays there"
        );
        assert!(
            steps.look(1_002_600 + YEAR + DAY, at(2_400 + 86_400), None),
            "nobody has set it back"
        );
        // Back and forth: each step forward counts.
        assert!(steps.look(1_002_600, at(3_000 + 86_400), None));
        assert!(!steps.look(1_002_600 + YEAR, at(3_600 + 86_400), None));
    }

    #[test]
    fn a_clock_that_is_wrong_at_the_start_deletes_nothing_for_a_day() {
        let now = Instant::now();
        assert!(
            Steps::default().look(1_000_000, now, left(1_000_000 - DAY + 1)),
            "restarted"
        );
        assert!(!Steps::default().look(1_000_000, now, left(1_000_000 - 2 * DAY)));
        assert!(
            Steps::default().look(1_000_000, now, left(2_000_000)),
            "it was ahead before"
        );
    }

    #[test]
    fn a_restart_does_not_shorten_the_day_that_a_wrong_clock_has() {
        let (mut steps, start) = (Steps::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert!(steps.look(1_000_000, at(0), None));
        assert!(!steps.look(1_000_600 + YEAR, at(600), None));
        let before = steps.seen();
        assert_eq!(before.map(|seen| seen.held), Some(86_400));
        let mut again = Steps::default();
        assert!(!again.look(1_000_700 + YEAR, at(700), before));
        assert!(!again.look(1_000_700 + YEAR + DAY - 100, at(87_000), None));
        assert!(again.look(1_000_800 + YEAR + DAY, at(87_200), None));
        assert_eq!(again.seen().map(|seen| seen.held), Some(0));
    }
}

//! A circuit breaker for each target: one that has failed some times in a row is left alone for a while, and then tried
//! with one delivery.

use std::collections::HashMap;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// Pause after the first opening, and at most, seconds; it doubles.
const FIRST: i64 = 60;
const LONGEST: i64 = 1_800;
/// Deliveries to one target at once.
pub(super) const AT_ONCE: u32 = 4;

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: i64,
    under_way: u32,
}

/// What is known about targets; by service.
#[derive(Debug, Default)]
pub(super) struct Breaker(HashMap<String, State>);

/// Whether a delivery may go now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It may.
    Granted,
    /// Enough are under way: one of them will say when it is done.
    Busy,
    /// The target is left alone until then, unix seconds.
    Until(i64),
}

impl Breaker {
    pub(super) fn ask(&mut self, service: &str, now: i64) -> Leave {
        let state = self.0.entry(service.to_owned()).or_default();
        if now < state.open_until {
            return Leave::Until(state.open_until);
        }
        let most = if state.failures >= FAILURES { 1 } else { AT_ONCE };
        if state.under_way >= most {
            return Leave::Busy;
        }
        state.under_way += 1;
        Leave::Granted
    }

    /// A delivery that was granted has ended.
    pub(super) fn ended(&mut self, service: &str, well: bool, now: i64) {
        let Some(state) = self.0.get_mut(service) else {
            return;
        };
        state.under_way = state.under_way.saturating_sub(1);
        if well {
            (state.failures, state.open_until) = (0, 0);
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if let Some(times) = state.failures.checked_sub(FAILURES) {
            state.open_until = now + (FIRST << times.min(10)).min(LONGEST);
        }
    }

    /// Targets that are left alone at the moment.
    pub(super) fn open(&self, now: i64) -> usize {
        self.0.values().filter(|state| now < state.open_until).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_one_success() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            assert_eq!(breaker.ask("a", 100), Leave::Granted);
            breaker.ended("a", false, 100);
        }
        assert_eq!(breaker.ask("a", 159), Leave::Until(160));
        assert_eq!(breaker.ask("b", 159), Leave::Granted, "others are not touched");
        assert_eq!(breaker.open(159), 1);
        assert_eq!(breaker.ask("a", 160), Leave::Granted);
        assert_eq!(breaker.ask("a", 160), Leave::Busy, "one trial at a time");
        breaker.ended("a", false, 160);
        assert_eq!(breaker.ask("a", 279), Leave::Until(280), "the pause doubles");
        assert_eq!(breaker.ask("a", 280), Leave::Granted);
        breaker.ended("a", true, 280);
        assert_eq!(breaker.ask("a", 280), Leave::Granted);
        assert_eq!(breaker.ask("a", 280), Leave::Granted);
    }

    #[test]
    fn some_go_at_once_and_no_more() {
        let mut breaker = Breaker::default();
        for _ in 0..AT_ONCE {
            assert_eq!(breaker.ask("a", 1), Leave::Granted);
        }
        assert_eq!(breaker.ask("a", 1), Leave::Busy);
        breaker.ended("a", true, 1);
        assert_eq!(breaker.ask("a", 1), Leave::Granted);
    }
}

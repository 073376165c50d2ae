//! A budget for wrong call numbers, over calls.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

/// The period that wrong entries are counted over.
pub(super) const PERIOD: Duration = Duration::from_secs(3600);
/// Most callers and called numbers remembered; the least recently wrong are forgotten first.
const MAX_KEYS: usize = 50_000;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// All tries.
    Normal,
    /// A single try: the called number is under attack.
    OneTry,
    /// None: the caller has used its budget.
    Refused,
}

/// Counts wrong entries by caller (withheld numbers share one) and by called number.
#[derive(Debug)]
pub struct GuessBudget {
    per_caller: usize,
    per_number: usize,
    callers: Counts<String>,
    numbers: Counts<String>,
}

#[derive(Debug)]
struct Counts<K> {
    times: HashMap<K, VecDeque<Instant>>,
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn recent(&mut self, key: &K, now: Instant) -> usize {
        let Some(times) = self.times.get_mut(key) else {
            return 0;
        };
        while times
            .front()
            .is_some_and(|t| now.saturating_duration_since(*t) >= PERIOD)
        {
            times.pop_front();
        }
        if times.is_empty() {
            self.times.remove(key);
            return 0;
        }
        times.len()
    }

    fn add(&mut self, key: &K, now: Instant, most: usize) {
        if self.times.len() >= MAX_KEYS && !self.times.contains_key(key) {
            self.times.retain(|_, t| {
                t.back()
                    .is_some_and(|t| now.saturating_duration_since(*t) < PERIOD)
            });
            if self.times.len() >= MAX_KEYS
                && let Some(oldest) = self
                    .times
                    .iter()
                    .min_by_key(|(_, t)| t.back().copied())
                    .map(|(k, _)| k.clone())
            {
                self.times.remove(&oldest);
            }
        }
        let times = self.times.entry(key.clone()).or_default();
        times.push_back(now);
        // More than the limit need not be remembered.
        while times.len() > most.max(1) {
            times.pop_front();
        }
    }
}

impl GuessBudget {
    /// Wrong entries an hour that are tolerated.
    pub fn new(per_caller: u32, per_number: u32) -> GuessBudget {
        GuessBudget {
            per_caller: per_caller as usize,
            per_number: per_number as usize,
            callers: Counts {
                times: HashMap::new(),
            },
            numbers: Counts {
                times: HashMap::new(),
            },
        }
    }

    /// What `caller` may do on `called`.
    pub fn allowance(&mut self, caller: &str, called: &str, now: Instant) -> Allowance {
        if self.callers.recent(&caller.to_owned(), now) >= self.per_caller {
            return Allowance::Refused;
        }
        if self.numbers.recent(&called.to_owned(), now) >= self.per_number {
            Allowance::OneTry
        } else {
            Allowance::Normal
        }
    }

    /// A wrong entry. True when the called number just reached its limit: an alarm.
    pub fn wrong(&mut self, caller: &str, called: &str, now: Instant) -> bool {
        let before = self.numbers.recent(&called.to_owned(), now);
        self.callers.add(&caller.to_owned(), now, self.per_caller);
        self.numbers.add(&called.to_owned(), now, self.per_number);
        before + 1 == self.per_number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_wrong_entries_an_hour_shut_a_caller_out_until_the_hour_is_over() {
        let now = Instant::now();
        let mut budget = GuessBudget::new(10, 200);
        for i in 0..10 {
            assert_eq!(budget.allowance("010", "070", now), Allowance::Normal, "{i}");
            budget.wrong("010", "070", now);
        }
        assert_eq!(budget.allowance("010", "070", now), Allowance::Refused);
        assert_eq!(budget.allowance("011", "070", now), Allowance::Normal);
        assert_eq!(budget.allowance("010", "070", now + PERIOD), Allowance::Normal);
    }

    #[test]
    fn a_number_under_attack_gives_one_try_and_one_alarm() {
        let now = Instant::now();
        let mut budget = GuessBudget::new(10, 5);
        let alarms = (0..8)
            .filter(|i| budget.wrong(&format!("caller{i}"), "070", now))
            .count();
        assert_eq!(alarms, 1);
        assert_eq!(budget.allowance("fresh", "070", now), Allowance::OneTry);
        assert_eq!(budget.allowance("fresh", "071", now), Allowance::Normal);
    }
}

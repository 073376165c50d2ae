//! One budget for wrong call numbers, whoever guesses: telephones that key them in, here or at another gateway, and apps that ask
//! for numbers that others have, which tells them as much.

use crate::sync::lock;
use omnigate_omnitalk::{ClientId, SocketId};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The period that wrong entries are counted over.
const PERIOD: Duration = Duration::from_secs(3600);
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

/// Who guesses. `Debug` does not show a caller.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Guesser {
    /// A caller, as the network shows it; withheld numbers share one.
    Caller(String),
    /// An app's client, over all of its sessions.
    Client(ClientId),
    /// An app's session, where clients are not told apart.
    Session(SocketId),
}

impl std::fmt::Debug for Guesser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Guesser::Caller(_) => "Caller(***)",
            Guesser::Client(_) => "Client",
            Guesser::Session(_) => "Session",
        })
    }
}

/// Wrong entries an hour that are tolerated.
#[derive(Debug, Clone, Copy)]
pub struct GuessLimits {
    /// Of one caller.
    pub per_caller: u32,
    /// Of one client or session: numbers that it asks for and that others have.
    pub per_client: u32,
    /// On one called number, whoever calls.
    pub per_number: u32,
}

/// Who was wrong lately.
#[derive(Debug)]
pub struct Guesses {
    limits: GuessLimits,
    wrong: Mutex<Wrong>,
}

#[derive(Debug)]
struct Wrong {
    guessers: Counts<Guesser>,
    numbers: Counts<String>,
}

#[derive(Debug)]
struct Counts<K> {
    times: HashMap<K, VecDeque<Instant>>,
}

impl<K> Default for Counts<K> {
    fn default() -> Counts<K> {
        Counts {
            times: HashMap::new(),
        }
    }
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

impl Guesses {
    /// Nobody was wrong yet.
    pub fn new(limits: GuessLimits) -> Guesses {
        Guesses {
            limits,
            wrong: Mutex::new(Wrong {
                guessers: Counts::default(),
                numbers: Counts::default(),
            }),
        }
    }

    fn most(&self, who: &Guesser) -> usize {
        match who {
            Guesser::Caller(_) => self.limits.per_caller as usize,
            Guesser::Client(_) | Guesser::Session(_) => self.limits.per_client as usize,
        }
    }

    /// Whether it has used its budget.
    pub fn is_used_up(&self, who: &Guesser, now: Instant) -> bool {
        lock(&self.wrong).guessers.recent(who, now) >= self.most(who)
    }

    /// What `who` may do on the called number.
    pub fn allowance(&self, who: &Guesser, called: &str, now: Instant) -> Allowance {
        if self.is_used_up(who, now) {
            return Allowance::Refused;
        }
        let wrong = lock(&self.wrong).numbers.recent(&called.to_owned(), now);
        if wrong >= self.limits.per_number as usize {
            Allowance::OneTry
        } else {
            Allowance::Normal
        }
    }

    /// A wrong entry.
    pub fn wrong(&self, who: &Guesser, now: Instant) {
        lock(&self.wrong).guessers.add(who, now, self.most(who));
    }

    /// A wrong entry of somebody who has called this number. True when that has just reached its limit: an alarm.
    pub fn wrong_on(&self, who: &Guesser, called: &str, now: Instant) -> bool {
        self.wrong(who, now);
        let most = self.limits.per_number as usize;
        let (mut wrong, called) = (lock(&self.wrong), called.to_owned());
        let before = wrong.numbers.recent(&called, now);
        wrong.numbers.add(&called, now, most);
        before + 1 == most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses(per_number: u32) -> Guesses {
        Guesses::new(GuessLimits {
            per_caller: 10,
            per_client: 3,
            per_number,
        })
    }

    fn caller(number: &str) -> Guesser {
        Guesser::Caller(number.to_owned())
    }

    #[test]
    fn ten_wrong_entries_an_hour_shut_a_caller_out_until_the_hour_is_over() {
        let now = Instant::now();
        let guesses = guesses(200);
        for i in 0..10 {
            assert_eq!(
                guesses.allowance(&caller("010"), "070", now),
                Allowance::Normal,
                "{i}"
            );
            guesses.wrong_on(&caller("010"), "070", now);
        }
        assert_eq!(guesses.allowance(&caller("010"), "070", now), Allowance::Refused);
        assert_eq!(guesses.allowance(&caller("011"), "070", now), Allowance::Normal);
        assert_eq!(
            guesses.allowance(&caller("010"), "070", now + PERIOD),
            Allowance::Normal
        );
    }

    #[test]
    fn a_number_under_attack_gives_one_try_and_one_alarm() {
        let now = Instant::now();
        let guesses = guesses(5);
        let alarms = (0..8)
            .filter(|i| guesses.wrong_on(&caller(&format!("caller{i}")), "070", now))
            .count();
        assert_eq!(alarms, 1);
        assert_eq!(guesses.allowance(&caller("fresh"), "070", now), Allowance::OneTry);
        assert_eq!(guesses.allowance(&caller("fresh"), "071", now), Allowance::Normal);
    }

    #[test]
    fn an_app_has_a_budget_of_its_own_over_all_of_its_sessions() {
        let now = Instant::now();
        let guesses = guesses(200);
        let (client, other) = (Guesser::Client(ClientId(7)), Guesser::Session(SocketId(1)));
        for _ in 0..3 {
            assert!(!guesses.is_used_up(&client, now));
            guesses.wrong(&client, now);
        }
        assert!(guesses.is_used_up(&client, now) && !guesses.is_used_up(&other, now));
        assert!(!guesses.is_used_up(&client, now + PERIOD));
    }
}

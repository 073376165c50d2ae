//! Which gateways take no calls at the moment: they are passed over until it is worth while to ask them again.
//!
//! Calls and OPTIONS (RFC 3261 section 11) tell. A gateway that has never answered an OPTIONS is not judged by them: some do
//! not, and take calls all the same.

use crate::sync::lock;
use omnigate_sip::message::{Status, Transport};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Failures in a row: one may be bad luck.
const FAILURES: u32 = 2;
/// How long it is passed over first, and at the longest; each further failure doubles it.
const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(300);
/// Gateways that are remembered; names may lead to ever new ones.
const MOST: usize = 1024;

/// A gateway, as it is called.
pub(super) type Place = (Transport, SocketAddr);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Reach(Mutex<HashMap<Place, Standing>>);

/// What is known of a gateway.
#[derive(Debug, Default)]
struct Standing {
    calls: Trouble,
    options: Trouble,
    /// The last answer to an OPTIONS; none: there has never been one.
    answered: Option<Status>,
}

#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    until: Option<Instant>,
}

/// A change that is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is passed over for so long from now on.
    Down(Duration),
    /// It is asked again.
    Up,
}

/// How a gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Report {
    /// How long it is still passed over.
    pub(super) passed_over: Option<Duration>,
    /// The last answer to an OPTIONS.
    pub(super) options: Option<Status>,
}

impl Trouble {
    fn is_down(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn fails(&mut self, retry_after: Option<Duration>, now: Instant) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let time = match retry_after {
            Some(time) => time.min(LONGEST),
            None => {
                let doubled = 1_u32.checked_shl(self.failures.checked_sub(FAILURES)?);
                FIRST.saturating_mul(doubled.unwrap_or(u32::MAX)).min(LONGEST)
            }
        };
        self.until = Some(now + time);
        Some(time)
    }
}

impl Reach {
    /// It has answered a call, in whatever way.
    pub(super) fn works(&self, gateway: Place) {
        if let Some(standing) = lock(&self.0).get_mut(&gateway) {
            standing.calls = Trouble::default();
            standing.options = Trouble::default();
        }
    }

    /// It has not answered a call, or asks to be left alone (503 with Retry-After, RFC 3261 section 21.5.4). The time for
    /// which it is passed over from now on.
    pub(super) fn fails(
        &self,
        gateway: Place,
        retry_after: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        self.with(gateway, now, |standing| standing.calls.fails(retry_after, now))?
    }

    /// It has answered an OPTIONS in this way, or not.
    pub(super) fn pinged(
        &self,
        gateway: Place,
        answer: Option<(Status, Option<Duration>)>,
        now: Instant,
    ) -> Option<Change> {
        self.with(gateway, now, |standing| {
            let before = standing.options.failures >= FAILURES || standing.options.until.is_some();
            let retry_after = match answer {
                Some((status, retry_after)) => {
                    standing.answered = Some(status);
                    if status != Status::SERVICE_UNAVAILABLE {
                        standing.options = Trouble::default();
                        return before.then_some(Change::Up);
                    }
                    retry_after
                }
                None if standing.answered.is_none() => return None,
                None => None,
            };
            standing.options.fails(retry_after, now).map(Change::Down)
        })?
    }

    /// Whether it is to be passed over.
    pub(super) fn is_down(&self, gateway: Place, now: Instant) -> bool {
        self.report(gateway, now).passed_over.is_some()
    }

    /// How it stands.
    pub(super) fn report(&self, gateway: Place, now: Instant) -> Report {
        let all = lock(&self.0);
        let Some(standing) = all.get(&gateway) else {
            return Report::default();
        };
        let both = [standing.calls.until, standing.options.until];
        let until = both.into_iter().flatten().max();
        Report {
            passed_over: until
                .and_then(|until| until.checked_duration_since(now))
                .filter(|d| !d.is_zero()),
            options: standing.answered,
        }
    }

    fn with<T>(&self, gateway: Place, now: Instant, change: impl FnOnce(&mut Standing) -> T) -> Option<T> {
        let mut all = lock(&self.0);
        if all.len() >= MOST {
            all.retain(|_, standing| standing.calls.is_down(now) || standing.options.is_down(now));
        }
        if all.len() >= MOST && !all.contains_key(&gateway) {
            return None;
        }
        Some(change(all.entry(gateway).or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(n: u8) -> Place {
        (Transport::Udp, SocketAddr::from(([192, 0, 2, n], 5060)))
    }

    #[test]
    fn who_does_not_answer_twice_is_passed_over_ever_longer_until_it_answers() {
        let (reach, mut now) = (Reach::default(), Instant::now());
        assert_eq!(reach.fails(gateway(1), None, now), None);
        assert!(!reach.is_down(gateway(1), now));
        for seconds in [30, 60, 120, 240, 300, 300] {
            let time = Duration::from_secs(seconds);
            assert_eq!(reach.fails(gateway(1), None, now), Some(time));
            assert!(reach.is_down(gateway(1), now + time - Duration::from_millis(1)));
            now += time;
            assert!(!reach.is_down(gateway(1), now), "it is asked again");
        }
        assert!(!reach.is_down(gateway(2), now));
        reach.works(gateway(1));
        assert_eq!(reach.fails(gateway(1), None, now), None);
    }

    #[test]
    fn who_asks_to_be_left_alone_is_at_once_but_not_for_ever() {
        let (reach, now) = (Reach::default(), Instant::now());
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(reach.fails(gateway(1), asked(10), now), asked(10));
        assert!(reach.is_down(gateway(1), now));
        assert_eq!(reach.fails(gateway(2), asked(86_400), now), asked(300));
    }

    #[test]
    fn options_count_where_they_have_been_answered_before() {
        let (reach, now) = (Reach::default(), Instant::now());
        let ok = Some((Status::METHOD_NOT_ALLOWED, None));
        let down = |seconds| Some(Change::Down(Duration::from_secs(seconds)));
        for _ in 0..5 {
            assert_eq!(reach.pinged(gateway(1), None, now), None);
        }
        assert!(!reach.is_down(gateway(1), now), "it may never answer them");
        assert_eq!(reach.pinged(gateway(1), ok, now), None, "any answer is one");
        assert_eq!(reach.pinged(gateway(1), None, now), None);
        assert_eq!(reach.pinged(gateway(1), None, now), down(30));
        assert!(reach.is_down(gateway(1), now));
        assert_eq!(reach.pinged(gateway(1), ok, now), Some(Change::Up));
        assert!(!reach.is_down(gateway(1), now));
        let busy = Some((Status::SERVICE_UNAVAILABLE, Some(Duration::from_secs(7))));
        assert_eq!(reach.pinged(gateway(1), busy, now), down(7));
        assert_eq!(
            reach.report(gateway(1), now).options,
            Some(Status::SERVICE_UNAVAILABLE)
        );
        assert_eq!(reach.pinged(gateway(1), ok, now), Some(Change::Up));
    }

    #[test]
    fn a_gateway_that_answers_options_and_no_calls_takes_no_calls() {
        let (reach, now) = (Reach::default(), Instant::now());
        for _ in 0..2 {
            reach.fails(gateway(1), None, now);
            reach.pinged(gateway(1), Some((Status::OK, None)), now);
        }
        assert!(reach.is_down(gateway(1), now));
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let (reach, now) = (Reach::default(), Instant::now());
        for port in 0..3_000 {
            reach.fails((Transport::Udp, ([192, 0, 2, 1], port).into()), None, now);
        }
        assert!(lock(&reach.0).len() <= MOST);
    }
}

//! Which gateways take no calls at the moment: they are passed over until it is worth while to ask them again.

use crate::sync::lock;
use omnigate_sip::message::Transport;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Calls in a row that a gateway has not answered; one may be bad luck.
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
pub(super) struct Reach(Mutex<HashMap<Place, Trouble>>);

#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    until: Option<Instant>,
}

impl Reach {
    /// It has answered a call, in whatever way.
    pub(super) fn works(&self, gateway: Place) {
        lock(&self.0).remove(&gateway);
    }

    /// It has not answered, or asks to be left alone (503 with Retry-After, RFC 3261 section 21.5.4). The time for which it
    /// is passed over from now on.
    pub(super) fn fails(
        &self,
        gateway: Place,
        retry_after: Option<Duration>,
        now: Instant,
    ) -> Option<Duration> {
        let mut all = lock(&self.0);
        if all.len() >= MOST {
            all.retain(|_, trouble| trouble.until.is_some_and(|until| now < until));
        }
        if all.len() >= MOST && !all.contains_key(&gateway) {
            return None;
        }
        let trouble = all.entry(gateway).or_default();
        trouble.failures = trouble.failures.saturating_add(1);
        let time = match retry_after {
            Some(time) => time.min(LONGEST),
            None => {
                let doubled = 1_u32.checked_shl(trouble.failures.checked_sub(FAILURES)?);
                FIRST.saturating_mul(doubled.unwrap_or(u32::MAX)).min(LONGEST)
            }
        };
        trouble.until = Some(now + time);
        Some(time)
    }

    /// Whether it is to be passed over.
    pub(super) fn is_down(&self, gateway: Place, now: Instant) -> bool {
        let all = lock(&self.0);
        let until = all.get(&gateway).and_then(|trouble| trouble.until);
        until.is_some_and(|until| now < until)
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
    fn it_does_not_grow_without_end() {
        let (reach, now) = (Reach::default(), Instant::now());
        for port in 0..3_000 {
            reach.fails((Transport::Udp, ([192, 0, 2, 1], port).into()), None, now);
        }
        assert!(lock(&reach.0).len() <= MOST);
    }
}

//! How much is called at the moment, against toll fraud: calls at once and a second, minutes a day.

use super::{Route, Trunks};
use crate::sync::lock;
use omnigate_number::PhoneNumber;
use omnigate_omnitalk::DialRefusal;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Seconds of a day.
pub(super) const DAY: u64 = 86_400;
/// A call takes its minutes from the day's by so much at a time: however many calls of a service talk at once, all together
/// talk for no longer than it may.
const STEP: Duration = Duration::from_secs(30);
/// Days of a service that are remembered, for a clock that is set.
const DAYS: usize = 64;

/// What services and trunks use. What was talked of each day is in the store, too (`minutes`); all else begins anew with the process.
#[derive(Debug, Default)]
pub struct Usage {
    book: Mutex<Book>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Book {
    services: HashMap<String, ServiceUse>,
    trunks: HashMap<String, TrunkUse>,
    /// Calls of services so far.
    calls: u64,
    /// What an earlier process has left is in it.
    is_restored: bool,
}

#[derive(Debug, Default)]
struct ServiceUse {
    calls: u32,
    /// By day since 1970, UTC.
    days: BTreeMap<u64, Day>,
    /// Until when calls that talk have taken time ahead, and of which day.
    ahead: HashMap<u64, (Instant, u64)>,
}

#[derive(Debug, Default)]
struct Day {
    /// What was talked, and what calls that talk have taken ahead.
    taken: Duration,
    /// What the store has of it, seconds.
    written: u64,
}

/// What a service has talked of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Talked {
    pub(super) service: String,
    /// Since 1970, UTC.
    pub(super) day: u64,
    pub(super) seconds: u64,
}

impl ServiceUse {
    fn day(&mut self, day: u64) -> &mut Day {
        self.days.entry(day).or_default();
        if self.days.len() > DAYS
            && let Some(oldest) = self.days.keys().copied().find(|other| *other != day)
        {
            self.days.remove(&oldest);
        }
        self.days.entry(day).or_default()
    }

    /// What was talked of a day until now, begun seconds too.
    fn talked(&self, day: u64, now: Instant) -> u64 {
        let taken = self.days.get(&day).map_or(Duration::ZERO, |day| day.taken);
        let ahead = self.ahead.values().filter(|(_, of)| *of == day);
        let ahead = ahead.map(|(until, _)| until.saturating_duration_since(now)).sum();
        let talked = taken.saturating_sub(ahead);
        talked.as_secs() + u64::from(talked.subsec_nanos() > 0)
    }
}

#[derive(Debug, Default)]
struct TrunkUse {
    calls: u32,
    /// Those that show this number.
    shown: HashMap<PhoneNumber, u32>,
    /// Unix second, and calls that began in it.
    second: (u64, u32),
}

/// A call of a service; dropping it gives its place back.
#[derive(Debug)]
pub struct ServiceCall {
    usage: Arc<Usage>,
    service: String,
    /// Which of the book's calls it is.
    number: u64,
    /// What the service may talk a day.
    a_day: Duration,
    /// Until when it may talk, of which day's time; none before it talks.
    paid: Option<(Instant, u64)>,
}

/// A channel of a trunk; dropping it gives it back.
#[derive(Debug)]
pub struct Channel {
    usage: Arc<Usage>,
    trunk: String,
    caller: PhoneNumber,
}

impl Usage {
    /// One more call of this service, at this Unix second.
    ///
    /// # Errors
    /// It has as many as it may, or has used up its minutes.
    pub fn call(
        self: &Arc<Usage>,
        trunks: &Trunks,
        service: &str,
        unix: u64,
    ) -> Result<ServiceCall, DialRefusal> {
        let rules = trunks.services.get(service).ok_or(DialRefusal::NoTrunk)?;
        let mut book = lock(&self.book);
        book.calls += 1;
        let number = book.calls;
        let used = book.services.entry(service.to_owned()).or_default();
        if used.calls >= rules.calls {
            return Err(DialRefusal::TooMany {
                rule: "service.calls",
            });
        }
        if used.day(unix / DAY).taken >= rules.a_day {
            return Err(DialRefusal::MinutesUsed);
        }
        used.calls += 1;
        Ok(ServiceCall {
            usage: self.clone(),
            service: service.to_owned(),
            number,
            a_day: rules.a_day,
            paid: None,
        })
    }

    /// One more channel of this route's trunk, at this Unix second.
    ///
    /// # Errors
    /// All are in use, too many calls show this number, or too many have begun in this second.
    pub fn channel(self: &Arc<Usage>, route: &Route, unix: u64) -> Result<Channel, DialRefusal> {
        let trunk = &route.trunk;
        let mut book = lock(&self.book);
        let used = book.trunks.entry(trunk.name.clone()).or_default();
        let (channels, a_second) = (trunk.out.channels, trunk.out.calls_per_second);
        if channels > 0 && used.calls >= channels {
            return Err(DialRefusal::TooMany {
                rule: "trunk.channels",
            });
        }
        let shown = used.shown.get(&route.caller).copied().unwrap_or_default();
        if trunk.out.calls_per_caller > 0 && shown >= trunk.out.calls_per_caller {
            return Err(DialRefusal::TooMany {
                rule: "trunk.calls_per_caller",
            });
        }
        if used.second.0 != unix {
            used.second = (unix, 0);
        }
        if a_second > 0 && used.second.1 >= a_second {
            return Err(DialRefusal::TooMany {
                rule: "trunk.calls_per_second",
            });
        }
        used.calls += 1;
        used.second.1 += 1;
        used.shown.insert(route.caller.clone(), shown + 1);
        Ok(Channel {
            usage: self.clone(),
            trunk: trunk.name.clone(),
            caller: route.caller.clone(),
        })
    }

    pub(super) fn is_restored(&self) -> bool {
        lock(&self.book).is_restored
    }

    /// Adds what an earlier process has left, once.
    pub(super) fn restore(&self, left: impl Iterator<Item = Talked>) {
        let mut book = lock(&self.book);
        if std::mem::replace(&mut book.is_restored, true) {
            return;
        }
        for Talked {
            service,
            day,
            seconds,
        } in left
        {
            let day = book.services.entry(service).or_default().day(day);
            day.taken = day.taken.saturating_add(Duration::from_secs(seconds));
            day.written = seconds;
        }
    }

    /// What the store does not have yet; nothing before it was read.
    pub(super) fn unwritten(&self, now: Instant) -> Vec<Talked> {
        let book = lock(&self.book);
        if !book.is_restored {
            return Vec::new();
        }
        let of = |(service, used): (&String, &ServiceUse)| {
            let talked = |(day, kept): (&u64, &Day)| {
                let seconds = used.talked(*day, now);
                (seconds > kept.written).then(|| Talked {
                    service: service.clone(),
                    day: *day,
                    seconds,
                })
            };
            used.days.iter().filter_map(talked).collect::<Vec<_>>()
        };
        book.services.iter().flat_map(of).collect()
    }

    /// The store has these.
    pub(super) fn written(&self, all: Vec<Talked>) {
        let mut book = lock(&self.book);
        for one in all {
            if let Some(used) = book.services.get_mut(&one.service)
                && let Some(day) = used.days.get_mut(&one.day)
            {
                day.written = one.seconds;
            }
        }
    }

    /// Waits for the next end of a call.
    pub(super) async fn call_ended(&self) {
        self.ended.notified().await;
    }
}

impl ServiceCall {
    /// From this Unix second on its minutes count: [`ServiceCall::go_on`] is due.
    pub fn answered(&mut self, now: Instant, unix: u64) {
        self.paid.get_or_insert((now, unix / DAY));
    }

    /// Takes the next time that it may talk, from this Unix second on. False, and not due again: the service has used up its
    /// minutes.
    pub fn go_on(&mut self, now: Instant, unix: u64) -> bool {
        let mut book = lock(&self.usage.book);
        let Some(used) = book.services.get_mut(&self.service) else {
            return false;
        };
        let day = used.day(unix / DAY);
        let step = self.a_day.saturating_sub(day.taken).min(STEP);
        day.taken += step;
        self.paid = (!step.is_zero()).then(|| (now + step, unix / DAY));
        match self.paid {
            Some(paid) => used.ahead.insert(self.number, paid),
            None => used.ahead.remove(&self.number),
        };
        self.paid.is_some()
    }

    /// When [`ServiceCall::go_on`] is due; none when it does not talk.
    pub fn due(&self) -> Option<Instant> {
        self.paid.map(|(until, _)| until)
    }

    /// It is over: what it has taken and not talked is given back.
    pub fn end(self, now: Instant) {
        let Some((until, day)) = self.paid else { return };
        if let Some(used) = lock(&self.usage.book).services.get_mut(&self.service)
            && used.ahead.remove(&self.number).is_some()
        {
            let (unused, day) = (until.saturating_duration_since(now), used.day(day));
            day.taken = day.taken.saturating_sub(unused);
        }
    }
}

impl Drop for ServiceCall {
    fn drop(&mut self) {
        if let Some(used) = lock(&self.usage.book).services.get_mut(&self.service) {
            used.calls = used.calls.saturating_sub(1);
            used.ahead.remove(&self.number);
        }
        self.usage.ended.notify_one();
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(used) = lock(&self.usage.book).trunks.get_mut(&self.trunk) {
            used.calls = used.calls.saturating_sub(1);
            match used.shown.get_mut(&self.caller) {
                Some(shown) if *shown > 1 => *shown -= 1,
                _ => drop(used.shown.remove(&self.caller)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn trunks() -> Trunks {
        let toml = r#"
            [[trunk]]
            name = "t"
            gateways = ["sip:192.0.2.10"]
            destinations = ["*"]
            channels = 2
            calls_per_second = 3
            [[service]]
            id = "shop"
            key = "k"
            calls = 2
            minutes_a_day = 1
        "#;
        Trunks::new(&load_text(toml, []).unwrap())
    }

    #[test]
    fn a_service_has_so_many_calls_at_once_and_minutes_a_day() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let call = |unix| usage.call(&trunks, "shop", unix);
        let (mut first, second) = (call(0).unwrap(), call(0).unwrap());
        assert_eq!(
            call(0).unwrap_err(),
            DialRefusal::TooMany {
                rule: "service.calls"
            }
        );
        drop(second);
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(first.due(), None);
        first.answered(now, 0);
        assert_eq!(first.due(), Some(now));
        assert!(first.go_on(now, 0));
        assert_eq!(first.due(), Some(at(30)));
        assert!(first.go_on(at(30), 30));
        first.end(at(40));
        let mut third = call(40).unwrap();
        assert!(third.go_on(now, 40));
        assert_eq!(third.due(), Some(at(20)), "what is left of the minute");
        assert!(!third.go_on(at(20), 60) && third.due().is_none());
        third.end(at(20));
        assert_eq!(call(61).unwrap_err(), DialRefusal::MinutesUsed);
        let mut next = call(DAY).unwrap();
        assert!(next.go_on(now, DAY), "a new day");
    }

    #[test]
    fn calls_at_once_share_the_minutes() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let now = Instant::now();
        let mut calls = [0; 2].map(|_| usage.call(&trunks, "shop", 0).unwrap());
        assert!(calls.iter_mut().all(|call| call.go_on(now, 0)));
        let later = now + Duration::from_secs(30);
        assert!(
            !calls.iter_mut().any(|call| call.go_on(later, 30)),
            "two calls of half a minute are a minute"
        );
    }

    #[test]
    fn a_call_over_midnight_takes_the_new_days_time() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let now = Instant::now();
        let mut call = usage.call(&trunks, "shop", DAY - 60).unwrap();
        assert!(call.go_on(now, DAY - 60) && call.go_on(now, DAY - 30));
        assert!(call.go_on(now, DAY));
        let mut other = usage.call(&trunks, "shop", DAY).unwrap();
        assert!(other.go_on(now, DAY));
        call.end(now);
        assert!(other.go_on(now, DAY), "its time was given back");
    }

    #[test]
    fn of_a_call_that_talks_only_what_it_has_talked_is_written() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let now = Instant::now();
        let at = |millis| now + Duration::from_millis(millis);
        let left = |seconds, day| Talked {
            service: "shop".to_owned(),
            day,
            seconds,
        };
        let mut call = usage.call(&trunks, "shop", 0).unwrap();
        assert!(call.go_on(now, 0));
        assert_eq!(usage.unwritten(at(2_500)), [], "the store was not read yet");
        usage.restore([left(7, 0), left(60, 1)].into_iter());
        usage.restore([left(7, 0)].into_iter());
        assert_eq!(usage.unwritten(now), []);
        let all = usage.unwritten(at(2_500));
        assert_eq!(all, [left(10, 0)]);
        usage.written(all);
        assert_eq!(usage.unwritten(at(2_900)), []);
        call.end(at(4_000));
        assert_eq!(usage.unwritten(at(9_000)), [left(11, 0)]);
        assert_eq!(
            usage.call(&trunks, "shop", DAY).unwrap_err(),
            DialRefusal::MinutesUsed
        );
        usage.call(&trunks, "shop", 0).unwrap();
    }

    #[test]
    fn a_clock_that_is_set_back_finds_what_was_talked_of_its_day() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let now = Instant::now();
        for day in [5, 6] {
            let mut call = usage.call(&trunks, "shop", day * DAY).unwrap();
            assert!(call.go_on(now, day * DAY) && call.go_on(now, day * DAY));
        }
        let refused = usage.call(&trunks, "shop", 5 * DAY);
        assert_eq!(refused.unwrap_err(), DialRefusal::MinutesUsed);
    }

    /// A call by the only trunk that shows this number.
    fn route(trunks: &Trunks, caller: &str) -> Route {
        let trunk = trunks.all[0].clone();
        let number = |text| PhoneNumber::parse(text, trunk.country).unwrap();
        Route {
            called: number("02-123-4567"),
            caller: number(caller),
            withheld: false,
            before: Vec::new(),
            trunk,
        }
    }

    #[test]
    fn a_number_is_shown_by_so_many_calls_at_once() {
        let toml = "[[trunk]]\nname = \"t\"\ngateways = [\"sip:192.0.2.10\"]\ncalls_per_caller = 1\n";
        let (trunks, usage) = (
            Trunks::new(&load_text(toml, []).unwrap()),
            Arc::new(Usage::default()),
        );
        let channel = |caller| usage.channel(&route(&trunks, caller), 5);
        let (first, _other) = (
            channel("070-1234-5678").unwrap(),
            channel("070-1234-5679").unwrap(),
        );
        let rule = "trunk.calls_per_caller";
        assert_eq!(
            channel("070-1234-5678").unwrap_err(),
            DialRefusal::TooMany { rule }
        );
        drop(first);
        drop(channel("070-1234-5678").unwrap());
    }

    #[test]
    fn a_trunk_has_so_many_channels_and_calls_a_second() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let route = route(&trunks, "070-1234-5678");
        let channel = |unix| usage.channel(&route, unix);
        let (first, second) = (channel(5).unwrap(), channel(5).unwrap());
        let rule = "trunk.channels";
        assert_eq!(channel(5).unwrap_err(), DialRefusal::TooMany { rule });
        drop(first);
        drop(channel(5).unwrap());
        let rule = "trunk.calls_per_second";
        assert_eq!(channel(5).unwrap_err(), DialRefusal::TooMany { rule });
        drop(channel(6).unwrap());
        drop(second);
    }
}

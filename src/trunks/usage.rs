//! How much is called at the moment, against toll fraud: calls at once and a second, minutes a day.

use super::{Trunk, Trunks};
use crate::sync::lock;
use omnigate_omnitalk::DialRefusal;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Seconds of a day.
const DAY: u64 = 86_400;

/// What services and trunks use. It begins anew with the process.
#[derive(Debug, Default)]
pub struct Usage(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    services: HashMap<String, ServiceUse>,
    trunks: HashMap<String, TrunkUse>,
}

#[derive(Debug, Default)]
struct ServiceUse {
    calls: u32,
    /// Days since 1970, UTC.
    day: u64,
    /// Talked on that day, by calls that are over.
    talked: Duration,
}

#[derive(Debug, Default)]
struct TrunkUse {
    calls: u32,
    /// Unix second, and calls that began in it.
    second: (u64, u32),
}

/// A call of a service; dropping it gives its place back.
#[derive(Debug)]
pub struct ServiceCall {
    usage: Arc<Usage>,
    service: String,
    /// What the service may still talk today.
    pub left: Duration,
    answered: Option<Instant>,
}

/// A channel of a trunk; dropping it gives it back.
#[derive(Debug)]
pub struct Channel {
    usage: Arc<Usage>,
    trunk: String,
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
        let mut book = lock(&self.0);
        let used = book.services.entry(service.to_owned()).or_default();
        if used.day != unix / DAY {
            used.day = unix / DAY;
            used.talked = Duration::ZERO;
        }
        if used.calls >= rules.calls {
            return Err(DialRefusal::TooMany {
                rule: "service.calls",
            });
        }
        let left = rules.a_day.saturating_sub(used.talked);
        if left.is_zero() {
            return Err(DialRefusal::MinutesUsed);
        }
        used.calls += 1;
        Ok(ServiceCall {
            usage: self.clone(),
            service: service.to_owned(),
            left,
            answered: None,
        })
    }

    /// One more channel of this trunk, at this Unix second.
    ///
    /// # Errors
    /// All are in use, or too many calls have begun in this second.
    pub fn channel(self: &Arc<Usage>, trunk: &Trunk, unix: u64) -> Result<Channel, DialRefusal> {
        let mut book = lock(&self.0);
        let used = book.trunks.entry(trunk.name.clone()).or_default();
        let (channels, a_second) = (trunk.out.channels, trunk.out.calls_per_second);
        if channels > 0 && used.calls >= channels {
            return Err(DialRefusal::TooMany {
                rule: "trunk.channels",
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
        Ok(Channel {
            usage: self.clone(),
            trunk: trunk.name.clone(),
        })
    }
}

impl ServiceCall {
    /// From here on its minutes count.
    pub fn answered(&mut self, now: Instant) {
        self.answered.get_or_insert(now);
    }

    /// It is over.
    pub fn end(self, now: Instant) {
        let talked = self.answered.map(|at| now.saturating_duration_since(at));
        if let Some(used) = lock(&self.usage.0).services.get_mut(&self.service) {
            used.talked += talked.unwrap_or_default();
        }
    }
}

impl Drop for ServiceCall {
    fn drop(&mut self) {
        if let Some(used) = lock(&self.usage.0).services.get_mut(&self.service) {
            used.calls = used.calls.saturating_sub(1);
        }
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(used) = lock(&self.usage.0).trunks.get_mut(&self.trunk) {
            used.calls = used.calls.saturating_sub(1);
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
        first.answered(now);
        first.end(now + Duration::from_secs(40));
        assert_eq!(call(10).unwrap().left, Duration::from_secs(20));
        let mut third = call(10).unwrap();
        third.answered(now);
        third.end(now + Duration::from_secs(20));
        assert_eq!(call(20).unwrap_err(), DialRefusal::MinutesUsed);
        assert_eq!(call(DAY).unwrap().left, Duration::from_secs(60), "a new day");
    }

    #[test]
    fn a_trunk_has_so_many_channels_and_calls_a_second() {
        let (trunks, usage) = (trunks(), Arc::new(Usage::default()));
        let trunk = &trunks.all[0];
        let channel = |unix| usage.channel(trunk, unix);
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

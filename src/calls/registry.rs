//! Live and recent calls, for the API. In memory alone, and with masked numbers; those that have ended are kept by number and for a
//! time, which the monotonic clock tells: setting the wall clock neither keeps them nor takes them.

use super::end::CallEnd;
use super::last::{LastCalls, LastOfTrunks, Refusal};
use super::record::{CallRecord, Direction};
use super::stage::Stage;
use crate::config;
use crate::sync::lock;
use omnigate_room::CallId;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Whoever asks hears of nothing that is too old; without anybody who asks it goes within this.
const ROUND: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Inner {
    live: BTreeMap<CallId, CallRecord>,
    /// With the time of the end, the oldest first.
    recent: VecDeque<(Instant, CallRecord)>,
    last: LastOfTrunks,
    most: usize,
    longest: Duration,
}

impl Inner {
    fn forget(&mut self, now: Instant) {
        let longest = self.longest;
        let is_old = |since: Instant| now.saturating_duration_since(since) >= longest;
        while self.recent.len() > self.most || self.recent.front().is_some_and(|(ended, _)| is_old(*ended)) {
            self.recent.pop_front();
        }
        let live = &self.live;
        self.last.forget(is_old, |call| live.contains_key(&call));
    }
}

/// All calls known.
#[derive(Debug)]
pub struct CallRegistry(Mutex<Inner>);

impl Default for CallRegistry {
    fn default() -> CallRegistry {
        CallRegistry::new(&config::Calls::default())
    }
}

impl CallRegistry {
    /// One that keeps what these settings say.
    pub fn new(settings: &config::Calls) -> CallRegistry {
        CallRegistry(Mutex::new(Inner {
            live: BTreeMap::new(),
            recent: VecDeque::new(),
            last: LastOfTrunks::default(),
            most: settings.keep_records,
            longest: Duration::from_secs(settings.keep_hours.saturating_mul(3600)),
        }))
    }

    /// Forgets what is too old, for ever.
    pub async fn forget_for_ever(self: Arc<Self>) {
        loop {
            drop(self.fresh());
            tokio::time::sleep(ROUND).await;
        }
    }

    /// Without what is too old.
    fn fresh(&self) -> MutexGuard<'_, Inner> {
        let mut inner = lock(&self.0);
        inner.forget(Instant::now());
        inner
    }

    /// A new call.
    pub fn insert(&self, record: CallRecord) {
        let mut inner = lock(&self.0);
        inner.last.began(&record, Instant::now());
        inner.live.insert(record.id, record);
    }

    /// A call goes to another gateway.
    pub fn tried(&self, id: CallId, trunk: &str, gateway: SocketAddr, sip_call_id: String) {
        let mut inner = lock(&self.0);
        let Inner { live, last, .. } = &mut *inner;
        if let Some(record) = live.get_mut(&id) {
            record.trunk = trunk.to_owned();
            record.gateway = Some(gateway);
            record.sip_call_id = Some(sip_call_id);
            last.began(record, Instant::now());
        }
    }

    /// A call was refused before there was a record of it; `trunk` is the nearest one, or empty.
    pub fn refused(&self, trunk: &str, refusal: Refusal) {
        lock(&self.0).last.refused(trunk, refusal, Instant::now());
    }

    /// The last calls of a trunk.
    pub fn last(&self, trunk: &str) -> LastCalls {
        self.fresh().last.of(trunk)
    }

    /// Live calls of a trunk: those that came in, and those that went out.
    pub fn live_of(&self, trunk: &str) -> (usize, usize) {
        let inner = lock(&self.0);
        let of = |direction| {
            let live = inner.live.values().filter(|call| call.trunk == trunk);
            live.filter(|call| call.direction == direction).count()
        };
        (of(Direction::Inbound), of(Direction::Outbound))
    }

    /// Changes a live call.
    pub fn update(&self, id: CallId, change: impl FnOnce(&mut CallRecord)) {
        if let Some(record) = lock(&self.0).live.get_mut(&id) {
            change(record);
        }
    }

    /// A call is over; its last stage and its trunk. `None` for one that does not live.
    pub fn end(&self, id: CallId, end: CallEnd, at: u64) -> Option<(Stage, String)> {
        let mut inner = lock(&self.0);
        let mut record = inner.live.remove(&id)?;
        let last = (record.stage, record.trunk.clone());
        record.state = "ended";
        record.ended_at = Some(at);
        record.class = Some(end.class().name());
        record.reason = Some(end.reason());
        record.sip_status = Some(end.sip_status());
        let now = Instant::now();
        inner.last.ended(&record, end, now);
        inner.recent.push_back((now, record));
        inner.forget(now);
        Some(last)
    }

    /// Number of live calls.
    pub fn live(&self) -> usize {
        lock(&self.0).live.len()
    }

    /// Live calls, then ended ones, newest first.
    pub fn all(&self) -> Vec<CallRecord> {
        let inner = self.fresh();
        let ended = inner.recent.iter().rev().map(|(_, record)| record);
        inner.live.values().rev().chain(ended).cloned().collect()
    }

    /// One call.
    pub fn get(&self, id: CallId) -> Option<CallRecord> {
        let inner = self.fresh();
        let mut ended = inner.recent.iter().map(|(_, record)| record);
        let live = inner.live.get(&id);
        live.or_else(|| ended.find(|record| record.id == id)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::{CallAbout, CallEvent, CallTeller, Origin};
    use crate::observe::Metrics;

    fn registry(keep_records: usize, keep_hours: u64) -> Arc<CallRegistry> {
        Arc::new(CallRegistry::new(&config::Calls {
            keep_records,
            keep_hours,
        }))
    }

    fn begin(calls: &Arc<CallRegistry>, number: u64) -> CallTeller {
        let id = CallId::new(1_700_000_000_000, number.into());
        let teller = CallTeller::new(id, "carrier", calls, &Arc::new(Metrics::new()));
        teller.tell(CallEvent::Started(CallAbout {
            caller: "010****8888".to_owned(),
            called: "070****5678".to_owned(),
            origin: Origin::Certification,
        }));
        teller
    }

    fn end(teller: &CallTeller) {
        teller.tell(CallEvent::Ended {
            end: CallEnd::Congestion,
            talked: None,
        });
    }

    #[test]
    fn the_last_calls_are_kept_by_number() {
        let calls = registry(2, 1);
        let all: Vec<CallTeller> = (1..=4).map(|number| begin(&calls, number)).collect();
        all[..3].iter().for_each(end);
        let ids: Vec<CallId> = calls.all().iter().map(|call| call.id).collect();
        assert_eq!(ids, [all[3].id(), all[2].id(), all[1].id()], "and one lives");
        assert!(calls.get(all[0].id()).is_none());
    }

    #[test]
    fn a_call_that_has_ended_is_forgotten_after_its_time_and_one_that_lives_is_not() {
        let calls = registry(1000, 2);
        end(&begin(&calls, 1));
        let lives = begin(&calls, 2);
        let later = |hours: u64| lock(&calls.0).forget(Instant::now() + Duration::from_secs(hours * 3600));
        later(1);
        assert_eq!(calls.all().len(), 2);
        assert!(calls.last("carrier").refusal.is_some());
        later(3);
        assert_eq!(calls.all().len(), 1);
        let last = calls.last("carrier");
        assert_eq!(
            (last.outbound.map(|call| call.id), last.refusal),
            (Some(lives.id()), None)
        );
        end(&lives);
        later(3);
        assert!(calls.all().is_empty());
        assert_eq!(calls.last("carrier"), LastCalls::default());
    }
}

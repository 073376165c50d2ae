//! Live and recent calls, for the API.

use super::end::CallEnd;
use super::last::{LastCalls, LastOfTrunks, Refusal};
use super::record::{CallRecord, Direction};
use super::stage::Stage;
use crate::sync::lock;
use omnigate_room::CallId;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;

/// Ended calls that are kept.
const RECENT: usize = 1000;

#[derive(Debug, Default)]
struct Inner {
    live: BTreeMap<CallId, CallRecord>,
    recent: VecDeque<CallRecord>,
    last: LastOfTrunks,
}

/// All calls known.
#[derive(Debug, Default)]
pub struct CallRegistry(Mutex<Inner>);

impl CallRegistry {
    /// A new call.
    pub fn insert(&self, record: CallRecord) {
        let mut inner = lock(&self.0);
        inner.last.began(&record);
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
            last.began(record);
        }
    }

    /// A call was refused before there was a record of it; `trunk` is the nearest one, or empty.
    pub fn refused(&self, trunk: &str, refusal: Refusal) {
        lock(&self.0).last.refused(trunk, refusal);
    }

    /// The last calls of a trunk.
    pub fn last(&self, trunk: &str) -> LastCalls {
        lock(&self.0).last.of(trunk)
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
        inner.last.ended(&record, end);
        if inner.recent.len() >= RECENT {
            inner.recent.pop_front();
        }
        inner.recent.push_back(record);
        Some(last)
    }

    /// Number of live calls.
    pub fn live(&self) -> usize {
        lock(&self.0).live.len()
    }

    /// Live calls, then ended ones, newest first.
    pub fn all(&self) -> Vec<CallRecord> {
        let inner = lock(&self.0);
        inner
            .live
            .values()
            .rev()
            .chain(inner.recent.iter().rev())
            .cloned()
            .collect()
    }

    /// One call.
    pub fn get(&self, id: CallId) -> Option<CallRecord> {
        let inner = lock(&self.0);
        inner
            .live
            .get(&id)
            .or_else(|| inner.recent.iter().find(|r| r.id == id))
            .cloned()
    }
}

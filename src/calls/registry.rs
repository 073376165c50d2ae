//! Live and recent calls, for the API.

use super::end::CallEnd;
use super::stage::Stage;
use crate::sync::lock;
use omnigate_room::CallId;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;

/// Ended calls that are kept.
const RECENT: usize = 1000;

/// One call. Numbers are masked.
#[derive(Debug, Clone, Serialize)]
pub struct CallRecord {
    /// Its id.
    pub id: CallId,
    /// Whether a telephone called, or was called by an app.
    pub direction: Direction,
    /// Trunk name.
    pub trunk: String,
    /// Calling number, masked.
    pub caller: String,
    /// Called number, masked.
    pub called: String,
    /// Where the carrier sent the INVITE from.
    pub source: Option<SocketAddr>,
    /// The gateway that was called last.
    pub gateway: Option<SocketAddr>,
    /// The Call-ID of SIP.
    pub sip_call_id: Option<String>,
    /// The service whose app calls.
    pub service: Option<String>,
    /// `dialling`, `ivr`, `ringing`, `talking`, `ending`, `ended`.
    pub state: &'static str,
    /// Where in the menu or call the caller is, or was at its end.
    pub stage: Stage,
    /// Unix seconds of the INVITE.
    pub started_at: u64,
    /// Unix seconds of the 200.
    pub answered_at: Option<u64>,
    /// Unix seconds of the end.
    pub ended_at: Option<u64>,
    /// Class of the end.
    pub class: Option<&'static str>,
    /// Reason of the end.
    pub reason: Option<&'static str>,
    /// SIP status that goes with the reason.
    pub sip_status: Option<u16>,
    /// Cause of ITU-T Q.850 that the network gave.
    pub q850: Option<u16>,
}

/// Which way a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a telephone.
    Inbound,
    /// To a telephone.
    Outbound,
}

#[derive(Debug, Default)]
struct Inner {
    live: BTreeMap<CallId, CallRecord>,
    recent: VecDeque<CallRecord>,
}

/// All calls known.
#[derive(Debug, Default)]
pub struct CallRegistry(Mutex<Inner>);

impl CallRegistry {
    /// A new call.
    pub fn insert(&self, record: CallRecord) {
        lock(&self.0).live.insert(record.id, record);
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

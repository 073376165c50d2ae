//! The last calls of each trunk, and the last that was refused: what whoever runs the service asks first.

use super::end::{CallEnd, Class};
use super::record::{CallRecord, Direction};
use omnigate_room::CallId;
use serde::Serialize;
use std::collections::HashMap;
use std::net::SocketAddr;

/// The last calls of a trunk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LastCalls {
    /// That came in.
    pub inbound: Option<LastCall>,
    /// That went out.
    pub outbound: Option<LastCall>,
    /// That was refused, by us or by the trunk.
    pub refusal: Option<Refusal>,
}

/// A call, in short. Numbers are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastCall {
    /// Its id.
    pub id: CallId,
    /// Unix seconds of the INVITE.
    pub started_at: u64,
    /// Calling number.
    pub caller: String,
    /// Called number.
    pub called: String,
    /// Where the INVITE came from, or went to.
    pub remote: Option<SocketAddr>,
    /// Reason of the end; none while it lives.
    pub reason: Option<&'static str>,
}

/// A call that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which way it was to go.
    pub direction: Direction,
    /// Unix seconds.
    pub at: u64,
    /// Reason of its end, or the rule that forbade it.
    pub reason: &'static str,
    /// In words.
    pub why: String,
}

/// Those of all trunks.
#[derive(Debug, Default)]
pub(super) struct LastOfTrunks(HashMap<String, LastCalls>);

impl LastOfTrunks {
    pub(super) fn of(&self, trunk: &str) -> LastCalls {
        self.0.get(trunk).cloned().unwrap_or_default()
    }

    /// An INVITE has come in, or goes out.
    pub(super) fn began(&mut self, call: &CallRecord) {
        let last = LastCall {
            id: call.id,
            started_at: call.started_at,
            caller: call.caller.clone(),
            called: call.called.clone(),
            remote: call.source.or(call.gateway),
            reason: None,
        };
        let of_trunk = self.trunk(&call.trunk);
        *of_trunk.way(call.direction) = Some(last);
    }

    /// A call is over.
    pub(super) fn ended(&mut self, call: &CallRecord, end: CallEnd) {
        let of_trunk = self.trunk(&call.trunk);
        if let Some(last) = of_trunk.way(call.direction)
            && last.id == call.id
        {
            last.reason = call.reason;
        }
        if call.answered_at.is_none() && end.class() != Class::Normal {
            let cause = call.q850.map(|cause| format!(", Q.850 cause {cause}"));
            let status = end.sip_status();
            of_trunk.refusal = Some(Refusal {
                direction: call.direction,
                at: call.ended_at.unwrap_or_default(),
                reason: end.reason(),
                why: format!(
                    "{} to {}: SIP {status}{}",
                    call.caller,
                    call.called,
                    cause.unwrap_or_default()
                ),
            });
        }
    }

    /// One was refused before it was a call of this trunk.
    pub(super) fn refused(&mut self, trunk: &str, refusal: Refusal) {
        self.trunk(trunk).refusal = Some(refusal);
    }

    /// Names are those of the configuration, and none.
    fn trunk(&mut self, name: &str) -> &mut LastCalls {
        self.0.entry(name.to_owned()).or_default()
    }
}

impl LastCalls {
    fn way(&mut self, direction: Direction) -> &mut Option<LastCall> {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }
}

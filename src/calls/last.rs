//! The last calls of each trunk, and the last that was refused: what whoever runs the service asks first.

use super::end::{CallEnd, Class};
use super::record::{CallRecord, Direction};
use omnigate_room::CallId;
use serde::Serialize;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

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
pub(super) struct LastOfTrunks(HashMap<String, Dated>);

/// With the time since when each may be forgotten.
#[derive(Debug, Default)]
struct Dated {
    inbound: Option<(Instant, LastCall)>,
    outbound: Option<(Instant, LastCall)>,
    refusal: Option<(Instant, Refusal)>,
}

impl LastOfTrunks {
    pub(super) fn of(&self, trunk: &str) -> LastCalls {
        fn of<T: Clone>(dated: &Option<(Instant, T)>) -> Option<T> {
            dated.as_ref().map(|(_, one)| one.clone())
        }
        self.0
            .get(trunk)
            .map_or_else(LastCalls::default, |last| LastCalls {
                inbound: of(&last.inbound),
                outbound: of(&last.outbound),
                refusal: of(&last.refusal),
            })
    }

    /// An INVITE has come in, or goes out.
    pub(super) fn began(&mut self, call: &CallRecord, now: Instant) {
        let last = LastCall {
            id: call.id,
            started_at: call.started_at,
            caller: call.caller.clone(),
            called: call.called.clone(),
            remote: call.source.or(call.gateway),
            reason: None,
        };
        *self.trunk(&call.trunk).way(call.direction) = Some((now, last));
    }

    /// A call is over.
    pub(super) fn ended(&mut self, call: &CallRecord, end: CallEnd, now: Instant) {
        let of_trunk = self.trunk(&call.trunk);
        if let Some((since, last)) = of_trunk.way(call.direction)
            && last.id == call.id
        {
            *since = now;
            last.reason = call.reason;
        }
        if call.answered_at.is_none() && end.class() != Class::Normal {
            let cause = call.q850.map(|cause| format!(", Q.850 cause {cause}"));
            let status = end.sip_status();
            let refusal = Refusal {
                direction: call.direction,
                at: call.ended_at.unwrap_or_default(),
                reason: end.reason(),
                why: format!(
                    "{} to {}: SIP {status}{}",
                    call.caller,
                    call.called,
                    cause.unwrap_or_default()
                ),
            };
            of_trunk.refusal = Some((now, refusal));
        }
    }

    /// One was refused before it was a call of this trunk.
    pub(super) fn refused(&mut self, trunk: &str, refusal: Refusal, now: Instant) {
        self.trunk(trunk).refusal = Some((now, refusal));
    }

    /// Those go for whose time it is; a call goes on being the last one while `lives` says that it lives.
    pub(super) fn forget(&mut self, is_old: impl Fn(Instant) -> bool, lives: impl Fn(CallId) -> bool) {
        for last in self.0.values_mut() {
            for call in [&mut last.inbound, &mut last.outbound] {
                call.take_if(|(since, call)| is_old(*since) && !lives(call.id));
            }
            last.refusal.take_if(|(since, _)| is_old(*since));
        }
    }

    /// Names are those of the configuration, and none.
    fn trunk(&mut self, name: &str) -> &mut Dated {
        self.0.entry(name.to_owned()).or_default()
    }
}

impl Dated {
    fn way(&mut self, direction: Direction) -> &mut Option<(Instant, LastCall)> {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }
}

//! What a certification is asked for.

use crate::trunks::{Route, Trunk};
use chrono::NaiveDate;
use omnigate_number::PhoneNumber;
use omnigate_omnitalk::DialRefusal;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// Longest times that may be asked for, seconds.
const LONGEST_WAIT: u64 = 3600;
const LONGEST_SILENCE: u64 = 600;

/// What is to be tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificationOrder {
    /// A telephone that somebody answers, in any usual notation; none: no call out.
    pub call: Option<String>,
    /// The number that calls out show; none: the first of `trunk.callers` that may be shown.
    pub from: Option<String>,
    /// A number of the trunk that somebody will call; none: no call in.
    pub inbound: Option<String>,
    /// A call of more than half an hour, too.
    pub long: bool,
    /// How long a call in is waited for, seconds, up to an hour.
    pub wait_seconds: u64,
    /// How long nobody speaks in a call out, seconds, up to ten minutes.
    pub silence_seconds: u64,
}

impl Default for CertificationOrder {
    fn default() -> CertificationOrder {
        CertificationOrder {
            call: None,
            from: None,
            inbound: None,
            long: false,
            wait_seconds: 120,
            silence_seconds: 60,
        }
    }
}

/// Why there is no certification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificationRefusal {
    /// There is no such trunk.
    #[error("no such trunk")]
    NoTrunk,
    /// One goes on.
    #[error("a certification of this trunk goes on; end it, or wait")]
    Running,
    /// The service stops.
    #[error("the service stops")]
    Stopping,
    /// The number may not be called by the trunk, or nothing may be shown.
    #[error("{0}")]
    Rule(DialRefusal),
    /// The trunk does not take calls to the number that is to be called.
    #[error("inbound: is no number that the trunk takes calls to (trunk.numbers)")]
    NotServed,
    /// A time is too long.
    #[error("{0}: at most {1}")]
    TooLong(&'static str, u64),
}

/// An order that can be carried out.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) call: Option<Route>,
    pub(super) inbound: Option<PhoneNumber>,
    pub(super) long: bool,
    pub(super) wait: Duration,
    pub(super) silence: Duration,
}

impl Plan {
    pub(super) fn new(
        order: &CertificationOrder,
        trunk: &Arc<Trunk>,
        today: NaiveDate,
    ) -> Result<Plan, CertificationRefusal> {
        for (key, value, most) in [
            ("wait_seconds", order.wait_seconds, LONGEST_WAIT),
            ("silence_seconds", order.silence_seconds, LONGEST_SILENCE),
        ] {
            if value > most {
                return Err(CertificationRefusal::TooLong(key, most));
            }
        }
        let route = |number: &String| {
            let route = trunk.route_to(number, order.from.as_deref(), today);
            route.map_err(CertificationRefusal::Rule)
        };
        let own = |number: &String| {
            let number = PhoneNumber::parse(number, trunk.country);
            number
                .filter(|number| trunk.takes(number))
                .ok_or(CertificationRefusal::NotServed)
        };
        Ok(Plan {
            call: order.call.as_ref().map(route).transpose()?,
            inbound: order.inbound.as_ref().map(own).transpose()?,
            long: order.long,
            wait: Duration::from_secs(order.wait_seconds),
            silence: Duration::from_secs(order.silence_seconds),
        })
    }

    /// The call out comes back in.
    pub(super) fn is_loop(&self) -> bool {
        let called = self.call.as_ref().map(|route| &route.called);
        called.is_some() && called == self.inbound.as_ref()
    }
}

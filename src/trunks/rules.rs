//! What a trunk and a service say about calls out.

use super::shown::{SHORT_DIGITS, Shown};
use crate::config::{self, KeyPath};
use chrono::NaiveDate;
use omnigate_number::{Country, NumberPattern, PhoneNumber};
use omnigate_omnitalk::DialRefusal;
use omnigate_sip::digest::Credentials;
use omnigate_sip::message::{Transport, Uri};
use omnigate_sip::resolve::{Place, Target};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Fewest and most digits of a number with its country code (E.164).
pub(super) const GLOBAL_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// What a trunk says about calls out.
#[derive(Debug, Clone)]
pub(super) struct Outbound {
    pub(super) gateways: Vec<Gateway>,
    pub(super) destinations: Vec<Destinations>,
    pub(super) priority: u32,
    pub(super) callers: Vec<CallerNumber>,
    pub(super) credentials: Vec<Credentials>,
    pub(super) shown: Shown,
    pub(super) keys: KeyPath,
    pub(super) channels: u32,
    pub(super) calls_per_caller: u32,
    pub(super) calls_per_second: u32,
    /// Final responses after which the next gateway is asked.
    pub(super) next_on: Arc<[u16]>,
    pub(super) limits: OutboundLimits,
    /// How often gateways are asked whether they are there; 0: never.
    pub(super) options_every: Duration,
    pub(super) emergency: bool,
}

/// How long a call out may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboundLimits {
    /// Until a gateway says more than that it tries.
    pub answer: Duration,
    /// Until the telephone answers.
    pub ring: Duration,
    /// From the answer to the end.
    pub longest: Duration,
}

/// Where calls out go.
#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    /// Host and port as they are written, for addresses in a request.
    pub(super) host: String,
    pub(super) target: Target,
    transport: Option<Transport>,
    secure: bool,
}

/// Numbers that may be called.
#[derive(Debug, Clone)]
pub(super) enum Destinations {
    All,
    Like {
        pattern: NumberPattern,
        /// It is written with a plus: no short number of the trunk's country is meant.
        global: bool,
    },
}

#[derive(Debug, Clone)]
pub(super) struct CallerNumber {
    pub(super) number: PhoneNumber,
    pub(super) until: Option<NaiveDate>,
}

impl CallerNumber {
    pub(super) fn holds(&self, today: NaiveDate) -> bool {
        self.until.is_none_or(|until| until >= today)
    }
}

/// What a service may do.
#[derive(Debug, Clone)]
pub(super) struct ServiceRules {
    pub(super) caller: Option<String>,
    /// Whoever it calls does not see that number.
    pub(super) withholds: bool,
    pub(super) destinations: Vec<String>,
    pub(super) calls: u32,
    pub(super) a_day: Duration,
}

impl Destinations {
    fn parse(text: &str, country: Country) -> Option<Destinations> {
        if text == "*" {
            return Some(Destinations::All);
        }
        let global = text.trim_start().starts_with('+');
        NumberPattern::parse(text, country).map(|pattern| Destinations::Like { pattern, global })
    }

    /// How well it fits a number: the more digits the better; `None`: not at all.
    fn fit(&self, number: &PhoneNumber) -> Option<usize> {
        match self {
            Destinations::All => Some(0),
            Destinations::Like { global: true, .. } if SHORT_DIGITS.contains(&number.digits().len()) => None,
            Destinations::Like { pattern, .. } => pattern.takes(number).then(|| pattern.digits()),
        }
    }
}

impl Gateway {
    pub(super) fn parse(text: &str) -> Option<Gateway> {
        let uri: Uri = text.parse().ok()?;
        let parts = uri.sip()?;
        let port = parts.port.map(|port| format!(":{port}")).unwrap_or_default();
        Some(Gateway {
            host: format!("{}{port}", parts.host),
            target: Target::of_uri(&parts)?,
            transport: parts.params.get("transport").and_then(Transport::from_name),
            secure: parts.secure,
        })
    }

    /// Whether it may only be reached by TLS.
    pub fn is_secure(&self) -> bool {
        self.secure || self.transport == Some(Transport::Tls)
    }

    /// Scheme of addresses there.
    pub(super) fn scheme(&self) -> &'static str {
        if self.secure { "sips" } else { "sip" }
    }

    /// Parameter of addresses there.
    pub(super) fn parameter(&self) -> &'static str {
        match self.transport {
            Some(Transport::Tcp) if !self.secure => ";transport=tcp",
            Some(Transport::Tls) if !self.secure => ";transport=tls",
            _ => "",
        }
    }

    /// What is looked for in the DNS.
    pub fn target(&self) -> &Target {
        &self.target
    }
}

/// Without its port, for logs.
impl fmt::Display for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

impl Outbound {
    pub(super) fn new(trunk: &config::Trunk, country: Country, registered: Option<&Credentials>) -> Outbound {
        let caller = |one: &config::CallerNumber| {
            Some(CallerNumber {
                number: PhoneNumber::parse(one.number.as_deref()?, country)?,
                until: one.until,
            })
        };
        let own = trunk.user.as_ref().zip(trunk.password.as_ref());
        let own = own.map(|(user, password)| {
            let credentials = Credentials::new(user, password.expose());
            match &trunk.realm {
                Some(realm) => credentials.for_realm(realm),
                None => credentials,
            }
        });
        let credentials = own.or_else(|| registered.cloned());
        Outbound {
            gateways: trunk.gateways.iter().filter_map(|g| Gateway::parse(g)).collect(),
            destinations: trunk
                .destinations
                .iter()
                .filter_map(|one| Destinations::parse(one, country))
                .collect(),
            priority: trunk.priority,
            callers: trunk.callers.iter().filter_map(caller).collect(),
            credentials: credentials.into_iter().collect(),
            shown: Shown::new(trunk, country),
            keys: trunk.keys,
            channels: trunk.channels,
            calls_per_caller: trunk.calls_per_caller,
            calls_per_second: trunk.calls_per_second,
            next_on: trunk.next_on.iter().map(|status| status.0).collect(),
            options_every: Duration::from_secs(trunk.options_seconds),
            limits: OutboundLimits {
                answer: Duration::from_secs(trunk.answer_seconds),
                ring: Duration::from_secs(trunk.ring_seconds),
                longest: Duration::from_secs(trunk.longest_minutes * 60),
            },
            emergency: trunk.emergency,
        }
    }

    pub(super) fn fit(&self, number: &PhoneNumber) -> Option<usize> {
        self.destinations.iter().filter_map(|one| one.fit(number)).max()
    }

    /// This number, if calls may show it today.
    pub(super) fn shows(&self, number: PhoneNumber, today: NaiveDate) -> Result<PhoneNumber, DialRefusal> {
        let none = |rule| DialRefusal::NoCaller { rule };
        let listed = self.callers.iter().find(|one| one.number == number);
        let listed = listed.ok_or(none("trunk.callers"))?;
        if !listed.holds(today) {
            return Err(none("trunk.callers.until"));
        }
        Ok(number)
    }

    /// Addresses of gateways that are written as such: they may send, though no `allow` names them.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.gateways
            .iter()
            .filter_map(|gateway| match gateway.target.place {
                Place::Address(address) => Some(address),
                Place::Name(_) => None,
            })
    }
}

impl ServiceRules {
    pub(super) fn all(settings: &config::Settings) -> HashMap<String, ServiceRules> {
        let rules = |service: &config::Service| ServiceRules {
            caller: service.caller.clone(),
            withholds: service.withhold_number,
            destinations: service.destinations.clone(),
            calls: service.calls,
            a_day: Duration::from_secs(service.minutes_a_day * 60),
        };
        let services = settings.service.iter();
        services.map(|one| (one.id.clone(), rules(one))).collect()
    }

    pub(super) fn allows(&self, number: &PhoneNumber, country: Country) -> bool {
        if self.destinations.is_empty() {
            return country.has(number);
        }
        let mut all = self.destinations.iter();
        all.any(|one| Destinations::parse(one, country).is_some_and(|one| one.fit(number).is_some()))
    }

    /// The number that a call shows by a trunk that says `out`, of this country.
    pub(super) fn caller(
        &self,
        out: &Outbound,
        country: Country,
        today: NaiveDate,
    ) -> Result<PhoneNumber, DialRefusal> {
        let none = |rule| DialRefusal::NoCaller { rule };
        let caller = self.caller.as_ref().ok_or(none("service.caller"))?;
        let caller = PhoneNumber::parse(caller, country).ok_or(none("service.caller"))?;
        out.shows(caller, today)
    }
}

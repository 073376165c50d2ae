//! Which trunks a call goes out by, what it shows, and whether it may be made.

use super::rules::{GLOBAL_DIGITS, Gateway, OutboundLimits, ServiceRules};
use super::shown::{Before, Identity, SHORT_DIGITS};
use super::{Trunk, Trunks};
use crate::config::KeyPath;
use chrono::NaiveDate;
use omnigate_number::PhoneNumber;
use omnigate_omnitalk::DialRefusal;
use omnigate_sip::message::Name;
use omnigate_sip::{Hop, Invitation, NatRule, Own};
use std::sync::Arc;

/// A way for a call out.
#[derive(Debug, Clone)]
pub struct Route {
    /// By which trunk.
    pub trunk: Arc<Trunk>,
    /// Whom it calls.
    pub called: PhoneNumber,
    /// What it shows.
    pub caller: PhoneNumber,
    /// It shows that to the network alone, and not to whom it calls.
    pub withheld: bool,
    /// Who was called before, in whose place this one is called, the first one first.
    pub before: Vec<Before>,
}

impl Trunks {
    /// The ways for a call of this service to this number, as an app wrote it, best first: the trunk whose destinations fit
    /// best, then that of the lower priority.
    ///
    /// # Errors
    /// The first rule that forbids it.
    pub fn routes(&self, service: &str, number: &str, today: NaiveDate) -> Result<Vec<Route>, DialRefusal> {
        let rules = self.services.get(service).ok_or(DialRefusal::NoTrunk)?;
        let open = |trunk: &&Arc<Trunk>| {
            let theirs = trunk.service.as_ref().is_none_or(|only| only == service);
            theirs && !trunk.out.gateways.is_empty()
        };
        let mut found = Vec::new();
        let mut why = DialRefusal::NoTrunk;
        for (place, trunk) in self.all.iter().filter(open).enumerate() {
            match trunk.route(rules, number, today) {
                Ok((fit, route)) => found.push((std::cmp::Reverse(fit), trunk.out.priority, place, route)),
                // The nearer it came, the more it says.
                Err(refusal) if rank(refusal) > rank(why) => why = refusal,
                Err(_) => {}
            }
        }
        if found.is_empty() {
            return Err(why);
        }
        found.sort_by_key(|(fit, priority, place, _)| (*fit, *priority, *place));
        Ok(found.into_iter().map(|(.., route)| route).collect())
    }
}

fn rank(refusal: DialRefusal) -> u8 {
    match refusal {
        DialRefusal::NoTrunk => 0,
        DialRefusal::NotANumber => 1,
        DialRefusal::Emergency => 2,
        DialRefusal::Forbidden { .. } => 3,
        _ => 4,
    }
}

impl Trunk {
    fn route(
        self: &Arc<Trunk>,
        rules: &ServiceRules,
        number: &str,
        today: NaiveDate,
    ) -> Result<(usize, Route), DialRefusal> {
        let called = PhoneNumber::parse(number, self.country).ok_or(DialRefusal::NotANumber)?;
        let fit = if self.country.is_emergency(&called) {
            if !self.out.emergency {
                return Err(DialRefusal::Emergency);
            }
            usize::MAX
        } else {
            let fit = self.destination(&called)?;
            if !rules.allows(&called, self.country) {
                return Err(DialRefusal::Forbidden {
                    rule: "service.destinations",
                });
            }
            fit
        };
        let caller = rules.caller(&self.out, self.country, today)?;
        if let Some(pilot) = &self.out.shown.pilot {
            self.out.shows(pilot.clone(), today)?;
        }
        let trunk = self.clone();
        Ok((
            fit,
            Route {
                trunk,
                called,
                caller,
                withheld: rules.withholds,
                before: Vec::new(),
            },
        ))
    }

    /// How well its destinations fit a number that is no emergency number: the more digits the better.
    ///
    /// # Errors
    /// It is no number of a telephone, or may not be called by this trunk.
    pub(super) fn destination(&self, called: &PhoneNumber) -> Result<usize, DialRefusal> {
        let digits = called.digits().len();
        if !(GLOBAL_DIGITS.contains(&digits) || SHORT_DIGITS.contains(&digits)) {
            return Err(DialRefusal::NotANumber);
        }
        self.out.fit(called).ok_or(DialRefusal::NoTrunk)
    }

    /// Where its calls out go, in order.
    pub fn gateways(&self) -> &[Gateway] {
        &self.out.gateways
    }

    /// How long a call out may take.
    pub fn limits(&self) -> OutboundLimits {
        self.out.limits
    }

    /// Final responses after which the next gateway is asked.
    pub fn next_on(&self) -> Arc<[u16]> {
        self.out.next_on.clone()
    }

    /// How keys are pressed towards its telephones.
    pub fn keys(&self) -> KeyPath {
        self.out.keys
    }
}

impl Route {
    /// Whether it calls for help.
    pub fn is_emergency(&self) -> bool {
        self.trunk.country.is_emergency(&self.called)
    }

    /// The INVITE of this call to a gateway, by this way; `own` is our address there.
    pub fn invitation(
        &self,
        gateway: &Gateway,
        hop: Hop,
        own: &Own,
        offer: Vec<u8>,
    ) -> Result<Invitation, omnigate_sip::message::UriError> {
        let (out, shown) = (&self.trunk.out, &self.trunk.out.shown);
        let called = shown.written(&self.called);
        let theirs = shown.domain.as_deref().unwrap_or(&gateway.host);
        let phone = shown.phone();
        let (scheme, transport) = (gateway.scheme(), gateway.parameter());
        let ours = match &shown.domain {
            Some(domain) => domain.clone(),
            None => own.to_string(),
        };
        let address = |number: &str| format!("<{scheme}:{number}@{ours}{phone}>");
        let Identity { from, mut headers } = shown.identity(&self.caller, self.withheld, address);
        let to = format!("<{scheme}:{called}@{theirs}{phone}>");
        // Whom somebody has called who withholds its number may tell who it is.
        if !self.withheld {
            shown.diverted(&self.before, &to, address, &mut headers);
        }
        if self.trunk.terms.says_early_media() {
            headers.push(Name::PEarlyMedia, "supported");
        }
        let registrar = self.trunk.registrar.as_ref();
        let routes = registrar.map(|registrar| registrar.repeat(hop.remote.ip(), &mut headers));
        Ok(Invitation {
            uri: format!("{scheme}:{called}@{theirs}{phone}{transport}").parse()?,
            from,
            to,
            hop,
            routes: routes.unwrap_or_default(),
            offer: Some(offer),
            credentials: out.credentials.clone(),
            headers,
            nat: NatRule::Private,
            terms: self.trunk.terms.call(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use omnigate_sip::message::Transport;

    const TOML: &str = r#"
        [[trunk]]
        name = "cheap"
        gateways = ["sip:192.0.2.10"]
        destinations = ["02*", "+1*"]
        callers = [{ number = "070-1234-5678", proof = "contract 7" }]
        number_format = "plus"
        identity = "asserted"
        forward = "diversion"
        [[trunk]]
        name = "all"
        gateways = ["sip:gw.example.com;transport=tcp"]
        destinations = ["*"]
        priority = 20
        domain = "carrier.example"
        user_phone = true
        callers = [
            { number = "07012345678", proof = "contract 8" },
            { number = "07000000000", proof = "contract 9", until = "2026-01-31" },
        ]
        [[trunk]]
        name = "first"
        gateways = ["sip:192.0.2.11"]
        destinations = ["*"]
        callers = [{ number = "07012345678", proof = "contract 8" }]
        number_format = "prefixed"
        [[trunk]]
        name = "in"
        destinations = []
        [[service]]
        id = "shop"
        key = "k"
        caller = "070-1234-5678"
        [[service]]
        id = "abroad"
        key = "k"
        caller = "07012345678"
        destinations = ["*"]
        [[service]]
        id = "old"
        key = "k"
        caller = "07000000000"
        [[service]]
        id = "mute"
        key = "k"
    "#;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 30).unwrap()
    }

    fn routes(service: &str, number: &str) -> Result<Vec<Route>, DialRefusal> {
        Trunks::new(&load_text(TOML, []).unwrap()).routes(service, number, today())
    }

    fn names(service: &str, number: &str) -> Vec<String> {
        let routes = routes(service, number).unwrap();
        routes.iter().map(|route| route.trunk.name.clone()).collect()
    }

    #[test]
    fn the_trunk_that_fits_best_comes_first_then_the_priority() {
        for number in ["02-123-4567", "+82 2 123 4567", "8221234567", "tel:+8221234567"] {
            assert_eq!(names("shop", number), ["cheap", "first", "all"], "{number}");
        }
        assert_eq!(names("shop", "031-123-4567"), ["first", "all"]);
        assert_eq!(names("shop", "1588-1234"), ["first", "all"]);
        assert_eq!(names("abroad", "+1 212 555 0100"), ["cheap", "first", "all"]);
    }

    #[test]
    fn what_may_not_be_called_is_refused_by_its_rule() {
        let refused = |service: &str, number: &str| routes(service, number).unwrap_err();
        for number in ["alice", "", "1", "+82 2 1234567890123"] {
            assert_eq!(refused("shop", number), DialRefusal::NotANumber, "{number}");
        }
        for number in ["112", "119", "122", "02119"] {
            assert_eq!(refused("abroad", number), DialRefusal::Emergency, "{number}");
        }
        let rule = "service.destinations";
        assert_eq!(
            refused("shop", "+1 212 555 0100"),
            DialRefusal::Forbidden { rule }
        );
        assert_eq!(
            refused("shop", "001-1-212-555-0100"),
            DialRefusal::Forbidden { rule }
        );
        let none = |rule| DialRefusal::NoCaller { rule };
        assert_eq!(refused("mute", "02-123-4567"), none("service.caller"));
        assert_eq!(refused("old", "031-123-4567"), none("trunk.callers.until"));
        assert_eq!(refused("nobody", "02-123-4567"), DialRefusal::NoTrunk);
        // The pilot number is shown as well, and needs its proof as long.
        let toml = TOML.replace(
            "domain = \"carrier.example\"",
            "domain = \"carrier.example\"\npilot = \"07000000000\"",
        );
        let trunks = Trunks::new(&load_text(&toml, []).unwrap());
        let names = trunks.routes("shop", "031-123-4567", today()).unwrap();
        let names: Vec<&str> = names.iter().map(|route| route.trunk.name.as_str()).collect();
        assert_eq!(names, ["first"]);
    }

    #[test]
    fn an_emergency_number_goes_by_a_trunk_that_is_for_those() {
        let toml = TOML.replace("name = \"first\"", "name = \"first\"\nemergency = true");
        let trunks = Trunks::new(&load_text(&toml, []).unwrap());
        let routes = trunks.routes("shop", "119", today()).unwrap();
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].trunk.name, "first");
    }

    #[test]
    fn numbers_are_written_as_the_trunk_wants_them() {
        let of = |trunk: &str, service: &str, number: &str| {
            let routes = routes(service, number).unwrap();
            let route = routes.iter().find(|route| route.trunk.name == trunk).unwrap();
            route.trunk.out.shown.written(&route.called)
        };
        assert_eq!(of("cheap", "shop", "02-123-4567"), "+8221234567");
        assert_eq!(of("all", "shop", "02-123-4567"), "021234567");
        assert_eq!(of("first", "shop", "02-123-4567"), "82021234567");
        assert_eq!(of("first", "shop", "1588-1234"), "15881234");
        assert_eq!(of("all", "abroad", "+12125550100"), "+12125550100");
    }

    #[test]
    fn an_invite_has_the_numbers_where_the_trunk_wants_them() {
        let ours = "192.0.2.1:5060".parse().unwrap();
        let hop = Hop::datagram(
            omnigate_sip::ListenerId(0),
            ours,
            "192.0.2.10:5060".parse().unwrap(),
        );
        let listeners = omnigate_sip::Listeners::new(vec![omnigate_sip::Listener {
            transport: Transport::Udp,
            bound: ours,
            advertised: None,
        }]);
        let own = listeners.own(&hop);
        let invitation = |trunk: &str| {
            let routes = routes("shop", "02-123-4567").unwrap();
            let route = routes.iter().find(|route| route.trunk.name == trunk).unwrap();
            let gateway = &route.trunk.gateways()[0];
            route.invitation(gateway, hop.clone(), &own, Vec::new()).unwrap()
        };
        // Whom somebody has called who withholds its number is told nobody's.
        let mut route = routes("shop", "02-123-4567").unwrap().remove(0);
        route.before = vec![Before {
            number: route.caller.clone(),
            by: None,
        }];
        for withheld in [false, true] {
            route.withheld = withheld;
            let gateway = &route.trunk.gateways()[0];
            let invitation = route.invitation(gateway, hop.clone(), &own, Vec::new()).unwrap();
            assert_eq!(invitation.headers.get(Name::Diversion).is_none(), withheld);
        }
        let cheap = invitation("cheap");
        assert_eq!(cheap.uri.to_string(), "sip:+8221234567@192.0.2.10");
        assert_eq!(cheap.from, "<sip:+827012345678@192.0.2.1:5060>");
        let asserted = cheap.headers.get(Name::PAssertedIdentity);
        assert_eq!(asserted, Some("<sip:+827012345678@192.0.2.1:5060>"));
        let all = invitation("all");
        assert_eq!(
            all.uri.to_string(),
            "sip:021234567@carrier.example;user=phone;transport=tcp"
        );
        assert_eq!(all.from, "<sip:07012345678@carrier.example;user=phone>");
        assert_eq!(all.headers.get(Name::PAssertedIdentity), None);
    }
}

//! How numbers stand in a call out: whom it calls, and who it says calls.

use crate::config::{self, CallerField, ForwardRule, IdentityField, NumberFormat};
use omnigate_number::{Country, PhoneNumber};
use omnigate_sip::message::{Headers, Name};

/// Fewest and most digits of a number without a country code.
pub(super) const SHORT_DIGITS: std::ops::RangeInclusive<usize> = 3..=8;

/// What a trunk says about numbers in calls out.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    country: Country,
    /// Host of addresses; none: the gateway's and ours.
    pub(super) domain: Option<String>,
    format: NumberFormat,
    caller_format: NumberFormat,
    /// Fields that say who calls, beside From.
    identity: Vec<IdentityField>,
    /// The trunk's own number, and the fields that say it in the place of who calls.
    pub(super) pilot: Option<PhoneNumber>,
    pilot_in: Vec<CallerField>,
    user_phone: bool,
    forward: ForwardRule,
}

impl Shown {
    pub(super) fn new(trunk: &config::Trunk, country: Country) -> Shown {
        let pilot = trunk.pilot.as_deref();
        Shown {
            country,
            pilot: pilot.and_then(|pilot| PhoneNumber::parse(pilot, country)),
            pilot_in: trunk.pilot_in.clone(),
            domain: trunk.domain.clone(),
            format: trunk.number_format,
            caller_format: trunk.caller_format.unwrap_or(trunk.number_format),
            identity: trunk.identity.clone(),
            user_phone: trunk.user_phone,
            forward: trunk.forward,
        }
    }

    /// What stands behind a number's address.
    pub(super) fn phone(&self) -> &'static str {
        if self.user_phone { ";user=phone" } else { "" }
    }

    /// Who calls. `address` is one with this number, as it is written.
    pub(super) fn identity(
        &self,
        caller: &PhoneNumber,
        withheld: bool,
        address: impl Fn(&str) -> String,
    ) -> Identity {
        let written = |number: &PhoneNumber| address(&self.caller_written(number));
        let pilot = self.pilot.as_ref().map(written);
        let caller = written(caller);
        let instead = |field: CallerField| pilot.as_ref().filter(|_| self.pilot_in.contains(&field));
        let mut headers = Headers::default();
        // Who is not to be shown is named to the network alone, in a field that it takes out (RFC 3325 section 9.3): where the
        // trunk names none, in the first that is free.
        let free = |(_, place, _): &&(IdentityField, CallerField, Name)| instead(*place).is_none();
        let named = FIELDS
            .iter()
            .filter(free)
            .any(|(field, ..)| self.identity.contains(field));
        let unnamed = FIELDS.iter().find(free).filter(|_| withheld && !named);
        for (field, place, name) in FIELDS {
            let value = instead(place);
            let wanted = self.identity.contains(&field) || unnamed.is_some_and(|(free, ..)| *free == field);
            if value.is_none() && !wanted {
                continue;
            }
            let value = value.unwrap_or(&caller);
            match (withheld, field) {
                (true, IdentityField::RemoteParty) => {
                    headers.push(name, format_args!("{value};privacy=full"))
                }
                _ => headers.push(name, value),
            }
        }
        if withheld {
            headers.push(Name::Privacy, "id");
        }
        let from = match withheld {
            // RFC 3323 section 4.1.1.3.
            true => "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
            false => instead(CallerField::From).unwrap_or(&caller).clone(),
        };
        Identity { from, headers }
    }

    /// Says who was called before, the first one first, in whose place a call to the address `to` is made.
    pub(super) fn diverted(
        &self,
        before: &[Before],
        to: &str,
        address: impl Fn(&str) -> String,
        headers: &mut Headers,
    ) {
        let Some(last) = before.last() else { return };
        let written = |one: &Before| address(&self.caller_written(&one.number));
        match self.forward {
            ForwardRule::None => {}
            // RFC 5806: the last one that was called, and how many there were.
            ForwardRule::Diversion => {
                let (last, count) = (written(last), before.len());
                headers.push(
                    Name::Diversion,
                    format_args!("{last};reason=deflection;counter={count}"),
                );
            }
            // RFC 7044 section 10: each stands below the one before it and is in its place (`mp`); why it was sent on stands in
            // its URI.
            ForwardRule::HistoryInfo => {
                let (mut index, mut parent) = ("1".to_owned(), String::new());
                let mut all = Vec::new();
                for one in before {
                    let mut entry = written(one);
                    if let (Some(status), Some(end)) = (one.by, entry.rfind('>')) {
                        entry.insert_str(end, &format!("?Reason=SIP%3Bcause%3D{status}"));
                    }
                    all.push(format!("{entry};index={index}{parent}"));
                    parent = format!(";mp={index}");
                    index.push_str(".1");
                }
                all.push(format!("{to};index={index}{parent}"));
                headers.push(Name::HistoryInfo, all.join(", "));
            }
        }
    }

    /// A number that is called.
    pub(super) fn written(&self, number: &PhoneNumber) -> String {
        self.written_as(number, self.format)
    }

    fn caller_written(&self, number: &PhoneNumber) -> String {
        self.written_as(number, self.caller_format)
    }

    fn written_as(&self, number: &PhoneNumber, format: NumberFormat) -> String {
        let (digits, country) = (number.digits(), self.country);
        let global = digits.len() > *SHORT_DIGITS.end();
        match format {
            _ if !global => digits.to_owned(),
            NumberFormat::National => number.national(country),
            NumberFormat::E164 => digits.to_owned(),
            NumberFormat::Plus => format!("+{digits}"),
            NumberFormat::Prefixed => match digits.strip_prefix(country.calling_code) {
                Some(rest) => format!("{}{}{rest}", country.calling_code, country.trunk_prefix),
                None => digits.to_owned(),
            },
        }
    }
}

/// Somebody who was called before, in whose place another one is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// The number.
    pub number: PhoneNumber,
    /// The status by which the call was sent elsewhere; none: it was transferred.
    pub by: Option<u16>,
}

/// Who calls, as it stands in an INVITE.
pub(super) struct Identity {
    pub(super) from: String,
    /// The other fields.
    pub(super) headers: Headers,
}

/// Fields that may say who calls, beside From.
const FIELDS: [(IdentityField, CallerField, Name); 3] = [
    (
        IdentityField::Asserted,
        CallerField::Asserted,
        Name::PAssertedIdentity,
    ),
    (
        IdentityField::Preferred,
        CallerField::Preferred,
        Name::PPreferredIdentity,
    ),
    (
        IdentityField::RemoteParty,
        CallerField::RemoteParty,
        Name::RemotePartyId,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use crate::trunks::{Route, Trunks};
    use chrono::NaiveDate;

    fn route(trunk: &str, service: &str) -> Route {
        let toml = format!(
            "[[trunk]]\nname = \"t\"\ngateways = [\"sip:192.0.2.10\"]\ndestinations = [\"*\"]\ncallers = [{{ number = \"070-1234-5678\", proof = \"7\" }}, {{ number = \"02-000-0000\", proof = \"8\" }}]\n{trunk}\n[[service]]\nid = \"shop\"\nkey = \"k\"\ncaller = \"070-1234-5678\"\n{service}\n"
        );
        let trunks = Trunks::new(&load_text(&toml, []).unwrap());
        let today = NaiveDate::from_ymd_opt(2026, 11, 30).unwrap();
        trunks.routes("shop", "02-123-4567", today).unwrap().remove(0)
    }

    /// What a call says of who calls, field by field.
    fn shown(trunk: &str, service: &str) -> Vec<String> {
        let route = route(trunk, service);
        let shown = &route.trunk.out.shown;
        let identity = shown.identity(&route.caller, route.withheld, |number| {
            format!("<sip:{number}@h>")
        });
        let headers = identity.headers.iter();
        let mut all = vec![format!("From: {}", identity.from)];
        all.extend(headers.map(|(name, value)| format!("{name}: {value}")));
        all
    }

    #[test]
    fn a_pilot_number_stands_where_the_trunk_wants_it_and_who_calls_elsewhere() {
        let caller = "<sip:07012345678@h>";
        let pilot = "<sip:020000000@h>";
        assert_eq!(shown("", ""), [format!("From: {caller}")]);
        assert_eq!(
            shown("pilot = \"02-000-0000\"", ""),
            [format!("From: {caller}"), format!("P-Asserted-Identity: {pilot}")]
        );
        let in_from = "pilot = \"02-000-0000\"\npilot_in = \"from\"\nidentity = \"preferred\"";
        assert_eq!(
            shown(in_from, ""),
            [
                format!("From: {pilot}"),
                format!("P-Preferred-Identity: {caller}")
            ]
        );
    }

    #[test]
    fn an_anonymous_call_names_its_number_to_the_network_alone() {
        let withheld = "withhold_number = true";
        let from = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>";
        let asserted = "P-Asserted-Identity: <sip:07012345678@h>";
        assert_eq!(shown("", withheld), [from, asserted, "Privacy: id"]);
        let remote = shown("identity = \"remote-party\"", withheld);
        let field = "Remote-Party-ID: <sip:07012345678@h>;privacy=full";
        assert_eq!(remote, [from, field, "Privacy: id"]);
        let pilot = "pilot = \"02-000-0000\"\nidentity = \"preferred\"\npilot_in = \"from\"";
        let preferred = "P-Preferred-Identity: <sip:07012345678@h>";
        assert_eq!(shown(pilot, withheld), [from, preferred, "Privacy: id"]);
        // The pilot number has taken the first field.
        let asserted = "P-Asserted-Identity: <sip:020000000@h>";
        let both = shown("pilot = \"02-000-0000\"", withheld);
        assert_eq!(both, [from, asserted, preferred, "Privacy: id"]);
    }

    #[test]
    fn a_call_in_the_place_of_another_one_says_so_as_the_trunk_wants() {
        let said = |forward: &str, before: &[(&str, Option<u16>)]| {
            let route = route(&format!("forward = \"{forward}\""), "");
            let before = before.iter().map(|(number, by)| Before {
                number: PhoneNumber::parse(number, route.trunk.country).unwrap(),
                by: *by,
            });
            let (before, mut headers) = (before.collect::<Vec<_>>(), Headers::default());
            let address = |number: &str| format!("<sip:{number}@h>");
            let shown = &route.trunk.out.shown;
            shown.diverted(&before, "<sip:021234567@h>", address, &mut headers);
            let all = headers.iter().map(|(name, value)| format!("{name}: {value}"));
            all.last()
        };
        let (one, two) = (
            [("070-0000-1111", None)],
            [("070-0000-1111", Some(302)), ("070-0000-2222", Some(301))],
        );
        for forward in ["none", "diversion", "history-info"] {
            assert_eq!(said(forward, &[]), None, "{forward}");
        }
        assert_eq!(said("none", &one), None);
        assert_eq!(
            said("diversion", &one).unwrap(),
            "Diversion: <sip:07000001111@h>;reason=deflection;counter=1"
        );
        assert_eq!(
            said("diversion", &two).unwrap(),
            "Diversion: <sip:07000002222@h>;reason=deflection;counter=2"
        );
        assert_eq!(
            said("history-info", &one).unwrap(),
            "History-Info: <sip:07000001111@h>;index=1, <sip:021234567@h>;index=1.1;mp=1"
        );
        assert_eq!(
            said("history-info", &two).unwrap(),
            "History-Info: <sip:07000001111@h?Reason=SIP%3Bcause%3D302>;index=1, \
             <sip:07000002222@h?Reason=SIP%3Bcause%3D301>;index=1.1;mp=1, <sip:021234567@h>;index=1.1.1;mp=1.1"
        );
    }

    #[test]
    fn a_pilot_number_needs_its_proof() {
        let faults = |toml: &str| {
            load_text(&format!("[[trunk]]\n{toml}\n"), [])
                .unwrap_err()
                .to_string()
        };
        assert!(faults("pilot = \"02-000-0000\"").contains("trunk[0].pilot: is none of trunk.callers"));
        assert!(faults("pilot = \"alice\"").contains("trunk[0].pilot: is not a telephone number"));
        let listed = "callers = [{ number = \"02-000-0000\", proof = \"8\" }]\npilot = \"02-000-0000\"";
        assert!(faults(&format!("{listed}\npilot_in = []")).contains("trunk[0].pilot_in: is empty"));
        let nowhere = faults(&format!("{listed}\npilot_in = \"from\""));
        assert!(nowhere.contains("trunk[0].identity: is missing"), "{nowhere}");
        assert!(faults("pilot_in = \"from\"").contains("trunk[0].pilot: is missing"));
    }
}

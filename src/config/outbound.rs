//! What a `[[trunk]]` says about calls out.

use super::faults::Faults;
use super::section::{Check, Word, join, section, sections, values, word, words};
use super::trunk::Trunk;
use chrono::NaiveDate;
use omnigate_number::{Country, NumberPattern, PhoneNumber};
use omnigate_sip::message::{Transport, Uri};

section! {
    /// A number that calls out may show, `trunk.callers`.
    pub struct CallerNumber {
        /// The number, in any usual notation.
        number: Option<String> = None;
        /// What proves that it may be shown: a contract, a certificate of subscription.
        proof: Option<String> = None;
        /// Last day on which that holds, as `2027-12-31`; `None`: until it is taken out here.
        until: Option<NaiveDate> = None;
    }
}
sections! { CallerNumber }
values! { date; Option<NaiveDate> }

fn date(written: serde_json::Value) -> Result<Option<NaiveDate>, String> {
    let text: String = word(written)?;
    let date = NaiveDate::parse_from_str(&text, "%Y-%m-%d");
    date.map(Some)
        .map_err(|_| format!("`{text}` is no day as 2027-12-31"))
}

impl Check for CallerNumber {
    fn check(&self, path: &str, faults: &mut Faults) {
        if self.proof.as_deref().is_none_or(|proof| proof.trim().is_empty()) {
            faults.add(
                &join(path, "proof"),
                "is missing: say what proves that this number may be shown",
            );
        }
    }
}

/// How numbers are written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NumberFormat {
    /// As subscribers of the trunk's country write them: `0212345678`; foreign ones with a plus.
    #[default]
    National,
    /// E.164 without a plus: `82212345678`.
    E164,
    /// E.164 with a plus: `+82212345678`.
    Plus,
    /// Country code and national prefix: `820212345678`.
    Prefixed,
}

impl Word for NumberFormat {
    fn parse(text: &str) -> Result<NumberFormat, String> {
        Ok(match text {
            "national" => NumberFormat::National,
            "e164" => NumberFormat::E164,
            "plus" => NumberFormat::Plus,
            "prefixed" => NumberFormat::Prefixed,
            _ => return Err(format!("`{text}` is not national, e164, plus or prefixed")),
        })
    }
}

/// A header field that carries the caller's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityField {
    /// P-Asserted-Identity (RFC 3325).
    Asserted,
    /// P-Preferred-Identity (RFC 3325).
    Preferred,
    /// Remote-Party-ID.
    RemoteParty,
}

impl Word for IdentityField {
    fn parse(text: &str) -> Result<IdentityField, String> {
        Ok(match text {
            "asserted" => IdentityField::Asserted,
            "preferred" => IdentityField::Preferred,
            "remote-party" => IdentityField::RemoteParty,
            _ => return Err(format!("`{text}` is not asserted, preferred or remote-party")),
        })
    }
}

/// How keys are pressed towards a telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPath {
    /// As telephone events (RFC 4733), as INFO to those that have none.
    #[default]
    Events,
    /// As SIP INFO.
    Info,
}

impl Word for KeyPath {
    fn parse(text: &str) -> Result<KeyPath, String> {
        Ok(match text {
            "events" => KeyPath::Events,
            "info" => KeyPath::Info,
            _ => return Err(format!("`{text}` is not events or info")),
        })
    }
}

values! { word; NumberFormat, KeyPath }
values! { words; Vec<IdentityField> }

/// What is wrong with a trunk's calls out.
pub(super) fn check(trunk: &Trunk, path: &str, country: Country, faults: &mut Faults) {
    for gateway in &trunk.gateways {
        if let Err(why) = gateway_fault(gateway) {
            faults.add(&join(path, "gateways"), format!("`{gateway}` {why}"));
        }
    }
    let none = |number: &String| NumberPattern::parse(number, country).is_none() && number != "*";
    if trunk.destinations.iter().any(none) {
        faults.add(
            &join(path, "destinations"),
            "an entry is neither a telephone number, as 070-1234-5678, nor a beginning, as 02*, nor *",
        );
    }
    for (i, caller) in trunk.callers.iter().enumerate() {
        let number = caller.number.as_deref().unwrap_or_default();
        if PhoneNumber::parse(number, country).is_none() {
            faults.add(
                &format!("{}[{i}].number", join(path, "callers")),
                "is not a telephone number, as 070-1234-5678",
            );
        }
    }
    if trunk.gateways.is_empty() && !trunk.destinations.is_empty() {
        faults.add(
            &join(path, "gateways"),
            "is missing: trunk.destinations says what may be called, but not where calls out go",
        );
    }
    if trunk.user.is_some() != trunk.password.is_some() {
        let (missing, given) = if trunk.user.is_some() {
            ("password", "user")
        } else {
            ("user", "password")
        };
        faults.add(
            &join(path, missing),
            format!("is missing: there is a trunk.{given}"),
        );
    }
}

fn gateway_fault(text: &str) -> Result<(), String> {
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("is no SIP address: {error}"))?;
    let parts = uri.sip().ok_or("does not begin with sip:")?;
    if parts.secure {
        return Err("begins with sips:; write sip: and the transport".to_owned());
    }
    match parts.params.get("transport").map(Transport::from_name) {
        None | Some(Some(Transport::Udp | Transport::Tcp)) => Ok(()),
        Some(_) => Err("names a transport that is neither udp nor tcp".to_owned()),
    }
}

/// What a service says about calls out.
pub(super) fn check_service(
    caller: Option<&String>,
    destinations: &[String],
    path: &str,
    faults: &mut Faults,
) {
    if let Some(caller) = caller
        && PhoneNumber::parse(caller, Country::korea()).is_none()
    {
        faults.add(
            &join(path, "caller"),
            "is not a telephone number, as 070-1234-5678",
        );
    }
    let none = |number: &String| number != "*" && NumberPattern::parse(number, Country::korea()).is_none();
    if destinations.iter().any(none) {
        faults.add(
            &join(path, "destinations"),
            "an entry is neither a telephone number nor a beginning, as +82* or +1212*, nor *",
        );
    }
}

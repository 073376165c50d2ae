//! What a `[[trunk]]` says about calls out.

use super::faults::Faults;
use super::section::{Check, Word, join, number_as_word, section, sections, values, word, words};
use chrono::NaiveDate;
use omnigate_number::{Country, NumberPattern};
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

/// A final response that refuses a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinalStatus(pub u16);

impl Word for FinalStatus {
    fn parse(text: &str) -> Result<FinalStatus, String> {
        match text.parse() {
            // A challenge is answered, and does not go by.
            Ok(code @ (400 | 402..=406 | 408..=699)) => Ok(FinalStatus(code)),
            _ => Err(format!("`{text}` is no status that refuses a call, as 503")),
        }
    }
}

/// Numbers, or texts that are some.
fn statuses(written: serde_json::Value) -> Result<Vec<FinalStatus>, String> {
    words(match written {
        serde_json::Value::Array(all) => all.into_iter().map(number_as_word).collect(),
        one => number_as_word(one),
    })
}

fn format(written: serde_json::Value) -> Result<Option<NumberFormat>, String> {
    word(written).map(Some)
}

values! { word; NumberFormat, KeyPath }
values! { format; Option<NumberFormat> }
values! { words; Vec<IdentityField> }
values! { statuses; Vec<FinalStatus> }

/// Whether this says which numbers may be called: a number, a beginning, or all.
pub(super) fn is_destination(text: &str, country: Country) -> bool {
    text == "*" || NumberPattern::parse(text, country).is_some()
}

/// Why this is no gateway.
pub(super) fn gateway_fault(text: &str) -> Result<(), String> {
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("is no SIP address: {error}"))?;
    let parts = uri.sip().ok_or("does not begin with sip: or sips:")?;
    match parts.params.get("transport").map(Transport::from_name) {
        Some(Some(Transport::Udp)) if parts.secure => Err("asks for TLS over UDP".to_owned()),
        None | Some(Some(Transport::Udp | Transport::Tcp | Transport::Tls)) => Ok(()),
        Some(_) => Err("names a transport that is neither udp nor tcp nor tls".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::FinalStatus;
    use crate::config::load_text;

    #[test]
    fn refusals_that_go_by_are_statuses_and_no_challenges() {
        let next_on = |written: &str| load_text(&format!("[[trunk]]\nnext_on = {written}\n"), []);
        let statuses = |written: &str| next_on(written).unwrap().trunk[0].next_on.clone();
        let all = [408, 480, 503].map(FinalStatus);
        assert_eq!(statuses("[408, 480, 503]"), all);
        assert_eq!(statuses("\"408,480,503\""), all);
        assert_eq!(statuses("503"), [FinalStatus(503)]);
        assert_eq!(statuses("[]"), []);
        for wrong in ["[200]", "[302]", "[401]", "[407]", "[700]", "[\"busy\"]"] {
            let faults = next_on(wrong).unwrap_err().to_string();
            assert!(faults.contains("trunk[0].next_on"), "{faults}");
        }
    }
}

//! A trunk whose behaviour is looked at: calls that are watched, and which of them may be made.

use super::outbound::Route;
use super::{Trunk, Trunks};
use chrono::NaiveDate;
use omnigate_audio::codec::Codec;
use omnigate_number::PhoneNumber;
use omnigate_omnitalk::DialRefusal;
use std::sync::Arc;

impl Trunks {
    /// The trunk of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Trunk>> {
        self.all.iter().find(|trunk| trunk.name == name)
    }
}

impl Trunk {
    /// The same, whose calls are watched; with these codecs alone, or with its own.
    pub fn watched(&self, codecs: Option<&[Codec]>) -> Arc<Trunk> {
        let mut trunk = self.clone();
        trunk.terms = trunk.terms.watched();
        if let Some(codecs) = codecs {
            trunk.sessions = trunk.sessions.with_codecs(codecs);
        }
        Arc::new(trunk)
    }

    /// The way of a call that only looks how the trunk behaves, to this number; it shows `from`, or the first of its callers
    /// that may be shown. The rules of the trunk hold, those of no service.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn route_to(
        self: &Arc<Trunk>,
        number: &str,
        from: Option<&str>,
        today: NaiveDate,
    ) -> Result<Route, DialRefusal> {
        let called = PhoneNumber::parse(number, self.country).ok_or(DialRefusal::NotANumber)?;
        if self.country.is_emergency(&called) {
            return Err(DialRefusal::Emergency);
        }
        if self.out.gateways.is_empty() {
            return Err(DialRefusal::NoTrunk);
        }
        self.destination(&called)?;
        let none = DialRefusal::NoCaller {
            rule: "trunk.callers",
        };
        let caller = match from {
            Some(from) => {
                let wanted = PhoneNumber::parse(from, self.country).ok_or(none)?;
                self.out.shows(wanted, today)?
            }
            None => {
                let mut all = self.out.callers.iter();
                let first = all.find(|one| one.holds(today)).ok_or(none)?;
                first.number.clone()
            }
        };
        Ok(Route {
            trunk: self.clone(),
            called,
            caller,
            withheld: false,
            before: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use omnigate_audio::codec::Codec;

    fn trunk() -> Arc<Trunk> {
        let toml = r#"
            [[trunk]]
            name = "carrier"
            gateways = ["sip:192.0.2.10"]
            destinations = ["02*"]
            callers = [
                { number = "07000000000", proof = "contract 9", until = "2026-01-31" },
                { number = "070-1234-5678", proof = "contract 7" },
            ]
        "#;
        let trunks = Trunks::new(&load_text(toml, []).unwrap());
        trunks.named("carrier").unwrap().clone()
    }

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 30).unwrap()
    }

    #[test]
    fn it_calls_what_the_trunk_may_call_and_shows_what_it_may_show() {
        let way = |number: &str, from| trunk().route_to(number, from, today());
        let route = way("02-123-4567", None).unwrap();
        assert_eq!(
            route.caller.digits(),
            "827012345678",
            "the first that still holds"
        );
        assert_eq!(
            way("02-123-4567", Some("070-1234-5678")).unwrap().called.digits(),
            "8221234567"
        );
        let none = |rule| DialRefusal::NoCaller { rule };
        for (number, from, why) in [
            ("alice", None, DialRefusal::NotANumber),
            ("1", None, DialRefusal::NotANumber),
            ("119", None, DialRefusal::Emergency),
            ("031-123-4567", None, DialRefusal::NoTrunk),
            ("02-123-4567", Some("02-999-9999"), none("trunk.callers")),
            ("02-123-4567", Some("07000000000"), none("trunk.callers.until")),
        ] {
            assert_eq!(way(number, from).unwrap_err(), why, "{number} {from:?}");
        }
    }

    #[test]
    fn its_calls_are_watched_and_have_the_codecs_that_are_to_be_tried() {
        let (all, one) = (trunk().watched(None), trunk().watched(Some(&[Codec::Pcmu])));
        assert!(!trunk().terms().call().watched && all.terms().call().watched);
        let peer = "192.0.2.1".parse().unwrap();
        assert_eq!(*all.media_terms(peer).codecs, [Codec::Pcma, Codec::Pcmu]);
        assert_eq!(*one.media_terms(peer).codecs, [Codec::Pcmu]);
    }
}

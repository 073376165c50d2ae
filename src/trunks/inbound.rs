//! Which trunk a call comes in on.

use super::{Trunk, Trunks};
use omnigate_number::{NumberPattern, PhoneNumber};
use omnigate_sip::{Hop, Peer, Proof};
use std::net::IpAddr;
use std::sync::Arc;

/// No trunk takes the call; which came nearest and why it missed, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTrunk {
    /// The nearest trunk.
    pub nearest: String,
    /// Why it does not take the call.
    pub why: String,
}

impl Trunks {
    /// The trunk for a call by this way to `user`, and the called number in that trunk's plan. `called` reads the number
    /// from the request as a trunk wants it; of a call to what a trunk has registered it is told so, for then `user` is an
    /// account.
    pub fn find(
        &self,
        hop: &Hop,
        user: Option<&str>,
        called: impl Fn(&Trunk, bool) -> Option<PhoneNumber>,
    ) -> Result<(&Arc<Trunk>, PhoneNumber), NoTrunk> {
        let source = hop.remote.ip().to_canonical();
        let mut nearest: Option<(u8, &Trunk, String)> = None;
        for trunk in &self.all {
            let registrar = trunk.registrar.as_ref();
            let account = registrar.is_some_and(|registrar| registrar.calls(source, user));
            let from_here = account || trunk.has_proof(hop) || trunk.allows(source);
            let number = called(trunk, account);
            match number {
                Some(number) if from_here && trunk.takes(&number) => return Ok((trunk, number)),
                _ if nearest
                    .as_ref()
                    .is_some_and(|(rank, ..)| *rank >= u8::from(from_here) * 2) => {}
                Some(number) if from_here => {
                    nearest = Some((
                        2,
                        trunk,
                        format!("{number} is not in its `numbers` {}", trunk.listed()),
                    ));
                }
                None if from_here => {
                    nearest = Some((2, trunk, "the called address is not a telephone number".into()))
                }
                _ => {
                    nearest = Some((
                        0,
                        trunk,
                        match trunk.certified {
                            true => "no certificate with a name in its `tls.peer` was shown".to_owned(),
                            false if !trunk.users.is_empty() => {
                                "none of its `users` has proved itself".to_owned()
                            }
                            false => format!("{source} is not in its `allow` {:?}", trunk.allow),
                        },
                    ))
                }
            }
        }
        let (nearest, why) = nearest.map_or(("none".into(), "no trunk is configured".into()), |(_, t, w)| {
            (t.name.clone(), w)
        });
        Err(NoTrunk { nearest, why })
    }
}

impl Trunk {
    /// Whether who sends by this way has shown that it is of this trunk, wherever it is.
    fn has_proof(&self, hop: &Hop) -> bool {
        let proof = |peer: &Peer| *peer.name == *self.name && peer.proof != Proof::Address;
        hop.peer.as_ref().is_some_and(proof)
    }

    /// Whether it is enough to send from this address.
    fn allows(&self, source: IpAddr) -> bool {
        !self.certified && self.users.is_empty() && self.names(source)
    }

    /// Whether who calls from this address is asked for a password.
    pub(super) fn asks(&self, source: IpAddr) -> bool {
        !self.users.is_empty() && (self.allow.is_empty() || self.names(source))
    }

    fn names(&self, source: IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(&source))
    }

    /// Whether calls to this number are taken.
    pub fn takes(&self, number: &PhoneNumber) -> bool {
        self.numbers.is_empty() || self.numbers.iter().any(|pattern| pattern.takes(number))
    }

    fn listed(&self) -> String {
        let shown: Vec<String> = self
            .numbers
            .iter()
            .take(5)
            .map(NumberPattern::to_string)
            .collect();
        format!("[{}]", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use omnigate_number::Country;
    use omnigate_sip::ListenerId;

    fn by(source: [u8; 4]) -> Hop {
        let own = ([192, 0, 2, 1], 5060).into();
        Hop::datagram(ListenerId(0), own, (source, 5060).into())
    }

    fn trunks() -> Trunks {
        let toml = r#"
            [[trunk]]
            name = "carrier"
            allow = ["203.0.113.0/28"]
            numbers = ["070-1234-5678", "070-2222-*"]
            [[trunk]]
            name = "office"
            allow = "10.0.0.0/8"
            language = "en"
        "#;
        Trunks::new(&load_text(toml, []).unwrap())
    }

    fn find(source: [u8; 4], number: &str) -> Result<String, NoTrunk> {
        trunks()
            .find(&by(source), Some(number), |trunk, _| {
                PhoneNumber::parse(number, trunk.country)
            })
            .map(|(t, _)| t.name.clone())
    }

    #[test]
    fn a_call_is_matched_by_source_and_number_however_it_is_written() {
        assert_eq!(find([203, 0, 113, 5], "+82-70-1234-5678").unwrap(), "carrier");
        assert_eq!(find([203, 0, 113, 5], "07022220000").unwrap(), "carrier");
        assert_eq!(find([10, 1, 1, 1], "12345").unwrap(), "office");
    }

    #[test]
    fn what_is_registered_is_called_from_the_registrar_and_from_nobody_else() {
        let toml = r#"
            [[trunk]]
            name = "carrier"
            allow = []
            register = { registrar = "sip:sip.carrier.example", user = "account7" }
        "#;
        let trunks = Trunks::new(&load_text(toml, []).unwrap());
        let number = PhoneNumber::parse("07012345678", Country::korea()).unwrap();
        let find = |source: [u8; 4], user: &str| {
            let called = |_: &Trunk, account: bool| account.then(|| number.clone());
            trunks.find(&by(source), Some(user), called).is_ok()
        };
        assert!(!find([192, 0, 2, 7], "account7"));
        for registrar in trunks.registrars() {
            registrar.found_at(IpAddr::from([192, 0, 2, 7]));
        }
        assert!(find([192, 0, 2, 7], "account7"));
        assert!(!find([192, 0, 2, 7], "account8"));
        assert!(!find([192, 0, 2, 8], "account7"));
    }

    #[test]
    fn a_trunk_with_names_takes_who_shows_a_certificate_and_nobody_else() {
        let toml = r#"
            [sip]
            listen = ["tls://0.0.0.0:5061"]
            tls = { certificate = "c.pem", key = "k.pem", ca = "ca.pem" }
            [[trunk]]
            name = "carrier"
            allow = ["192.0.2.0/24"]
            tls = { peer = "sbc.carrier.example" }
        "#;
        let trunks = Trunks::new(&load_text(toml, []).unwrap());
        assert!(trunks.networks().is_empty());
        let number = PhoneNumber::parse("07012345678", Country::korea()).unwrap();
        let find = |peer: Option<(&str, Proof)>| {
            let mut hop = by([192, 0, 2, 7]);
            hop.peer = peer.map(|(name, proof)| Peer::new(name, proof));
            trunks
                .find(&hop, None, |_, _| Some(number.clone()))
                .map(|(trunk, _)| trunk.name.clone())
        };
        assert_eq!(find(Some(("carrier", Proof::Certificate))).unwrap(), "carrier");
        for other in [
            None,
            Some(("carrier", Proof::Address)),
            Some(("other", Proof::Certificate)),
        ] {
            let miss = find(other).unwrap_err();
            assert!(miss.why.contains("tls.peer"), "{}", miss.why);
        }
    }

    #[test]
    fn a_refusal_says_which_trunk_came_nearest_and_why() {
        let miss = find([203, 0, 113, 5], "07099990000").unwrap_err();
        assert_eq!(miss.nearest, "carrier");
        assert!(miss.why.contains("numbers"), "{}", miss.why);
        assert!(!miss.why.contains("827012345678"));
        let stranger = find([198, 51, 100, 1], "07012345678").unwrap_err();
        assert!(stranger.why.contains("allow"));
        assert!(
            find([203, 0, 113, 5], "alice")
                .unwrap_err()
                .why
                .contains("not a telephone number")
        );
    }
}

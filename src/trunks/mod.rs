//! Trunks and what they decide.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `current` | those of this moment, for all who ask them |
//! | `inbound` | which trunk a call comes in on |
//! | `doorkeeper` | who is asked for a password before a call comes in |
//! | `identity` | who calls and who is called, from an INVITE |
//! | `provenance` | what is said of a caller's number |
//! | `registrar` | where a trunk registers, so that calls come in by there |
//! | `sessions` | what a trunk says about sessions and their media |
//! | `media` | what is wanted of a session, and where its media may go to and come from |
//! | `rules` | what a trunk and a service say about calls out |
//! | `shown` | how numbers stand in a call out |
//! | `outbound` | which trunks a call goes out by, what it shows, and whether it may be made |
//! | `ping` | what gateways are asked, to see whether they are there |
//! | `terms` | what its calls want of the other side |
//! | `certified` | a trunk whose behaviour is looked at |
//! | `usage` | how much is called at the moment, against toll fraud |
//! | `minutes` | what services have talked of each day, in the store |

mod certified;
mod current;
mod doorkeeper;
pub mod identity;
mod inbound;
mod media;
mod minutes;
mod outbound;
mod ping;
mod provenance;
mod registrar;
mod rules;
mod sessions;
mod shown;
mod terms;
mod usage;

pub use current::CurrentTrunks;
pub use doorkeeper::Doorkeeper;
pub use inbound::NoTrunk;
pub use minutes::Minutes;
pub use outbound::Route;
pub use registrar::{Registrar, RegistrationState};
pub use rules::{Gateway, OutboundLimits};
pub use shown::Before;
pub use terms::Terms;
pub use usage::{Channel, ServiceCall, Usage};

use crate::config::{self, AnonymousRule, CalledField, CallerField, Language};
use ipnet::IpNet;
use omnigate_number::{Country, NumberPattern};
use omnigate_omnitalk::RecordPolicy;
use omnigate_room::Secret;
use rules::{Outbound, ServiceRules};
use sessions::Sessions;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// A configured trunk, ready for matching.
#[derive(Debug, Clone)]
pub struct Trunk {
    /// Name in logs and metrics.
    pub name: String,
    /// Numbering plan.
    pub country: Country,
    /// Prompt language.
    pub language: Language,
    /// Only call numbers of this service are connected.
    pub service: Option<String>,
    /// What is recorded because a caller comes by it.
    pub record: RecordPolicy,
    allow: Vec<IpNet>,
    /// Who calls shows a certificate; where it sends from says nothing.
    certified: bool,
    /// Who calls has one of these names and passwords.
    users: Vec<(String, Secret)>,
    sessions: Sessions,
    numbers: Vec<NumberPattern>,
    registrar: Option<Arc<Registrar>>,
    terms: Terms,
    transfers: bool,
    redirects: bool,
    called_from: Vec<CalledField>,
    caller_from: Vec<CallerField>,
    takes_anonymous: bool,
    /// What stands before numbers from abroad.
    foreign_prefixes: Vec<String>,
    out: Outbound,
    /// What it is made of.
    made_of: Arc<(config::Trunk, Language)>,
}

/// All trunks, in the order of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Trunks {
    all: Vec<Arc<Trunk>>,
    services: HashMap<String, ServiceRules>,
}

/// A network that may send because of a trunk.
#[derive(Debug, Clone)]
pub struct TrunkNetwork {
    /// Which one.
    pub network: IpNet,
    /// Name of the trunk.
    pub name: Arc<str>,
    /// The trunk, as long as it is there or a call has it.
    pub trunk: Weak<Trunk>,
}

impl TrunkNetwork {
    /// One that may send, with a name for who it is, and no trunk.
    pub fn named(network: IpNet, name: &str) -> TrunkNetwork {
        TrunkNetwork {
            network,
            name: name.into(),
            trunk: Weak::new(),
        }
    }
}

impl Trunk {
    /// How many of its calls out there may be at once; `None`: it has no limit of its own.
    pub fn channels(&self) -> Option<u32> {
        Some(self.out.channels).filter(|channels| *channels > 0)
    }

    /// Whether its telephones may transfer calls.
    pub fn transfers(&self) -> bool {
        self.transfers
    }

    /// Whether calls out follow where it sends them.
    pub fn redirects(&self) -> bool {
        self.redirects
    }

    /// What its calls want of the other side.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What has become of its registration; `None`: it does not register.
    pub fn registration(&self) -> Option<RegistrationState> {
        self.registrar.as_ref().map(|registrar| registrar.state())
    }
}

impl Trunks {
    /// From checked settings.
    pub fn new(settings: &config::Settings) -> Trunks {
        Trunks::default().changed(settings)
    }

    /// What becomes of them by other checked settings. A trunk that stays as it is stays the same one, and so does the registrar of one
    /// that registers as before.
    #[must_use]
    pub fn changed(&self, settings: &config::Settings) -> Trunks {
        let build = |t: &config::Trunk| {
            let made_of = (t.clone(), t.language.unwrap_or(settings.ivr.language));
            let before = self.named(&t.name);
            if let Some(same) = before.filter(|trunk| *trunk.made_of == made_of) {
                return same.clone();
            }
            let country = Country::find(&t.country).unwrap_or(Country::korea());
            let registrar = Registrar::new(t).map(|new| {
                let registered = before.and_then(|trunk| trunk.registrar.as_ref());
                let same = registered.filter(|old| old.registers_as(&new)).cloned();
                same.unwrap_or_else(|| Arc::new(new))
            });
            let pattern = |n: &String| NumberPattern::parse(n, country);
            Arc::new(Trunk {
                name: t.name.clone(),
                country,
                language: made_of.1,
                service: t.service.clone(),
                record: t.record,
                allow: t.allow.clone(),
                certified: !t.tls.peer.is_empty(),
                users: t.users.iter().filter_map(config::TrunkUser::both).collect(),
                sessions: Sessions::new(t),
                numbers: t.numbers.iter().filter_map(pattern).collect(),
                registrar: registrar.clone(),
                terms: Terms::new(t),
                transfers: t.transfer,
                redirects: t.redirects,
                called_from: t.called_from.clone(),
                caller_from: t.caller_from.clone(),
                takes_anonymous: t.anonymous == AnonymousRule::Take,
                foreign_prefixes: t.foreign_prefixes.clone(),
                out: Outbound::new(t, country, registrar.as_ref().and_then(|one| one.credentials())),
                made_of: Arc::new(made_of),
            })
        };
        Trunks {
            all: settings.trunk.iter().map(build).collect(),
            services: ServiceRules::all(settings),
        }
    }

    /// Whether one may be called from anywhere, with a password.
    pub fn are_open(&self) -> bool {
        let open = |trunk: &Arc<Trunk>| !trunk.users.is_empty() && trunk.allow.is_empty();
        self.all.iter().any(open)
    }

    /// Whether somebody is to be called by TLS and by nothing else.
    pub fn call_by_tls(&self) -> bool {
        let secure = |trunk: &Arc<Trunk>| {
            let registrar = trunk.registrar.as_ref().is_some_and(|one| one.is_secure());
            registrar || trunk.gateways().iter().any(Gateway::is_secure)
        };
        self.all.iter().any(secure)
    }

    /// All of them, in the order of the configuration.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Trunk>> {
        self.all.iter()
    }

    /// All networks that may send, each with its trunk: those of `allow`, and gateways that are called.
    pub fn networks(&self) -> Vec<TrunkNetwork> {
        let of = |t: &Arc<Trunk>| {
            let name: Arc<str> = t.name.as_str().into();
            let gateways = t.out.addresses().map(IpNet::from);
            let allow = t.allow.iter().filter(|_| !t.certified);
            let network = |network| TrunkNetwork {
                network,
                name: name.clone(),
                trunk: Arc::downgrade(t),
            };
            allow.copied().chain(gateways).map(network).collect::<Vec<_>>()
        };
        self.all.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    #[test]
    fn a_trunk_that_stays_as_it_is_stays_the_same_one_and_keeps_what_is_registered() {
        let trunks = |channels: u32, password: &str| {
            format!(
                "[[trunk]]\nname = \"a\"\nchannels = {channels}\n[trunk.register]\nregistrar = \"sip:r.example\"\n\
                 user = \"u\"\npassword = \"{password}\"\n[[trunk]]\nname = \"b\"\n"
            )
        };
        let settings = |channels, password| load_text(&trunks(channels, password), []).unwrap();
        let first = Trunks::new(&settings(1, "x"));
        let same = first.changed(&settings(1, "x"));
        let more = first.changed(&settings(2, "x"));
        let other = first.changed(&settings(2, "y"));
        let trunk = |trunks: &Trunks, name| trunks.named(name).unwrap().clone();
        let registrar = |trunks: &Trunks| trunks.registrars().next().unwrap().clone();
        assert!(Arc::ptr_eq(&trunk(&first, "a"), &trunk(&same, "a")));
        assert!(!Arc::ptr_eq(&trunk(&first, "a"), &trunk(&more, "a")));
        assert_eq!(trunk(&more, "a").channels(), Some(2));
        assert!(Arc::ptr_eq(&registrar(&first), &registrar(&more)));
        assert!(!Arc::ptr_eq(&registrar(&first), &registrar(&other)));
        assert!(Arc::ptr_eq(&trunk(&first, "b"), &trunk(&other, "b")));
    }
}

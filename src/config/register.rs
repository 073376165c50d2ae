//! What a `[[trunk]]` says about its registrar.

use super::faults::Faults;
use super::outbound::gateway_fault;
use super::section::{Check, join, section};
use omnigate_room::Secret;
use omnigate_sip::message::Uri;

section! {
    /// `trunk.register`: a carrier that calls where we have registered.
    pub struct Register {
        /// Where REGISTER goes: `sip:HOST[:PORT][;transport=tcp]` or `;transport=tls`, or `sips:HOST[:PORT]`; `None`: nothing is registered.
        registrar: Option<String> = None;
        /// Host of the address that is registered; `None`: the registrar's.
        domain: Option<String> = None;
        /// User of that address, and the one that answers challenges.
        user: Option<String> = None;
        /// Its password; `None`: the registrar does not ask.
        password: Option<Secret> = None;
        /// What is asked for, seconds; the registrar may grant less.
        expires_seconds: u64 = 3600, within 60..=86_400;
    }
}

impl Check for Register {
    fn check(&self, path: &str, faults: &mut Faults) {
        let Some(registrar) = &self.registrar else {
            if self.user.is_some() || self.password.is_some() || self.domain.is_some() {
                faults.add(
                    &join(path, "registrar"),
                    "is missing: say where to register, as sip:sip.carrier.example",
                );
            }
            return;
        };
        if let Err(why) = gateway_fault(registrar) {
            return faults.add(&join(path, "registrar"), format!("`{registrar}` {why}"));
        }
        let Some(user) = &self.user else {
            return faults.add(
                &join(path, "user"),
                "is missing: whose calls are to come, often the number",
            );
        };
        let is_address = |host: &str| format!("sip:{user}@{host}").parse::<Uri>().is_ok();
        if !is_address("example.com") {
            faults.add(
                &join(path, "user"),
                "cannot stand in a SIP address; write %40 for @",
            );
        } else if !self.domain.as_deref().is_none_or(is_address) {
            faults.add(&join(path, "domain"), "is no host name, as carrier.example");
        }
    }
}

//! What a `[[trunk]]` says about its registrar.

use super::faults::Faults;
use super::outbound::gateway_fault;
use super::section::{Check, join, section};
use omnigate_room::Secret;
use omnigate_sip::message::Uri;

section! {
    /// `trunk.register`: a carrier that calls where we have registered.
    pub struct Register {
        /// Where REGISTER goes: `sip:HOST[:PORT][;transport=tcp]` or `;transport=tls`, or `sips:HOST[:PORT]`; of
        /// several, which all go by one transport, the next when one cannot be reached or does not answer; none: nothing is
        /// registered.
        registrar: Vec<String> = Vec::new();
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
        if self.registrar.is_empty() {
            if self.user.is_some() || self.password.is_some() || self.domain.is_some() {
                faults.add(
                    &join(path, "registrar"),
                    "is missing: say where to register, as sip:sip.carrier.example",
                );
            }
            return;
        }
        for registrar in &self.registrar {
            if let Err(why) = gateway_fault(registrar) {
                return faults.add(&join(path, "registrar"), format!("`{registrar}` {why}"));
            }
        }
        // What is registered is an address of ours, which is that of one transport.
        let way = |registrar: &String| {
            let uri: Option<Uri> = registrar.parse().ok();
            let parts = uri.as_ref().and_then(Uri::sip);
            parts.map(|parts| {
                (
                    parts.secure,
                    parts.params.get("transport").map(str::to_ascii_lowercase),
                )
            })
        };
        if self
            .registrar
            .iter()
            .any(|one| Some(way(one)) != self.registrar.first().map(way))
        {
            return faults.add(
                &join(path, "registrar"),
                "has several transports; write one for all",
            );
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

//! Where a trunk registers, so that calls come in by there.

use super::Trunks;
use super::rules::Gateway;
use crate::clock::unix_now;
use crate::config::{self, SrtpKeys};
use crate::sync::lock;
use omnigate_sip::Own;
use omnigate_sip::digest::Credentials;
use omnigate_sip::message::{Headers, Transport, UriError, unescape};
use omnigate_sip::registration::{Granted, KEEP_ALIVE_DATAGRAM, KEEP_ALIVE_STREAM, Settings, verify};
use omnigate_sip::resolve::Target;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Hosts of a registrar that are remembered at most.
const HOSTS: usize = 256;

/// Where a trunk registers, and as whom.
#[derive(Debug)]
pub struct Registrar {
    /// Name of the trunk.
    pub trunk: String,
    /// The first of them.
    at: Gateway,
    /// In the order in which they are asked.
    targets: Vec<Target>,
    domain: String,
    /// As it stands in a URI, and what that means.
    user: String,
    meant: String,
    credentials: Option<Credentials>,
    expires: Duration,
    /// By which mechanisms media can be sealed, where that is agreed on (RFC 3329).
    media_security: &'static [&'static str],
    /// What calls repeat of its last answer.
    said: Mutex<Said>,
    /// Where it has been found.
    hosts: Mutex<HashSet<IpAddr>>,
    state: Mutex<RegistrationState>,
}

/// What calls repeat of a registrar's answer.
#[derive(Debug, Default)]
struct Said {
    media_security: Vec<String>,
    service_route: Vec<String>,
}

/// What has become of a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RegistrationState {
    /// `registering`, `registered`, `retrying`, `failed` (until somebody mends it), `unregistered`.
    pub state: &'static str,
    /// Unix seconds since when.
    pub since: u64,
    /// Why it is not registered.
    pub why: Option<String>,
    /// By what it was registered: `udp`, `tcp`, `tls`.
    pub transport: Option<&'static str>,
    /// What the registrar has granted, seconds.
    pub expires_seconds: Option<u64>,
}

impl RegistrationState {
    /// From now on.
    pub fn now(state: &'static str, why: Option<String>) -> RegistrationState {
        RegistrationState {
            state,
            since: unix_now(),
            why,
            transport: None,
            expires_seconds: None,
        }
    }

    /// Registered from now on, by this way for so long.
    pub fn registered(transport: Option<&'static str>, expires: Duration) -> RegistrationState {
        RegistrationState {
            transport,
            expires_seconds: Some(expires.as_secs()),
            ..RegistrationState::now("registered", None)
        }
    }
}

impl Registrar {
    pub(super) fn new(trunk: &config::Trunk) -> Option<Registrar> {
        let register = &trunk.register;
        let mut all = register.registrar.iter().filter_map(|one| Gateway::parse(one));
        let at = all.next()?;
        let others = all.map(|other| other.target);
        let targets = [at.target.clone()].into_iter().chain(others).collect();
        let user = register.user.clone()?;
        let meant = unescape(&user);
        let password = register.password.as_ref();
        Some(Registrar {
            trunk: trunk.name.clone(),
            domain: register.domain.clone().unwrap_or_else(|| at.host.clone()),
            credentials: password.map(|password| Credentials::new(&meant, password.expose())),
            expires: Duration::from_secs(register.expires_seconds),
            media_security: media_security(trunk),
            said: Mutex::default(),
            hosts: Mutex::default(),
            state: Mutex::new(RegistrationState::now("registering", None)),
            at,
            targets,
            user,
            meant,
        })
    }

    /// Whether what this one registers is what the other one does, in the same way.
    pub(super) fn registers_as(&self, other: &Registrar) -> bool {
        let of = |one: &Registrar| {
            (
                one.trunk.clone(),
                one.at.clone(),
                one.targets.clone(),
                one.domain.clone(),
                one.user.clone(),
                one.expires,
                one.media_security,
            )
        };
        of(self) == of(other) && self.credentials == other.credentials
    }

    /// Whether it may only be reached by TLS.
    pub fn is_secure(&self) -> bool {
        self.at.is_secure()
    }

    /// What is looked for in the DNS.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// What is registered by this way; `own` is our address there.
    ///
    /// # Errors
    /// User and domain make no SIP address.
    pub fn settings(&self, own: &Own, transport: Transport) -> Result<Settings, UriError> {
        let scheme = self.at.scheme();
        let contact = own.secured(scheme == "sips").contact(&self.user);
        let mut settings = Settings::new(
            format!("{scheme}:{}", self.domain).parse()?,
            format!("{scheme}:{}@{}", self.user, self.domain).parse()?,
            contact.trim_matches(['<', '>']).parse()?,
        );
        settings.expires = self.expires;
        settings.media_security = self.media_security;
        if transport.is_reliable() {
            // Where the registrar has outbound (RFC 5626), it sends calls by the connection that was registered by.
            settings.instance = Some(instance(&self.trunk, &self.user, &self.domain));
            settings.reg_id = Some(1);
            settings.keep_alive = Some(KEEP_ALIVE_STREAM);
        } else {
            settings.keep_alive = Some(KEEP_ALIVE_DATAGRAM);
        }
        settings.credentials = self.credentials.iter().cloned().collect();
        Ok(settings)
    }

    /// What has become of it.
    pub fn state(&self) -> RegistrationState {
        lock(&self.state).clone()
    }

    /// It has come to this.
    pub fn set_state(&self, state: RegistrationState) {
        let mut now = lock(&self.state);
        let same = (now.state, &now.why) == (state.state, &state.why);
        let since = if same { now.since } else { state.since };
        *now = RegistrationState { since, ..state };
    }

    /// What it has granted: calls out repeat some of it from here on.
    pub fn set_granted(&self, granted: &Granted) {
        *lock(&self.said) = Said {
            media_security: granted.media_security.clone(),
            service_route: granted.service_route.clone(),
        };
    }

    /// It has not got us any more: what it has granted is over.
    pub fn forget_granted(&self) {
        *lock(&self.said) = Said::default();
    }

    /// Repeats what it has said about the security of media in an INVITE to it, and says by which route that is to go (RFC 3608
    /// section 6.1). To a gateway elsewhere that means nothing.
    pub(super) fn repeat(&self, gateway: IpAddr, invite: &mut Headers) -> Vec<String> {
        if !lock(&self.hosts).contains(&gateway.to_canonical()) {
            return Vec::new();
        }
        let said = lock(&self.said);
        verify(&said.media_security, invite);
        said.service_route.clone()
    }

    /// From here on calls to what is registered are taken from this host.
    pub fn found_at(&self, host: IpAddr) {
        let mut hosts = lock(&self.hosts);
        if hosts.len() < HOSTS {
            hosts.insert(host.to_canonical());
        }
    }

    /// Whether this is a call to what is registered: it comes from the registrar, and `user` is whom it is sent to.
    pub(super) fn calls(&self, source: IpAddr, user: Option<&str>) -> bool {
        user == Some(&self.meant) && lock(&self.hosts).contains(&source)
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }
}

/// By their names in 3GPP TS 24.229 section 5.1.1.2.
fn media_security(trunk: &config::Trunk) -> &'static [&'static str] {
    let has = |keys: SrtpKeys| trunk.srtp_keys.contains(&keys);
    match (trunk.mediasec, has(SrtpKeys::Sdes), has(SrtpKeys::Dtls)) {
        (false, ..) => &[],
        (true, true, true) => &["sdes-srtp", "dtls-srtp"],
        (true, _, true) => &["dtls-srtp"],
        (true, ..) => &["sdes-srtp"],
    }
}

/// A URN that stays the same over restarts, and is another one on another machine (RFC 5626 section 4.1): a UUID of the kind
/// that its maker defines (RFC 9562 section 5.8).
fn instance(trunk: &str, user: &str, domain: &str) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let system = rustix::system::uname();
    let mut sum = Sha256::new();
    for part in [
        machine.trim().as_bytes(),
        system.nodename().to_bytes(),
        trunk.as_bytes(),
        user.as_bytes(),
        domain.as_bytes(),
    ] {
        sum.update(part);
        sum.update([0]);
    }
    let mut id = sum
        .finalize()
        .iter()
        .take(16)
        .fold(0, |id: u128, byte| id << 8 | u128::from(*byte));
    id = id & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62;
    let text = format!("{id:032x}");
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32)
    )
}

impl Trunks {
    /// All registrars.
    pub fn registrars(&self) -> impl Iterator<Item = &Arc<Registrar>> {
        self.all.iter().filter_map(|trunk| trunk.registrar.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_stays_the_same_and_is_that_of_one_account() {
        let one = instance("carrier", "070", "carrier.example");
        assert_eq!(one, instance("carrier", "070", "carrier.example"));
        for other in [("other", "070"), ("carrier", "071"), ("carrier0", "70")] {
            assert_ne!(one, instance(other.0, other.1, "carrier.example"));
        }
        let digits: Vec<&str> = one.strip_prefix("urn:uuid:").unwrap().split('-').collect();
        assert_eq!(
            digits.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [8, 4, 4, 4, 12]
        );
        assert!(
            digits[2].starts_with('8') && digits[3].starts_with(['8', '9', 'a', 'b']),
            "{one}"
        );
    }
}

//! Where a trunk registers, so that calls come in by there.

use super::Trunks;
use super::rules::Gateway;
use crate::clock::unix_now;
use crate::config;
use crate::sync::lock;
use omnigate_sip::Own;
use omnigate_sip::digest::Credentials;
use omnigate_sip::message::{UriError, unescape};
use omnigate_sip::registration::Settings;
use omnigate_sip::resolve::Target;
use serde::Serialize;
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
    at: Gateway,
    domain: String,
    /// As it stands in a URI, and what that means.
    user: String,
    meant: String,
    credentials: Option<Credentials>,
    expires: Duration,
    /// Where it has been found.
    hosts: Mutex<HashSet<IpAddr>>,
    state: Mutex<RegistrationState>,
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
}

impl RegistrationState {
    /// From now on.
    pub fn now(state: &'static str, why: Option<String>) -> RegistrationState {
        RegistrationState {
            state,
            since: unix_now(),
            why,
        }
    }
}

impl Registrar {
    pub(super) fn new(trunk: &config::Trunk) -> Option<Registrar> {
        let register = &trunk.register;
        let at = Gateway::parse(register.registrar.as_deref()?)?;
        let user = register.user.clone()?;
        let meant = unescape(&user);
        let password = register.password.as_ref();
        Some(Registrar {
            trunk: trunk.name.clone(),
            domain: register.domain.clone().unwrap_or_else(|| at.host.clone()),
            credentials: password.map(|password| Credentials::new(&meant, password.expose())),
            expires: Duration::from_secs(register.expires_seconds),
            hosts: Mutex::default(),
            state: Mutex::new(RegistrationState::now("registering", None)),
            at,
            user,
            meant,
        })
    }

    /// Whether it may only be reached by TLS.
    pub fn is_secure(&self) -> bool {
        self.at.is_secure()
    }

    /// What is looked for in the DNS.
    pub fn target(&self) -> &Target {
        &self.at.target
    }

    /// What is registered by this way; `own` is our address there.
    ///
    /// # Errors
    /// User and domain make no SIP address.
    pub fn settings(&self, own: &Own) -> Result<Settings, UriError> {
        let scheme = self.at.scheme();
        let contact = own.secured(scheme == "sips").contact(&self.user);
        let mut settings = Settings::new(
            format!("{scheme}:{}", self.domain).parse()?,
            format!("{scheme}:{}@{}", self.user, self.domain).parse()?,
            contact.trim_matches(['<', '>']).parse()?,
        );
        settings.expires = self.expires;
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
        if now.state != state.state || now.why != state.why {
            *now = state;
        }
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

impl Trunks {
    /// All registrars.
    pub fn registrars(&self) -> impl Iterator<Item = &Arc<Registrar>> {
        self.all.iter().filter_map(|trunk| trunk.registrar.as_ref())
    }
}

//! Where webhooks go, and where they must not: an address that a service's owner chose is not to reach into this network.

use crate::config::{Service, Settings};
use crate::sync::lock;
use ipnet::IpNet;
use omnigate_room::Secret;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use url::Host;

/// Why a target is not called.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The service has no webhook any more.
    #[error("service has no webhook.url")]
    None,
    /// The address is not one.
    #[error("webhook.url is no address: {0}")]
    Unreadable(#[from] url::ParseError),
    /// It leads into a private network.
    #[error("{0} is a private, loopback or link-local address; webhook.allow_private would allow it")]
    Private(IpAddr),
}

/// One service's webhook.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: String,
    pub(super) secrets: Vec<Secret>,
    pub(super) events: Vec<String>,
    /// Deliveries that may wait.
    most_waiting: u64,
}

/// All services' webhooks, as they are at the moment; clones share them.
#[derive(Debug, Clone)]
pub struct Targets {
    all: Arc<Mutex<HashMap<String, Arc<Target>>>>,
    allowed: Arc<Vec<IpNet>>,
}

/// What a service wants to be told of, and where; none without an address.
fn target(service: &Service) -> Option<Target> {
    let webhook = &service.webhook;
    let secrets = webhook.secret.iter().chain(&webhook.previous_secret);
    Some(Target {
        url: webhook.url.clone()?,
        secrets: secrets.cloned().collect(),
        events: webhook.events.clone(),
        most_waiting: service.quota.webhooks,
    })
}

impl Targets {
    /// Those of the configuration.
    pub fn new(settings: &Settings) -> Targets {
        let targets = Targets {
            all: Arc::default(),
            allowed: Arc::new(settings.webhook.allow_private.clone()),
        };
        for service in &settings.service {
            targets.set(service);
        }
        targets
    }

    /// The service is this one from now on.
    pub fn set(&self, service: &Service) {
        let mut all = lock(&self.all);
        match target(service) {
            Some(target) => all.insert(service.id.clone(), Arc::new(target)),
            None => all.remove(&service.id),
        };
    }

    /// There is no such service any more.
    pub fn remove(&self, service: &str) {
        lock(&self.all).remove(service);
    }

    fn get(&self, service: &str) -> Option<Arc<Target>> {
        lock(&self.all).get(service).cloned()
    }

    /// How many deliveries of this service may wait.
    pub(super) fn most_waiting(&self, service: &str) -> u64 {
        self.get(service).map_or(0, |target| target.most_waiting)
    }

    /// Whether this service wants to be told of this event.
    pub fn wants(&self, service: &str, event: &str) -> bool {
        self.get(service)
            .is_some_and(|target| target.events.iter().any(|name| name == event))
    }

    /// All secrets with which links for this service may be signed.
    pub(crate) fn secrets(&self, service: &str) -> Vec<Secret> {
        self.get(service)
            .map(|target| target.secrets.clone())
            .unwrap_or_default()
    }

    /// The target, if its address may be called as far as one can tell without looking its name up.
    pub(super) fn of(&self, service: &str) -> Result<Arc<Target>, TargetError> {
        let target = self.get(service).ok_or(TargetError::None)?;
        let address = match url::Url::parse(&target.url)?.host() {
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(Host::Domain(_)) | None => None,
        };
        match address.filter(|ip| !permitted(*ip, &self.allowed)) {
            Some(ip) => Err(TargetError::Private(ip)),
            None => Ok(target),
        }
    }

    /// Looks names up, and gives only addresses that may be called: what is checked is what is connected to.
    pub(super) fn resolver(&self) -> Arc<Guard> {
        Arc::new(Guard(self.allowed.clone()))
    }
}

fn permitted(ip: IpAddr, allowed: &[IpNet]) -> bool {
    let ip = ip.to_canonical();
    is_public(ip) || allowed.iter().any(|network| network.contains(&ip))
}

/// Whether an address belongs to the Internet at large (IANA special-purpose registries, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (18..20).contains(&b)))
        }
        IpAddr::V6(ip) => {
            let first = ip.segments()[0];
            // Global unicast, without documentation and without the ways back to IPv4 (6to4, Teredo, NAT64).
            (0x2000..0x4000).contains(&first)
                && first != 0x2002
                && !(first == 0x2001 && (ip.segments()[1] == 0 || ip.segments()[1] == 0xdb8))
        }
    }
}

/// A resolver that hides what must not be called.
#[derive(Debug)]
pub(super) struct Guard(Arc<Vec<IpNet>>);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.clone();
        Box::pin(async move {
            let all: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let first = all.first().map(std::net::SocketAddr::ip);
            let good: Vec<_> = all.into_iter().filter(|a| permitted(a.ip(), &allowed)).collect();
            match first.filter(|_| good.is_empty()) {
                Some(ip) => Err(TargetError::Private(ip).into()),
                None => Ok(Box::new(good.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_internet_at_large_is_public() {
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!permitted(ip.parse().unwrap(), &[]), "{ip}");
        }
        for ip in [
            "203.0.114.1",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2a00:1450::1",
            "2606:4700::1111",
        ] {
            assert!(permitted(ip.parse().unwrap(), &[]), "{ip}");
        }
        assert!(
            !permitted("::ffff:127.0.0.1".parse().unwrap(), &[]),
            "mapped addresses are the mapped ones"
        );
        assert!(permitted(
            "10.1.2.3".parse().unwrap(),
            &["10.1.0.0/16".parse().unwrap()]
        ));
    }

    #[test]
    fn an_address_in_the_url_is_checked_in_every_form() {
        for url in [
            "http://127.0.0.1/x",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:8080/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            let toml = format!("[[service]]\nid = \"demo\"\nwebhook.url = \"{url}\"\nwebhook.secret = \"s\"");
            let settings = crate::config::load_text(&toml, []).unwrap();
            let targets = Targets::new(&settings);
            assert!(
                matches!(targets.of("demo"), Err(TargetError::Private(_))),
                "{url}"
            );
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused() {
        let guard = Guard(Arc::default());
        let error = guard.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(error.to_string().contains("private"), "{error}");
        let guard = Guard(Arc::new(vec![
            "127.0.0.0/8".parse().unwrap(),
            "::1/128".parse().unwrap(),
        ]));
        assert!(guard.resolve("localhost".parse().unwrap()).await.is_ok());
    }
}

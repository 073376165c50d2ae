//! For whom a request is: the name in its `Host` (RFC 9110 section 7.2).
//!
//! A page of somebody else can make its own name lead here (DNS rebinding), and its requests are then, for the browser, of the same
//! origin. What they cannot change is that name. An address cannot be made to lead elsewhere, so addresses are always taken.

use crate::config::{HostPattern, Http};
use std::net::{IpAddr, Ipv6Addr};
use url::Url;

/// The names that are taken.
#[derive(Debug, Clone)]
pub struct Hosts {
    public: Option<String>,
    names: Vec<HostPattern>,
    /// Of a listener that only this machine reaches, and that shows no certificate which would have to fit the name.
    loopback_only: bool,
}

impl Hosts {
    /// Those of the settings.
    #[must_use]
    pub fn new(http: &Http) -> Hosts {
        let public = http.public_url.as_deref().and_then(|url| Url::parse(url).ok());
        let is_loopback = http.listen.ip().to_canonical().is_loopback();
        Hosts {
            public: public.and_then(|url| url.host_str().map(str::to_ascii_lowercase)),
            names: http.hosts.clone(),
            loopback_only: is_loopback && http.tls.certificate.is_none(),
        }
    }

    /// Whether a request for this `host` (with or without port) is ours. One that a trusted proxy passes on may, where no names are
    /// set, have any: the proxy knows which it serves.
    pub(super) fn take(&self, host: &str, by_trusted_proxy: bool) -> bool {
        let Some(name) = name(host) else {
            return false;
        };
        if is_address(&name) || name == "localhost" || self.public.as_ref() == Some(&name) {
            return true;
        }
        match self.names.is_empty() {
            true => by_trusted_proxy || !self.loopback_only,
            false => self.names.iter().any(|pattern| pattern.matches(&name)),
        }
    }
}

/// Without its port and a dot at its end, in lower case.
fn name(host: &str) -> Option<String> {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

fn is_address(name: &str) -> bool {
    name.parse::<IpAddr>().is_ok() || name.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn takes(toml: &str, host: &str) -> bool {
        Hosts::new(&load_text(toml, []).unwrap().http).take(host, false)
    }

    #[test]
    fn a_listener_of_this_machine_alone_takes_no_name_that_somebody_made_lead_here() {
        for host in [
            "127.0.0.1:8080",
            "localhost:8080",
            "LOCALHOST.",
            "[::1]:8080",
            "127.0.0.2",
        ] {
            assert!(takes("", host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":8080",
        ] {
            assert!(!takes("", host), "{host}");
        }
    }

    #[test]
    fn names_of_the_settings_are_taken_and_then_no_others() {
        let public = "http.public_url = \"https://Rooms.example.com\"\n";
        assert!(takes(public, "rooms.example.com") && !takes(public, "evil.example"));
        let open = "http.listen = \"0.0.0.0:8080\"\n";
        assert!(
            takes(open, "anything.example"),
            "as before where others reach the listener"
        );
        let named = format!("{open}http.hosts = [\"gate.example\", \"*.gate.example\"]\n");
        assert!(takes(&named, "gate.example:443") && takes(&named, "a.gate.example"));
        assert!(!takes(&named, "anything.example") && takes(&named, "192.0.2.1:8080"));
    }

    #[test]
    fn a_trusted_proxy_may_serve_any_name_until_names_are_set() {
        let hosts = |toml: &str| Hosts::new(&load_text(toml, []).unwrap().http);
        assert!(hosts("").take("rooms.example.com", true));
        assert!(!hosts("http.hosts = \"a.example\"\n").take("rooms.example.com", true));
    }
}

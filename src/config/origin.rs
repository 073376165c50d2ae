//! Origins of web pages (RFC 6454), as an operator allows them.

use std::fmt;
use std::str::FromStr;

/// `scheme://host[:port]`, as browsers send it in `Origin`; `*.` before the host stands for one label or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    /// Begins with a dot when it is the end of a host only.
    host: String,
    /// `None`: the scheme's own.
    port: Option<u16>,
}

/// Why a text is no [`OriginPattern`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginFault {
    /// No `scheme://`.
    #[error("no scheme; write https://HOST, https://HOST:PORT or https://*.DOMAIN")]
    Scheme,
    /// A path, a question or a user's name.
    #[error("an origin ends with its host or port; leave out `/` and all behind it")]
    Path,
    /// An empty or impossible host.
    #[error("the host is not valid; `*` may only stand first, as in https://*.example.com")]
    Host,
    /// Not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl OriginPattern {
    /// Whether it stands for more than one origin.
    pub fn is_wide(&self) -> bool {
        self.host.starts_with('.')
    }

    /// Whether the value of an `Origin` header fits.
    pub fn matches(&self, origin: &str) -> bool {
        let Ok(given) = origin.parse::<OriginPattern>() else {
            return false;
        };
        let host = match self.host.strip_prefix('.') {
            None => given.host == self.host,
            Some(_) => given.host.len() > self.host.len() && given.host.ends_with(&self.host),
        };
        // A header has no wildcard.
        host && !given.host.starts_with('.') && given.scheme == self.scheme && given.port == self.port
    }
}

impl FromStr for OriginPattern {
    type Err = OriginFault;

    fn from_str(text: &str) -> Result<OriginPattern, OriginFault> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginFault::Scheme)?;
        let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.chars().all(letters) {
            return Err(OriginFault::Scheme);
        }
        if rest.contains(['/', '?', '#', '@']) {
            return Err(OriginFault::Path);
        }
        let scheme = scheme.to_ascii_lowercase();
        // The colons of an IPv6 address are within brackets.
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse::<u16>().ok().filter(|p| *p > 0);
                (host, Some(port.ok_or(OriginFault::Port)?))
            }
            _ => (rest, None),
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_prefix('*').unwrap_or(&host);
        let wild = host.len() < rest.len() && rest.starts_with('*');
        let name = if wild {
            host.strip_prefix('.').ok_or(OriginFault::Host)?
        } else {
            host
        };
        let address = name
            .strip_prefix('[')
            .and_then(|n| n.strip_suffix(']'))
            .is_some_and(|n| !wild && n.parse::<std::net::Ipv6Addr>().is_ok());
        let label = |l: &str| {
            !l.is_empty()
                && l.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        if !address && !name.split('.').all(label) {
            return Err(OriginFault::Host);
        }
        let usual = match scheme.as_str() {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Ok(OriginPattern {
            scheme,
            host: host.to_owned(),
            port: port.filter(|p| Some(*p) != usual),
        })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wild = if self.host.starts_with('.') { "*" } else { "" };
        write!(f, "{}://{wild}{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, origin: &str) -> bool {
        pattern.parse::<OriginPattern>().unwrap().matches(origin)
    }

    #[test]
    fn scheme_host_and_port_must_all_fit() {
        assert!(fits("https://app.example.com", "https://app.example.com"));
        assert!(fits("https://App.example.com:443", "HTTPS://app.EXAMPLE.com"));
        assert!(fits("http://localhost:8080", "http://localhost:8080"));
        assert!(fits("http://[::1]:8080", "http://[::1]:8080"));
        assert!(fits("capacitor://localhost", "capacitor://localhost"));
        assert!(!fits("https://app.example.com", "http://app.example.com"));
        assert!(!fits("https://app.example.com", "https://app.example.com:8443"));
        assert!(!fits(
            "https://app.example.com",
            "https://app.example.com.evil.example"
        ));
        assert!(!fits("https://app.example.com", "null"));
    }

    #[test]
    fn a_star_stands_for_one_label_or_more() {
        assert!(fits("https://*.example.com", "https://a.example.com"));
        assert!(fits("https://*.example.com", "https://a.b.example.com"));
        assert!(!fits("https://*.example.com", "https://example.com"));
        assert!(!fits("https://*.example.com", "https://evilexample.com"));
        assert!(!fits("https://*.example.com", "https://*.example.com"));
        assert!(!fits("https://*.example.com", "https://.example.com"));
    }

    #[test]
    fn what_is_no_origin_says_why() {
        let fault = |text: &str| text.parse::<OriginPattern>().unwrap_err();
        assert_eq!(fault("example.com"), OriginFault::Scheme);
        assert_eq!(fault("*"), OriginFault::Scheme);
        assert_eq!(fault("https://example.com/"), OriginFault::Path);
        assert_eq!(fault("https://"), OriginFault::Host);
        assert_eq!(fault("https://*"), OriginFault::Host);
        assert_eq!(fault("https://a.*.com"), OriginFault::Host);
        assert_eq!(fault("https://*.*.com"), OriginFault::Host);
        assert_eq!(fault("https://example.com:0"), OriginFault::Port);
        assert_eq!(fault("https://example.com:x"), OriginFault::Port);
    }
}

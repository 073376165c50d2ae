//! Whose request it is: the peer of the connection, or whoever a trusted reverse proxy passes on.
//!
//! A proxy adds the address of its client at the end of `X-Forwarded-For`, or as an element at the end of `Forwarded`
//! (RFC 7239). All before that comes from the client and may be made up, so the lists are read from their end, and no
//! further than to the first address that is not a trusted proxy.

use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName, HeaderValue};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Requester {
    /// Its address; that of the proxy when the proxy does not tell.
    pub(super) address: IpAddr,
    pub(super) way: Way,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From the peer itself.
    Direct,
    /// By a proxy that is not known: there is a header, whose content is worth nothing.
    UnknownProxy,
    /// By a trusted proxy. When that does not tell for whom, the client has its address, and is a stranger behind it.
    TrustedProxy,
}

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// Those with an address in these networks.
    pub fn new(networks: Vec<IpNet>) -> Proxies {
        Proxies(networks)
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whose request `peer` has sent with these headers.
    pub(super) fn requester(&self, peer: IpAddr, headers: &HeaderMap) -> Requester {
        let peer = peer.to_canonical();
        let is_passed_on = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
        let (address, way) = match (is_passed_on, self.trusts(peer)) {
            (false, false) => (peer, Way::Direct),
            // It may have been made not to tell: a client can have hop-by-hop headers taken away.
            (false, true) => (peer, Way::TrustedProxy),
            (true, false) => (peer, Way::UnknownProxy),
            (true, true) => (self.client(headers).unwrap_or(peer), Way::TrustedProxy),
        };
        Requester { address, way }
    }

    /// The client that the headers name. A proxy writes one of both and may hand the other one on as its client has
    /// made it up, so both count only when they say the same.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let addresses = |line: &HeaderValue| {
            let line = line.to_str().ok()?;
            Some(line.split(',').map(|text| address(text.trim())).collect())
        };
        let elements = |line: &HeaderValue| elements(line.to_str().ok()?);
        let read = |name: HeaderName, parts: &dyn Fn(&HeaderValue) -> Option<Vec<Option<IpAddr>>>| {
            let lines = headers.get_all(&name).iter().rev();
            headers
                .contains_key(&name)
                .then(|| self.first_untrusted(lines.map(parts)))
        };
        match (read(X_FORWARDED_FOR, &addresses), read(FORWARDED, &elements)) {
            (Some(one), None) | (None, Some(one)) => one,
            (one, other) => one.filter(|_| one == other).flatten(),
        }
    }

    /// From the end, line by line; the very first address when all are trusted, `None` when something before is unreadable.
    fn first_untrusted(&self, lines: impl Iterator<Item = Option<Vec<Option<IpAddr>>>>) -> Option<IpAddr> {
        let mut nearest = None;
        for line in lines {
            for address in line?.into_iter().rev() {
                nearest = Some(address?);
                if !self.trusts(address?) {
                    return nearest;
                }
            }
        }
        nearest
    }
}

/// An address, with or without port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let address = match (bare, text.parse::<SocketAddr>()) {
        (Some(bare), _) => IpAddr::V6(bare.parse().ok()?),
        (None, Ok(with_port)) => with_port.ip(),
        (None, Err(_)) => text.parse().ok()?,
    };
    Some(address.to_canonical())
}

/// The address that each element of a `Forwarded` line is for, if it says one; `None` when the line is malformed.
fn elements(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut all = vec![None];
    let mut rest = line;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        if name.trim().eq_ignore_ascii_case("for") {
            let node = all.last_mut().filter(|node| node.is_none())?;
            *node = address(&value);
        }
        let after = after.trim_start();
        match after.chars().next() {
            None => return Some(all),
            Some(';') => {}
            Some(',') => all.push(None),
            Some(_) => return None,
        }
        rest = &after[1..];
    }
}

/// A token or a quoted string at the beginning, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text
            .find(|c: char| c.is_whitespace() || matches!(c, ';' | ',' | '"'))
            .unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "127.0.0.1";

    /// Who asks by way of `peer`, where 127.0.0.0/8 and 10.0.0.0/8 are trusted.
    fn requester(peer: &str, headers: &[(&'static str, &str)]) -> Requester {
        let trusted = ["127.0.0.0/8", "10.0.0.0/8"].map(|n| n.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Proxies::new(trusted.to_vec()).requester(peer.parse().unwrap(), &map)
    }

    fn through_proxy(name: &'static str, value: &str) -> String {
        let requester = requester(PROXY, &[(name, value)]);
        assert_eq!(requester.way, Way::TrustedProxy);
        requester.address.to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_is_not_a_trusted_proxy() {
        for (value, client) in [
            ("198.51.100.7", "198.51.100.7"),
            ("198.51.100.7:4711", "198.51.100.7"),
            ("203.0.113.1, 198.51.100.7", "198.51.100.7"),
            ("198.51.100.7, 10.1.2.3", "198.51.100.7"),
            ("127.0.0.1,198.51.100.7,10.1.2.3", "198.51.100.7"),
            ("what the client likes, 198.51.100.7", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:80", "2001:db8::1"),
            ("10.9.9.9, 10.1.2.3", "10.9.9.9"),
        ] {
            assert_eq!(through_proxy("x-forwarded-for", value), client, "{value}");
        }
        for (value, client) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"198.51.100.7:80\";proto=https;by=10.1.2.3", "198.51.100.7"),
            ("proto=https; for=\"[2001:db8::1]:80\"", "2001:db8::1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=_hidden, for=198.51.100.7 , for=10.1.2.3", "198.51.100.7"),
            (
                "for=203.0.113.1;by=\"a, for=9.9.9.9\", for=198.51.100.7",
                "198.51.100.7",
            ),
        ] {
            assert_eq!(through_proxy("forwarded", value), client, "{value}");
        }
    }

    #[test]
    fn a_proxy_that_does_not_tell_is_the_client_itself() {
        for (name, values) in [
            (
                "x-forwarded-for",
                ["", "unknown", "198.51.100.7,", "198.51.100", "[198.51.100.7]"],
            ),
            (
                "forwarded",
                [
                    "",
                    "for=unknown",
                    "for=198.51.100.7, for=_hidden",
                    "for=198.51.100.7, by=10.1.2.3",
                    "for=\"198.51.100.7",
                ],
            ),
        ] {
            for value in values {
                assert_eq!(through_proxy(name, value), PROXY, "{name}: {value}");
            }
        }
    }

    #[test]
    fn a_quote_that_a_client_leaves_open_hides_nothing() {
        let open = "for=203.0.113.1;x=\"";
        for added in [
            "for=198.51.100.7",
            "for=\"198.51.100.7\"",
            "for=\"[2001:db8::1]\"",
        ] {
            assert_eq!(through_proxy("forwarded", &format!("{open}, {added}")), PROXY);
            let lines = requester(PROXY, &[("forwarded", open), ("forwarded", added)]);
            assert_ne!(lines.address.to_string(), PROXY, "{added}");
            assert_ne!(lines.address.to_string(), "203.0.113.1");
        }
    }

    #[test]
    fn of_two_headers_that_disagree_none_counts() {
        let (xff, forwarded) = ("x-forwarded-for", "forwarded");
        let both = [(forwarded, "for=203.0.113.1"), (xff, "198.51.100.7")];
        assert_eq!(requester(PROXY, &both).address.to_string(), PROXY);
        let same = [
            (forwarded, "for=198.51.100.7"),
            (xff, "203.0.113.1, 198.51.100.7"),
        ];
        assert_eq!(requester(PROXY, &same).address.to_string(), "198.51.100.7");
        let unreadable = [(forwarded, "for=unknown"), (xff, "198.51.100.7")];
        assert_eq!(requester(PROXY, &unreadable).address.to_string(), PROXY);
    }

    #[test]
    fn lines_of_one_header_are_one_list() {
        let lines = [
            ("x-forwarded-for", "203.0.113.1"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(requester(PROXY, &lines).address.to_string(), "198.51.100.7");
        let lines = [
            ("x-forwarded-for", "198.51.100.7"),
            ("x-forwarded-for", "10.0.0.2"),
        ];
        assert_eq!(requester(PROXY, &lines).address.to_string(), "198.51.100.7");
    }

    #[test]
    fn who_is_not_trusted_speaks_for_itself_alone() {
        let forged = [("x-forwarded-for", "127.0.0.1")];
        let stranger = requester("198.51.100.9", &forged);
        assert_eq!(stranger.address.to_string(), "198.51.100.9");
        assert_eq!(stranger.way, Way::UnknownProxy);
        let untrusting = Proxies::default().requester(
            PROXY.parse().unwrap(),
            &HeaderMap::from_iter([(X_FORWARDED_FOR, "198.51.100.7".parse().unwrap())]),
        );
        assert_eq!(untrusting.address.to_string(), PROXY);
        assert_eq!(
            untrusting.way,
            Way::UnknownProxy,
            "somebody else stands behind it"
        );
    }

    #[test]
    fn a_trusted_proxy_without_a_header_is_a_stranger_and_not_this_machine() {
        let silent = requester(PROXY, &[]);
        assert_eq!(
            (silent.address.to_string().as_str(), silent.way),
            (PROXY, Way::TrustedProxy)
        );
        assert_eq!(requester("198.51.100.9", &[]).way, Way::Direct);
        assert_eq!(requester("::1", &[]).way, Way::Direct);
    }
}

//! Via (RFC 3261 section 20.42, RFC 3581): the way that a request came and its response goes back.

use super::scan::{self, Params, find, number};
use super::uri::Host;
use std::net::IpAddr;

/// What a message travels by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// A WebSocket (RFC 7118).
    Ws,
    /// A WebSocket under TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// Reads a name in any case.
    pub fn from_name(name: &str) -> Option<Transport> {
        let all = [
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Ws,
            Transport::Wss,
        ];
        all.into_iter().find(|t| t.as_str().eq_ignore_ascii_case(name))
    }

    /// The name in Via.
    pub fn as_str(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// The name in a URI's `transport` parameter.
    pub fn param(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// True when it neither loses nor repeats: no retransmissions (RFC 3261 section 17.1.1.2).
    pub fn is_reliable(self) -> bool {
        self != Transport::Udp
    }

    /// True under TLS.
    pub fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// The port that is meant where none is written, 5060 or 5061; 80 and 443 for WebSockets.
    pub fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }
}

/// One Via.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// Transport as written, which need not be one of [`Transport`] (below the first Via).
    pub transport: &'a str,
    /// `sent-by`: where its writer takes responses.
    pub host: Host<'a>,
    /// Port of `sent-by`, when written.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one element of a Via field; white space may stand around the slashes. The version is not looked at: a message
    /// of another one is answered with 505 the way that its Via says (RFC 4475 section 3.1.2.16).
    pub fn parse(text: &'a str) -> Option<Via<'a>> {
        let (head, params) = match find(text, b';') {
            Some(at) => (text.get(..at)?, text.get(at + 1..)?),
            None => (text, ""),
        };
        let (name, rest) = head.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !name.trim().eq_ignore_ascii_case("SIP") || !scan::is_token(version.trim()) {
            return None;
        }
        let (transport, sent_by) = rest.trim_start().split_once([' ', '\t'])?;
        let (host, port) = Host::parse_with_port(sent_by.trim())?;
        Some(Via {
            transport,
            host,
            port,
            params: Params::new(params),
        })
    }

    /// `branch`, when it is there.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|b| !b.is_empty())
    }

    /// `received`, an address with or without brackets.
    pub fn received(&self) -> Option<IpAddr> {
        self.params.get("received")?.trim_matches(['[', ']']).parse().ok()
    }

    /// True when the sender asks for the response at the port that the request came from (RFC 3581 section 3).
    pub fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }

    /// The port in `rport`, once it is filled in.
    pub fn rport(&self) -> Option<u16> {
        number(self.params.get("rport")?)
    }

    /// `maddr`: the address that responses over datagrams go to.
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(self.params.get("maddr")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_may_stand_around_the_slashes() {
        let via = Via::parse("SIP  / 2.0 /UDP    192.0.2.2:5061 ;branch= z9hG4bK1 ; rport").unwrap();
        assert_eq!((via.transport, via.port), ("UDP", Some(5061)));
        assert_eq!(via.host, Host::Address("192.0.2.2".parse().unwrap()));
        assert_eq!(via.branch(), Some("z9hG4bK1"));
        assert!(via.wants_rport());
        assert_eq!(via.rport(), None);
    }

    #[test]
    fn ipv6_is_read_with_and_without_brackets() {
        for text in [
            "SIP/2.0/UDP [2001:db8::9:1]:5060;received=[2001:db8::9:255];branch=z9hG4bKas3-111",
            "SIP/2.0/UDP [2001:db8::9:1]:5060;received=2001:db8::9:255;branch=z9hG4bKas3-111",
        ] {
            let via = Via::parse(text).unwrap();
            assert_eq!(via.host, Host::Address("2001:db8::9:1".parse().unwrap()));
            assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
        }
    }

    #[test]
    fn transports_that_are_not_ours_are_read() {
        assert_eq!(
            Via::parse("SIP/2.0/SCTP t2.example.com;branch=z9hG4bK2")
                .unwrap()
                .transport,
            "SCTP"
        );
        assert_eq!(
            Via::parse("SIP/2.0/UNKNOWN t4.example.com").unwrap().branch(),
            None
        );
    }

    #[test]
    fn what_is_no_via_is_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/ /UDP a",
            "SIP/2.0/UDP a:99999",
            "SIP/2.0 UDP a",
            "HTTP/2.0/UDP a",
        ] {
            assert!(Via::parse(text).is_none(), "{text}");
        }
    }
}

//! The way back to a caller.

use rsipstack::sip::{Transport, Uri};
use rsipstack::transport::{SipAddr, SipConnection};
use std::net::{IpAddr, SocketAddr};

/// Where a dialog's messages come from, and how requests of ours reach the other side.
#[derive(Clone)]
pub struct Flow {
    /// The connection that the last message came in on.
    pub connection: SipConnection,
    /// Its source.
    pub source: SocketAddr,
    /// UDP or TCP.
    pub transport: Transport,
}

impl Flow {
    /// Where to send an in-dialog request whose next hop (route or Contact) is `next_hop`.
    ///
    /// The next hop is used when it is a literal address that is reachable as it stands: on the host that
    /// talks to us, or public. A private address or a name of a caller behind NAT is not: then the source of
    /// its last message is used (RFC 5626 in spirit, without registration).
    pub fn destination(&self, next_hop: &str) -> SocketAddr {
        let Ok(uri) = Uri::try_from(next_hop) else {
            return self.source;
        };
        let Ok(ip) = uri
            .host_with_port
            .host
            .to_string()
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
        else {
            return self.source;
        };
        let port = uri
            .host_with_port
            .port
            .map_or(5060, |p| p.to_string().parse().unwrap_or(5060));
        let same_host = ip == self.source.ip();
        if same_host || (is_public(ip) && ip.is_ipv4() == self.source.is_ipv4()) {
            SocketAddr::new(ip, port)
        } else {
            self.source
        }
    }

    /// The destination for the SIP stack.
    pub(super) fn address(&self, next_hop: &str) -> SipAddr {
        SipAddr {
            r#type: Some(self.transport),
            addr: self.destination(next_hop).into(),
        }
    }
}

fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_documentation()
                || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

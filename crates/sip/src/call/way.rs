//! The way of the requests in a call.
//!
//! A request goes where the route set and the remote target say (RFC 3261 section 12.2.1.1). The only exception is the
//! trunk's rule for peers behind a NAT, who name an address in Contact at which they cannot be reached. It is here and
//! nowhere else.

use crate::hop::Hop;
use crate::listeners::Listeners;
use crate::message::{Host, Transport, UriParts, uri_parts};
use std::net::{IpAddr, SocketAddr};

/// When the signalled address is passed over and requests go to where the peer's last one came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NatRule {
    /// Never: what is signalled holds.
    Never,
    /// When Contact has a private address and the peer's requests come from a public one, without a proxy in between: then
    /// Contact cannot be meant for us.
    #[default]
    Private,
    /// Always.
    Always,
}

/// The way of one call.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// By which the last accepted request or response came.
    last: Hop,
    rule: NatRule,
    /// What the driver has found out about a host that is a name.
    resolved: Option<(Box<str>, Transport, SocketAddr)>,
    /// The name that the driver was asked for.
    asked: Option<Box<str>>,
}

impl Way {
    pub(crate) fn new(last: Hop, rule: NatRule) -> Way {
        Way {
            last,
            rule,
            resolved: None,
            asked: None,
        }
    }

    pub(crate) fn last(&self) -> &Hop {
        &self.last
    }

    pub(crate) fn set_rule(&mut self, rule: NatRule) {
        self.rule = rule;
    }

    /// A message of the other side was accepted that came by `hop`. The call moves with it, unless it came from another
    /// peer than before: who has got hold of its tags must not lead it away.
    pub(crate) fn moved(&mut self, hop: &Hop) {
        let same_peer = match (&self.last.peer, &hop.peer) {
            (None, _) => true,
            (Some(last), Some(peer)) => last.may_be(peer),
            (Some(_), None) => false,
        };
        if same_peer && self.last != *hop {
            self.last = hop.clone();
        }
    }

    pub(crate) fn resolved(&mut self, uri: &str, transport: Transport, address: SocketAddr) {
        self.resolved = Some((uri.into(), transport, address));
    }

    /// The hop of the next request to `next_hop`. A name that is not resolved is reached by the way that its requests came.
    pub(crate) fn hop(&self, listeners: &Listeners, next_hop: &str, has_routes: bool) -> Hop {
        self.signalled(next_hop, has_routes)
            .and_then(|(transport, address)| listeners.route(&self.last, transport, address))
            .unwrap_or_else(|| self.last.clone())
    }

    fn signalled(&self, next_hop: &str, has_routes: bool) -> Option<(Transport, SocketAddr)> {
        if let Some((uri, transport, address)) = &self.resolved
            && **uri == *next_hop
        {
            return Some((*transport, *address));
        }
        let (transport, ip, port) = numeric(next_hop, self.last.transport)?;
        let source = self.last.remote.ip();
        let passed_over = match self.rule {
            NatRule::Never => false,
            NatRule::Private => !has_routes && ip != source && is_private(ip) && !is_private(source),
            NatRule::Always => !has_routes,
        };
        (!passed_over).then_some((transport, SocketAddr::new(ip, port)))
    }

    /// `next_hop` when its host is a name that nobody has been asked for yet.
    pub(crate) fn unresolved(&mut self, next_hop: &str) -> Option<String> {
        let asked = self.asked.as_deref() == Some(next_hop);
        if asked || numeric(next_hop, self.last.transport).is_some() {
            return None;
        }
        self.asked = Some(next_hop.into());
        Some(next_hop.to_owned())
    }
}

/// Transport, address and port of a URI whose host is an address. One that names no transport means UDP, or TLS when it is
/// `sips:`, whatever the call came by (RFC 3263 section 4.1).
fn numeric(uri: &str, by: Transport) -> Option<(Transport, IpAddr, u16)> {
    let UriParts::Sip(uri) = uri_parts(uri).ok()? else {
        return None;
    };
    let host = match uri.params.get("maddr").and_then(Host::parse) {
        Some(maddr) => maddr,
        None => uri.host,
    };
    let Host::Address(ip) = host else {
        return None;
    };
    let named = uri.params.get("transport").and_then(Transport::from_name);
    let transport = match named {
        // `transport=ws` says nothing of TLS, `sips:` does not say which stream (RFC 7118 section 5.3).
        Some(Transport::Ws) if by == Transport::Wss => Transport::Wss,
        Some(Transport::Tcp) if uri.secure => Transport::Tls,
        Some(transport) => transport,
        None if uri.secure => Transport::Tls,
        None => Transport::Udp,
    };
    Some((
        transport,
        ip.to_canonical(),
        uri.port.unwrap_or(transport.default_port()),
    ))
}

/// An address that means something else elsewhere.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || shared
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

//! Our own addresses, as the other side is to see them.

use crate::hop::{Hop, ListenerId, Peer};
use crate::message::{Host, Transport};
use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

/// A socket that the driver listens at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Transport.
    pub transport: Transport,
    /// Address that it is bound to; its port is a real one.
    pub bound: SocketAddr,
    /// Address that others reach it at, when that is another than the bound one: behind a NAT, or for all interfaces.
    pub advertised: Option<IpAddr>,
}

/// All listeners; a [`ListenerId`] is the place in this list.
#[derive(Debug, Clone, Default)]
pub struct Listeners(Vec<Listener>);

/// Our host and port, as Via and Contact have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    ip: IpAddr,
    port: u16,
    transport: Transport,
    /// The other side has asked for TLS on all of the way.
    secure: bool,
}

impl Listeners {
    /// These listeners.
    pub fn new(listeners: Vec<Listener>) -> Listeners {
        Listeners(listeners)
    }

    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Listener> {
        self.0.iter()
    }

    /// Where the other side of `hop` reaches us: at the listener that the hop uses (RFC 3261 section 18.1.1).
    pub fn own(&self, hop: &Hop) -> Own {
        let listener = self.0.get(usize::from(hop.listener.0));
        let port = listener.map_or(hop.local.port(), |l| l.bound.port());
        let remote = hop.remote.ip();
        let of_family = |ip: &IpAddr| ip.is_ipv4() == remote.is_ipv4() && !ip.is_unspecified();
        let advertised = listener.and_then(|l| l.advertised).filter(of_family);
        let bound = listener.map(|l| l.bound.ip()).filter(of_family);
        let local = Some(hop.local.ip()).filter(of_family);
        // A neighbour on this machine is told this machine, whatever is advertised to others.
        let ip = if remote.is_loopback() {
            bound.filter(IpAddr::is_loopback).or(Some(remote))
        } else {
            advertised.or(local).or(bound)
        };
        Own {
            ip: ip.unwrap_or(hop.local.ip()),
            port,
            transport: hop.transport,
            secure: false,
        }
    }

    /// The way from us to `remote` by `transport`: out of the listener of `near` when that fits, else out of the first that
    /// does; `None` when none does.
    pub fn route(&self, near: &Hop, transport: Transport, remote: SocketAddr) -> Option<Hop> {
        let fits = |l: &Listener| {
            l.transport == transport
                && (l.bound.is_ipv4() == remote.is_ipv4() || l.bound.ip().is_unspecified())
        };
        let is_near = near.transport == transport && near.local.is_ipv4() == remote.is_ipv4();
        if is_near {
            // Its connection is used for its own neighbour, at whichever port that listens.
            let connection = near.connection.filter(|_| near.remote.ip() == remote.ip());
            // By TLS it proves itself again.
            let stays = |_: &Peer| connection.is_some() || transport.is_secure();
            return Some(Hop {
                remote,
                connection,
                peer: near.peer.clone().filter(stays),
                ..near.clone()
            });
        }
        let at = self.0.iter().position(fits)?;
        let listener = self.0.get(at)?;
        Some(Hop {
            listener: ListenerId(at as u16),
            transport,
            local: listener.bound,
            remote,
            connection: None,
            peer: None,
            server_name: None,
        })
    }

    /// A way to `remote` for a first request.
    pub fn first_route(&self, transport: Transport, remote: SocketAddr) -> Option<Hop> {
        let none = Hop::datagram(ListenerId(u16::MAX), remote, remote);
        let at = self.0.iter().position(|l| {
            l.transport == transport
                && (l.bound.is_ipv4() == remote.is_ipv4() || l.bound.ip().is_unspecified())
        })?;
        Some(Hop {
            listener: ListenerId(at as u16),
            transport,
            local: self.0.get(at)?.bound,
            ..none
        })
    }
}

impl Own {
    /// For a dialog that has begun with `sips:`, whose Contact must be one, too (RFC 3261 sections 8.1.1.8 and 12.1.1).
    /// Where this is no way by TLS, nobody could reach such a Contact.
    pub fn secured(self, secure: bool) -> Own {
        let secure = secure && self.transport.is_secure();
        Own { secure, ..self }
    }

    /// Our Contact in angle brackets, for `user`.
    pub fn contact(&self, user: &str) -> String {
        let mut contact = String::with_capacity(user.len() + 80);
        let scheme = if self.secure { "sips" } else { "sip" };
        // Writing into a String does not fail.
        let _ = write!(contact, "<{scheme}:{user}@{self}");
        let _ = match self.transport {
            Transport::Udp => write!(contact, ">"),
            // `sips:` says so already (RFC 3261 section 19.1).
            Transport::Tls if self.secure => write!(contact, ">"),
            // `sips:` would bind every hop of the way, also those that are not ours to see.
            Transport::Wss => write!(contact, ";transport=ws>"),
            other => write!(contact, ";transport={}>", other.param()),
        };
        contact
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Host::Address(self.ip), self.port)
    }
}

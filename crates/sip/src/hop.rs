//! The way that a message came, or is to go.

use crate::message::Transport;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// One of the driver's listeners, in the order in which it was given them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub u16);

/// One connection of a stream transport; the driver never gives a number twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A way between this machine and a neighbour.
///
/// A message that came names the socket or connection that it came by. A message that goes names where it goes: by its
/// connection as long as that is there, else by a new one to `remote`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hop {
    /// Socket that it came by, or that it goes out of.
    pub listener: ListenerId,
    /// Transport.
    pub transport: Transport,
    /// Our address of it.
    pub local: SocketAddr,
    /// The neighbour's address.
    pub remote: SocketAddr,
    /// The connection of a stream.
    pub connection: Option<ConnectionId>,
    /// Who the neighbour has proved to be; of a way that is to be made, who it must prove to be.
    pub peer: Option<Peer>,
    /// What the neighbour's certificate must name when a connection by TLS is made: the host that was looked for, never one
    /// that the DNS brought (RFC 5922 section 4).
    pub server_name: Option<Arc<str>>,
}

/// A neighbour that is known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The driver's name of it.
    pub name: Arc<str>,
    /// What says that it is the one.
    pub proof: Proof,
}

/// What says who a neighbour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The address that it sends from.
    Address,
    /// The certificate that it has shown.
    Certificate,
    /// The password that it knows.
    Password,
}

impl Peer {
    /// A neighbour of this name.
    pub fn new(name: impl Into<Arc<str>>, proof: Proof) -> Peer {
        Peer {
            name: name.into(),
            proof,
        }
    }

    /// Whether what came from `other` may be of the same neighbour. One that has shown a certificate must show it again.
    pub(crate) fn may_be(&self, other: &Peer) -> bool {
        let certified = |peer: &Peer| peer.proof == Proof::Certificate;
        self.name == other.name && (certified(other) || !certified(self))
    }
}

impl Hop {
    /// A hop by datagrams. IPv4 addresses in IPv6 clothes, as a socket on `[::]` sees them, are undressed.
    pub fn datagram(listener: ListenerId, local: SocketAddr, remote: SocketAddr) -> Hop {
        Hop {
            listener,
            transport: Transport::Udp,
            local: canonical(local),
            remote: canonical(remote),
            connection: None,
            peer: None,
            server_name: None,
        }
    }

    /// A hop by a connection of a stream.
    pub fn stream(
        listener: ListenerId,
        transport: Transport,
        connection: ConnectionId,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Hop {
        Hop {
            listener,
            transport,
            local: canonical(local),
            remote: canonical(remote),
            connection: Some(connection),
            peer: None,
            server_name: None,
        }
    }

    /// This way, by TLS, to a neighbour that must be `peer` and name itself `server_name`.
    pub fn certified(self, peer: impl Into<Arc<str>>, server_name: impl Into<Arc<str>>) -> Hop {
        Hop {
            peer: Some(Peer::new(peer, Proof::Certificate)),
            server_name: Some(server_name.into()),
            ..self
        }
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.transport.as_str(), self.remote)
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

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
    /// Who the neighbour has proved to be: the name in its certificate.
    pub peer: Option<Arc<str>>,
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
        }
    }

    /// The same socket to another neighbour.
    pub fn to(&self, remote: SocketAddr) -> Hop {
        let same = remote == self.remote;
        Hop {
            remote,
            connection: self.connection.filter(|_| same),
            peer: self.peer.clone().filter(|_| same),
            ..self.clone()
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

//! Where a datagram comes from or goes to.

use std::net::SocketAddr;
use str0m::net::{Protocol, TcpType};
use str0m::{Candidate, CandidateKind};

/// The client's end of a path, or one of ours: the same address is another path over the other protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Path {
    /// A UDP address.
    Udp(SocketAddr),
    /// The address of a TCP connection on which datagrams are framed (RFC 4571); as one of ours, of the port that takes
    /// such connections (RFC 6544 `passive`).
    Tcp(SocketAddr),
}

impl Path {
    /// Its address.
    pub fn address(self) -> SocketAddr {
        match self {
            Path::Udp(a) | Path::Tcp(a) => a,
        }
    }

    /// Nothing for protocols that we announce no candidate of.
    pub(crate) fn of(protocol: Protocol, address: SocketAddr) -> Option<Path> {
        match protocol {
            Protocol::Udp => Some(Path::Udp(address)),
            Protocol::Tcp => Some(Path::Tcp(address)),
            _ => None,
        }
    }

    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Path::Udp(_) => Protocol::Udp,
            Path::Tcp(_) => Protocol::Tcp,
        }
    }

    /// The host candidate that announces it.
    pub(crate) fn candidate(self) -> Option<Candidate> {
        match self {
            Path::Udp(a) => Candidate::host(a, "udp").ok(),
            Path::Tcp(a) => Candidate::builder()
                .tcp()
                .host(a)
                .tcptype(TcpType::Passive)
                .build()
                .ok(),
        }
    }

    /// As the stack may know it as the client's: named in its description, or seen in a check.
    pub(crate) fn remote_candidates(self) -> impl Iterator<Item = Candidate> {
        let (protocol, address) = (self.protocol(), self.address());
        [CandidateKind::Host, CandidateKind::PeerReflexive]
            .into_iter()
            .map(move |kind| {
                Candidate::from_parts(String::new(), 1, protocol, 0, address, kind, None, None, None)
            })
    }

    /// True when datagrams can go from one to the other.
    pub(crate) fn reaches(self, other: Path) -> bool {
        self.protocol() == other.protocol() && self.address().is_ipv4() == other.address().is_ipv4()
    }
}

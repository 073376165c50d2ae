//! Questions to the DNS, and its answers as far as they matter here.

use std::net::IpAddr;
use std::time::Duration;

/// What the driver is to ask for. Names are in lower case, without a dot at the end. Aliases (CNAME) are followed by the
/// driver's resolver.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Question {
    /// Which transports a domain takes.
    Naptr(String),
    /// Which hosts and ports a service has.
    Srv(String),
    /// IPv4 addresses of a host.
    A(String),
    /// IPv6 addresses of a host.
    Aaaa(String),
}

/// A NAPTR record (RFC 3403).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naptr {
    /// Lower first.
    pub order: u16,
    /// Lower first within an order.
    pub preference: u16,
    /// `s` when the replacement has SRV records, `a` when it has addresses.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`; others are left out.
    pub service: String,
    /// Must be empty; records with one are left out (RFC 3263 section 4.1).
    pub regexp: String,
    /// The next name to ask for.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// Share within a priority.
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// Host; a single dot says that there is no such service.
    pub target: String,
}

/// Records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Records {
    /// For [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// For [`Question::Srv`].
    Srv(Vec<Srv>),
    /// For [`Question::A`] and [`Question::Aaaa`].
    Addresses(Vec<IpAddr>),
}

/// A positive answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Records; those of another kind than the question's are no answer.
    pub records: Records,
    /// How long they are good: the least of all of them.
    pub ttl: Duration,
}

/// A negative answer, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There is no such name, or it has no such records.
    #[error("no such records")]
    Nothing,
    /// No server has answered, or one could not.
    #[error("the DNS did not answer")]
    Failed,
}

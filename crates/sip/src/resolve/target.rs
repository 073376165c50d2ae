//! What is looked for.

use super::order::Families;
use crate::message::{Host, SipUri, Transport};
use std::net::IpAddr;

/// A host: by name, in lower case and without a dot at its end, or by address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// To be asked for.
    Name(String),
    /// Known.
    Address(IpAddr),
}

impl Place {
    /// Reads a name, an address, or an IPv6 address in brackets; `None` for what is neither.
    pub fn parse(text: &str) -> Option<Place> {
        Host::parse(text).map(Place::from)
    }
}

impl From<Host<'_>> for Place {
    fn from(host: Host<'_>) -> Place {
        match host {
            Host::Name(name) => Place::Name(name.trim_end_matches('.').to_ascii_lowercase()),
            Host::Address(address) => Place::Address(address),
        }
    }
}

/// Where a request is to go, as far as it is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// Host.
    pub place: Place,
    /// Port, when it is said: then neither NAPTR nor SRV are asked for.
    pub port: Option<u16>,
    /// Transport, when it is said.
    pub transport: Option<Transport>,
    /// True for `sips:`: nothing but TLS is used, whatever the DNS says.
    pub secure: bool,
}

impl Target {
    /// Nothing but a host.
    pub fn new(place: Place) -> Target {
        Target {
            place,
            port: None,
            transport: None,
            secure: false,
        }
    }

    /// The target of a URI: its `maddr` before its host, its port and its `transport` (RFC 3263 section 4). `None` when one
    /// of these cannot be read.
    pub fn of_uri(uri: &SipUri<'_>) -> Option<Target> {
        let place = match uri.params.get("maddr") {
            Some(maddr) => Place::parse(maddr)?,
            None => uri.host.into(),
        };
        let transport = match uri.params.get("transport") {
            Some(name) => Some(Transport::from_name(name)?),
            None => None,
        };
        Some(Target {
            place,
            port: uri.port,
            transport,
            secure: uri.secure,
        })
    }

    /// The transport that the target itself decides: what it names, under TLS for `sips:`; without a name, UDP or TLS where
    /// the DNS is not asked (RFC 3263 section 4.1). `None` when the DNS decides, an error when `sips:` names what has no TLS.
    pub(super) fn decided(&self) -> Result<Option<Transport>, Insecure> {
        let plain = match (self.transport, &self.place, self.port) {
            (Some(transport), ..) => transport,
            (None, Place::Name(_), None) => return Ok(None),
            (None, ..) if self.secure => Transport::Tls,
            (None, ..) => Transport::Udp,
        };
        match plain {
            transport if !self.secure || transport.is_secure() => Ok(Some(transport)),
            Transport::Tcp => Ok(Some(Transport::Tls)),
            Transport::Ws => Ok(Some(Transport::Wss)),
            _ => Err(Insecure),
        }
    }
}

/// `sips:` over a transport that has no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Insecure;

/// By which ways we can send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// Transports, in the order of our preference; those that are not here are never chosen.
    pub transports: Vec<Transport>,
    /// Address families.
    pub families: Families,
}

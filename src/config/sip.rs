//! `[sip]`

use super::faults::Faults;
use super::section::{Check, Word, section, values, words};
use super::tls::SipTls;
use omnigate_sip::digest::Algorithm;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

section! {
    /// `sip.*`
    pub struct Sip {
        /// `udp://ADDRESS:PORT`, `tcp://ADDRESS:PORT` and `tls://ADDRESS:PORT`.
        listen: Vec<SipListen> = vec![SipListen::any(SipTransport::Udp), SipListen::any(SipTransport::Tcp)];
        /// Address in Contact, Via and SDP; `None`: first non-loopback address, else 127.0.0.1.
        advertise: Option<IpAddr> = None;
        /// What callers with a password are asked for it by; phones show it, and keep passwords by it.
        realm: String = "omnigate".into();
        /// Digest algorithms that they may use, best first. Many know MD5 only, and some of them give up when another one is
        /// offered beside it.
        digest: Vec<DigestAlgorithm> = vec![DigestAlgorithm(Algorithm::Md5)];
        /// Name servers, `ADDRESS:PORT`, for the names of gateways; empty: the system's.
        dns: Vec<SocketAddr> = Vec::new();
        /// Packets a second taken from one address, in a burst of twice as many.
        packets_per_second: u32 = 1000, within 1..=1_000_000;
        /// TCP connections from all peers, those of TLS among them.
        connections: usize = 256;
        /// What listeners of TLS show, and whom we trust.
        tls: SipTls = SipTls::default();
        /// Calls at once; more are refused with 480.
        calls: usize = 2000;
    }
}

impl Check for Sip {
    fn check(&self, _: &str, faults: &mut Faults) {
        if self.listen.is_empty() {
            faults.add(
                "sip.listen",
                "is empty; name at least one, as \"udp://0.0.0.0:5060\"",
            );
        }
        if self.digest.is_empty() {
            faults.add("sip.digest", "is empty; name at least one, as \"md5\"");
        }
        let by_tls = |listen: &&SipListen| listen.transport == SipTransport::Tls;
        if let Some(listen) = self.listen.iter().find(by_tls)
            && self.tls.certificate.is_none()
        {
            faults.add(
                "sip.tls.certificate",
                format!("is missing: {listen} in sip.listen must show one"),
            );
        }
    }
}

/// How SIP is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SipTransport {
    /// Datagrams.
    Udp,
    /// Streams.
    Tcp,
    /// Streams by TLS.
    Tls,
}

/// One SIP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipListen {
    /// UDP, TCP or TLS.
    pub transport: SipTransport,
    /// Where.
    pub address: SocketAddr,
}

impl SipListen {
    /// On the usual port of every IPv4 address.
    fn any(transport: SipTransport) -> SipListen {
        SipListen {
            transport,
            address: SocketAddr::from(([0, 0, 0, 0], 5060)),
        }
    }
}

impl fmt::Display for SipListen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            SipTransport::Udp => "udp",
            SipTransport::Tcp => "tcp",
            SipTransport::Tls => "tls",
        };
        write!(f, "{scheme}://{}", self.address)
    }
}

values! { words; Vec<SipListen>, Vec<DigestAlgorithm> }

/// A digest algorithm: `md5` or `sha-256` (RFC 8760).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestAlgorithm(pub Algorithm);

impl Word for DigestAlgorithm {
    fn parse(text: &str) -> Result<DigestAlgorithm, String> {
        Ok(DigestAlgorithm(match text {
            "md5" => Algorithm::Md5,
            "sha-256" => Algorithm::Sha256,
            _ => return Err(format!("`{text}` is not md5 or sha-256")),
        }))
    }
}

impl Word for SipListen {
    fn parse(text: &str) -> Result<SipListen, String> {
        let parsed = text.split_once("://").and_then(|(scheme, address)| {
            let transport = match scheme {
                "udp" => SipTransport::Udp,
                "tcp" => SipTransport::Tcp,
                "tls" => SipTransport::Tls,
                _ => return None,
            };
            Some(SipListen {
                transport,
                address: address.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| {
            format!("`{text}` is not udp://ADDRESS:PORT, tcp://ADDRESS:PORT or tls://ADDRESS:PORT")
        })
    }
}

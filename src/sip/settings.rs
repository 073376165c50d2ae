//! What SIP is started with.

use super::filter::SourceFilter;
use super::tls::Tls;
use crate::config::SipListen;
use crate::observe::{Health, Metrics};
use crate::trunks::Doorkeeper;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Why SIP cannot start.
#[derive(Debug, thiserror::Error)]
pub enum SipError {
    /// A listener cannot be opened.
    #[error("sip.listen {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
}

/// How SIP is set up.
pub struct SipSettings {
    /// Listeners.
    pub listen: Vec<SipListen>,
    /// Address in Via and Contact.
    pub advertise: IpAddr,
    /// Most connections of streams.
    pub connections: usize,
    /// Certificates.
    pub tls: Arc<Tls>,
    /// Name servers to ask; none: the system's.
    pub dns: Vec<SocketAddr>,
}

/// What SIP needs of others.
pub struct SipParts {
    /// Who may send.
    pub filter: Arc<SourceFilter>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Whether new calls are taken.
    pub health: Arc<Health>,
    /// Who asks callers for passwords.
    pub doorkeeper: Option<Doorkeeper>,
}

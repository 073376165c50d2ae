//! Connections that we make: where to, and why there is none.

use super::link::Link;
use super::tls::Tls;
use crate::sync::lock;
use crate::tls::HandshakeFault;
use omnigate_sip::Hop;
use omnigate_sip::message::Transport;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, warn};

/// Longest wait for a connection that we make, before TLS.
const DIAL: Duration = Duration::from_secs(5);
/// The same trouble is told once in this time, and is what a failure is explained by.
const NEWS: Duration = Duration::from_secs(60);
/// Places whose trouble is remembered.
const PLACES: usize = 256;

/// Whom a connection is made to. Two that must prove to be different ones are no same connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Destination {
    transport: Transport,
    pub(super) remote: SocketAddr,
    /// Whose gateway it is, of TLS.
    pub(super) trunk: Option<Arc<str>>,
    /// What its certificate must name.
    pub(super) server_name: Option<Arc<str>>,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DialFault {
    /// The network says so.
    #[error("no connection: {0}")]
    Network(ErrorKind),
    /// It says nothing.
    #[error("no connection in time")]
    TimedOut,
    /// There is one, and no TLS.
    #[error("TLS handshake: {0}")]
    Handshake(#[from] HandshakeFault),
}

impl Destination {
    pub(super) fn of(hop: &Hop) -> Destination {
        let secure = hop.transport.is_secure();
        Destination {
            transport: hop.transport,
            remote: hop.remote,
            trunk: hop.peer.as_ref().filter(|_| secure).map(|peer| peer.name.clone()),
            server_name: hop.server_name.clone(),
        }
    }

    /// Makes the connection.
    pub(super) async fn dial(&self, tls: &Tls) -> Result<Link, DialFault> {
        let stream = timeout(DIAL, TcpStream::connect(self.remote)).await;
        let stream = stream.map_err(|_| DialFault::TimedOut)?;
        let stream = stream.map_err(|error| DialFault::Network(error.kind()))?;
        if !self.transport.is_secure() {
            return Ok(Link::Plain(stream));
        }
        let (trunk, server_name) = (self.trunk.as_deref(), self.server_name.as_deref());
        let stream = tls.connect(stream, trunk, server_name).await?;
        Ok(Link::Secure(Box::new(stream)))
    }
}

/// Why connections could not be made lately.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<HashMap<SocketAddr, (DialFault, Instant)>>);

impl Troubles {
    /// Notes and tells why there is no connection.
    pub(super) fn came(&self, to: &Destination, fault: DialFault, now: Instant) {
        let mut all = lock(&self.0);
        let recent = |(_, at): &(DialFault, Instant)| now.saturating_duration_since(*at) < NEWS;
        let known = all
            .get(&to.remote)
            .is_some_and(|one| one.0 == fault && recent(one));
        let (transport, remote, server_name) = (to.transport.as_str(), to.remote, to.server_name.as_deref());
        if known {
            debug!(transport, %remote, server_name, why = %fault, "SIP connection not made");
            return;
        }
        warn!(transport, %remote, server_name, why = %fault, "SIP connection not made");
        if all.len() >= PLACES {
            all.retain(|_, one| recent(one));
        }
        if all.len() < PLACES {
            all.insert(to.remote, (fault, now));
        }
    }

    /// What was the trouble with this place, a moment ago.
    pub(super) fn lately(&self, remote: SocketAddr, now: Instant) -> Option<DialFault> {
        let all = lock(&self.0);
        let (fault, at) = all.get(&remote)?;
        (now.saturating_duration_since(*at) < NEWS).then_some(*fault)
    }

    /// It works again.
    pub(super) fn gone(&self, remote: SocketAddr) {
        lock(&self.0).remove(&remote);
    }
}

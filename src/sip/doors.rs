//! Listeners of streams: who may come in.

use super::filter::SourceFilter;
use super::link::Link;
use super::places::{Place, Places};
use super::stream::{Accepted, News, Permit};
use super::tls::Tls;
use super::told::Told;
use crate::observe::Metrics;
use crate::tls::HandshakeFault;
use omnigate_sip::ListenerId;
use omnigate_sip::message::Transport;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tracing::warn;

/// Pause after a fault of the listener, as when the process has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// What every listener needs.
#[derive(Clone)]
pub(super) struct Doors {
    pub(super) filter: Arc<SourceFilter>,
    pub(super) tls: Arc<Tls>,
    pub(super) metrics: Arc<Metrics>,
    /// For each connection one.
    pub(super) permits: Arc<Semaphore>,
    pub(super) tell: mpsc::Sender<News>,
    pub(super) told: Arc<Told>,
    /// Connections of guests.
    pub(super) guests: Arc<Places>,
}

impl Doors {
    /// Takes connections until nobody wants to hear of them. Strangers and crowds are cut off without a word.
    pub(super) async fn open(self, id: ListenerId, transport: Transport, listener: TcpListener) {
        loop {
            let (stream, peer) = tokio::select! {
                () = self.tell.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        warn!(%error, "accepting a SIP connection failed");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                },
            };
            let known = self.filter.knows(peer.ip());
            let may_show_one = transport.is_secure() && self.tls.takes_certificates();
            if !known && !may_show_one && !self.filter.is_open() {
                self.stranger(peer);
                continue;
            }
            let Some(permit) = self.permit(peer, known) else {
                self.metrics.sip_dropped("connections");
                continue;
            };
            if !transport.is_secure() {
                self.take(id, Link::Plain(stream), peer, None, permit).await;
            } else if let Some(handshake) = self.tls.begin(peer.ip(), known) {
                tokio::spawn(self.clone().secure(id, stream, peer, permit, handshake));
            } else {
                self.metrics.sip_dropped("handshakes");
            }
        }
    }

    /// A place among all connections, and among those of guests.
    fn permit(&self, remote: SocketAddr, known: bool) -> Option<Permit> {
        let one = self.permits.clone().try_acquire_owned().ok()?;
        let guest = match known {
            true => None,
            false => Some(self.guests.take(remote.ip(), false)?),
        };
        Some(Permit { _one: one, guest })
    }

    async fn secure(
        self,
        id: ListenerId,
        stream: TcpStream,
        remote: SocketAddr,
        mut permit: Permit,
        handshake: Place,
    ) {
        let accepted = tokio::select! {
            () = self.tell.closed() => return,
            accepted = self.tls.accept(stream) => accepted,
        };
        drop(handshake);
        let (stream, peer) = match accepted {
            // Only its certificate could have said who it is.
            Ok((_, None)) if permit.guest.is_some() && !self.filter.is_open() => {
                return self.refused(remote, HandshakeFault::NoCertificate);
            }
            Ok(accepted) => accepted,
            Err(fault) => return self.refused(remote, fault),
        };
        self.metrics.tls_handshake("accept", "ok");
        if peer.is_some() {
            permit.guest = None;
        }
        let link = Link::Secure(Box::new(stream));
        self.take(id, link, remote, peer, permit).await;
    }

    async fn take(
        &self,
        listener: ListenerId,
        link: Link,
        remote: SocketAddr,
        peer: Option<omnigate_sip::Peer>,
        permit: Permit,
    ) {
        let accepted = Accepted {
            listener,
            link,
            remote,
            peer,
            permit,
        };
        let _ = self.tell.send(News::Accepted(accepted)).await;
    }

    fn stranger(&self, remote: SocketAddr) {
        self.filter.stranger(remote.ip(), Instant::now().into_std());
        self.metrics.sip_dropped("unknown_source");
    }

    fn refused(&self, remote: SocketAddr, fault: HandshakeFault) {
        self.metrics.tls_handshake("accept", fault.label());
        if self.told.is_news(remote.ip(), Instant::now().into_std(), |()| ()) {
            warn!(source = %remote, why = %fault, "TLS handshake of SIP failed");
        }
    }
}

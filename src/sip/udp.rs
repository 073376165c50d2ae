//! The UDP socket that the SIP stack sees: only admitted, repaired, whole requests come through.

use super::filter::{Refused, SourceFilter};
use crate::observe::Metrics;
use omnigate_sip::shield::{self, Verdict};
use rsipstack::platform::net::UdpSocket;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use tracing::debug;

/// Largest datagram read, bytes.
const MAX_DATAGRAM: usize = 65_535;

pub(super) struct ShieldedUdp {
    socket: tokio::net::UdpSocket,
    filter: Arc<SourceFilter>,
    metrics: Arc<Metrics>,
    buffer: tokio::sync::Mutex<Vec<u8>>,
}

impl ShieldedUdp {
    pub(super) fn new(
        socket: tokio::net::UdpSocket,
        filter: Arc<SourceFilter>,
        metrics: Arc<Metrics>,
    ) -> ShieldedUdp {
        ShieldedUdp {
            socket,
            filter,
            metrics,
            buffer: tokio::sync::Mutex::new(vec![0; MAX_DATAGRAM]),
        }
    }
}

#[async_trait::async_trait]
impl UdpSocket for ShieldedUdp {
    async fn recv_from(&self, out: &mut [u8]) -> rsipstack::Result<(usize, SocketAddr)> {
        let mut buffer = self.buffer.lock().await;
        loop {
            // An ICMP error of an earlier send must not end the loop.
            let Ok((length, source)) = self.socket.recv_from(&mut buffer).await else {
                continue;
            };
            match self.filter.admit(source.ip(), Instant::now()) {
                Ok(()) => {}
                Err(Refused::Unknown) => {
                    self.metrics.sip_dropped("unknown_source");
                    continue;
                }
                Err(Refused::TooMany) => {
                    self.metrics.sip_dropped("rate_limit");
                    continue;
                }
            }
            let datagram = buffer.get(..length).unwrap_or_default();
            match shield::inspect(datagram, source) {
                Verdict::Pass(bytes) => {
                    // The shield passes at most MAX_MESSAGE bytes plus a header that it added.
                    if let Some(place) = out.get_mut(..bytes.len()) {
                        place.copy_from_slice(&bytes);
                        return Ok((bytes.len(), source));
                    }
                    self.metrics.sip_dropped("too_large");
                }
                Verdict::Reply {
                    bytes,
                    status,
                    reason,
                } => {
                    debug!(%source, status, reason, "SIP request answered by the shield");
                    self.metrics.sip_dropped("malformed");
                    let _ = self.socket.send_to(&bytes, source).await;
                }
                Verdict::KeepAlive(pong) => {
                    if pong {
                        let _ = self.socket.send_to(b"\r\n", source).await;
                    }
                }
                Verdict::Drop(reason) => {
                    debug!(%source, reason, "SIP datagram dropped");
                    self.metrics.sip_dropped("malformed");
                }
            }
        }
    }

    async fn send_to(&self, bytes: &[u8], to: SocketAddr) -> rsipstack::Result<usize> {
        Ok(self.socket.send_to(bytes, to).await?)
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }
}

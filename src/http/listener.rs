//! From the TCP listener to HTTP: limits, TLS, time-outs. `axum::serve` has none of them.

use super::descriptors::Descriptors;
use super::limits::{Limits, Place};
use super::problem::too_many;
use super::requester::Proxies;
use super::tls::Certificates;
use crate::observe::Metrics;
use crate::supervise::test_point;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{SockRef, TcpKeepalive};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_service::Service;
use tracing::{debug, warn};

/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the head of a request: the first one, and each after the answer before.
const HEAD: Duration = Duration::from_secs(10);
/// Largest head, bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// Questions of TCP itself: after a minute of silence, four of them. Two minutes without an answer end the connection.
const KEEP_ALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(15))
    .with_retries(4);
/// Pause after a fault of the listener, as when the process has no file descriptors left.
const PAUSE: Duration = Duration::from_millis(100);

/// What every connection needs.
pub(super) struct Serving {
    pub router: Router,
    pub certificates: Option<Arc<Certificates>>,
    pub limits: Arc<Limits>,
    pub proxies: Proxies,
    pub metrics: Arc<Metrics>,
    pub descriptors: Descriptors,
    pub stop: CancellationToken,
}

impl Serving {
    /// Takes connections until it is stopped. Those that are open then end after the request that they are at.
    pub(super) async fn run(self: Arc<Serving>, listener: TcpListener) {
        loop {
            test_point("http");
            let (stream, peer) = tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(fault) => {
                        warn!(%fault, "HTTP connection not taken");
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                },
                () = self.stop.cancelled() => return,
            };
            if self.descriptors.are_scarce(stream.as_raw_fd()) {
                self.metrics.http_refused("descriptors");
                continue;
            }
            let is_proxy = self.proxies.trusts(peer.ip());
            match self.limits.connect(peer.ip(), is_proxy, Instant::now()) {
                Some(place) => drop(tokio::spawn(self.clone().connection(stream, peer, place))),
                None => self.metrics.http_refused("connections"),
            }
        }
    }

    async fn connection(self: Arc<Serving>, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Signaling is small messages that somebody waits for.
        let _ = stream.set_nodelay(true);
        // A peer that has vanished without a word is found, whatever is on the connection.
        let _ = SockRef::from(&stream).set_tcp_keepalive(&KEEP_ALIVE);
        let Some(certificates) = &self.certificates else {
            return self.http(stream, peer, place).await;
        };
        let acceptor = TlsAcceptor::from(certificates.get());
        match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.http(stream, peer, place).await,
            Ok(Err(fault)) => {
                self.metrics.http_refused("tls");
                debug!(%peer, %fault, "TLS handshake failed");
            }
            Err(_) => {
                self.metrics.http_refused("tls");
                debug!(%peer, "TLS handshake took too long");
            }
        }
    }

    async fn http<S>(&self, stream: S, peer: SocketAddr, place: Place)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let too_fast = place.too_fast;
        let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| {
            let mut router = self.router.clone();
            async move {
                if let Some(wait) = too_fast {
                    self.metrics.http_refused("rate_limit");
                    return Ok(too_many(wait));
                }
                let mut request = request.map(Body::new);
                let requester = self.proxies.requester(peer.ip(), request.headers());
                request.extensions_mut().insert(requester);
                if self.limits.counts_alone(&requester) {
                    let Some(place) = self.limits.enter(&requester, Instant::now()) else {
                        self.metrics.http_refused("connections");
                        return Ok(too_many(Duration::ZERO));
                    };
                    request.extensions_mut().insert(Arc::new(place));
                }
                let answer: Result<Response, Infallible> = router.call(request).await;
                answer
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES)
            .keep_alive(too_fast.is_none())
            .serve_connection(
                TokioIo::new(Placed {
                    stream,
                    _place: place,
                }),
                service,
            )
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(fault) = ended {
            debug!(%peer, %fault, "HTTP connection ended");
        }
    }
}

/// A stream that keeps its place as long as it lives, WebSocket included.
struct Placed<S> {
    stream: S,
    _place: Place,
}

impl<S: AsyncRead + Unpin> AsyncRead for Placed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Placed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

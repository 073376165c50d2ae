//! UDP sockets, and the streams beside them.

use super::dial::Troubles;
use super::filter::{Refused, SourceFilter};
use super::network::{Arrival, Network};
use super::settings::{SipError, SipSettings};
use super::streams::Streams;
use crate::config::SipTransport;
use crate::observe::Metrics;
use crate::supervise::Supervisor;
use bytes::Bytes;
use omnigate_sip::framing::PING;
use omnigate_sip::message::Transport;
use omnigate_sip::transaction::{Origin, Transmit};
use omnigate_sip::{ConnectionId, Hop, Listener, ListenerId, Listeners};
use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::io::{Interest, ReadBuf};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

/// Largest datagram read, bytes.
const MAX_DATAGRAM: usize = 65_535;
/// Datagrams that may wait for a socket whose buffer is full; one more is lost, as the network might have lost it.
const WAITING: usize = 1024;
/// Datagrams that are sent in one call of the system.
const BATCH: usize = 64;
/// Neighbours whose side of this machine is remembered.
const NEIGHBOURS: usize = 1024;

/// All sockets of SIP.
pub(super) struct Sockets {
    listeners: Vec<Bound>,
    streams: Streams,
    filter: Arc<SourceFilter>,
    metrics: Arc<Metrics>,
    outbox: VecDeque<Datagram>,
    failed: VecDeque<Origin>,
    /// Which of our addresses a neighbour sees, for sockets that are bound to all.
    sides: HashMap<IpAddr, IpAddr>,
    buffer: Box<[u8]>,
    /// The socket that is asked first, in turn.
    turn: usize,
}

/// One that is to be sent.
struct Datagram {
    /// The listener's place.
    at: usize,
    remote: SocketAddr,
    bytes: Bytes,
    origin: Origin,
}

struct Bound {
    transport: Transport,
    address: SocketAddr,
    /// Somebody may call us by it; else it is only for connections that we make.
    listens: bool,
    udp: Option<UdpSocket>,
}

/// For connections by TLS that we make, where nothing listens for it: one of each address family. What registers somewhere
/// needs no certificate of its own, for calls come by the connection that it has made.
fn dialling(listeners: &[Bound]) -> Vec<Bound> {
    if listeners.iter().any(|one| one.transport == Transport::Tls) {
        return Vec::new();
    }
    let of_family = |ip: IpAddr| Bound {
        transport: Transport::Tls,
        address: SocketAddr::new(ip, Transport::Tls.default_port()),
        listens: false,
        udp: None,
    };
    let any = |ip: IpAddr| listeners.iter().any(|one| one.address.is_ipv4() == ip.is_ipv4());
    let families = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    families
        .into_iter()
        .filter(|ip| any(*ip))
        .map(of_family)
        .collect()
}

impl Sockets {
    pub(super) async fn open(
        settings: &SipSettings,
        filter: Arc<SourceFilter>,
        metrics: Arc<Metrics>,
        supervisor: &Supervisor,
    ) -> Result<Sockets, SipError> {
        let tls = settings.tls.clone();
        let mut streams = Streams::new(settings.connections, tls, filter.clone(), metrics.clone());
        let mut listeners = Vec::new();
        for (at, listen) in settings.listen.iter().enumerate() {
            let failed = |source| SipError::Listen {
                address: listen.address,
                source,
            };
            let id = ListenerId(at as u16);
            let bound = match listen.transport {
                SipTransport::Udp => {
                    let socket = UdpSocket::bind(listen.address).await.map_err(failed)?;
                    Bound {
                        transport: Transport::Udp,
                        address: socket.local_addr().map_err(failed)?,
                        listens: true,
                        udp: Some(socket),
                    }
                }
                SipTransport::Tcp | SipTransport::Tls => {
                    let transport = match listen.transport {
                        SipTransport::Tls => Transport::Tls,
                        _ => Transport::Tcp,
                    };
                    let listener = TcpListener::bind(listen.address).await.map_err(failed)?;
                    let address = listener.local_addr().map_err(failed)?;
                    streams.listen(id, transport, listener, supervisor);
                    Bound {
                        transport,
                        address,
                        listens: true,
                        udp: None,
                    }
                }
            };
            listeners.push(bound);
        }
        if settings.tls.dials() {
            listeners.extend(dialling(&listeners));
        }
        Ok(Sockets {
            listeners,
            streams,
            filter,
            metrics,
            outbox: VecDeque::new(),
            failed: VecDeque::new(),
            sides: HashMap::new(),
            buffer: vec![0; MAX_DATAGRAM].into(),
            turn: 0,
        })
    }

    /// Transports and addresses of the listeners.
    pub(super) fn addresses(&self) -> Vec<(Transport, SocketAddr)> {
        let listening = self.listeners.iter().filter(|l| l.listens);
        listening.map(|l| (l.transport, l.address)).collect()
    }

    /// Why connections could not be made.
    pub(super) fn troubles(&self) -> Arc<Troubles> {
        self.streams.troubles()
    }

    /// The listeners as the endpoint has them.
    pub(super) fn listeners(&self, advertise: IpAddr) -> Listeners {
        let of = |l: &Bound| Listener {
            transport: l.transport,
            bound: l.address,
            advertised: Some(advertise),
        };
        Listeners::new(self.listeners.iter().map(of).collect())
    }

    fn poll_udp(&mut self, at: usize, cx: &mut Context<'_>) -> Poll<Arrival> {
        loop {
            let Some(socket) = self.listeners.get(at).and_then(|l| l.udp.as_ref()) else {
                return Poll::Pending;
            };
            let mut read = ReadBuf::new(&mut self.buffer);
            let source = match socket.poll_recv_from(cx, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(source)) => source,
                // An ICMP error of an earlier send.
                Poll::Ready(Err(_)) => continue,
            };
            let datagram = Bytes::copy_from_slice(read.filled());
            let peer = match self.filter.admit(source.ip(), Instant::now()) {
                Ok(peer) => peer,
                Err(Refused::Unknown) => {
                    self.filter.stranger(source.ip(), Instant::now());
                    self.metrics.sip_dropped("unknown_source");
                    continue;
                }
                Err(Refused::TooMany(_)) => {
                    self.metrics.sip_dropped("rate_limit");
                    continue;
                }
            };
            let local = self.side(at, source);
            let mut hop = Hop::datagram(ListenerId(at as u16), local, source);
            hop.peer = peer;
            return Poll::Ready(Arrival::Message(hop, datagram));
        }
    }

    /// Our address towards a neighbour.
    fn side(&mut self, at: usize, remote: SocketAddr) -> SocketAddr {
        let unspecified = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let bound = self.listeners.get(at).map_or(unspecified, |l| l.address);
        if !bound.ip().is_unspecified() {
            return bound;
        }
        let remote_ip = remote.ip().to_canonical();
        let known = self.sides.get(&remote_ip).copied();
        let ip = known.or_else(|| towards(remote_ip)).unwrap_or(bound.ip());
        if known.is_none() {
            if self.sides.len() >= NEIGHBOURS {
                self.sides.clear();
            }
            self.sides.insert(remote_ip, ip);
        }
        SocketAddr::new(ip, bound.port())
    }

    fn put(&mut self, transmit: Transmit) {
        let at = usize::from(transmit.hop.listener.0);
        let Some(bound) = self.listeners.get(at).filter(|l| l.udp.is_some()) else {
            return self.failed.push_back(transmit.origin);
        };
        if self.outbox.len() < WAITING {
            self.outbox.push_back(Datagram {
                at,
                remote: dressed(transmit.hop.remote, bound.address.is_ipv6()),
                bytes: transmit.bytes,
                origin: transmit.origin,
            });
        }
    }

    /// Sends what waits, in one call all that goes out of the same socket, until a socket takes no more.
    fn send_waiting(&mut self) {
        // An ICMP error of an earlier datagram is reported once, by the next send.
        let mut told = false;
        while let Some(first) = self.outbox.front() {
            let (at, to) = (first.at, first.remote);
            let run = self
                .outbox
                .iter()
                .take(BATCH)
                .take_while(|one| one.at == at)
                .count();
            let Some(socket) = self.listeners.get(at).and_then(|l| l.udp.as_ref()) else {
                self.outbox.pop_front();
                continue;
            };
            let waiting = self.outbox.make_contiguous().get(..run).unwrap_or_default();
            match socket.try_io(Interest::WRITABLE, || send_all(socket, waiting)) {
                Ok(sent) => {
                    self.outbox.drain(..sent);
                    told = false;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::ConnectionRefused && !told => told = true,
                Err(e) => {
                    tracing::debug!(error = %e, %to, "a datagram cannot be sent");
                    self.failed.extend(self.outbox.pop_front().map(|one| one.origin));
                    told = false;
                }
            }
        }
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) {
        while let Some(first) = self.outbox.front() {
            let socket = self.listeners.get(first.at).and_then(|l| l.udp.as_ref());
            if socket.is_some_and(|socket| socket.poll_send_ready(cx).is_pending()) {
                return;
            }
            self.send_waiting();
        }
    }
}

/// Sends datagrams of one socket with one call of the system; how many have gone.
fn send_all(socket: &UdpSocket, all: &[Datagram]) -> std::io::Result<usize> {
    let addresses: Vec<_> = all.iter().map(|one| one.remote.as_any()).collect();
    let bytes: Vec<_> = all.iter().map(|one| [IoSlice::new(&one.bytes)]).collect();
    let mut controls: Vec<_> = all.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let parts = addresses.iter().zip(&bytes).zip(&mut controls);
    let mut messages: Vec<_> = parts
        .map(|((address, bytes), control)| MMsgHdr::new_with_addr(address, bytes, control))
        .collect();
    Ok(sendmmsg(socket, &mut messages, SendFlags::empty())?)
}

impl Network for Sockets {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        self.poll_waiting(cx);
        if let Some(origin) = self.failed.pop_front() {
            return Poll::Ready(Arrival::Failed(origin));
        }
        // Each in turn, so that none starves the others.
        let all = self.listeners.len() + 1;
        for step in 0..all {
            let at = (self.turn + step) % all;
            let found = if at == self.listeners.len() {
                self.streams.poll(cx)
            } else {
                self.poll_udp(at, cx)
            };
            if let Poll::Ready(arrival) = found {
                self.turn = at + 1;
                return Poll::Ready(arrival);
            }
        }
        Poll::Pending
    }

    fn send(&mut self, transmit: Transmit) {
        if transmit.hop.transport == Transport::Udp {
            self.put(transmit);
        } else if let Err(origin) = self.streams.send(transmit) {
            self.failed.push_back(origin);
        }
    }

    fn flush(&mut self) {
        self.send_waiting();
    }

    fn keep_alive(&mut self, hop: &Hop, pong: oneshot::Sender<()>) {
        if hop.transport != Transport::Udp {
            return self.streams.keep_alive(hop, pong);
        }
        self.put(Transmit {
            hop: hop.clone(),
            bytes: Bytes::from_static(PING),
            origin: Origin::Nobody,
        });
        let _ = pong.send(());
    }

    fn watch(&mut self, hop: &Hop, gone: oneshot::Sender<()>) {
        self.streams.watch(hop, gone);
    }

    fn cut(&mut self, hop: &Hop) {
        self.streams.cut(hop);
    }

    fn sweep(&mut self, used: &dyn Fn(ConnectionId) -> bool) {
        self.streams.sweep(used);
    }
}

/// An address as a socket of this family sends to it.
fn dressed(remote: SocketAddr, by_ipv6: bool) -> SocketAddr {
    match remote.ip() {
        IpAddr::V4(ip) if by_ipv6 => SocketAddr::new(ip.to_ipv6_mapped().into(), remote.port()),
        _ => remote,
    }
}

/// Our address on the way to `remote`: what the system would send from. Nothing is sent.
fn towards(remote: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match remote {
        IpAddr::V4(_) => [0, 0, 0, 0].into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = std::net::UdpSocket::bind((any, 0)).ok()?;
    probe.connect((remote, 9)).ok()?;
    Some(probe.local_addr().ok()?.ip())
}

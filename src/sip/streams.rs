//! Connections of streams: taken, made where none is, kept while calls use them.

use super::filter::SourceFilter;
use super::network::Arrival;
use super::stream::{self, Heard, News, Writer};
use crate::observe::Metrics;
use crate::supervise::Supervisor;
use bytes::Bytes;
use omnigate_sip::framing::PONG;
use omnigate_sip::message::Transport;
use omnigate_sip::transaction::{Origin, Transmit};
use omnigate_sip::{ConnectionId, Hop, ListenerId};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tracing::warn;

/// A connection that no call uses is closed after this time without a message.
const IDLE: Duration = Duration::from_secs(300);
/// Longest wait for a connection that we make.
const DIAL: Duration = Duration::from_secs(5);
/// Messages that may wait for a connection to be made; one more fails.
const UNDIALLED: usize = 64;
/// Messages of all connections that may wait for the driver. A peer that sends faster is read more slowly.
const INBOX: usize = 256;

/// All connections.
pub(super) struct Streams {
    connections: HashMap<ConnectionId, Connection>,
    /// Those that we have made, by where they go.
    made: HashMap<SocketAddr, ConnectionId>,
    dialling: HashMap<SocketAddr, Vec<Transmit>>,
    inbox: mpsc::Receiver<News>,
    tell: mpsc::Sender<News>,
    permits: Arc<Semaphore>,
    filter: Arc<SourceFilter>,
    metrics: Arc<Metrics>,
    failed: Vec<Origin>,
    last: u64,
}

struct Connection {
    hop: Hop,
    writer: Writer,
    used: Instant,
}

impl Streams {
    pub(super) fn new(most: usize, filter: Arc<SourceFilter>, metrics: Arc<Metrics>) -> Streams {
        let (tell, inbox) = mpsc::channel(INBOX);
        Streams {
            connections: HashMap::new(),
            made: HashMap::new(),
            dialling: HashMap::new(),
            inbox,
            tell,
            permits: Arc::new(Semaphore::new(most)),
            filter,
            metrics,
            failed: Vec::new(),
            last: 0,
        }
    }

    /// Takes connections from a listener.
    pub(super) fn listen(&mut self, id: ListenerId, listener: TcpListener, supervisor: &Supervisor) {
        let (tell, permits) = (self.tell.clone(), self.permits.clone());
        let (filter, metrics) = (self.filter.clone(), self.metrics.clone());
        supervisor.task("sip-tcp", async move {
            loop {
                let (stream, peer) = tokio::select! {
                    () = tell.closed() => return,
                    accepted = listener.accept() => match accepted {
                        Ok(accepted) => accepted,
                        Err(error) => {
                            warn!(%error, "accepting a SIP connection failed");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                            continue;
                        }
                    },
                };
                // Strangers and crowds are cut off without a word.
                if !filter.knows(peer.ip()) {
                    filter.stranger(peer.ip(), Instant::now().into_std());
                    metrics.sip_dropped("unknown_source");
                } else if let Ok(permit) = permits.clone().try_acquire_owned() {
                    let _ = tell.send(News::Accepted(id, stream, peer, permit)).await;
                } else {
                    metrics.sip_dropped("connections");
                }
            }
        });
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Arrival> {
        loop {
            if let Some(origin) = self.failed.pop() {
                return Poll::Ready(Arrival::Failed(origin));
            }
            // The channel never closes: an end of it is here.
            let Some(news) = ready!(self.inbox.poll_recv(cx)) else {
                return Poll::Pending;
            };
            if let Some(arrival) = self.take(news) {
                return Poll::Ready(arrival);
            }
        }
    }

    fn take(&mut self, news: News) -> Option<Arrival> {
        match news {
            News::Accepted(listener, stream, peer, permit) => {
                self.open(listener, stream, peer, Some(permit));
                None
            }
            News::Dialled(listener, remote, stream) => {
                self.dialled(listener, remote, stream);
                None
            }
            News::Unsent(id, origins) => {
                self.close(id);
                self.failed.extend(origins);
                None
            }
            News::Heard(id, heard) => {
                let connection = self.connections.get_mut(&id)?;
                connection.used = Instant::now();
                let hop = connection.hop.clone();
                match heard {
                    Heard::Message(bytes) => Some(Arrival::Message(hop, bytes)),
                    Heard::Ping => {
                        connection.writer.write(Bytes::from_static(PONG), Origin::Nobody);
                        None
                    }
                    Heard::Unreadable(unreadable) => {
                        self.metrics.sip_dropped("framing");
                        Some(Arrival::Unreadable(hop, unreadable))
                    }
                    Heard::End => {
                        self.close(id);
                        None
                    }
                }
            }
        }
    }

    fn open(
        &mut self,
        listener: ListenerId,
        stream: TcpStream,
        remote: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Option<ConnectionId> {
        let local = stream.local_addr().ok()?;
        self.last += 1;
        let id = ConnectionId(self.last);
        let mut hop = Hop::stream(listener, Transport::Tcp, id, local, remote);
        hop.peer = self.filter.peer(remote.ip());
        let writer = stream::run(
            id,
            stream,
            hop.remote.ip(),
            self.filter.clone(),
            self.tell.clone(),
            permit,
        );
        let connection = Connection {
            hop,
            writer,
            used: Instant::now(),
        };
        self.connections.insert(id, connection);
        Some(id)
    }

    /// Writes what is waiting and ends the connection: its reader and writer end with it.
    fn close(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        self.made.retain(|_, made| *made != id);
    }

    /// Sends by the hop's connection, by one that we have made to the same place, or by a new one.
    pub(super) fn send(&mut self, transmit: Transmit) -> Result<(), Origin> {
        let hop = &transmit.hop;
        let made = self.made.get(&hop.remote).copied();
        let known = hop
            .connection
            .filter(|id| self.connections.contains_key(id))
            .or(made);
        if let Some(connection) = known.and_then(|id| self.connections.get_mut(&id)) {
            connection.used = Instant::now();
            let sent = connection.writer.write(transmit.bytes, transmit.origin);
            return if sent { Ok(()) } else { Err(transmit.origin) };
        }
        let remote = hop.remote;
        let listener = hop.listener;
        if let Some(waiting) = self.dialling.get_mut(&remote) {
            if waiting.len() >= UNDIALLED {
                return Err(transmit.origin);
            }
            waiting.push(transmit);
            return Ok(());
        }
        self.dialling.insert(remote, vec![transmit]);
        let tell = self.tell.clone();
        tokio::spawn(async move {
            let stream = timeout(DIAL, TcpStream::connect(remote)).await;
            let stream = stream.ok().and_then(Result::ok);
            let _ = tell.send(News::Dialled(listener, remote, stream)).await;
        });
        Ok(())
    }

    fn dialled(&mut self, listener: ListenerId, remote: SocketAddr, stream: Option<TcpStream>) {
        let waiting = self.dialling.remove(&remote).unwrap_or_default();
        let id = stream.and_then(|stream| self.open(listener, stream, remote, None));
        let Some(id) = id else {
            self.failed.extend(waiting.into_iter().map(|t| t.origin));
            return;
        };
        self.made.insert(remote, id);
        for transmit in waiting {
            if let Err(origin) = self.send(transmit) {
                self.failed.push(origin);
            }
        }
    }

    /// Closes what no call uses and nobody has used for long.
    pub(super) fn sweep(&mut self, used: &dyn Fn(ConnectionId) -> bool) {
        let idle =
            |(id, c): (&ConnectionId, &Connection)| (c.used.elapsed() >= IDLE && !used(*id)).then_some(*id);
        let idle: Vec<ConnectionId> = self.connections.iter().filter_map(idle).collect();
        for id in idle {
            self.close(id);
        }
    }
}

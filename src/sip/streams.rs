//! Connections of streams: taken, made where none is, kept while calls use them.

use super::dial::{Destination, DialFault, Troubles};
use super::doors::Doors;
use super::filter::SourceFilter;
use super::link::Link;
use super::network::Arrival;
use super::places::Places;
use super::stream::{self, Accepted, Heard, News, Permit, Writer};
use super::tls::Tls;
use crate::observe::Metrics;
use crate::supervise::Supervisor;
use crate::tls::HandshakeFault;
use bytes::Bytes;
use omnigate_sip::framing::PONG;
use omnigate_sip::message::Transport;
use omnigate_sip::transaction::{Origin, Transmit};
use omnigate_sip::{ConnectionId, Hop, ListenerId, Peer, Proof};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// A connection that no call uses is closed after this time without a message.
const IDLE: Duration = Duration::from_secs(300);
/// The same for one of somebody whom nobody knows: time for a call to begin.
const IDLE_GUEST: Duration = Duration::from_secs(32);
/// Connections of those whom nobody knows: of all, and of one address.
const GUESTS: usize = 64;
const GUESTS_EACH: usize = 4;
/// Messages that may wait for a connection to be made; one more fails.
const UNDIALLED: usize = 64;
/// Messages on a connection that has said nothing yet, which have failed when it ends so.
const UNHEARD: usize = 256;
/// Messages of all connections that may wait for the driver. A peer that sends faster is read more slowly.
const INBOX: usize = 256;

/// All connections.
pub(super) struct Streams {
    connections: HashMap<ConnectionId, Connection>,
    /// Those that we have made, by where they go.
    made: HashMap<Destination, ConnectionId>,
    dialling: HashMap<Destination, Vec<Transmit>>,
    inbox: mpsc::Receiver<News>,
    doors: Doors,
    troubles: Arc<Troubles>,
    failed: Vec<Origin>,
    last: u64,
}

struct Connection {
    hop: Hop,
    writer: Writer,
    used: Instant,
    /// How long it may be unused.
    idle: Duration,
    /// Where we have made it to.
    made: Option<Destination>,
    /// What was sent before anything was heard; `None` from then on.
    unheard: Option<Vec<Origin>>,
    /// Who waits for the answer to a keep-alive, and who wants to have it kept.
    pongs: Vec<oneshot::Sender<()>>,
    watchers: Vec<oneshot::Sender<()>>,
}

impl Connection {
    fn is_watched(&self) -> bool {
        self.watchers.iter().any(|watcher| !watcher.is_closed())
    }

    fn send(&mut self, transmit: Transmit) -> Result<(), Origin> {
        self.used = Instant::now();
        if !self.writer.write(transmit.bytes, transmit.origin) {
            return Err(transmit.origin);
        }
        if let Some(unheard) = &mut self.unheard
            && unheard.len() < UNHEARD
        {
            unheard.push(transmit.origin);
        }
        Ok(())
    }
}

impl Streams {
    pub(super) fn new(
        most: usize,
        tls: Arc<Tls>,
        filter: Arc<SourceFilter>,
        metrics: Arc<Metrics>,
    ) -> Streams {
        let (tell, inbox) = mpsc::channel(INBOX);
        let doors = Doors {
            filter,
            tls,
            metrics,
            permits: Arc::new(Semaphore::new(most)),
            tell,
            told: Arc::default(),
            guests: Places::new(GUESTS, GUESTS, GUESTS_EACH),
        };
        Streams {
            connections: HashMap::new(),
            made: HashMap::new(),
            dialling: HashMap::new(),
            inbox,
            doors,
            troubles: Arc::default(),
            failed: Vec::new(),
            last: 0,
        }
    }

    /// Why connections could not be made.
    pub(super) fn troubles(&self) -> Arc<Troubles> {
        self.troubles.clone()
    }

    /// Takes connections from a listener.
    pub(super) fn listen(
        &mut self,
        id: ListenerId,
        transport: Transport,
        listener: TcpListener,
        supervisor: &Supervisor,
    ) {
        let name = if transport.is_secure() {
            "sip-tls"
        } else {
            "sip-tcp"
        };
        supervisor.task(name, self.doors.clone().open(id, transport, listener));
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
            News::Accepted(accepted) => {
                let peer = accepted.peer.clone();
                let Accepted {
                    listener,
                    link,
                    remote,
                    permit,
                    ..
                } = accepted;
                let id = self.open(listener, link, remote, Some(permit));
                if let Some(connection) = id.and_then(|id| self.connections.get_mut(&id)) {
                    connection.hop.peer = peer.or_else(|| self.doors.filter.peer(remote.ip()));
                }
                None
            }
            News::Dialled(listener, to, link) => {
                self.dialled(listener, to, link);
                None
            }
            News::Unsent(id, origins) => {
                self.close(id);
                self.failed.extend(origins);
                None
            }
            News::Heard(id, heard) => self.heard(id, heard),
        }
    }

    fn heard(&mut self, id: ConnectionId, heard: Heard) -> Option<Arrival> {
        let connection = self.connections.get_mut(&id)?;
        connection.used = Instant::now();
        if !matches!(heard, Heard::End(_)) {
            connection.unheard = None;
        }
        let hop = connection.hop.clone();
        match heard {
            Heard::Message(bytes) => Some(Arrival::Message(hop, bytes)),
            Heard::Ping => {
                connection.writer.write(Bytes::from_static(PONG), Origin::Nobody);
                None
            }
            Heard::Pong => {
                for pong in connection.pongs.drain(..) {
                    let _ = pong.send(());
                }
                None
            }
            Heard::Unreadable(unreadable) => {
                self.doors.metrics.sip_dropped("framing");
                Some(Arrival::Unreadable(hop, unreadable))
            }
            Heard::End(fault) => {
                self.ended(id, fault);
                None
            }
        }
    }

    /// One that ends before it has said anything has taken nothing of what was sent.
    fn ended(&mut self, id: ConnectionId, fault: Option<HandshakeFault>) {
        let connection = self.connections.get_mut(&id);
        if let Some(connection) = connection
            && let Some(unheard) = connection.unheard.take()
        {
            self.failed.extend(unheard);
            if let Some(made) = &connection.made
                && connection.hop.transport.is_secure()
            {
                let fault = fault.unwrap_or(HandshakeFault::Closed);
                self.doors.metrics.tls_handshake("dial", fault.label());
                self.troubles.came(made, fault.into(), Instant::now().into_std());
            }
        }
        self.close(id);
    }

    fn open(
        &mut self,
        listener: ListenerId,
        link: Link,
        remote: SocketAddr,
        permit: Option<Permit>,
    ) -> Option<ConnectionId> {
        let local = link.tcp().local_addr().ok()?;
        self.last += 1;
        let id = ConnectionId(self.last);
        let hop = Hop::stream(listener, link.transport(), id, local, remote);
        let doors = &self.doors;
        let (filter, tell) = (doors.filter.clone(), doors.tell.clone());
        let guest = permit.as_ref().is_some_and(|permit| permit.guest.is_some());
        let writer = stream::run(id, link, hop.remote.ip(), filter, tell, permit);
        let connection = Connection {
            hop,
            writer,
            used: Instant::now(),
            idle: if guest { IDLE_GUEST } else { IDLE },
            made: None,
            unheard: Some(Vec::new()),
            pongs: Vec::new(),
            watchers: Vec::new(),
        };
        self.connections.insert(id, connection);
        Some(id)
    }

    /// Writes what is waiting and ends the connection: its reader and writer end with it.
    fn close(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        self.made.retain(|_, made| *made != id);
    }

    /// The connection that a way goes by now.
    fn of(&mut self, hop: &Hop) -> Option<(ConnectionId, &mut Connection)> {
        let named = hop.connection.filter(|id| self.connections.contains_key(id));
        let id = named.or_else(|| self.made.get(&Destination::of(hop)).copied())?;
        Some((id, self.connections.get_mut(&id)?))
    }

    pub(super) fn keep_alive(&mut self, hop: &Hop, pong: oneshot::Sender<()>) {
        let Some((_, connection)) = self.of(hop) else {
            return;
        };
        connection.pongs.retain(|pong| !pong.is_closed());
        if connection.writer.ping() {
            connection.pongs.push(pong);
        }
    }

    pub(super) fn watch(&mut self, hop: &Hop, gone: oneshot::Sender<()>) {
        if let Some((_, connection)) = self.of(hop) {
            connection.watchers.retain(|watcher| !watcher.is_closed());
            connection.watchers.push(gone);
        }
    }

    pub(super) fn cut(&mut self, hop: &Hop) {
        if let Some((id, _)) = self.of(hop) {
            self.close(id);
        }
    }

    /// Sends by the hop's connection, by one that we have made to the same place, or by a new one.
    pub(super) fn send(&mut self, transmit: Transmit) -> Result<(), Origin> {
        if let Some((_, connection)) = self.of(&transmit.hop) {
            return connection.send(transmit);
        }
        let to = Destination::of(&transmit.hop);
        if let Some(waiting) = self.dialling.get_mut(&to) {
            if waiting.len() >= UNDIALLED {
                return Err(transmit.origin);
            }
            waiting.push(transmit);
            return Ok(());
        }
        let listener = transmit.hop.listener;
        self.dialling.insert(to.clone(), vec![transmit]);
        let (tell, tls) = (self.doors.tell.clone(), self.doors.tls.clone());
        tokio::spawn(async move {
            let link = to.dial(&tls).await;
            let _ = tell.send(News::Dialled(listener, to, link)).await;
        });
        Ok(())
    }

    fn dialled(&mut self, listener: ListenerId, to: Destination, link: Result<Link, DialFault>) {
        let waiting = self.dialling.remove(&to).unwrap_or_default();
        let link = link.inspect_err(|fault| {
            self.troubles.came(&to, *fault, Instant::now().into_std());
            if let DialFault::Handshake(fault) = fault {
                self.doors.metrics.tls_handshake("dial", fault.label());
            }
        });
        let id = link
            .ok()
            .and_then(|link| self.open(listener, link, to.remote, None));
        let connection = id.and_then(|id| Some((id, self.connections.get_mut(&id)?)));
        let Some((id, connection)) = connection else {
            self.failed.extend(waiting.into_iter().map(|t| t.origin));
            return;
        };
        self.troubles.gone(to.remote);
        if connection.hop.transport.is_secure() {
            self.doors.metrics.tls_handshake("dial", "ok");
        }
        let certified = |trunk| Peer::new(trunk, Proof::Certificate);
        let by_address = self.doors.filter.peer(to.remote.ip());
        connection.hop.peer = to.trunk.clone().map(certified).or(by_address);
        connection.hop.server_name.clone_from(&to.server_name);
        connection.made = Some(to.clone());
        self.made.insert(to, id);
        for transmit in waiting {
            if let Err(origin) = self.send(transmit) {
                self.failed.push(origin);
            }
        }
    }

    /// Closes what no call uses and nobody has used for long.
    pub(super) fn sweep(&mut self, used: &dyn Fn(ConnectionId) -> bool) {
        let idle = |(id, c): (&ConnectionId, &Connection)| {
            (c.used.elapsed() >= c.idle && !c.is_watched() && !used(*id)).then_some(*id)
        };
        let idle: Vec<ConnectionId> = self.connections.iter().filter_map(idle).collect();
        for id in idle {
            self.close(id);
        }
    }
}

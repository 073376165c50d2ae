//! TCP connections of browsers whose network lets no UDP through (RFC 6544, we are `passive`).
//!
//! Readiness only notes a connection; it is read behind the UDP port, at the same moment, so that a peer's time never
//! goes back. Everything a stranger can fill has a bound.

use crate::client::client_of;
use crate::media::stats::ShardFigures;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use omnigate_rtc::framing::{self, Deframer};
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

#[cfg(test)]
mod tests;

/// Most connections of a shard.
const MAX_CONNECTIONS: usize = 4096;
/// Most connections of one client.
const MAX_A_SOURCE: usize = 64;
/// Most connections taken in one turn.
const MAX_ACCEPTS: usize = 64;
/// Longest that a datagram waits for its connection; then it is dropped, as a full network path would: late sound is of no
/// use, and who has been away for a while is to hear what is said now.
const MAX_AGE: Duration = Duration::from_millis(300);
/// Most bytes that wait for one connection; further datagrams are dropped.
const MAX_WAITING: usize = 256 * 1024;
/// Most bytes that wait for all connections of a shard.
const MAX_WAITING_ALL: usize = 64 * 1024 * 1024;
/// Send buffer of the kernel, bytes: what is on its way.
const SEND_BUFFER: usize = 128 * 1024;
/// Bytes in the kernel that are not on their way, from which on it takes no more: what waits there can no more be dropped.
/// A sixth of a second of speech.
const UNSENT: u32 = 1024;
/// `MSG_EOR` of Linux. The kernel looks at [`UNSENT`] for each segment that it begins, so no two datagrams may share one: it
/// would fill the last one up to half of the receiver's window.
const OWN_SEGMENT: i32 = 0x80;
/// Bytes of one read.
const READ: usize = 16 * 1024;
/// Most reads of one connection in one turn.
const MAX_READS: usize = 4;
/// A connection that belongs to no peer, or takes nothing while its buffer is full, is closed after this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked at, while there are connections.
const SWEEP: Duration = Duration::from_secs(1);

/// The token of the port that takes connections.
pub(crate) const LISTENER: Token = Token(1);
/// Connection `n` has the token `FIRST + n`; numbers are never used twice.
const FIRST: usize = 1 << (usize::BITS - 1);

/// The number of the connection that a token belongs to.
pub(crate) fn connection_of(token: Token) -> Option<usize> {
    token.0.checked_sub(FIRST)
}

struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    /// None only while it is lent.
    deframer: Option<Deframer>,
    waiting: VecDeque<Waiting>,
    /// Bytes of the first one that have been sent.
    sent: usize,
    /// Bytes that wait.
    bytes: usize,
    /// Since when datagrams are dropped and none is sent.
    full_since: Option<Instant>,
    /// When it last belonged to a peer; before that, when it was made.
    known: Instant,
    /// On the list of those to be read.
    noted: bool,
}

/// A datagram with its header.
struct Waiting {
    since: Instant,
    frame: Box<[u8]>,
}

impl Connection {
    /// Drops what has waited for too long; its bytes. A datagram that has been begun has to be ended.
    fn drop_late(&mut self, now: Instant) -> usize {
        let (begun, before) = (usize::from(self.sent > 0), self.bytes);
        while let Some(first) = self.waiting.get(begun)
            && now.saturating_duration_since(first.since) > MAX_AGE
        {
            self.bytes -= first.frame.len();
            self.waiting.remove(begun);
        }
        let dropped = before - self.bytes;
        if dropped > 0 {
            self.full_since.get_or_insert(now);
        }
        dropped
    }
}

/// The connections of one shard.
pub(crate) struct TcpPort {
    listener: Option<TcpListener>,
    registry: Registry,
    figures: Arc<ShardFigures>,
    connections: HashMap<usize, Connection>,
    /// [`MAX_CONNECTIONS`].
    most: usize,
    numbers: HashMap<SocketAddr, usize>,
    sources: HashMap<IpAddr, usize>,
    next_number: usize,
    /// There may be more connections to take.
    accepting: bool,
    unread: Vec<usize>,
    waiting: usize,
    /// Closed since [`TcpPort::take_closed`].
    closed: Vec<SocketAddr>,
    now: Instant,
    next_sweep: Instant,
    /// None only while it is lent.
    buffer: Option<Box<[u8]>>,
}

/// A connection in the course of being read, apart from the port so that its peer can send meanwhile.
pub(crate) struct Reading {
    number: usize,
    pub(crate) source: SocketAddr,
    deframer: Deframer,
    buffer: Box<[u8]>,
    length: usize,
    reads: usize,
}

impl Reading {
    /// Hands out the datagrams of the last [`TcpPort::read`]; false when the stream is none of ours.
    pub(crate) fn datagrams(&mut self, take: impl FnMut(&[u8])) -> bool {
        let bytes = self.buffer.get(..self.length).unwrap_or_default();
        self.deframer.push(bytes, take).is_ok()
    }
}

impl TcpPort {
    /// Without a listener there are never connections.
    pub(crate) fn new(
        mut listener: Option<TcpListener>,
        registry: Registry,
        figures: Arc<ShardFigures>,
        now: Instant,
    ) -> io::Result<TcpPort> {
        if let Some(listener) = &mut listener {
            registry.register(listener, LISTENER, Interest::READABLE)?;
        }
        Ok(TcpPort {
            listener,
            registry,
            figures,
            connections: HashMap::new(),
            most: MAX_CONNECTIONS,
            numbers: HashMap::new(),
            sources: HashMap::new(),
            next_number: 0,
            accepting: false,
            unread: Vec::new(),
            waiting: 0,
            closed: Vec::new(),
            now,
            next_sweep: now,
            buffer: Some(vec![0; READ].into()),
        })
    }

    /// When the shard has to turn at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if !self.unread.is_empty() {
            return Some(self.now);
        }
        (self.accepting || !self.connections.is_empty()).then_some(self.next_sweep)
    }

    /// Connections wait to be taken.
    pub(crate) fn acceptable(&mut self) {
        self.accepting = true;
    }

    /// Something can be read or written.
    pub(crate) fn ready(&mut self, number: usize, writable: bool) {
        if writable {
            self.flush(number);
        }
        self.note(number);
    }

    fn note(&mut self, number: usize) {
        if let Some(c) = self.connections.get_mut(&number)
            && !std::mem::replace(&mut c.noted, true)
        {
            self.unread.push(number);
        }
    }

    /// Takes new connections; what is to be read at `now` then.
    pub(crate) fn turn(&mut self, now: Instant) -> Vec<usize> {
        self.now = now;
        if self.accepting {
            self.accept();
        }
        std::mem::take(&mut self.unread)
    }

    fn accept(&mut self) {
        for _ in 0..MAX_ACCEPTS {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok((stream, address)) => self.add(stream, address),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.accepting = false;
                    return;
                }
                // The connection has gone already.
                Err(e) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // No descriptor is left: again at the next turn.
                Err(_) => return,
            }
        }
    }

    fn add(&mut self, mut stream: TcpStream, address: SocketAddr) {
        let client = client_of(address.ip());
        let from = self.sources.get(&client).copied().unwrap_or(0);
        if self.connections.len() >= self.most || from >= MAX_A_SOURCE || self.numbers.contains_key(&address)
        {
            return;
        }
        let number = self.next_number;
        let token = Token(FIRST + number);
        let both = Interest::READABLE | Interest::WRITABLE;
        if stream.set_nodelay(true).is_err() || self.registry.register(&mut stream, token, both).is_err() {
            return;
        }
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_send_buffer_size(SEND_BUFFER);
        let _ = socket.set_tcp_notsent_lowat(UNSENT);
        if self.connections.is_empty() {
            self.next_sweep = self.now + SWEEP;
        }
        self.next_number += 1;
        let connection = Connection {
            stream,
            address,
            deframer: Some(Deframer::default()),
            waiting: VecDeque::new(),
            sent: 0,
            bytes: 0,
            full_since: None,
            known: self.now,
            noted: false,
        };
        self.connections.insert(number, connection);
        self.numbers.insert(address, number);
        self.sources.insert(client, from + 1);
        self.figures.tcp_connections.fetch_add(1, Relaxed);
    }

    /// Begins to read a connection; [`TcpPort::end`] is to follow.
    pub(crate) fn begin(&mut self, number: usize) -> Option<Reading> {
        let connection = self.connections.get_mut(&number)?;
        connection.noted = false;
        Some(Reading {
            number,
            source: connection.address,
            deframer: connection.deframer.take()?,
            buffer: self.buffer.take()?,
            length: 0,
            reads: 0,
        })
    }

    /// Reads once; false when there is no more for this turn.
    pub(crate) fn read(&mut self, reading: &mut Reading) -> bool {
        let Some(connection) = self.connections.get_mut(&reading.number) else {
            return false;
        };
        if reading.reads == MAX_READS {
            self.note(reading.number);
            return false;
        }
        reading.reads += 1;
        reading.length = 0;
        match connection.stream.read(&mut reading.buffer) {
            Ok(length) if length > 0 => {
                reading.length = length;
                true
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => false,
            Err(e) if e.kind() == ErrorKind::Interrupted => true,
            _ => {
                self.close(reading.number);
                false
            }
        }
    }

    /// Ends the reading, and the connection when the client is not `sane`.
    pub(crate) fn end(&mut self, reading: Reading, sane: bool) {
        self.buffer = Some(reading.buffer);
        if !sane {
            self.close(reading.number);
        } else if let Some(connection) = self.connections.get_mut(&reading.number) {
            connection.deframer = Some(reading.deframer);
        }
    }

    /// Sends a datagram on the connection from `destination`; false when it was dropped.
    pub(crate) fn send(&mut self, destination: SocketAddr, datagram: &[u8]) -> bool {
        let Some(number) = self.numbers.get(&destination).copied() else {
            return false;
        };
        let (Some(header), Some(c)) = (framing::header(datagram.len()), self.connections.get_mut(&number))
        else {
            return false;
        };
        let length = header.len() + datagram.len();
        let mut sent = 0;
        if c.waiting.is_empty() {
            match write(&c.stream, &[IoSlice::new(&header), IoSlice::new(datagram)]) {
                Ok(n) => sent = n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                Err(_) => {
                    self.close(number);
                    return false;
                }
            }
        } else {
            self.waiting -= c.drop_late(self.now);
            if c.bytes + length > MAX_WAITING || self.waiting + length > MAX_WAITING_ALL {
                c.full_since.get_or_insert(self.now);
                return false;
            }
        }
        if sent < length {
            // Only what finds an empty queue has been begun.
            c.sent += sent;
            c.bytes += length - sent;
            self.waiting += length - sent;
            c.waiting.push_back(Waiting {
                since: self.now,
                frame: [&header, datagram].concat().into(),
            });
        }
        true
    }

    fn flush(&mut self, number: usize) {
        let Some(c) = self.connections.get_mut(&number) else {
            return;
        };
        self.waiting -= c.drop_late(self.now);
        let broken = loop {
            let Some(first) = c.waiting.front() else {
                // A connection that was slow once does not keep the room for it.
                c.waiting = VecDeque::new();
                break false;
            };
            let rest = first.frame.get(c.sent..).unwrap_or_default();
            match write(&c.stream, &[IoSlice::new(rest)]) {
                Ok(0) => break true,
                Ok(n) => {
                    c.full_since = None;
                    c.bytes -= n;
                    self.waiting -= n;
                    c.sent += n;
                    if n == rest.len() {
                        c.sent = 0;
                        c.waiting.pop_front();
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
        };
        if broken {
            self.close(number);
        }
    }

    /// Closes, now and then, what is of no use: `belongs` says whether an address is a peer's.
    pub(crate) fn sweep(&mut self, now: Instant, belongs: impl Fn(SocketAddr) -> bool) {
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP;
        let mut useless = Vec::new();
        for (number, c) in &mut self.connections {
            if belongs(c.address) {
                c.known = now;
            }
            let since = c.full_since.map_or(c.known, |full| full.min(c.known));
            if now.saturating_duration_since(since) >= PATIENCE {
                useless.push(*number);
            }
        }
        for number in useless {
            self.close(number);
        }
    }

    /// The addresses whose connections have ended since the last call.
    pub(crate) fn take_closed(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.closed)
    }

    fn close(&mut self, number: usize) {
        let Some(mut c) = self.connections.remove(&number) else {
            return;
        };
        let _ = self.registry.deregister(&mut c.stream);
        self.numbers.remove(&c.address);
        self.waiting -= c.bytes;
        let client = client_of(c.address.ip());
        if let Some(count) = self.sources.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&client);
            }
        }
        self.closed.push(c.address);
        self.figures.tcp_connections.fetch_sub(1, Relaxed);
    }
}

/// Writes what is a datagram or the end of one.
fn write(stream: &TcpStream, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    socket2::SockRef::from(stream).send_vectored_with_flags(parts, OWN_SEGMENT)
}

//! One connection of a stream: one task reads, one writes.

use super::dial::{Destination, DialFault};
use super::filter::SourceFilter;
use super::link::Link;
use super::places::Place;
use crate::tls::HandshakeFault;
use bytes::Bytes;
use omnigate_sip::framing::{Frame, Framer, PING};
use omnigate_sip::message::Unreadable;
use omnigate_sip::transaction::Origin;
use omnigate_sip::{ConnectionId, ListenerId, Peer};
use socket2::{SockRef, TcpKeepalive};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

/// A peer that does not read for this long is cut off.
const WRITE: Duration = Duration::from_secs(5);
/// Messages that may wait for a slow peer; one more is one that cannot be sent.
const OUTBOX: usize = 256;
/// The kernel asks a silent peer after this time, and again after each of this, whether it is there: what is between (NATs,
/// firewalls) keeps the connection, and one whose peer has gone ends.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What comes by a connection.
pub(super) enum Heard {
    Message(Bytes),
    Ping,
    /// The answer to a keep-alive of ours.
    Pong,
    Unreadable(Box<Unreadable>),
    /// The end, and what TLS says of it: of version 1.3, who refuses our certificate says so after the handshake.
    End(Option<HandshakeFault>),
}

/// What happens to connections.
pub(super) enum News {
    Accepted(Accepted),
    Dialled(ListenerId, Destination, Result<Link, DialFault>),
    Heard(ConnectionId, Heard),
    Unsent(ConnectionId, Vec<Origin>),
}

/// A connection that somebody has made to us.
pub(super) struct Accepted {
    pub(super) listener: ListenerId,
    pub(super) link: Link,
    pub(super) remote: SocketAddr,
    /// Whose certificate it has shown.
    pub(super) peer: Option<Peer>,
    pub(super) permit: Permit,
}

/// A connection's place among others, as long as it is there.
pub(super) struct Permit {
    pub(super) _one: OwnedSemaphorePermit,
    /// Nobody knows who it is.
    pub(super) guest: Option<Place>,
}

/// Where to put what is to be sent. When it is dropped, what waits is still written, and the connection ends.
pub(super) struct Writer {
    messages: mpsc::Sender<(Bytes, Origin)>,
    /// Keep-alives that the reader does not know of yet.
    pings: Arc<AtomicU32>,
    _reading: DropGuard,
}

impl Writer {
    /// Asks the peer whether it is there; false when it does not keep up, or has gone.
    pub(super) fn ping(&self) -> bool {
        self.pings.fetch_add(1, Ordering::Relaxed);
        self.write(Bytes::from_static(PING), Origin::Nobody)
    }

    /// False when the peer does not keep up, or has gone.
    pub(super) fn write(&self, bytes: Bytes, origin: Origin) -> bool {
        self.messages.try_send((bytes, origin)).is_ok()
    }
}

/// Starts both tasks.
pub(super) fn run(
    id: ConnectionId,
    link: Link,
    peer: IpAddr,
    filter: Arc<SourceFilter>,
    tell: mpsc::Sender<News>,
    permit: Option<Permit>,
) -> Writer {
    let _ = link.tcp().set_nodelay(true);
    let keep_alive = TcpKeepalive::new()
        .with_time(KEEP_ALIVE)
        .with_interval(KEEP_ALIVE);
    let _ = SockRef::from(link.tcp()).set_tcp_keepalive(&keep_alive);
    match link {
        Link::Plain(stream) => start(id, stream.into_split(), peer, filter, tell, permit),
        Link::Secure(stream) => start(id, tokio::io::split(*stream), peer, filter, tell, permit),
    }
}

fn start<R, W>(
    id: ConnectionId,
    (reader, writer): (R, W),
    peer: IpAddr,
    filter: Arc<SourceFilter>,
    tell: mpsc::Sender<News>,
    permit: Option<Permit>,
) -> Writer
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let (outbox, messages) = mpsc::channel(OUTBOX);
    let reading = CancellationToken::new();
    let (let_go, to_driver) = (reading.clone(), tell.clone());
    let pings = Arc::new(AtomicU32::new(0));
    let pinged = pings.clone();
    tokio::spawn(async move {
        let guest = permit.as_ref().is_some_and(|permit| permit.guest.is_some());
        let _permit = permit;
        let read = read(id, reader, (peer, guest), &filter, &pinged, &to_driver);
        if let Some(fault) = let_go.run_until_cancelled(read).await {
            let _ = to_driver.send(News::Heard(id, Heard::End(fault))).await;
        }
    });
    tokio::spawn(write(id, writer, messages, tell));
    Writer {
        messages: outbox,
        pings,
        _reading: reading.drop_guard(),
    }
}

async fn read(
    id: ConnectionId,
    mut reader: impl AsyncRead + Unpin,
    (peer, guest): (IpAddr, bool),
    filter: &SourceFilter,
    pings: &AtomicU32,
    tell: &mpsc::Sender<News>,
) -> Option<HandshakeFault> {
    let mut framer = Framer::default();
    let mut buffer = vec![0; 8192];
    let mut frames = Vec::new();
    loop {
        let n = match reader.read(&mut buffer).await {
            Ok(0) => return None,
            Ok(n) => n,
            Err(error) => return Some(HandshakeFault::of(&error)),
        };
        for _ in 0..pings.swap(0, Ordering::Relaxed) {
            framer.ping_sent();
        }
        let framed = framer.feed(buffer.get(..n).unwrap_or_default(), &mut frames);
        for frame in frames.drain(..) {
            // Whoever sends too fast is read more slowly: on a stream nothing may be lost.
            while let Err(wait) = filter.pace(peer, guest, Instant::now()) {
                tokio::time::sleep(wait).await;
            }
            let heard = match frame {
                Frame::Message(bytes) => Heard::Message(bytes),
                Frame::Ping => Heard::Ping,
                Frame::Pong => Heard::Pong,
                _ => continue,
            };
            if tell.send(News::Heard(id, heard)).await.is_err() {
                return None;
            }
        }
        if let Err(unreadable) = framed {
            debug!(%peer, fault = %unreadable.fault, "SIP stream has lost its boundaries");
            let heard = Heard::Unreadable(Box::new(unreadable));
            let _ = tell.send(News::Heard(id, heard)).await;
            return None;
        }
    }
}

async fn write(
    id: ConnectionId,
    mut writer: impl AsyncWrite + Unpin,
    mut messages: mpsc::Receiver<(Bytes, Origin)>,
    tell: mpsc::Sender<News>,
) {
    while let Some((bytes, origin)) = messages.recv().await {
        let written = async {
            writer.write_all(&bytes).await?;
            // What TLS has sealed must go out, too.
            writer.flush().await
        };
        if matches!(timeout(WRITE, written).await, Ok(Ok(()))) {
            continue;
        }
        // What follows cannot be sent either.
        messages.close();
        let mut unsent = vec![origin];
        while let Some((_, origin)) = messages.recv().await {
            unsent.push(origin);
        }
        let _ = tell.send(News::Unsent(id, unsent)).await;
        return;
    }
    let _ = writer.shutdown().await;
}

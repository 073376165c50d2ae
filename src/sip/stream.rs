//! TCP connections: framed and shielded by us, seen by the SIP stack as channels.

use super::filter::SourceFilter;
use crate::observe::Metrics;
use omnigate_sip::framing::{Frame, Framer};
use omnigate_sip::shield::{self, Verdict};
use rsipstack::sip::{SipMessage, Transport};
use rsipstack::transport::channel::ChannelConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportEvent};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// A connection without a message for this long is closed.
const IDLE: Duration = Duration::from_secs(300);
/// A peer that does not read for this long is cut off.
const WRITE: Duration = Duration::from_secs(5);
/// Messages that may wait for a slow peer.
const OUTBOX: usize = 256;

/// What every connection shares.
#[derive(Clone)]
pub(super) struct StreamContext {
    pub(super) filter: Arc<SourceFilter>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
}

/// Puts a TCP connection under guard; the connection for the SIP stack, which must be added to its transport layer.
pub(super) async fn guard(
    stream: TcpStream,
    peer: SocketAddr,
    context: StreamContext,
    permit: Option<OwnedSemaphorePermit>,
) -> Option<SipConnection> {
    let (to_stack, from_peer) = mpsc::unbounded_channel();
    let (from_stack, to_peer) = mpsc::channel::<TransportEvent>(OUTBOX);
    let address = SipAddr {
        r#type: Some(Transport::Tcp),
        addr: peer.into(),
    };
    let closed = context.stop.child_token();
    let channel = ChannelConnection::create_connection_bounded(
        from_peer,
        from_stack,
        address.clone(),
        Some(closed.clone()),
    );
    let connection = SipConnection::Channel(channel.await.ok()?);
    let seen = connection.clone();
    tokio::spawn(async move {
        let _permit = permit;
        let (mut reader, writer) = stream.into_split();
        let (raw, raw_out) = mpsc::channel::<Vec<u8>>(OUTBOX);
        let writing = tokio::spawn(write(writer, to_peer, raw_out, closed.clone()));
        let mut framer = Framer::default();
        let mut buffer = vec![0u8; 8192];
        'read: loop {
            let read = tokio::select! {
                () = closed.cancelled() => break,
                read = timeout(IDLE, reader.read(&mut buffer)) => read,
            };
            let Ok(Ok(n @ 1..)) = read else { break };
            framer.push(buffer.get(..n).unwrap_or_default());
            loop {
                let message = match framer.next_frame() {
                    Ok(Some(Frame::Message(m))) => m,
                    Ok(Some(Frame::Ping)) => {
                        let _ = raw.try_send(b"\r\n".to_vec());
                        continue;
                    }
                    Ok(None) => break,
                    Err(e) => {
                        debug!(%peer, error = %e, "SIP stream closed");
                        context.metrics.sip_dropped("framing");
                        break 'read;
                    }
                };
                if context.filter.admit(peer.ip(), Instant::now()).is_err() {
                    context.metrics.sip_dropped("rate_limit");
                    continue;
                }
                match shield::inspect(&message, peer) {
                    Verdict::Pass(bytes) => {
                        let parsed = SipMessage::try_from(bytes)
                            .ok()
                            .and_then(|m| SipConnection::update_msg_received(m, peer, Transport::Tcp).ok());
                        match parsed {
                            Some(m) => {
                                let _ =
                                    to_stack.send(TransportEvent::Incoming(m, seen.clone(), address.clone()));
                            }
                            None => context.metrics.sip_dropped("malformed"),
                        }
                    }
                    Verdict::Reply {
                        bytes,
                        status,
                        reason,
                    } => {
                        debug!(%peer, status, reason, "SIP request answered by the shield");
                        context.metrics.sip_dropped("malformed");
                        let _ = raw.try_send(bytes);
                    }
                    Verdict::KeepAlive(_) => {}
                    Verdict::Drop(_) => context.metrics.sip_dropped("malformed"),
                }
            }
        }
        closed.cancel();
        let _ = writing.await;
    });
    Some(connection)
}

async fn write(
    mut writer: tokio::net::tcp::OwnedWriteHalf,
    mut messages: mpsc::Receiver<TransportEvent>,
    mut raw: mpsc::Receiver<Vec<u8>>,
    closed: CancellationToken,
) {
    loop {
        let bytes = tokio::select! {
            () = closed.cancelled() => break,
            Some(event) = messages.recv() => match event {
                TransportEvent::Incoming(message, ..) => message.to_bytes(),
                _ => continue,
            },
            Some(bytes) = raw.recv() => bytes,
            else => break,
        };
        if !matches!(timeout(WRITE, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            break;
        }
    }
    // From here on sends of the stack fail at once instead of waiting for a peer that does not read.
    closed.cancel();
    messages.close();
}

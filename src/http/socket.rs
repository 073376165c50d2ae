//! One WebSocket.

use crate::budget::{Bucket, Pace};
use crate::rooms::{Rooms, ToSocket};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use omnigate_omnitalk::{ClientId, SocketId};
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout};

/// A client that does not take a frame for this long is cut off.
const WRITE: Duration = Duration::from_secs(10);
/// After our close frame the client has this long to close as well.
const LINGER: Duration = Duration::from_secs(2);

/// Carries frames between a socket and the rooms until one side ends. A client that is faster than `pace` is read later,
/// so that its own connection fills up; nothing of it is dropped.
pub(super) async fn run(socket: WebSocket, id: SocketId, client: Option<ClientId>, rooms: Rooms, pace: Pace) {
    let mut outbox = rooms.connected(id, client).await;
    let (mut writer, mut reader) = socket.split();
    let writing = tokio::spawn(async move {
        while let Some(frame) = outbox.recv().await {
            let (message, last) = match frame {
                ToSocket::Text(text) => (Message::Text(text.into()), false),
                ToSocket::Close(code, reason) => (
                    Message::Close(Some(CloseFrame {
                        code,
                        reason: reason.into(),
                    })),
                    true,
                ),
            };
            if !matches!(timeout(WRITE, writer.send(message)).await, Ok(Ok(()))) || last {
                break;
            }
        }
        let _ = timeout(WRITE, writer.close()).await;
    });
    let mut writing = writing;
    let mut budget = Bucket::full(pace, Instant::now());
    let mut read_from = Instant::now();
    loop {
        let next = async {
            sleep_until(read_from.into()).await;
            reader.next().await
        };
        tokio::select! {
            message = next => match message {
                Some(Ok(Message::Text(text))) => rooms.received(id, text.to_string()).await,
                Some(Ok(Message::Binary(bytes))) => rooms.received(id, String::from_utf8_lossy(&bytes).into_owned()).await,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            _ = &mut writing => {
                // Reads the client's close frame, so that it sees a clean end.
                let _ = timeout(LINGER, async { while let Some(Ok(_)) = reader.next().await {} }).await;
                rooms.disconnected(id).await;
                return;
            }
        }
        let now = Instant::now();
        read_from = now + budget.borrow(pace, now);
    }
    rooms.disconnected(id).await;
    writing.abort();
}

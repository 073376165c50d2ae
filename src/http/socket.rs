//! One WebSocket.

use crate::budget::{Bucket, Pace};
use crate::rooms::{OutboxReader, Rooms, SocketOrigin, ToSocket};
use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use omnigate_omnitalk::{SocketId, cost};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tracing::debug;

/// A client that does not take a frame for this long is cut off.
const WRITE: Duration = Duration::from_secs(10);
/// After our close frame the client has this long to close as well.
const LINGER: Duration = Duration::from_secs(2);
/// A client from which nothing came for this long is asked whether it is there. Whatever speaks WebSocket answers by itself.
const SILENCE: Duration = Duration::from_secs(30);
/// After so many questions without an answer it is not.
const PINGS: u32 = 2;

/// Whether the other side is there: to be asked of those who do not ask for heartbeats, whose end no packet may tell.
#[derive(Debug)]
struct Pulse {
    heard: Instant,
    asked: u32,
}

/// What is to be done in silence.
#[derive(Debug, PartialEq, Eq)]
enum Silence {
    Ask,
    GiveUp,
}

impl Pulse {
    fn new(now: Instant) -> Pulse {
        Pulse { heard: now, asked: 0 }
    }

    fn heard(&mut self, now: Instant) {
        *self = Pulse::new(now);
    }

    /// When it has to be asked next, or be given up.
    fn due(&self) -> Instant {
        self.heard + SILENCE * (self.asked + 1)
    }

    /// At the time that is due.
    fn silent(&mut self) -> Silence {
        if self.asked == PINGS {
            return Silence::GiveUp;
        }
        self.asked += 1;
        Silence::Ask
    }
}

/// Writes what waits, and pings when told to, until the last frame.
async fn write(
    mut writer: SplitSink<WebSocket, Message>,
    mut outbox: OutboxReader,
    mut pings: mpsc::Receiver<()>,
) {
    loop {
        let (message, last) = tokio::select! {
            Some(()) = pings.recv() => (Message::Ping(Vec::new().into()), false),
            frame = outbox.recv() => match frame {
                None => break,
                Some(ToSocket::Text(text)) => (Message::Text(text.into()), false),
                Some(ToSocket::Close(code, reason)) => {
                    let reason = reason.into();
                    (Message::Close(Some(CloseFrame { code, reason })), true)
                }
            },
        };
        if !matches!(timeout(WRITE, writer.send(message)).await, Ok(Ok(()))) || last {
            break;
        }
    }
    let _ = timeout(WRITE, writer.close()).await;
}

/// Carries frames between a socket and the rooms until one side ends. A client that is faster than `pace` is read later,
/// so that its own connection fills up; nothing of it is dropped. So is one whose messages cost more than `spend` allows, over all
/// sockets of its client.
pub(super) async fn run(
    socket: WebSocket,
    id: SocketId,
    from: SocketOrigin,
    rooms: Rooms,
    pace: Pace,
    spend: impl Fn(u32) -> Duration,
) {
    let outbox = rooms.connected(id, from).await;
    let (writer, mut reader) = socket.split();
    let (ping, pings) = mpsc::channel(1);
    let mut writing = tokio::spawn(write(writer, outbox, pings));
    let mut budget = Bucket::full(pace, Instant::now());
    let mut read_from = Instant::now();
    let mut debt;
    let mut pulse = Pulse::new(Instant::now());
    loop {
        let next = async {
            sleep_until(read_from.into()).await;
            reader.next().await
        };
        tokio::select! {
            message = next => match message {
                Some(Ok(Message::Text(text))) => {
                    debt = spend(cost(&text));
                    rooms.received(id, text.to_string()).await;
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    debt = spend(cost(&text));
                    rooms.received(id, text).await;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => debt = Duration::ZERO,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            // While a fast client is read later, it is not silent.
            () = sleep_until(pulse.due().max(read_from + SILENCE).into()) => match pulse.silent() {
                // One that waits to be written is as good.
                Silence::Ask => { let _ = ping.try_send(()); continue; }
                Silence::GiveUp => {
                    debug!(?id, "nothing comes from a WebSocket any more, and pings are not answered");
                    break;
                }
            },
            _ = &mut writing => {
                // Reads the client's close frame, so that it sees a clean end.
                let _ = timeout(LINGER, async { while let Some(Ok(_)) = reader.next().await {} }).await;
                rooms.disconnected(id).await;
                return;
            }
        }
        let now = Instant::now();
        pulse.heard(now);
        read_from = now + budget.borrow(pace, now).max(debt);
    }
    rooms.disconnected(id).await;
    writing.abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_is_asked_twice_and_then_given_up() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.due(), start + Duration::from_secs(30));
        assert_eq!(pulse.silent(), Silence::Ask);
        assert_eq!(pulse.due(), start + Duration::from_secs(60));
        assert_eq!(pulse.silent(), Silence::Ask);
        assert_eq!(pulse.due(), start + Duration::from_secs(90));
        assert_eq!(pulse.silent(), Silence::GiveUp);
        pulse.heard(start);
        assert_eq!(pulse.silent(), Silence::Ask, "an answer begins anew");
    }
}

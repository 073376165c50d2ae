//! What waits for one socket: so many frames and so many bytes. Whoever reads more slowly than it is written to is closed, so that one
//! client's slowness is its own and costs the others no memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use tokio::sync::mpsc;

/// Frames that may wait.
const FRAMES: usize = 256;
/// Bytes that may wait, but for a single frame that is longer.
const BYTES: usize = 1024 * 1024;
/// Policy violation (RFC 6455 section 7.4.1).
const TOO_SLOW: u16 = 1008;

/// What goes to one socket's task.
#[derive(Debug)]
pub(crate) enum ToSocket {
    Text(String),
    Close(u16, &'static str),
}

impl ToSocket {
    fn bytes(&self) -> usize {
        match self {
            ToSocket::Text(text) => text.len(),
            ToSocket::Close(_, reason) => reason.len(),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    overflowed: AtomicBool,
}

/// Why a frame is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Too much waits already; the socket is closed.
    Full,
    /// The socket has ended by itself.
    Closed,
}

/// The end into which the rooms put frames.
#[derive(Debug)]
pub(super) struct Outbox {
    frames: mpsc::Sender<ToSocket>,
    shared: Arc<Shared>,
}

/// The end from which the socket's task takes them.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    frames: mpsc::Receiver<ToSocket>,
    shared: Arc<Shared>,
}

/// An empty one.
pub(super) fn outbox() -> (Outbox, OutboxReader) {
    let (sender, receiver) = mpsc::channel(FRAMES);
    let shared = Arc::new(Shared::default());
    let reader = OutboxReader {
        frames: receiver,
        shared: shared.clone(),
    };
    (
        Outbox {
            frames: sender,
            shared,
        },
        reader,
    )
}

impl Outbox {
    /// Puts a frame in. One that finds too much is lost, and so is all that waits: the socket is told that it is too slow.
    pub(super) fn put(&self, frame: ToSocket) -> Result<(), NotTaken> {
        let bytes = frame.bytes();
        // The rooms alone put something in, so that nothing comes between the look and the addition.
        let before = self.shared.waiting.load(Relaxed);
        if before > 0 && before + bytes > BYTES {
            return Err(self.overflow());
        }
        self.shared.waiting.fetch_add(bytes, Relaxed);
        self.frames.try_send(frame).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => self.overflow(),
            mpsc::error::TrySendError::Closed(_) => NotTaken::Closed,
        })
    }

    fn overflow(&self) -> NotTaken {
        self.shared.overflowed.store(true, Relaxed);
        NotTaken::Full
    }
}

impl OutboxReader {
    /// The next frame; `None`: there will be none any more.
    pub(crate) async fn recv(&mut self) -> Option<ToSocket> {
        if self.shared.overflowed.swap(false, Relaxed) {
            self.frames.close();
            while self.frames.try_recv().is_ok() {}
            self.shared.waiting.store(0, Relaxed);
            return Some(ToSocket::Close(TOO_SLOW, "too slow"));
        }
        let frame = self.frames.recv().await?;
        self.shared.waiting.fetch_sub(frame.bytes(), Relaxed);
        Some(frame)
    }

    /// The next frame that is there now.
    #[cfg(test)]
    pub(crate) fn try_recv(&mut self) -> Option<ToSocket> {
        let frame = self.frames.try_recv().ok()?;
        self.shared.waiting.fetch_sub(frame.bytes(), Relaxed);
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> ToSocket {
        ToSocket::Text("x".repeat(bytes))
    }

    #[tokio::test]
    async fn whoever_reads_too_slowly_for_its_bytes_is_told_and_closed() {
        let (outbox, mut reader) = outbox();
        for _ in 0..4 {
            outbox.put(text(BYTES / 4)).unwrap();
        }
        assert_eq!(outbox.put(text(1)), Err(NotTaken::Full));
        assert!(matches!(
            reader.recv().await,
            Some(ToSocket::Close(TOO_SLOW, "too slow"))
        ));
        assert!(reader.recv().await.is_none());
        assert_eq!(outbox.put(text(1)), Err(NotTaken::Closed));
    }

    #[tokio::test]
    async fn and_for_its_frames() {
        let (outbox, mut reader) = outbox();
        for _ in 0..FRAMES {
            outbox.put(text(1)).unwrap();
        }
        assert_eq!(outbox.put(text(1)), Err(NotTaken::Full));
        assert!(matches!(reader.recv().await, Some(ToSocket::Close(..))));
    }

    #[tokio::test]
    async fn what_was_taken_out_makes_room_and_one_long_frame_passes() {
        let (outbox, mut reader) = outbox();
        outbox.put(text(2 * BYTES)).unwrap();
        assert_eq!(reader.recv().await.unwrap().bytes(), 2 * BYTES);
        for _ in 0..3 * FRAMES {
            outbox.put(text(BYTES / 2)).unwrap();
            reader.recv().await.unwrap();
        }
        drop(outbox);
        assert!(reader.recv().await.is_none());
    }
}

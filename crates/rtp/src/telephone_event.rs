//! DTMF as telephone events (RFC 4733): receiving and sending.

mod receiver;
mod sender;

pub use receiver::Receiver;
pub use sender::{DEFAULT_PRESS, Sender};

use omnigate_audio::dtmf::Key;

/// Bytes of a payload.
pub const PAYLOAD_BYTES: usize = 4;

/// One payload (RFC 4733 section 2.3). `Debug` masks the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payload {
    /// The key.
    pub key: Key,
    /// E bit: the event is over.
    pub end: bool,
    /// Level in -dBm0, 0..=63.
    pub volume: u8,
    /// Time since the event's start, in units of the clock.
    pub duration: u16,
}

impl Payload {
    /// Reads the first event of a payload; `None` for other events than the 16 keys and for what is too short.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let &[event, flags, high, low, ..] = data else {
            return None;
        };
        Some(Self {
            key: Key::from_event(event)?,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The payload's bytes.
    pub fn to_bytes(self) -> [u8; PAYLOAD_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        [
            self.key.event(),
            u8::from(self.end) << 7 | self.volume.min(63),
            high,
            low,
        ]
    }
}

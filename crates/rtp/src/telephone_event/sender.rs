//! Sends key presses as event packets, one each 20 ms.

use std::time::Duration;

use omnigate_audio::dtmf::Key;

use super::Payload;
use crate::RtpSender;

/// Presses that may wait.
const QUEUE: usize = 64;
/// How often the end is sent.
const END_PACKETS: u8 = 3;
/// Ticks without an event after the last end packet: with the repeats of the end, 60 ms between two presses.
const PAUSE_TICKS: u8 = 1;
/// Level of the events, -dBm0.
const VOLUME: u8 = 10;
/// A press shorter than this is lengthened (ITU-T Q.24: 40 ms).
const MIN_PRESS: Duration = Duration::from_millis(40);
/// The usual length of a press.
pub const DEFAULT_PRESS: Duration = Duration::from_millis(100);

/// Produces the event packets of one outgoing stream.
#[derive(Clone)]
pub struct Sender {
    payload_type: u8,
    /// Units of the timestamp in one tick of 20 ms.
    tick: u32,
    waiting: [Option<(Key, u32)>; QUEUE],
    first: usize,
    count: usize,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Idle,
    Playing {
        key: Key,
        /// Timestamp of the segment's start.
        start: u32,
        /// Length of what was sent in this segment.
        sent: u32,
        /// What is left of the press, or `None` for a key that is held.
        left: Option<u32>,
        first: bool,
    },
    Ending {
        key: Key,
        start: u32,
        duration: u16,
        left: u8,
    },
    Pause(u8),
}

impl Sender {
    /// A sender for a payload type whose clock runs at `clock_rate` Hz: the same clock as the stream's audio.
    pub const fn new(payload_type: u8, clock_rate: u32) -> Self {
        Self {
            payload_type,
            tick: clock_rate / 50,
            waiting: [None; QUEUE],
            first: 0,
            count: 0,
            state: State::Idle,
        }
    }

    /// Queues a press; `false` when 64 wait already. The length is rounded up to 20 ms, at least 40 ms.
    pub fn press(&mut self, key: Key, length: Duration) -> bool {
        let ticks = length
            .max(MIN_PRESS)
            .as_millis()
            .div_ceil(20)
            .min(u128::from(u16::MAX)) as u32;
        self.queue(key, ticks)
    }

    /// Queues a key that is held until [`release`](Self::release).
    pub fn hold(&mut self, key: Key) -> bool {
        self.queue(key, u32::MAX)
    }

    fn queue(&mut self, key: Key, ticks: u32) -> bool {
        if self.count == QUEUE {
            return false;
        }
        self.waiting[(self.first + self.count) % QUEUE] = Some((key, ticks));
        self.count += 1;
        true
    }

    /// Ends the press that is under way with its next packet.
    pub fn release(&mut self) {
        if let State::Playing { left, .. } = &mut self.state {
            *left = Some(1);
        }
    }

    /// Forgets what waits and ends what is under way at once: `out` becomes the end packet when there was one (to be
    /// sent before the BYE of a call).
    pub fn stop(&mut self, rtp: &mut RtpSender, out: &mut Vec<u8>) -> bool {
        self.count = 0;
        let state = std::mem::replace(&mut self.state, State::Idle);
        let State::Playing {
            key,
            start,
            sent,
            first,
            ..
        } = state
        else {
            return false;
        };
        if first {
            return false;
        }
        let duration = sent.min(u32::from(u16::MAX)) as u16;
        self.write_end(rtp, start, key, duration, out);
        true
    }

    /// Whether something is being sent or waits.
    pub fn is_busy(&self) -> bool {
        self.count > 0 || !matches!(self.state, State::Idle)
    }

    /// Call once each 20 ms, before the audio. When it returns `true`, `out` is an event packet, which takes the
    /// place of the audio of this tick, and the stream's timestamp has been moved on by 20 ms.
    pub fn tick(&mut self, rtp: &mut RtpSender, out: &mut Vec<u8>) -> bool {
        match self.state {
            State::Idle if self.count == 0 => return false,
            State::Idle => self.start(rtp.timestamp()),
            State::Pause(left) => {
                self.state = if left > 1 {
                    State::Pause(left - 1)
                } else {
                    State::Idle
                };
                return false;
            }
            _ => {}
        }
        match self.state {
            State::Playing { .. } => self.play(rtp, out),
            State::Ending {
                key,
                start,
                duration,
                left,
            } => {
                self.write_end(rtp, start, key, duration, out);
                self.state = if left > 1 {
                    State::Ending {
                        key,
                        start,
                        duration,
                        left: left - 1,
                    }
                } else {
                    State::Pause(PAUSE_TICKS)
                };
            }
            State::Idle | State::Pause(_) => return false,
        }
        rtp.advance(self.tick);
        true
    }

    fn start(&mut self, timestamp: u32) {
        let Some((key, ticks)) = self.waiting.get_mut(self.first).and_then(Option::take) else {
            return;
        };
        self.first = (self.first + 1) % QUEUE;
        self.count -= 1;
        let left = (ticks != u32::MAX).then_some(ticks);
        self.state = State::Playing {
            key,
            start: timestamp,
            sent: 0,
            left,
            first: true,
        };
    }

    fn play(&mut self, rtp: &mut RtpSender, out: &mut Vec<u8>) {
        let State::Playing {
            key,
            mut start,
            mut sent,
            left,
            first,
        } = self.state
        else {
            return;
        };
        let mut left = left;
        if sent + self.tick > u32::from(u16::MAX) {
            // The duration field is full: a new segment begins where this one ended (section 2.5.1.3). The last
            // packet of the old one said 0xFFFF.
            start = start.wrapping_add(u32::from(u16::MAX));
            sent = sent + self.tick - u32::from(u16::MAX);
        } else {
            sent += self.tick;
        }
        let fills = sent + self.tick > u32::from(u16::MAX);
        if let Some(left) = &mut left {
            *left -= 1;
        }
        let end = left == Some(0);
        let duration = if fills && !end { u16::MAX } else { sent as u16 };
        self.write(
            rtp,
            start,
            first,
            Payload {
                key,
                end,
                volume: VOLUME,
                duration,
            },
            out,
        );
        self.state = if end {
            State::Ending {
                key,
                start,
                duration,
                left: END_PACKETS - 1,
            }
        } else {
            State::Playing {
                key,
                start,
                sent,
                left,
                first: false,
            }
        };
    }

    fn write_end(&self, rtp: &mut RtpSender, start: u32, key: Key, duration: u16, out: &mut Vec<u8>) {
        let payload = Payload {
            key,
            end: true,
            volume: VOLUME,
            duration,
        };
        self.write(rtp, start, false, payload, out);
    }

    fn write(&self, rtp: &mut RtpSender, start: u32, marker: bool, payload: Payload, out: &mut Vec<u8>) {
        rtp.write_at(start, self.payload_type, marker, &payload.to_bytes(), out);
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender")
            .field("payload_type", &self.payload_type)
            .finish_non_exhaustive()
    }
}

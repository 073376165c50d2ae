//! Reports every key press once, at its first packet.

use std::time::{Duration, Instant};

use omnigate_audio::dtmf::Key;

use super::Payload;

/// Events that are remembered, so that packets that come late or again are known.
const HISTORY: usize = 8;
/// A sender that uses the same timestamp again after this time means a new press.
const FORGET: Duration = Duration::from_secs(10);
/// An event without an update for this time is taken as over (its end is lost).
const ACTIVE: Duration = Duration::from_millis(100);
/// Repeats of the end packet follow it within so many sequence numbers.
const END_REPEATS: u16 = 3;
/// Softer tones are not keys (RFC 4733 section 2.3.4), -dBm0.
const MAX_VOLUME: u8 = 55;

#[derive(Clone, Copy)]
struct Event {
    ssrc: u32,
    timestamp: u32,
    key: Key,
    duration: u16,
    ended: bool,
    /// The newest sequence number of this event.
    sequence: u16,
    seen: Instant,
}

/// Follows the telephone events of one stream.
///
/// The identity of a press is (SSRC, timestamp, key); the marker bit plays no part, since it gets lost and many
/// gateways never set it.
#[derive(Clone, Default)]
pub struct Receiver {
    events: [Option<Event>; HISTORY],
    next: usize,
}

impl Receiver {
    /// A receiver that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one packet of the negotiated payload type; returns the key when it is a new press.
    pub fn receive(
        &mut self,
        ssrc: u32,
        timestamp: u32,
        sequence: u16,
        payload: &[u8],
        now: Instant,
    ) -> Option<Key> {
        let payload = Payload::parse(payload).filter(|payload| payload.volume <= MAX_VOLUME)?;
        if let Some(event) = self.known(ssrc, timestamp, payload.key) {
            let stale = now.saturating_duration_since(event.seen) > FORGET;
            return event.update(&payload, sequence, now, stale);
        }
        let continues = self.continues(ssrc, timestamp, sequence, &payload);
        self.events[self.next] = Some(Event {
            ssrc,
            timestamp,
            key: payload.key,
            duration: payload.duration,
            ended: payload.end,
            sequence,
            seen: now,
        });
        self.next = (self.next + 1) % HISTORY;
        (!continues).then_some(payload.key)
    }

    /// Whether a key is held down now: for muting its tone.
    pub fn is_active(&self, now: Instant) -> bool {
        self.events
            .iter()
            .flatten()
            .any(|event| !event.ended && now.saturating_duration_since(event.seen) <= ACTIVE)
    }

    fn known(&mut self, ssrc: u32, timestamp: u32, key: Key) -> Option<&mut Event> {
        self.events
            .iter_mut()
            .flatten()
            .filter(|event| event.ssrc == ssrc && event.timestamp == timestamp && event.key == key)
            .max_by_key(|event| event.seen)
    }

    /// Whether a packet with a new timestamp belongs to a press that is known.
    fn continues(&self, ssrc: u32, timestamp: u32, sequence: u16, payload: &Payload) -> bool {
        self.events.iter().flatten().any(|event| {
            if event.ssrc != ssrc || event.key != payload.key {
                return false;
            }
            let later = timestamp.wrapping_sub(event.timestamp);
            // The next segment of a press that is longer than the duration field (section 2.5.1.3).
            let segment = !event.ended && event.duration > 0 && later == u32::from(u16::MAX);
            // The end packet again by a gateway that gives each repeat a timestamp of its own: same duration, at
            // once after the end. A real press cannot be that long by then.
            let gap = sequence.wrapping_sub(event.sequence);
            let repeat = event.ended
                && payload.end
                && payload.duration == event.duration
                && (1..=END_REPEATS).contains(&gap)
                && later < u32::from(event.duration);
            segment || repeat
        })
    }
}

impl Event {
    /// Takes a further packet of this identity; a key when the sender has used the identity for a new press.
    fn update(&mut self, payload: &Payload, sequence: u16, now: Instant, stale: bool) -> Option<Key> {
        let newer = (sequence.wrapping_sub(self.sequence) as i16) > 0;
        // A duration that falls back after the end, in a packet that is not merely late, is the same key again.
        let again = newer && ((self.ended && payload.duration < self.duration) || stale);
        if again {
            self.ended = payload.end;
            self.duration = payload.duration;
        } else {
            self.ended |= payload.end;
            self.duration = self.duration.max(payload.duration);
        }
        if newer {
            self.sequence = sequence;
        }
        self.seen = now;
        again.then_some(payload.key)
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

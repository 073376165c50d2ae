//! What recorded members send, on its way to the writer of captures.
//!
//! A shard puts encoded records into a ring of bytes and never waits: one that finds the ring full is counted and, as soon
//! as there is room, said to be missing. The writer empties the rings some times a second.

use crate::media::stats::ShardFigures;
use omnigate_recording::capture::{Media, MediaKind, Record, RecordKind};
use omnigate_rtp::RtpPacket;
use rtrb::{Consumer, Producer, RingBuffer};
use std::time::Instant;

/// Bytes of a shard's ring: two seconds of two hundred telephones, so a disk may stall for as long.
const RING: usize = 4 << 20;
/// What is kept of one member: packets a second, bytes of payload a second, and so many seconds of both at once. The shortest
/// packets of a voice are of 5 ms, the largest of L16 with 32 kB a second; more is no voice, and would fill the disk of all.
const MOST_PACKETS: u64 = 200;
const MOST_BYTES: u64 = 64_000;
const AT_ONCE: u64 = 2;
/// Before each record in the ring: its capture and its length.
const HEAD: usize = 4 + 2;

/// One capture. Never used twice in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CaptureId(pub u32);

/// A room's capture, as its members know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Capture {
    pub(crate) id: CaptureId,
    /// Times are counted from here.
    pub(crate) epoch: Instant,
}

/// A member's part in its room's capture, if the room is captured.
#[derive(Debug, Default)]
pub(crate) struct Captured(Option<Tapped>);

#[derive(Debug)]
struct Tapped {
    capture: Capture,
    member: u64,
    /// Muted or on hold: what it sends is not captured either.
    silent: bool,
    missing: u32,
    allowance: Allowance,
}

/// What a member may still send to be captured. Of both its packets and their bytes it has the time that they take at the
/// rates above, nanoseconds.
#[derive(Debug)]
struct Allowance {
    since: Instant,
    packets: u64,
    bytes: u64,
}

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

impl Allowance {
    fn full(now: Instant) -> Allowance {
        Allowance {
            since: now,
            packets: AT_ONCE * SECOND,
            bytes: AT_ONCE * SECOND,
        }
    }

    /// Takes a packet with so many bytes, if there is as much.
    fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since).as_nanos();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        // Arrivals may be a little out of order.
        self.since = self.since.max(now);
        let filled = |left: u64| left.saturating_add(passed).min(AT_ONCE * SECOND);
        (self.packets, self.bytes) = (filled(self.packets), filled(self.bytes));
        let (packet, bytes) = (SECOND / MOST_PACKETS, bytes as u64 * SECOND / MOST_BYTES);
        if self.packets < packet || self.bytes < bytes {
            return false;
        }
        self.packets -= packet;
        self.bytes -= bytes;
        true
    }
}

/// A shard's end of its ring.
pub(crate) struct Tap {
    ring: Producer<u8>,
    /// Captures of which nothing that is said is kept for the moment.
    paused: Vec<CaptureId>,
    buffer: [u8; HEAD + Record::MAX],
}

/// The writer's end.
pub struct TapReader(Consumer<u8>);

/// A ring of the usual size.
pub(crate) fn ring() -> (Tap, TapReader) {
    let (producer, consumer) = RingBuffer::new(RING);
    let tap = Tap {
        ring: producer,
        paused: Vec::new(),
        buffer: [0; HEAD + Record::MAX],
    };
    (tap, TapReader(consumer))
}

impl Tap {
    /// False when the ring is full.
    fn put(&mut self, capture: Capture, member: u64, at: Instant, kind: RecordKind<'_>) -> bool {
        let record = Record {
            at_us: at.saturating_duration_since(capture.epoch).as_micros() as u64,
            member,
            kind,
        };
        let Some(length) = record.encode(&mut self.buffer[HEAD..]) else {
            return false;
        };
        self.buffer[..4].copy_from_slice(&capture.id.0.to_le_bytes());
        self.buffer[4..HEAD].copy_from_slice(&(length as u16).to_le_bytes());
        let Ok(mut chunk) = self.ring.write_chunk(HEAD + length) else {
            return false;
        };
        let (first, second) = chunk.as_mut_slices();
        let middle = first.len();
        first.copy_from_slice(&self.buffer[..middle]);
        second.copy_from_slice(&self.buffer[middle..HEAD + length]);
        chunk.commit_all();
        true
    }

    /// Keeps nothing of a capture for a while, or goes on.
    pub(crate) fn pause(&mut self, capture: Capture, paused: bool, at: Instant) {
        if self.is_paused(capture.id) == paused {
            return;
        }
        self.forget(capture.id);
        if paused {
            self.paused.push(capture.id);
        }
        self.put(capture, 0, at, RecordKind::Paused(paused));
    }

    /// The capture is over.
    pub(crate) fn forget(&mut self, capture: CaptureId) {
        self.paused.retain(|one| *one != capture);
    }

    fn is_paused(&self, capture: CaptureId) -> bool {
        self.paused.contains(&capture)
    }
}

impl Captured {
    /// The member is captured from now on, if it is not yet.
    pub(crate) fn join(&mut self, capture: Capture, member: u64, silent: bool, now: Instant, tap: &mut Tap) {
        if self.0.is_some() {
            return;
        }
        let tapped = self.0.insert(Tapped {
            capture,
            member,
            silent,
            missing: 0,
            allowance: Allowance::full(now),
        });
        tapped.put(now, RecordKind::Joined, tap);
        if silent {
            tapped.put(now, RecordKind::Muted(true), tap);
        }
    }

    pub(crate) fn leave(&mut self, now: Instant, tap: &mut Tap) {
        if let Some(mut tapped) = self.0.take() {
            tapped.put(now, RecordKind::Left, tap);
        }
    }

    pub(crate) fn muted(&mut self, muted: bool, now: Instant, tap: &mut Tap) {
        self.silence(muted, RecordKind::Muted(muted), now, tap);
    }

    /// To be called as often as one likes.
    pub(crate) fn held(&mut self, held: bool, now: Instant, tap: &mut Tap) {
        if self.0.as_ref().is_some_and(|tapped| tapped.silent != held) {
            self.silence(held, RecordKind::Held(held), now, tap);
        }
    }

    fn silence(&mut self, silent: bool, kind: RecordKind<'_>, now: Instant, tap: &mut Tap) {
        if let Some(tapped) = &mut self.0 {
            tapped.silent = silent;
            tapped.put(now, kind, tap);
        }
    }

    /// A packet with audio came `at`.
    pub(crate) fn media(
        &mut self,
        kind: MediaKind,
        packet: &RtpPacket<'_>,
        at: Instant,
        tap: &mut Tap,
        figures: &ShardFigures,
    ) {
        let Some(tapped) = self.0.as_mut().filter(|tapped| tapped.listens(tap)) else {
            return;
        };
        if !tapped.allowance.take(packet.payload.len(), at) {
            return ShardFigures::count(&figures.capture_over_rate);
        }
        let media = Media {
            kind,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            marker: packet.marker,
            payload: packet.payload,
        };
        if !tapped.put(at, RecordKind::Media(media), tap) {
            ShardFigures::count(&figures.capture_missing);
        }
    }

    /// A packet with a telephone event came.
    pub(crate) fn event(&mut self, sequence: u16, at: Instant, tap: &mut Tap) {
        let heard = self.0.as_mut().filter(|tapped| tapped.listens(tap));
        if let Some(tapped) = heard
            && tapped.allowance.take(0, at)
        {
            tapped.put(at, RecordKind::Event(sequence), tap);
        }
    }
}

impl Tapped {
    fn listens(&self, tap: &Tap) -> bool {
        !self.silent && !tap.is_paused(self.capture.id)
    }

    fn put(&mut self, at: Instant, kind: RecordKind<'_>, tap: &mut Tap) -> bool {
        let (capture, member) = (self.capture, self.member);
        if self.missing > 0 && tap.put(capture, member, at, RecordKind::Missing(self.missing)) {
            self.missing = 0;
        }
        let put = self.missing == 0 && tap.put(capture, member, at, kind);
        self.missing += u32::from(!put);
        put
    }
}

impl TapReader {
    /// Hands out what is in the ring and returns how many bytes that were.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(CaptureId, &[u8])) -> usize {
        let all = self.0.slots();
        let mut record = [0; Record::MAX];
        let mut done = 0;
        while done < all {
            let mut head = [0; HEAD];
            if !self.read(&mut head) {
                break;
            }
            let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
            let Some(bytes) = record.get_mut(..length) else {
                break;
            };
            if !self.read(bytes) {
                break;
            }
            done += HEAD + length;
            let id = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            take(CaptureId(id), bytes);
        }
        done
    }

    fn read(&mut self, out: &mut [u8]) -> bool {
        let Ok(chunk) = self.0.read_chunk(out.len()) else {
            return false;
        };
        let (first, second) = chunk.as_slices();
        out[..first.len()].copy_from_slice(first);
        out[first.len()..].copy_from_slice(second);
        chunk.commit_all();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn capture() -> Capture {
        Capture {
            id: CaptureId(7),
            epoch: Instant::now(),
        }
    }

    fn joined(tap: &mut Tap) -> Captured {
        let mut captured = Captured::default();
        captured.join(capture(), 5, false, Instant::now(), tap);
        captured
    }

    fn packet(payload: &[u8]) -> RtpPacket<'_> {
        RtpPacket {
            ssrc: 1,
            sequence: 2,
            timestamp: 3,
            payload_type: 8,
            marker: false,
            payload,
        }
    }

    #[test]
    fn records_come_out_as_they_went_in_over_many_rounds_of_the_ring() {
        let (mut tap, mut reader) = ring();
        let figures = ShardFigures::default();
        let mut tapped = joined(&mut tap);
        let (mut seen, start) = (0, Instant::now());
        for round in 0..40_000u32 {
            let payload = [round as u8; 160];
            tapped.media(
                MediaKind::Pcma,
                &packet(&payload),
                start + round * Duration::from_millis(20),
                &mut tap,
                &figures,
            );
            if round % 1_000 == 0 {
                reader.drain(|id, bytes| {
                    assert_eq!(id, CaptureId(7));
                    assert_eq!(Record::decode(bytes).unwrap().member, 5);
                    seen += 1;
                });
            }
        }
        reader.drain(|_, _| seen += 1);
        assert_eq!(seen, 40_001);
    }

    #[test]
    fn a_full_ring_costs_records_that_are_counted_and_said_to_be_missing() {
        let (mut tap, mut reader) = ring();
        let figures = ShardFigures::default();
        let mut tapped = joined(&mut tap);
        let (payload, start) = ([0; 1_000], Instant::now());
        for round in 0..5_000 {
            tapped.media(
                MediaKind::Opus,
                &packet(&payload),
                start + round * Duration::from_millis(20),
                &mut tap,
                &figures,
            );
        }
        let (mut here, mut missing) = (0, 0);
        let mut count = |_, bytes: &[u8]| match Record::decode(bytes).unwrap().kind {
            RecordKind::Missing(some) => missing += some,
            _ => here += 1,
        };
        reader.drain(&mut count);
        // The rest is said with the next record.
        tapped.event(9, Instant::now(), &mut tap);
        reader.drain(&mut count);
        let lost = figures.capture_missing.load(std::sync::atomic::Ordering::Relaxed);
        assert!(lost > 0);
        assert_eq!((here, u64::from(missing)), (5_002 - lost, lost));
    }

    #[test]
    fn who_is_muted_on_hold_or_paused_is_not_captured() {
        let (mut tap, mut reader) = ring();
        let figures = ShardFigures::default();
        let now = Instant::now();
        let mut tapped = joined(&mut tap);
        let say = |tapped: &mut Captured, tap: &mut Tap| {
            tapped.media(MediaKind::Pcmu, &packet(&[1; 160]), now, tap, &figures);
        };
        tapped.muted(true, now, &mut tap);
        say(&mut tapped, &mut tap);
        tapped.muted(false, now, &mut tap);
        tapped.held(true, now, &mut tap);
        say(&mut tapped, &mut tap);
        tapped.held(false, now, &mut tap);
        tap.pause(capture(), true, now);
        say(&mut tapped, &mut tap);
        tapped.event(1, now, &mut tap);
        tap.pause(capture(), false, now);
        say(&mut tapped, &mut tap);
        let mut media = 0;
        reader.drain(|_, bytes| {
            media += usize::from(matches!(
                Record::decode(bytes).unwrap().kind,
                RecordKind::Media(_)
            ));
        });
        assert_eq!(media, 1);
    }

    /// Sends packets of so many bytes for ten seconds, `each` after the other; how many are kept, and not.
    fn ten_seconds(each: Duration, bytes: usize) -> (u64, u64) {
        let (mut tap, mut reader) = ring();
        let figures = ShardFigures::default();
        let mut tapped = joined(&mut tap);
        let (payload, start) = ([0; 1_400], Instant::now());
        let (mut at, mut kept) = (Duration::ZERO, 0);
        let count = |kept: &mut u64, bytes: &[u8]| {
            *kept += u64::from(matches!(
                Record::decode(bytes).unwrap().kind,
                RecordKind::Media(_)
            ));
        };
        while at < Duration::from_secs(10) {
            let packet = packet(&payload[..bytes]);
            tapped.media(MediaKind::Opus, &packet, start + at, &mut tap, &figures);
            reader.drain(|_, bytes| count(&mut kept, bytes));
            at += each;
        }
        let over = figures
            .capture_over_rate
            .load(std::sync::atomic::Ordering::Relaxed);
        (kept, over)
    }

    #[test]
    fn a_flood_is_captured_at_the_rate_of_a_voice_and_the_rest_is_counted() {
        let most = (10 + AT_ONCE) * MOST_PACKETS;
        let (kept, over) = ten_seconds(Duration::from_micros(100), 20);
        assert!((most - 2..=most).contains(&kept), "{kept}");
        assert_eq!(kept + over, 100_000);
        let most = (10 + AT_ONCE) * MOST_BYTES / 1_400;
        let (kept, over) = ten_seconds(Duration::from_millis(5), 1_400);
        assert!((most - 2..=most).contains(&kept), "{kept}");
        assert_eq!(kept + over, 2_000);
    }

    #[test]
    fn every_voice_there_is_fits_into_the_cap() {
        // Opus at its most, in packets of 20 ms; L16 in such of 10 ms; the shortest packets of G.711.
        for (each, bytes) in [(20, 1_275), (10, 320), (5, 40)] {
            assert_eq!(
                ten_seconds(Duration::from_millis(each), bytes).1,
                0,
                "{each} ms of {bytes}"
            );
        }
    }
}

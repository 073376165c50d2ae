//! From a publisher's numbering to a viewer's.
//!
//! ```text
//!            ┌───────── stop(), or another source ─────────┐
//!            ▼                                             │
//!        Waiting ── first packet of a key frame, in order ─▶ Flowing ── packet ─▶ placed
//! ```
//!
//! A viewer's stream starts below 65,536 (the rollover counter of RFC 3711 begins at 0 for it) and goes on without a
//! gap over every stop. While it flows the distance to the publisher's numbers is constant: a loss on the way to us
//! stays a gap, the stack has it filled (NACK, RFC 4585), and the late packet goes to its place.

use crate::codec::VideoCodec;
use crate::keyframe::starts_key_frame;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How far back packets are remembered and still placed, packets: about a second of a large stream.
const WINDOW: u64 = 1024;
/// RTP clock of video, units a millisecond.
const CLOCK_PER_MS: u128 = 90;
/// Least step between timestamps over a change of source: a frame at 30 a second.
const FRAME: Duration = Duration::from_millis(33);

/// One received video packet, decrypted; cheap to clone.
#[derive(Debug, Clone)]
pub struct VideoPacket {
    /// Synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number, extended beyond 16 bits.
    pub sequence: u64,
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// Marker bit: last packet of a frame.
    pub marker: bool,
    /// RTP payload; empty for padding alone.
    pub payload: Arc<[u8]>,
}

/// Where a packet goes in a viewer's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Extended sequence number.
    pub sequence: u64,
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
}

/// The publisher's numbers that this viewer's were made of last.
#[derive(Debug)]
struct Source {
    ssrc: u32,
    /// Highest number received, forwarded or not.
    highest: u64,
    /// First number of the current flow; `None`: waiting for a key frame.
    first: Option<u64>,
    /// To be added to sequence numbers, wrapping.
    shift: u64,
    /// To be added to timestamps, wrapping; known once the source has flowed.
    time_shift: Option<u32>,
    /// Numbers forwarded, a bit each, by their remainder of [`WINDOW`].
    sent: [u64; (WINDOW / 64) as usize],
}

impl Source {
    fn new(ssrc: u32, highest: u64) -> Source {
        Source {
            ssrc,
            highest,
            first: None,
            shift: 0,
            time_shift: None,
            sent: [0; (WINDOW / 64) as usize],
        }
    }

    fn bit(sequence: u64) -> (usize, u64) {
        ((sequence % WINDOW / 64) as usize, 1 << (sequence % 64))
    }

    /// Moves the window up to a new highest number.
    fn advance(&mut self, to: u64) {
        if to - self.highest >= WINDOW {
            self.sent = [0; (WINDOW / 64) as usize];
        } else {
            for sequence in self.highest + 1..=to {
                let (word, bit) = Source::bit(sequence);
                self.sent[word] &= !bit;
            }
        }
        self.highest = to;
    }

    /// True the first time for each number within the window.
    fn is_first(&mut self, sequence: u64) -> bool {
        if self.highest - sequence >= WINDOW {
            return false;
        }
        let (word, bit) = Source::bit(sequence);
        let first = self.sent[word] & bit == 0;
        self.sent[word] |= bit;
        first
    }
}

/// Rewrites one viewer's stream.
#[derive(Debug)]
pub struct Forwarder {
    codec: VideoCodec,
    source: Option<Source>,
    /// Highest number and its timestamp and moment in the viewer's stream.
    last: (u64, u32, Option<Instant>),
}

impl Forwarder {
    /// `sequence` and `timestamp` are where the viewer's stream starts (random, RFC 3550 section 5.1).
    pub fn new(codec: VideoCodec, sequence: u16, timestamp: u32) -> Forwarder {
        Forwarder {
            codec,
            source: None,
            // The upper half is left out so that the first numbers do not roll over at once.
            last: (u64::from(sequence >> 1), timestamp, None),
        }
    }

    /// True while nothing goes out for want of a key frame.
    pub fn is_waiting(&self) -> bool {
        self.source.as_ref().is_none_or(|s| s.first.is_none())
    }

    /// Forwards nothing more until the next key frame.
    pub fn stop(&mut self) {
        if let Some(source) = &mut self.source {
            source.first = None;
        }
    }

    /// Where `packet` goes; `None`: nowhere, since the viewer waits, has it, or it is too old.
    ///
    /// Padding alone keeps its place with an empty payload: so it leaves no gap, and a receiver knows by it that
    /// nothing is missing there.
    pub fn place(&mut self, packet: &VideoPacket, now: Instant) -> Option<Place> {
        let same = self.source.as_ref().is_some_and(|s| s.ssrc == packet.ssrc);
        let newest = match &self.source {
            Some(source) if same => packet.sequence > source.highest,
            _ => true,
        };
        if !same {
            self.source = Some(Source::new(packet.ssrc, packet.sequence));
        }
        let (last_sequence, last_timestamp, last_moment) = self.last;
        let source = self.source.as_mut()?;
        if newest {
            source.advance(packet.sequence);
        }
        // A key frame whose start comes late is no start: what followed it is gone already.
        if source.first.is_none() && newest && starts_key_frame(self.codec, &packet.payload) {
            source.first = Some(packet.sequence);
            source.shift = (last_sequence + 1).wrapping_sub(packet.sequence);
            source.time_shift.get_or_insert_with(|| {
                let elapsed =
                    last_moment.map_or(FRAME, |last| now.saturating_duration_since(last).max(FRAME));
                let step = (elapsed.as_millis() * CLOCK_PER_MS) as u32;
                last_timestamp.wrapping_add(step).wrapping_sub(packet.timestamp)
            });
        }
        if packet.sequence < source.first? || !source.is_first(packet.sequence) {
            return None;
        }
        let place = Place {
            sequence: packet.sequence.wrapping_add(source.shift),
            timestamp: packet.timestamp.wrapping_add(source.time_shift?),
        };
        if place.sequence > last_sequence {
            self.last = (place.sequence, place.timestamp, Some(now));
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[0x10, 0x00, 1];
    const INTER: &[u8] = &[0x10, 0x01, 1];

    fn packet(ssrc: u32, sequence: u64, payload: &[u8]) -> VideoPacket {
        VideoPacket {
            ssrc,
            sequence,
            timestamp: (sequence as u32).wrapping_mul(3000),
            marker: true,
            payload: payload.into(),
        }
    }

    fn forwarder() -> Forwarder {
        Forwarder::new(VideoCodec::Vp8, 199, 5_000)
    }

    fn numbers(f: &mut Forwarder, ssrc: u32, packets: &[(u64, &[u8])]) -> Vec<Option<u64>> {
        let now = Instant::now();
        packets
            .iter()
            .map(|(s, p)| f.place(&packet(ssrc, *s, p), now).map(|p| p.sequence))
            .collect()
    }

    #[test]
    fn a_viewer_starts_at_a_key_frame_and_below_the_first_rollover() {
        let mut f = Forwarder::new(VideoCodec::Vp8, u16::MAX, 0);
        let far = 7 << 40;
        assert!(f.is_waiting());
        let got = numbers(&mut f, 1, &[(far, INTER), (far + 1, KEY), (far + 2, INTER)]);
        assert_eq!(got, [None, Some(32_768), Some(32_769)]);
        assert!(!f.is_waiting());
    }

    #[test]
    fn a_gap_stays_a_gap_and_the_late_packet_fills_it_once() {
        let mut f = forwarder();
        let got = numbers(
            &mut f,
            1,
            &[
                (10, KEY),
                (13, INTER),
                (11, INTER),
                (12, INTER),
                (11, INTER),
                (13, INTER),
            ],
        );
        assert_eq!(got, [Some(100), Some(103), Some(101), Some(102), None, None]);
    }

    #[test]
    fn what_was_before_the_start_is_not_sent_and_a_late_start_is_none() {
        let mut f = forwarder();
        let got = numbers(
            &mut f,
            1,
            &[(20, INTER), (19, KEY), (21, KEY), (18, INTER), (20, INTER)],
        );
        assert_eq!(got, [None, None, Some(100), None, None]);
    }

    #[test]
    fn a_stop_leaves_no_gap_and_time_goes_on() {
        let mut f = forwarder();
        let now = Instant::now();
        let before = f.place(&packet(1, 10, KEY), now).unwrap();
        f.stop();
        assert!(f.is_waiting());
        assert_eq!(numbers(&mut f, 1, &[(11, INTER), (40, INTER)]), [None, None]);
        let after = f.place(&packet(1, 41, KEY), now).unwrap();
        assert_eq!(after.sequence, before.sequence + 1);
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(31 * 3000));
        assert_eq!(
            numbers(&mut f, 1, &[(12, INTER)]),
            [None],
            "late, from before the stop"
        );
    }

    #[test]
    fn another_source_continues_the_numbers_and_the_clock() {
        let mut f = forwarder();
        let start = Instant::now();
        let before = f.place(&packet(1, 10, KEY), start).unwrap();
        let later = start + Duration::from_millis(200);
        assert_eq!(f.place(&packet(2, 900_000, INTER), later), None);
        let after = f.place(&packet(2, 900_001, KEY), later).unwrap();
        assert_eq!(after.sequence, before.sequence + 1);
        assert_eq!(after.timestamp, before.timestamp.wrapping_add(200 * 90));
    }

    #[test]
    fn padding_keeps_its_place() {
        let mut f = forwarder();
        let got = numbers(&mut f, 1, &[(10, KEY), (11, &[]), (12, INTER)]);
        assert_eq!(got, [Some(100), Some(101), Some(102)]);
    }

    #[test]
    fn what_is_older_than_the_window_is_dropped_and_a_leap_forgets_all() {
        let mut f = forwarder();
        let got = numbers(
            &mut f,
            1,
            &[
                (10, KEY),
                (10 + WINDOW, INTER),
                (10, INTER),
                (11, INTER),
                (5_000, INTER),
                (4_999, INTER),
            ],
        );
        assert_eq!(
            got,
            [
                Some(100),
                Some(100 + WINDOW),
                None,
                Some(101),
                Some(5_090),
                Some(5_089)
            ]
        );
    }

    #[test]
    fn timestamps_wrap() {
        let mut f = Forwarder::new(VideoCodec::Vp8, 0, u32::MAX);
        let now = Instant::now();
        let a = f.place(&packet(1, 1, KEY), now).unwrap();
        let b = f.place(&packet(1, 2, INTER), now).unwrap();
        assert_eq!(b.timestamp, a.timestamp.wrapping_add(3000));
    }
}

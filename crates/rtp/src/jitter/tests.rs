use omnigate_audio::codec::Codec;

use super::*;

const G711: PayloadKind = PayloadKind::Speech(Codec::Pcma);

struct Rig {
    start: Instant,
    buffer: JitterBuffer,
    payload: Vec<u8>,
}

impl Rig {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            buffer: JitterBuffer::new(Duration::from_millis(20), Duration::from_millis(200)),
            payload: Vec::new(),
        }
    }

    fn insert(&mut self, ms: u64, ssrc: u32, sequence: u16, timestamp: u32) -> Inserted {
        let payload = [sequence as u8; 160];
        let packet = RtpPacket {
            ssrc,
            sequence,
            timestamp,
            payload_type: 8,
            marker: false,
            payload: &payload,
        };
        self.buffer
            .insert(self.start + Duration::from_millis(ms), &packet, G711, 160)
    }

    /// The number (modulo 256) of the packet that is next, when one is.
    fn next(&mut self, ms: u64) -> Option<u8> {
        match self
            .buffer
            .next(self.start + Duration::from_millis(ms), &mut self.payload)
        {
            Next::Packet { .. } => self.payload.first().copied(),
            _ => None,
        }
    }
}

#[test]
fn packets_come_out_in_order_whatever_order_they_came_in() {
    let mut rig = Rig::new();
    for (sequence, ms) in [(10, 0), (12, 20), (11, 21), (13, 40)] {
        rig.insert(ms, 1, sequence, u32::from(sequence) * 160);
    }
    let order: Vec<_> = (0..4).map(|i| rig.next(60 + i * 20)).collect();
    assert_eq!(order, [Some(10), Some(11), Some(12), Some(13)]);
}

#[test]
fn the_same_number_again_is_a_duplicate_before_and_after_its_turn() {
    let mut rig = Rig::new();
    rig.insert(0, 1, 10, 1_600);
    assert_eq!(rig.insert(1, 1, 10, 1_600), Inserted::Duplicate);
    assert_eq!(rig.next(40), Some(10));
    assert_eq!(rig.insert(41, 1, 10, 1_600), Inserted::Duplicate);
    assert_eq!(rig.buffer.counters().duplicates, 2);
}

#[test]
fn one_stray_packet_changes_nothing_and_two_in_a_row_are_the_new_stream() {
    let mut rig = Rig::new();
    for i in 0..5u16 {
        rig.insert(u64::from(i) * 20, 1, 10 + i, 1_600 + u32::from(i) * 160);
    }
    assert_eq!(rig.insert(81, 99, 5_000, 7), Inserted::Stray);
    assert_eq!(rig.insert(100, 1, 15, 2_400), Inserted::Stored);
    assert_eq!(rig.insert(101, 99, 5_001, 167), Inserted::Stray);
    assert_eq!(rig.insert(121, 99, 5_002, 327), Inserted::Restarted);
    assert_eq!(rig.buffer.counters().restarts, 1);
}

#[test]
fn a_source_that_is_gone_is_replaced_by_the_first_packet_of_another() {
    let mut rig = Rig::new();
    rig.insert(0, 1, 10, 1_600);
    assert_eq!(rig.insert(300, 2, 9_000, 5), Inserted::Restarted);
}

#[test]
fn numbers_of_telephone_events_are_not_lost() {
    let mut rig = Rig::new();
    rig.insert(0, 1, 10, 1_600);
    assert_eq!(rig.next(30), Some(10));
    for sequence in 11..=18 {
        rig.buffer.skip(sequence);
    }
    rig.insert(180, 1, 19, 1_600 + 9 * 160);
    let heard: Vec<_> = (3..12).filter_map(|i| rig.next(i * 20 + 10)).collect();
    assert_eq!(heard, [19]);
    assert_eq!(rig.buffer.counters().lost, 0);
}

#[test]
fn what_is_no_audio_is_refused() {
    let mut rig = Rig::new();
    let packet = |payload| RtpPacket {
        ssrc: 1,
        sequence: 1,
        timestamp: 0,
        payload_type: 8,
        marker: false,
        payload,
    };
    for (payload, duration) in [(&[][..], 160), (&[0; 1_501][..], 1_501), (&[0; 160][..], 0)] {
        let inserted = rig.buffer.insert(rig.start, &packet(payload), G711, duration);
        assert_eq!(inserted, Inserted::Refused);
    }
}

#[test]
fn random_input_never_panics_and_stays_bounded() {
    let mut rig = Rig::new();
    let mut seed = 3u64;
    let mut below = |limit: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % limit
    };
    let mut ms = 0;
    for _ in 0..200_000 {
        ms += below(30);
        match below(10) {
            0 => rig.buffer.skip(below(400) as u16),
            1..=4 => {
                rig.insert(
                    ms,
                    below(3) as u32 / 2,
                    below(300) as u16,
                    (below(300) * 160) as u32,
                );
            }
            5 => {
                rig.insert(ms, 1, below(65_536) as u16, below(1 << 32) as u32);
            }
            _ => {
                if matches!(
                    rig.buffer
                        .next(rig.start + Duration::from_millis(ms), &mut rig.payload),
                    Next::Missing
                ) {
                    rig.buffer.made_up(160);
                }
            }
        }
    }
}

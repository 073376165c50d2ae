//! Telephone events against what other gateways got wrong in public; each bug is a test.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use omnigate_audio::dtmf::Key;
use omnigate_rtp::telephone_event::{Payload, Receiver, Sender};
use omnigate_rtp::{RtpPacket, RtpSender};

const PT: u8 = 101;

/// An event packet as it was sent: sequence, timestamp, marker, payload.
#[derive(Debug, Clone, Copy)]
struct Sent {
    tick: u64,
    sequence: u16,
    timestamp: u32,
    marker: bool,
    payload: Payload,
}

/// Presses keys and collects what is sent in `ticks` of 20 ms; audio goes between.
fn send(keys: &str, press: Duration, clock: u32, ticks: u64) -> (Vec<Sent>, RtpSender) {
    let mut sender = Sender::new(PT, clock);
    let mut rtp = RtpSender::new(7, 65_530, u32::MAX - 1_000);
    for c in keys.chars() {
        assert!(sender.press(Key::from_char(c).unwrap(), press));
    }
    (collect(&mut sender, &mut rtp, clock, 0..ticks), rtp)
}

fn collect(sender: &mut Sender, rtp: &mut RtpSender, clock: u32, ticks: std::ops::Range<u64>) -> Vec<Sent> {
    let (mut out, mut sent) = (Vec::new(), Vec::new());
    for tick in ticks {
        if sender.tick(rtp, &mut out) {
            let packet = RtpPacket::parse(&out).unwrap();
            assert_eq!(packet.payload_type, PT);
            sent.push(Sent {
                tick,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                marker: packet.marker,
                payload: Payload::parse(packet.payload).unwrap(),
            });
        } else {
            rtp.write(8, false, &[0; 160], &mut out);
            rtp.advance(clock / 50);
        }
    }
    sent
}

struct Phone {
    receiver: Receiver,
    start: Instant,
    heard: String,
}

impl Phone {
    fn new() -> Self {
        Self {
            receiver: Receiver::new(),
            start: Instant::now(),
            heard: String::new(),
        }
    }

    fn get(&mut self, ms: u64, timestamp: u32, sequence: u16, payload: [u8; 4]) {
        let now = self.start + Duration::from_millis(ms);
        if let Some(key) = self.receiver.receive(1, timestamp, sequence, &payload, now) {
            self.heard.push(key.char());
        }
    }

    /// One event packet: event, end, duration.
    fn event(&mut self, ms: u64, timestamp: u32, sequence: u16, event: u8, end: bool, duration: u16) {
        let [high, low] = duration.to_be_bytes();
        self.get(
            ms,
            timestamp,
            sequence,
            [event, if end { 0x8a } else { 0x0a }, high, low],
        );
    }

    fn all(&mut self, packets: impl IntoIterator<Item = Sent>) {
        for packet in packets {
            self.get(
                packet.tick * 20,
                packet.timestamp,
                packet.sequence,
                packet.payload.to_bytes(),
            );
        }
    }
}

fn heard(packets: impl IntoIterator<Item = Sent>) -> String {
    let mut phone = Phone::new();
    phone.all(packets);
    phone.heard
}

const PRESS: Duration = Duration::from_millis(100);

// The nine published bugs.

#[test]
fn rtpengine_1812_every_repeat_of_the_end_has_the_timestamp_of_the_start() {
    let (sent, _) = send("5", PRESS, 8_000, 30);
    assert!(sent.iter().all(|packet| packet.timestamp == sent[0].timestamp));
    assert_eq!(sent.iter().filter(|packet| packet.payload.end).count(), 3);
    assert_eq!(heard(sent), "5");
}

#[test]
fn rtpengine_1929_ends_that_come_with_new_timestamps_are_not_three_digits() {
    let mut phone = Phone::new();
    for i in 0..5u16 {
        phone.event(u64::from(i) * 20, 1_000, 10 + i, 5, false, 160 * (i + 1));
    }
    phone.event(100, 1_000, 15, 5, true, 960);
    phone.event(120, 1_160, 16, 5, true, 960);
    phone.event(140, 1_320, 17, 5, true, 960);
    assert_eq!(phone.heard, "5");
}

#[test]
fn livekit_sip_742_a_digit_whose_packets_never_have_the_marker_is_heard() {
    let (mut sent, _) = send("42", PRESS, 8_000, 40);
    sent.iter_mut().for_each(|packet| packet.marker = false);
    assert_eq!(heard(sent.iter().copied()), "42");
    // With the first packet, which has the marker, lost.
    assert_eq!(heard(sent.into_iter().skip(1)), "42");
}

#[test]
fn livekit_sip_796_two_digits_with_one_timestamp_are_two_digits() {
    let mut phone = Phone::new();
    phone.event(0, 1_000, 1, 4, false, 160);
    phone.event(20, 1_000, 2, 4, true, 320);
    phone.event(100, 1_000, 6, 7, false, 160);
    phone.event(120, 1_000, 7, 7, true, 320);
    assert_eq!(phone.heard, "47");
}

#[test]
fn freeswitch_2835_the_first_packet_and_no_other_has_the_marker() {
    let (sent, _) = send("12", PRESS, 8_000, 60);
    let marked: Vec<_> = sent
        .iter()
        .filter(|packet| packet.marker)
        .map(|packet| packet.payload.duration)
        .collect();
    assert_eq!(marked, [160, 160]);
    assert!(sent[0].marker && !sent[0].payload.end);
}

#[test]
fn pjproject_361_the_first_packet_has_a_duration() {
    for clock in [8_000, 48_000] {
        let (sent, _) = send("9", PRESS, clock, 20);
        assert_eq!(u32::from(sent[0].payload.duration), clock / 50);
    }
}

#[test]
fn pjproject_363_the_timestamp_stands_still_while_the_duration_grows() {
    let (sent, _) = send("9", PRESS, 8_000, 20);
    let durations: Vec<_> = sent.iter().map(|packet| packet.payload.duration).collect();
    assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
    assert!(sent.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp));
    assert!(
        sent.windows(2)
            .all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1))
    );
}

#[test]
fn pjproject_1542_the_end_is_sent_three_times_and_not_in_one_burst() {
    let (sent, _) = send("9", PRESS, 8_000, 20);
    let ends: Vec<_> = sent.iter().filter(|packet| packet.payload.end).collect();
    assert_eq!(ends.iter().map(|end| end.tick).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(ends.iter().all(|end| end.payload == ends[0].payload));
}

#[test]
fn pjproject_1582_the_audio_goes_on_where_time_is_and_not_where_the_event_began() {
    let (sent, rtp) = send("9", PRESS, 8_000, 50);
    let start = sent[0].timestamp;
    assert_eq!(rtp.timestamp(), start.wrapping_add(50 * 160));
}

#[test]
fn asterisk_unimrcp_44_updates_that_come_seldom_are_one_digit() {
    let mut phone = Phone::new();
    phone.event(0, 1_000, 1, 3, false, 160);
    phone.event(700, 1_000, 2, 3, false, 5_600);
    phone.event(2_000, 1_000, 3, 3, true, 16_000);
    phone.event(2_001, 1_000, 4, 3, true, 16_000);
    assert_eq!(phone.heard, "3");
}

// The rules.

#[test]
fn a_digit_is_heard_at_its_first_packet() {
    let mut phone = Phone::new();
    phone.event(0, 1_000, 1, 3, false, 160);
    assert_eq!(phone.heard, "3");
    assert!(phone.receiver.is_active(phone.start + Duration::from_millis(60)));
    assert!(!phone.receiver.is_active(phone.start + Duration::from_millis(160)));
}

#[test]
fn a_digit_of_which_one_packet_arrives_is_heard_whichever_it_is() {
    let (sent, _) = send("8", PRESS, 8_000, 20);
    for packet in sent {
        assert_eq!(heard([packet]), "8");
    }
}

#[test]
fn late_and_repeated_packets_of_a_finished_digit_are_ignored() {
    let (sent, _) = send("81", PRESS, 8_000, 40);
    let mut twice = sent.clone();
    twice.extend(sent.iter().copied());
    assert_eq!(heard(twice), "81");
    let mut turned = sent.clone();
    turned.swap(1, 4);
    turned.swap(2, 6);
    assert_eq!(heard(turned), "81");
}

#[test]
fn the_same_key_again_and_again_counts_each_time() {
    let (sent, _) = send("1111", Duration::from_millis(60), 8_000, 60);
    assert_eq!(heard(sent), "1111");
    // Also when the sender takes the timestamp again.
    let mut phone = Phone::new();
    for press in 0..3u16 {
        let first = press * 10;
        phone.event(u64::from(press) * 300, 0, first, 1, false, 160);
        phone.event(u64::from(press) * 300 + 20, 0, first + 1, 1, false, 320);
        phone.event(u64::from(press) * 300 + 40, 0, first + 2, 1, true, 480);
        phone.event(u64::from(press) * 300 + 60, 0, first + 3, 1, true, 480);
    }
    assert_eq!(phone.heard, "111");
}

#[test]
fn other_events_soft_tones_and_broken_payloads_are_no_digits() {
    let mut phone = Phone::new();
    phone.get(0, 1, 1, [16, 0x0a, 0, 160]);
    phone.get(0, 2, 2, [255, 0x0a, 0, 160]);
    phone.get(0, 3, 3, [5, 0x3f, 0, 160]);
    let now = phone.start;
    for short in [&[][..], &[5], &[5, 0], &[5, 0, 0]] {
        assert!(phone.receiver.receive(1, 9, 9, short, now).is_none());
    }
    assert_eq!(phone.heard, "");
}

#[test]
fn a_key_held_for_half_a_minute_is_one_digit_in_segments() {
    let mut sender = Sender::new(PT, 8_000);
    let mut rtp = RtpSender::new(7, 1, 5_000);
    assert!(sender.hold(Key::Star));
    let mut sent = collect(&mut sender, &mut rtp, 8_000, 0..1_500);
    sender.release();
    sent.extend(collect(&mut sender, &mut rtp, 8_000, 1_500..1_520));
    let mut starts: Vec<_> = sent.iter().map(|packet| packet.timestamp).collect();
    starts.dedup();
    assert_eq!(starts, [5_000, 70_535, 136_070, 201_605]);
    assert!(sent.iter().filter(|packet| packet.marker).count() == 1);
    assert_eq!(sent.iter().filter(|packet| packet.payload.end).count(), 3);
    let total = (sent.last().unwrap().timestamp - 5_000) + u32::from(sent.last().unwrap().payload.duration);
    assert_eq!(total, 1_501 * 160);
    assert_eq!(heard(sent), "*");
}

#[test]
fn hanging_up_within_an_event_sends_its_end() {
    let mut sender = Sender::new(PT, 8_000);
    let mut rtp = RtpSender::new(7, 1, 5_000);
    sender.press(Key::One, Duration::from_secs(2));
    sender.press(Key::Two, PRESS);
    let sent = collect(&mut sender, &mut rtp, 8_000, 0..3);
    let mut out = Vec::new();
    assert!(sender.stop(&mut rtp, &mut out));
    let end = RtpPacket::parse(&out).unwrap();
    let payload = Payload::parse(end.payload).unwrap();
    assert_eq!(
        (end.timestamp, payload.end, payload.duration),
        (sent[0].timestamp, true, 480)
    );
    assert!(!sender.is_busy() && !sender.stop(&mut rtp, &mut out));
}

#[test]
fn between_two_digits_there_is_a_pause_of_sixty_milliseconds() {
    let (sent, _) = send("12", PRESS, 8_000, 40);
    let first_end = sent.iter().find(|packet| packet.payload.end).unwrap().tick;
    let second = sent.iter().filter(|packet| packet.marker).nth(1).unwrap().tick;
    // The event ends with the tick of its first end packet.
    assert_eq!((second - first_end - 1) * 20, 60);
}

#[test]
fn presses_are_at_least_forty_milliseconds_and_at_most_sixty_four_wait() {
    let (sent, _) = send("1", Duration::ZERO, 8_000, 20);
    assert_eq!(sent.last().unwrap().payload.duration, 320);
    let mut sender = Sender::new(PT, 8_000);
    let taken = (0..100).filter(|_| sender.press(Key::Nine, PRESS)).count();
    assert_eq!(taken, 64);
}

#[test]
fn on_the_clock_of_opus_durations_count_in_its_units() {
    let (sent, rtp) = send("7", PRESS, 48_000, 20);
    assert_eq!(sent.last().unwrap().payload.duration, 4_800);
    assert_eq!(rtp.timestamp(), sent[0].timestamp.wrapping_add(20 * 960));
    assert_eq!(heard(sent), "7");
}

#[test]
fn a_relayed_digit_is_one_digit_whatever_was_lost_on_the_way_in() {
    for lost in 0..7 {
        let (sent, _) = send("505", PRESS, 8_000, 60);
        let survivors = sent
            .iter()
            .enumerate()
            .filter(|(i, _)| i % 7 != lost)
            .map(|(_, packet)| *packet);
        let digits = heard(survivors);
        let (relayed, _) = send(&digits, PRESS, 48_000, 60);
        assert_eq!(heard(relayed), "505");
    }
}

#[test]
fn no_digit_shows_in_a_log() {
    let mut sender = Sender::new(PT, 8_000);
    sender.press(Key::Seven, PRESS);
    let payload = Payload {
        key: Key::Seven,
        end: false,
        volume: 10,
        duration: 160,
    };
    let mut receiver = Receiver::new();
    receiver.receive(1, 2, 3, &payload.to_bytes(), Instant::now());
    let shown = format!("{payload:?} {sender:?} {receiver:?}");
    assert!(!shown.contains("Seven") && !shown.contains('7'), "{shown}");
}

//! Reception statistics and reports, with a made clock.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use omnigate_rtp::session::RtcpSession;
use omnigate_rtp::{RtpSender, is_rtcp};

const MS: Duration = Duration::from_millis(1);

fn receive(session: &mut RtcpSession, start: Instant, numbers: impl IntoIterator<Item = (u16, u64)>) {
    for (sequence, ms) in numbers {
        session.on_rtp(
            1,
            sequence,
            u32::from(sequence).wrapping_mul(160),
            start + MS * ms as u32,
            8_000,
        );
    }
}

#[test]
fn loss_and_duplicates_are_counted_over_the_wrap() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    let all = (0..1_000u16).map(|i| (i.wrapping_add(65_000), u64::from(i) * 20));
    receive(
        &mut session,
        start,
        all.filter(|(sequence, _)| sequence % 10 != 2),
    );
    session.on_rtp(1, 65_001, 0, start + MS * 20_000, 8_000);
    let stats = session.stats();
    assert_eq!(stats.received + stats.lost, 1_000);
    assert!((stats.loss_fraction - 0.1).abs() < 0.002, "{stats:?}");
    session.on_rtp(1, 463, 0, start + MS * 20_001, 8_000);
    session.on_rtp(1, 462, 0, start + MS * 20_001, 8_000);
    assert_eq!(session.stats().duplicates, 1);
}

#[test]
fn jitter_is_that_of_the_rfc_and_zero_on_a_clean_network() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    receive(&mut session, start, (0..500).map(|i| (i, u64::from(i) * 20)));
    assert!(session.stats().jitter_seconds < 1e-9);
    let mut session = RtcpSession::new(start, 1);
    // Alternately 0 and 10 ms late: successive differences of 10 ms.
    receive(
        &mut session,
        start,
        (0..500).map(|i| (i, u64::from(i) * 20 + u64::from(i % 2) * 10)),
    );
    assert!(
        (session.stats().jitter_seconds - 0.010).abs() < 0.0005,
        "{:?}",
        session.stats()
    );
}

#[test]
fn packets_with_one_timestamp_such_as_telephone_events_are_no_jitter() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    for i in 0..100u16 {
        let timestamp = if (40..50).contains(&i) {
            40 * 160
        } else {
            u32::from(i) * 160
        };
        session.on_rtp(1, i, timestamp, start + MS * 20 * u32::from(i), 8_000);
    }
    assert!(session.stats().jitter_seconds < 0.001);
    assert_eq!(session.stats().lost, 0);
}

#[test]
fn a_new_source_starts_anew_and_one_stray_packet_does_not_change_the_counts() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    receive(&mut session, start, (0..100).map(|i| (i, u64::from(i) * 20)));
    receive(&mut session, start, [(40_000, 2_000)]);
    receive(&mut session, start, (100..200).map(|i| (i, u64::from(i) * 20)));
    assert_eq!((session.stats().received, session.stats().lost), (200, 0));
    for i in 0..50u16 {
        session.on_rtp(2, 9_000 + i, 5, start + MS * 5_000, 8_000);
    }
    let stats = session.stats();
    assert_eq!((stats.received, stats.lost, stats.ssrc_changes), (250, 0, 1));
    // The sender restarted its numbers with the same source.
    for i in 0..50u16 {
        session.on_rtp(2, 30_000 + i, 5, start + MS * 6_000, 8_000);
    }
    assert!(
        session.stats().lost <= 1 && session.stats().received >= 299,
        "{:?}",
        session.stats()
    );
}

#[test]
fn two_sides_learn_loss_jitter_and_round_trip_time_from_each_other() {
    let start = Instant::now();
    let (mut near, mut far) = (RtcpSession::new(start, 1), RtcpSession::new(start, 2));
    let (mut near_sender, mut far_sender) = (RtpSender::new(10, 0, 0), RtpSender::new(20, 0, 0));
    let mut out = Vec::new();
    for i in 0..200u16 {
        let now = start + MS * 20 * u32::from(i);
        near_sender.write(8, false, &[0; 160], &mut out);
        near_sender.advance(160);
        far_sender.write(8, false, &[0; 160], &mut out);
        far_sender.advance(160);
        if i % 4 != 1 {
            far.on_rtp(10, i, u32::from(i) * 160, now, 8_000);
        }
        near.on_rtp(20, i, u32::from(i) * 160, now, 8_000);
    }
    let sent_at = start + MS * 4_000;
    near.write_report(
        sent_at,
        0x1234_5678_9abc_def0,
        &near_sender,
        "near@example.invalid",
        &mut out,
    );
    assert!(is_rtcp(&out) && out[1] == 200);
    far.on_rtcp(&out, 20, sent_at + MS * 40).unwrap();
    far.write_report(sent_at + MS * 540, 77 << 32, &far_sender, "far", &mut out);
    let received = near.on_rtcp(&out, 10, sent_at + MS * 580).unwrap();
    assert!(received.about_us && !received.bye);
    let stats = near.stats();
    let rtt = stats.rtt.unwrap();
    assert!((79..=81).contains(&rtt.as_millis()), "{rtt:?}");
    assert!((stats.remote_loss_fraction.unwrap() - 0.25).abs() < 0.01);
    assert_eq!(stats.remote_lost, Some(50));
    assert_eq!(far.stats().remote_lost, Some(0));
}

#[test]
fn who_has_sent_nothing_reports_as_a_receiver() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    let sender = RtpSender::new(10, 0, 0);
    let mut out = Vec::new();
    session.write_report(start, 1, &sender, "a", &mut out);
    assert_eq!(out[1], 201);
    assert!(session.on_rtcp(&out, 99, start).is_ok());
}

#[test]
fn reports_come_about_each_five_seconds_and_not_at_once_for_all() {
    let start = Instant::now();
    let sender = RtpSender::new(10, 0, 0);
    let mut out = Vec::new();
    let mut firsts = Vec::new();
    for seed in 0..20 {
        let mut session = RtcpSession::new(start, seed);
        let mut times = Vec::new();
        for second_tenth in 0..3_000u32 {
            let now = start + MS * 100 * second_tenth;
            if session.due(now) {
                session.write_report(now, 1, &sender, "a", &mut out);
                times.push(second_tenth);
            }
        }
        assert!(
            (50..=70).contains(&times.len()),
            "{} reports in 300 s",
            times.len()
        );
        assert!(
            times
                .windows(2)
                .all(|pair| (25..=76).contains(&(pair[1] - pair[0])))
        );
        firsts.push(times[0]);
    }
    firsts.dedup();
    assert!(firsts.len() > 10);
}

#[test]
fn the_farewell_is_understood_and_long_names_are_cut() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    let sender = RtpSender::new(10, 0, 0);
    let mut out = Vec::new();
    session.write_bye(&sender, &"긴".repeat(300), &mut out);
    assert!(RtcpSession::new(start, 2).on_rtcp(&out, 1, start).unwrap().bye);
    session.write_bye(&sender, "", &mut out);
    assert!(RtcpSession::new(start, 2).on_rtcp(&out, 1, start).unwrap().bye);
}

#[test]
fn no_bytes_make_it_panic() {
    let start = Instant::now();
    let mut session = RtcpSession::new(start, 1);
    let mut sender = RtpSender::new(10, 0, 0);
    let mut valid = Vec::new();
    sender.write(8, false, &[0; 160], &mut valid);
    session.on_rtp(5, 1, 1, start, 8_000);
    session.write_report(start, 1 << 40, &sender, "somebody@somewhere", &mut valid);
    let mut seed = 5u64;
    for _ in 0..300_000 {
        let mut data = valid.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (seed >> 40) as usize % data.len();
            data[at] = (seed >> 33) as u8;
        }
        data.truncate((seed >> 50) as usize % (data.len() + 1));
        let _ = session.on_rtcp(&data, 10, start);
    }
}

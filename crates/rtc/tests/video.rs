//! A browser's video reaches another browser through a publisher and a viewer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{Browser, SERVER, World, address, offer};
use omnigate_rtc::{Path, PeerError, PeerFactory, VideoCodec};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The number that the sender wrote into a payload.
fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[2..6].try_into().unwrap())
}

fn is_key(payload: &[u8]) -> bool {
    payload[0] == 0x10 && payload[1] == 0
}

#[test]
fn with_one_packet_in_twenty_lost_every_packet_arrives_in_the_end() {
    let mut world = World::new(VideoCodec::Vp8);
    world.run(seconds(2), false);
    assert!(world.sender.connected && world.watcher.connected);
    world.loss = 50;
    world.run(seconds(20), true);
    world.loss = 0;
    assert!(world.dropped > 200, "{}", world.dropped);
    world.run(seconds(1), true);
    let last_checked = world.sent.len() as u32 - 60;
    let received: BTreeMap<u64, u32> = world
        .watcher
        .received
        .iter()
        .map(|(s, p)| (*s, number(p)))
        .collect();
    assert_eq!(received.len(), world.watcher.received.len(), "no packet twice");
    let (first_sequence, first) = received.iter().next().map(|(s, n)| (*s, *n)).unwrap();
    assert!(first < 60, "starts within two thirds of a second: {first}");
    for n in first..last_checked {
        let sequence = first_sequence + u64::from(n - first);
        assert_eq!(received.get(&sequence), Some(&n), "packet {n}");
    }
}

#[test]
fn a_viewer_sees_a_key_frame_first_and_nothing_while_the_stream_is_muted() {
    let mut world = World::new(VideoCodec::Vp8);
    world.run(seconds(2), false);
    world.run(seconds(2), true);
    assert!(is_key(&world.watcher.received[0].1));
    world.muted = true;
    world.forwarder.stop();
    world.run(Duration::from_millis(200), true);
    let before = world.watcher.received.len();
    world.run(seconds(2), true);
    assert_eq!(world.watcher.received.len(), before);
    world.muted = false;
    world.run(seconds(2), true);
    assert!(
        is_key(&world.watcher.received[before].1),
        "goes on at a key frame"
    );
    let gaps = world.watcher.received.windows(2).filter(|w| w[1].0 != w[0].0 + 1);
    assert_eq!(gaps.count(), 0);
}

#[test]
fn a_viewers_wish_for_a_key_frame_reaches_the_publisher_but_not_too_often() {
    let mut world = World::new(VideoCodec::Vp8);
    world.run(seconds(2), false);
    world.run(seconds(1), true);
    let before = world.sender.key_frames_asked;
    for _ in 0..40 {
        let mid = world.watcher.mid.unwrap();
        if let Some(rx) = world.watcher.rtc.direct_api().stream_rx_by_mid(mid, None) {
            rx.request_keyframe(str0m::media::KeyframeRequestKind::Pli);
        }
        world.run(Duration::from_millis(50), true);
    }
    let asked = world.sender.key_frames_asked - before;
    assert!((3..=5).contains(&asked), "{asked} in two seconds");
}

#[test]
fn the_publisher_is_told_a_bitrate_and_a_viewer_is_measured() {
    let mut world = World::new(VideoCodec::Vp8);
    world.run(seconds(2), false);
    world.run(seconds(1), true);
    let now = world.now;
    world.publisher.limit(400_000, now, &mut world.publisher_out);
    world.viewer.wish(1_500_000, 0);
    world.run(seconds(5), true);
    let told = world.sender.estimate.unwrap();
    assert!((390_000..410_000).contains(&told), "{told}");
    assert!(world.viewer.estimate().unwrap() > 500_000);
    assert_eq!(world.viewer.backlog(world.now), Duration::ZERO);
}

#[test]
fn a_narrow_link_shows_in_the_estimate_and_so_does_its_end() {
    let mut world = World::new(VideoCodec::Vp8);
    world.size = 1000;
    world.run(seconds(2), false);
    // About 700 kbit/s of media.
    world.viewer.wish(1_700_000, 0);
    world.run(seconds(6), true);
    let wide = world.viewer.estimate().unwrap();
    assert!(wide > 700_000, "{wide}");
    world.narrow = Some(300_000);
    world.run(seconds(10), true);
    let narrow = world.viewer.estimate().unwrap();
    assert!(narrow < 500_000, "{narrow}");
    // Paused: padding alone finds out that the link is free again.
    world.muted = true;
    world.forwarder.stop();
    world.narrow = None;
    world.viewer.wish(1_700_000, 700_000);
    world.run(seconds(30), true);
    let freed = world.viewer.estimate().unwrap();
    assert!(freed > 600_000, "{freed}");
}

#[test]
fn the_answer_only_receives_and_the_offer_names_a_stream() {
    let now = Instant::now();
    let factory = PeerFactory::new().unwrap();
    for codec in VideoCodec::ALL {
        let (offer, _) = offer(&mut Browser::new("198.51.100.9:1", now));
        let (publisher, answer) = factory
            .publish(
                &offer.to_sdp_string(),
                &[Path::Udp(address(SERVER))],
                &[codec],
                now,
            )
            .unwrap();
        assert_eq!(publisher.codec(), codec);
        let (_, offer) = factory.view(codec, &[Path::Udp(address(SERVER))], now).unwrap();
        let name = match codec {
            VideoCodec::Vp8 => "VP8/90000",
            VideoCodec::H264 => "H264/90000",
            VideoCodec::Vp9 => "VP9/90000",
        };
        for (text, own) in [
            (&answer, ["a=recvonly", "a=setup:passive"]),
            (&offer, ["a=sendonly", "a=setup:actpass"]),
        ] {
            for wanted in own.into_iter().chain([
                "a=ice-lite",
                "192.0.2.1 40000 typ host",
                "a=end-of-candidates",
                "nack pli",
                "ccm fir",
                "transport-cc",
                "goog-remb",
                "rtx/90000",
                name,
            ]) {
                assert!(text.contains(wanted), "{wanted} in\n{text}");
            }
            assert_eq!(
                text.matches("a=rtpmap").count(),
                2,
                "one codec and its RTX:\n{text}"
            );
            assert!(!text.contains("orientation"), "{text}");
        }
        assert!(offer.contains("a=msid:") && offer.contains("FID"), "{offer}");
    }
}

#[test]
fn an_offer_of_no_use_is_refused_with_the_field_at_fault() {
    let now = Instant::now();
    let factory = PeerFactory::new().unwrap();
    let (good, _) = offer(&mut Browser::new("198.51.100.9:1", now));
    let good = good.to_sdp_string();
    let publish = |offer: &str, order: &[VideoCodec]| {
        let made = factory.publish(offer, &[Path::Udp(address(SERVER))], order, now);
        let e = made.map(|_| ()).unwrap_err();
        assert!(e.to_string().contains("jsep.sdp"), "{e}");
        e
    };
    let all = VideoCodec::ALL;
    assert!(matches!(publish("hello", &all), PeerError::Malformed(_)));
    assert!(matches!(publish("", &all), PeerError::Malformed(_)));
    assert!(matches!(
        publish(&"x".repeat(100_000), &all),
        PeerError::TooLarge(_)
    ));
    let receiving = good.replace("a=sendrecv", "a=recvonly");
    assert!(matches!(publish(&receiving, &all), PeerError::NoVideo));
    let none = good
        .replace("VP8/", "XX/")
        .replace("VP9/", "XX/")
        .replace("H264/", "XX/");
    assert!(matches!(publish(&none, &all), PeerError::NoVideoCodec(_)));
    assert!(matches!(publish(&good, &[]), PeerError::NoVideoCodec(_)));
    let nowhere = factory.publish(&good, &[], &all, now).map(|_| ());
    assert!(matches!(nowhere, Err(PeerError::NoCandidate)));
}

#[test]
fn an_answer_of_no_use_is_refused_with_the_field_at_fault() {
    let now = Instant::now();
    let factory = PeerFactory::new().unwrap();
    let answer = |change: &dyn Fn(String) -> String| {
        let (mut viewer, offer) = factory
            .view(VideoCodec::Vp8, &[Path::Udp(address(SERVER))], now)
            .unwrap();
        let offer = str0m::change::SdpOffer::from_sdp_string(&offer).unwrap();
        let mut browser = Browser::new("198.51.100.9:1", now);
        let answer = browser.rtc.sdp_api().accept_offer(offer).unwrap();
        let answer = change(answer.to_sdp_string());
        let first = viewer.answered(&answer, now);
        let second = viewer.answered(&answer, now);
        (first, second)
    };
    let (first, second) = answer(&|a| a);
    assert!(first.is_ok() && matches!(second, Err(PeerError::Answered)));
    let inactive = answer(&|a| a.replace("a=recvonly", "a=inactive")).0;
    assert!(matches!(inactive, Err(PeerError::Declined)), "{inactive:?}");
    let refused = answer(&|a| a.replace("m=video 9", "m=video 0")).0;
    assert!(refused.is_err(), "{refused:?}");
    assert!(matches!(
        answer(&|_| "hello".into()).0,
        Err(PeerError::Malformed(_))
    ));
    assert!(matches!(
        answer(&|_| "x".repeat(100_000)).0,
        Err(PeerError::TooLarge(_))
    ));
    let other = answer(&|a| a.replace("VP8/", "VP7/")).0;
    assert!(other.is_err(), "{other:?}");
}

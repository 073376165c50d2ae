//! Offers and answers after the first (RFC 3264 section 8), and answers that differ from their offer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_audio::codec::Codec;
use omnigate_sip::{Direction, LocalMedia, MediaTerms, Negotiator, Refusal};
use std::net::IpAddr;

fn negotiator() -> Negotiator {
    let local = LocalMedia {
        ip: IpAddr::from([192, 0, 2, 9]),
        port: 20_000,
    };
    Negotiator::new(local, 42, MediaTerms::default())
}

fn description(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

fn media_lines(text: &str) -> Vec<&str> {
    text.lines().filter(|l| l.starts_with("m=")).collect()
}

fn version(text: &str) -> u64 {
    let origin = text.lines().find(|l| l.starts_with("o=")).unwrap();
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

const AUDIO_AND_VIDEO: &str = "m=video 6000 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\nm=audio 4000 RTP/AVP 8 110 98 101\r\na=rtpmap:110 PCMU/8000\r\na=rtpmap:98 telephone-event/8000\r\na=rtpmap:101 opus/48000/2\r\n";

#[test]
fn an_offer_of_ours_keeps_all_lines_and_the_numbers_that_were_agreed_on() {
    let mut ours = negotiator();
    ours.answer(description(AUDIO_AND_VIDEO).as_bytes()).unwrap();
    let offer = ours.offer();
    assert_eq!(
        media_lines(&offer),
        ["m=video 0 RTP/AVP 97", "m=audio 20000 RTP/AVP 8 110 13 98"]
    );
    assert!(
        offer.contains("a=rtpmap:110 PCMU/8000\r\n")
            && offer.contains("a=rtpmap:98 telephone-event/8000\r\n")
    );
    assert!(offer.contains("a=sendrecv"));
    let answer = "m=video 0 RTP/AVP 97\r\nm=audio 4000 RTP/AVP 8 98\r\na=rtpmap:98 telephone-event/8000\r\n";
    let agreed = ours.accept(description(answer).as_bytes()).unwrap();
    assert_eq!(
        (agreed.codec, &agreed.telephone_events[..]),
        (Codec::Pcma, &[98][..])
    );
    // What was dropped keeps its number.
    let again = ours.offer();
    assert_eq!(media_lines(&again), media_lines(&offer));
}

#[test]
fn a_number_that_stood_for_something_else_is_not_given_to_ours() {
    let mut ours = negotiator();
    let lines = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 opus/48000/2\r\n";
    ours.answer(description(lines).as_bytes()).unwrap();
    // The number is remembered when the format is gone.
    ours.answer(description("m=audio 4000 RTP/AVP 0\r\n").as_bytes())
        .unwrap();
    let offer = ours.offer();
    assert!(!offer.contains("101"), "{offer}");
    assert!(offer.contains("a=rtpmap:96 telephone-event/8000"), "{offer}");
}

#[test]
fn rtp_with_feedback_is_answered_as_such_and_secure_rtp_is_refused() {
    let mut ours = negotiator();
    let lines = "m=audio 4002 RTP/SAVP 0\r\nm=audio 4000 RTP/AVPF 8\r\nm=audio 4004 RTP/SAVPF 0\r\n";
    let (answer, agreed) = ours.answer(description(lines).as_bytes()).unwrap();
    assert_eq!(
        media_lines(&answer),
        [
            "m=audio 0 RTP/SAVP 0",
            "m=audio 20000 RTP/AVPF 8",
            "m=audio 0 RTP/SAVPF 0"
        ]
    );
    assert_eq!(agreed.remote_rtp.port(), 4000);
    assert!(ours.offer().contains("m=audio 20000 RTP/AVPF 8"));
    for profile in ["RTP/SAVP", "RTP/SAVPF"] {
        let offer = description(&format!("m=audio 4000 {profile} 0\r\n"));
        assert!(negotiator().answer(offer.as_bytes()).is_err());
    }
}

#[test]
fn an_answer_with_numbers_of_its_own_says_what_is_sent_and_the_offer_what_is_received() {
    let mut ours = negotiator();
    ours.offer();
    let lines =
        "m=audio 4000 RTP/AVP 110 96\r\na=rtpmap:110 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\n";
    let agreed = ours.accept(description(lines).as_bytes()).unwrap();
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 110));
    assert!(agreed.receive.contains(&(8, Codec::Pcma)));
    assert!(agreed.receive.iter().all(|(number, _)| *number != 110));
    assert_eq!(agreed.telephone_events, [101]);
    assert_eq!(agreed.telephone_event_sent, Some(96));
}

#[test]
fn a_format_that_was_not_offered_cannot_be_the_answer() {
    let mut ours = negotiator();
    ours.offer();
    let refused = ours.accept(description("m=audio 4000 RTP/AVP 18\r\n").as_bytes());
    assert!(matches!(refused, Err(Refusal::NotAcceptable { .. })));
}

#[test]
fn an_address_of_the_other_family_is_refused_with_its_reason() {
    let ipv6 =
        description("m=audio 4000 RTP/AVP 0\r\n").replace("c=IN IP4 198.51.100.7", "c=IN IP6 2001:db8::7");
    let refused = negotiator().answer(ipv6.as_bytes()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::AddressFamily {
            offered: "2001:db8::7".parse().unwrap()
        }
    );
    assert!(refused.to_string().contains("2001:db8::7"), "{refused}");
    let local = LocalMedia {
        ip: "2001:db8::9".parse().unwrap(),
        port: 20_000,
    };
    let ipv4 = description("m=audio 4000 RTP/AVP 0\r\n");
    assert!(matches!(
        Negotiator::new(local, 1, MediaTerms::default()).answer(ipv4.as_bytes()),
        Err(Refusal::AddressFamily { .. })
    ));
    // The same address in another notation, another line that we can reach, and a hold in the manner of RFC 2543.
    let mapped = ipv6.replace("2001:db8::7", "::ffff:198.51.100.7");
    let (_, agreed) = negotiator().answer(mapped.as_bytes()).unwrap();
    assert_eq!(agreed.remote_rtp.to_string(), "198.51.100.7:4000");
    let second = format!("{ipv6}m=audio 5000 RTP/AVP 8\r\nc=IN IP4 198.51.100.7\r\n");
    let (answer, agreed) = negotiator().answer(second.as_bytes()).unwrap();
    assert_eq!(agreed.remote_rtp.to_string(), "198.51.100.7:5000");
    assert_eq!(
        media_lines(&answer),
        ["m=audio 0 RTP/AVP 0", "m=audio 20000 RTP/AVP 8"]
    );
    let held = ipv6.replace("2001:db8::7", "::");
    assert!(negotiator().answer(held.as_bytes()).unwrap().1.held());
}

#[test]
fn a_hold_keeps_the_rest() {
    let lines = "m=audio 4000 RTP/AVP 8 96 13\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:30\r\n";
    let open = description(lines);
    let by_direction = format!("{open}a=sendonly\r\n");
    let by_address = open.replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0");
    for held in [by_direction, by_address] {
        let mut ours = negotiator();
        let (_, before) = ours.answer(open.as_bytes()).unwrap();
        let (answer, during) = ours.answer(held.as_bytes()).unwrap();
        assert_eq!(during.direction, Direction::RecvOnly);
        assert!(answer.contains("a=recvonly") && answer.contains("m=audio 20000 RTP/AVP 8 13 96"));
        let mut like_before = during.clone();
        like_before.direction = before.direction;
        like_before.remote_rtp = before.remote_rtp;
        like_before.remote_rtcp = before.remote_rtcp;
        assert_eq!(like_before, before);
        assert_eq!(ours.answer(open.as_bytes()).unwrap().1, before);
    }
}

#[test]
fn the_version_grows_by_one_for_each_changed_description_and_for_no_other() {
    let mut ours = negotiator();
    let lines = description("m=audio 4000 RTP/AVP 8\r\n");
    let first = ours.answer(lines.as_bytes()).unwrap().0;
    let offer = ours.offer();
    assert_eq!(version(&offer), version(&first) + 1);
    assert_eq!(ours.offer(), offer);
    ours.accept(lines.as_bytes()).unwrap();
    assert_eq!(ours.offer(), offer);
    // What cannot be taken changes nothing.
    assert!(ours.answer(b"hello").is_err());
    assert!(
        ours.answer(description("m=audio 4000 RTP/AVP 18\r\n").as_bytes())
            .is_err()
    );
    assert_eq!(ours.offer(), offer);
    let held = ours
        .answer(format!("{lines}a=inactive\r\n").as_bytes())
        .unwrap()
        .0;
    assert_eq!(version(&held), version(&offer) + 1);
}

#[test]
fn a_codec_that_was_left_out_comes_back_under_its_own_number_and_once() {
    let mut ours = negotiator();
    let both = "m=audio 4000 RTP/AVP 8 110\r\na=rtpmap:110 PCMU/8000\r\n";
    ours.answer(description(both).as_bytes()).unwrap();
    ours.answer(description("m=audio 4000 RTP/AVP 8\r\n").as_bytes())
        .unwrap();
    assert_eq!(media_lines(&ours.offer()), ["m=audio 20000 RTP/AVP 8 110 13 101"]);
}

#[test]
fn a_number_that_stood_for_something_else_twice_is_still_not_given_to_ours() {
    let mut ours = negotiator();
    let lines = "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 opus/48000/2\r\n";
    for _ in 0..2 {
        ours.answer(description(lines).as_bytes()).unwrap();
    }
    assert!(!ours.offer().contains("101"));
}

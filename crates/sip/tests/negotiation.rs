//! Offer and answer as carriers write them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_audio::codec::Codec;
use omnigate_sip::{Direction, LocalMedia, MediaTerms, Negotiator, Refusal};
use std::net::IpAddr;

fn negotiator() -> Negotiator {
    Negotiator::new(
        LocalMedia {
            ip: IpAddr::from([192, 0, 2, 9]),
            port: 20_000,
        },
        42,
        MediaTerms::default(),
    )
}

fn offer(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

#[test]
fn a_carrier_offer_is_answered_with_its_first_codec_its_events_and_its_packet_time() {
    let lines = "m=audio 4000 RTP/AVP 18 8 0 96 13\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:30\r\n";
    let (answer, agreed) = negotiator().answer(offer(lines).as_bytes()).unwrap();
    assert_eq!((agreed.codec, agreed.payload_type), (Codec::Pcma, 8));
    assert_eq!(
        (
            &agreed.telephone_events[..],
            agreed.comfort_noise,
            agreed.ptime_ms
        ),
        (&[96][..], Some(13), 30)
    );
    assert_eq!(agreed.remote_rtp.to_string(), "198.51.100.7:4000");
    assert_eq!(agreed.remote_rtcp.unwrap().port(), 4001);
    for line in [
        "m=audio 20000 RTP/AVP 8 0 13 96",
        "a=rtpmap:96 telephone-event/8000",
        "a=ptime:30",
        "a=sendrecv",
        "c=IN IP4 192.0.2.9",
    ] {
        assert!(answer.contains(line), "{line} in\n{answer}");
    }
}

#[test]
fn static_payload_types_need_no_rtpmap_and_dynamic_ones_are_kept() {
    let (_, agreed) = negotiator()
        .answer(offer("m=audio 4000 RTP/AVP 0\r\n").as_bytes())
        .unwrap();
    assert_eq!(
        (agreed.codec, &agreed.telephone_events[..]),
        (Codec::Pcmu, &[][..])
    );
    let lines = "m=audio 4000 RTP/AVP 110\r\na=rtpmap:110 PCMU/8000\r\n";
    let (answer, agreed) = negotiator().answer(offer(lines).as_bytes()).unwrap();
    assert_eq!(agreed.payload_type, 110);
    assert!(answer.contains("a=rtpmap:110 PCMU/8000"));
}

#[test]
fn packet_times_from_10_to_60_are_taken_and_others_become_20() {
    for (lines, ptime) in [
        ("a=ptime:10\r\n", 10),
        ("a=ptime:40\r\n", 40),
        ("a=ptime:60\r\n", 60),
        ("a=ptime:5\r\n", 20),
        ("a=ptime:200\r\n", 20),
        ("a=ptime:60\r\na=maxptime:30\r\n", 30),
        ("a=maxptime:15\r\n", 10),
        ("", 20),
    ] {
        let (_, agreed) = negotiator()
            .answer(offer(&format!("m=audio 4000 RTP/AVP 0\r\n{lines}")).as_bytes())
            .unwrap();
        assert_eq!(agreed.ptime_ms, ptime, "{lines}");
    }
}

#[test]
fn hold_in_every_manner_is_answered_with_the_right_direction() {
    for (line, address, local) in [
        ("a=sendrecv\r\n", "198.51.100.7", Direction::SendRecv),
        ("a=sendonly\r\n", "198.51.100.7", Direction::RecvOnly),
        ("a=recvonly\r\n", "198.51.100.7", Direction::SendOnly),
        ("a=inactive\r\n", "198.51.100.7", Direction::Inactive),
        ("", "0.0.0.0", Direction::RecvOnly),
    ] {
        let text = offer(&format!("m=audio 4000 RTP/AVP 0\r\n{line}"))
            .replace("198.51.100.7\r\nt=", &format!("{address}\r\nt="));
        let (_, agreed) = negotiator().answer(text.as_bytes()).unwrap();
        assert_eq!(agreed.direction, local, "{line} {address}");
        assert_eq!(agreed.held(), local != Direction::SendRecv);
    }
}

#[test]
fn refused_lines_keep_their_place_with_port_0() {
    let lines = "m=image 5000 udptl t38\r\nm=audio 4000 RTP/AVP 0\r\nm=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let (answer, _) = negotiator().answer(offer(lines).as_bytes()).unwrap();
    let medias: Vec<&str> = answer.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        medias,
        vec![
            "m=image 0 udptl t38",
            "m=audio 20000 RTP/AVP 0",
            "m=video 0 RTP/AVP 96"
        ]
    );
}

#[test]
fn an_ipv6_offer_is_understood() {
    let text = "v=0\r\no=- 1 1 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let mut ours = Negotiator::new(
        LocalMedia {
            ip: "2001:db8::2".parse().unwrap(),
            port: 20_000,
        },
        1,
        MediaTerms::default(),
    );
    let (answer, agreed) = ours.answer(text.as_bytes()).unwrap();
    assert_eq!(agreed.remote_rtp.to_string(), "[2001:db8::1]:4000");
    assert!(answer.contains("c=IN IP6 2001:db8::2"));
}

#[test]
fn a_refusal_names_what_was_offered_and_what_is_allowed() {
    let lines = "m=audio 4000 RTP/AVP 18 9\r\n";
    let Err(Refusal::NotAcceptable { code, offered, .. }) = negotiator().answer(offer(lines).as_bytes())
    else {
        panic!()
    };
    assert_eq!((code, offered.as_str()), (305, "G729/8000, G722/8000"));
    let Err(Refusal::NotAcceptable { code, .. }) =
        negotiator().answer(offer("m=audio 4000 RTP/SAVP 0\r\n").as_bytes())
    else {
        panic!()
    };
    assert_eq!(code, 304);
    assert!(matches!(
        negotiator().answer(b"hello"),
        Err(Refusal::Malformed(_))
    ));
    assert!(matches!(
        negotiator().answer(offer("").as_bytes()),
        Err(Refusal::Malformed(_))
    ));
}

#[test]
fn what_carriers_get_wrong_is_read_all_the_same() {
    let latin1 = offer("m=audio 4000 RTP/AVP 0\r\n")
        .replace("s=-", "s=\u{1}")
        .into_bytes();
    let latin1: Vec<u8> = latin1
        .into_iter()
        .map(|b| if b == 1 { 0xe9 } else { b })
        .collect();
    negotiator().answer(&latin1).unwrap();
    let version = offer("m=audio 4000 RTP/AVP 0\r\n")
        .replace("o=- 1 1 ", "o=- 99999999999999999999999 99999999999999999999999 ");
    negotiator().answer(version.as_bytes()).unwrap();
    negotiator()
        .answer(
            offer("m=audio 4000 RTP/AVP 0\r\n")
                .replace("\r\n", "\n")
                .as_bytes(),
        )
        .unwrap();
}

#[test]
fn the_version_grows_only_when_the_answer_changes() {
    let mut ours = negotiator();
    let lines = |d: &str| offer(&format!("m=audio 4000 RTP/AVP 0\r\na={d}\r\n"));
    let version = |answer: &str| {
        answer
            .lines()
            .find(|l| l.starts_with("o="))
            .unwrap()
            .split(' ')
            .nth(2)
            .unwrap()
            .to_owned()
    };
    let first = ours.answer(lines("sendrecv").as_bytes()).unwrap().0;
    assert_eq!(ours.answer(lines("sendrecv").as_bytes()).unwrap().0, first);
    let held = ours.answer(lines("sendonly").as_bytes()).unwrap().0;
    assert_eq!((version(&first).as_str(), version(&held).as_str()), ("1", "2"));
}

#[test]
fn a_refusal_describes_static_formats_and_other_media_by_their_names() {
    for (line, names) in [
        (
            "m=audio 4000 RTP/AVP 3 4 15\r\n",
            "GSM/8000, G723/8000, G728/8000",
        ),
        (
            "m=audio 4000 RTP/AVP 9 18 77\r\n",
            "G722/8000, G729/8000, unknown/8000",
        ),
        ("m=image 4000 udptl t38\r\n", "image udptl"),
        ("m=video 4000 RTP/AVP 96\r\n", "video RTP/AVP"),
    ] {
        let refused = negotiator().answer(offer(line).as_bytes()).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(names), "{names} in {text}");
    }
}

#[test]
fn a_direction_says_who_sends_and_who_receives() {
    let all = [
        (Direction::SendRecv, true, true),
        (Direction::SendOnly, true, false),
        (Direction::RecvOnly, false, true),
        (Direction::Inactive, false, false),
    ];
    for (direction, sends, receives) in all {
        assert_eq!((direction.sends(), direction.receives()), (sends, receives));
        assert_eq!(direction.reversed().sends(), receives);
    }
}

#[test]
fn a_direction_of_the_line_overrides_that_of_the_session_and_no_address_leaves_nothing_to_send() {
    let direction = |text: &str| negotiator().answer(text.as_bytes()).unwrap().1.direction;
    let session = offer("a=inactive\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(direction(&session), Direction::Inactive);
    assert_eq!(
        direction(&format!("{session}a=sendrecv\r\n")),
        Direction::SendRecv
    );
    let nowhere = session.replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0");
    assert_eq!(direction(&nowhere), Direction::Inactive);
    assert_eq!(
        direction(&format!("{nowhere}a=sendrecv\r\n")),
        Direction::RecvOnly
    );
    assert_eq!(
        direction(&format!("{nowhere}a=recvonly\r\n")),
        Direction::Inactive
    );
}

#[test]
fn descriptions_are_as_large_as_is_said_and_origins_may_be_cut_short() {
    let line = "m=audio 4000 RTP/AVP 8\r\n";
    let sized = |n: usize| {
        let more = n - offer(line).len() - "a=x:\r\n".len();
        format!("{}a=x:{}\r\n", offer(line), "y".repeat(more))
    };
    assert!(negotiator().answer(sized(16 * 1024).as_bytes()).is_ok());
    let refused = negotiator().answer(sized(16 * 1024 + 1).as_bytes()).unwrap_err();
    assert!(refused.to_string().contains("16385 bytes"), "{refused}");
    for origin in ["o=", "o=-", "o=- 1"] {
        // Read or refused; nothing more.
        let _ = negotiator().answer(
            offer(line)
                .replace("o=- 1 1 IN IP4 198.51.100.7", origin)
                .as_bytes(),
        );
    }
}

#[test]
fn payload_types_have_seven_bits() {
    let lines = "m=audio 4000 RTP/AVP 128 127\r\na=rtpmap:128 PCMU/8000\r\na=rtpmap:127 PCMA/8000\r\n";
    let mut ours = negotiator();
    let (answer, agreed) = ours.answer(offer(lines).as_bytes()).unwrap();
    assert!(answer.contains("m=audio 20000 RTP/AVP 127\r\n"), "{answer}");
    assert_eq!(agreed.payload, Payload::Pcma);
    // What has eight bits does not take the place of a number of seven.
    assert!(
        ours.offer().contains("m=audio 20000 RTP/AVP 127 0 "),
        "{}",
        ours.offer()
    );
}

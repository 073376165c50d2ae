//! Which codec is taken, under which number, and which telephone events go with it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_audio::codec::Codec;
use omnigate_sip::{Agreed, LocalMedia, MediaTerms, Negotiator, Refusal};
use std::net::IpAddr;

fn trunk(codecs: &[Codec]) -> Negotiator {
    let local = LocalMedia {
        ip: IpAddr::from([192, 0, 2, 9]),
        port: 20_000,
    };
    let terms = MediaTerms {
        codecs: codecs.into(),
        ..MediaTerms::default()
    };
    Negotiator::new(local, 42, terms)
}

fn description(lines: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n{lines}")
}

fn audio(text: &str) -> &str {
    text.lines().find(|line| line.starts_with("m=audio")).unwrap()
}

fn answer(codecs: &[Codec], lines: &str) -> (String, Agreed) {
    trunk(codecs).answer(description(lines).as_bytes()).unwrap()
}

const EVERYTHING: &str = "m=audio 4000 RTP/AVP 0 8 9 96 97 98 101 13\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 maxaveragebitrate=20000; useinbandfec=1\r\na=rtpmap:97 L16/16000\r\na=rtpmap:98 telephone-event/48000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n";

#[test]
fn the_order_of_the_trunk_decides_and_the_answer_says_so_whoever_reads_it() {
    use Codec::{G722, L16, Opus, Pcma, Pcmu};
    for (codecs, line) in [
        // What stands before the chosen one in the offer is not in the answer: the caller would prefer it.
        (&[Pcma, Pcmu][..], "m=audio 20000 RTP/AVP 8 13 101"),
        (&[Pcmu, Pcma], "m=audio 20000 RTP/AVP 0 8 13 101"),
        (&[G722, Pcma], "m=audio 20000 RTP/AVP 9 13 101"),
        (&[Opus, G722, Pcma], "m=audio 20000 RTP/AVP 96 13 98"),
        (&[Pcma, Opus], "m=audio 20000 RTP/AVP 8 96 13 98 101"),
        (&[L16, Pcma], "m=audio 20000 RTP/AVP 97 13 101"),
    ] {
        let (text, agreed) = answer(codecs, EVERYTHING);
        assert_eq!(audio(&text), line);
        assert_eq!(agreed.codec, codecs[0]);
        // A caller who sends what it has offered is heard all the same.
        assert_eq!(agreed.receive.len(), codecs.len());
    }
}

#[test]
fn keys_have_the_clock_of_the_codec() {
    let (text, agreed) = answer(&[Codec::Opus], EVERYTHING);
    assert!(text.contains("a=rtpmap:96 opus/48000/2\r\n") && text.contains("a=fmtp:96 useinbandfec=1\r\n"));
    assert!(text.contains("a=rtpmap:98 telephone-event/48000\r\n"), "{text}");
    assert_eq!((agreed.payload_type, agreed.telephone_event_sent), (96, Some(98)));
    assert_eq!(agreed.max_bitrate, Some(20_000));
    let (_, agreed) = answer(&[Codec::G722], EVERYTHING);
    assert_eq!((agreed.payload_type, agreed.telephone_event_sent), (9, Some(101)));
}

#[test]
fn keys_with_another_clock_than_the_only_codec_are_heard_and_not_sent() {
    let lines =
        "m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
    let (text, agreed) = answer(&[Codec::Opus, Codec::Pcma], lines);
    assert_eq!(audio(&text), "m=audio 20000 RTP/AVP 96 101");
    assert_eq!(
        (agreed.telephone_events, agreed.telephone_event_sent),
        (vec![101], None)
    );
}

#[test]
fn an_offer_of_ours_has_every_codec_in_order_and_events_for_every_clock() {
    let mut ours = trunk(&[Codec::Opus, Codec::G722, Codec::L16, Codec::Pcma]);
    let offer = ours.offer();
    assert_eq!(audio(&offer), "m=audio 20000 RTP/AVP 111 9 96 8 13 101 97 98");
    for line in [
        "a=rtpmap:111 opus/48000/2",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:96 L16/16000",
        "a=rtpmap:101 telephone-event/48000",
        "a=rtpmap:97 telephone-event/8000",
        "a=rtpmap:98 telephone-event/16000",
        "a=fmtp:98 0-15",
    ] {
        assert!(offer.contains(&format!("{line}\r\n")), "{line} in {offer}");
    }
    let answer = "m=audio 4000 RTP/AVP 9 97\r\na=rtpmap:97 telephone-event/8000\r\n";
    let agreed = ours.accept(description(answer).as_bytes()).unwrap();
    assert_eq!(
        (agreed.codec, agreed.telephone_event_sent),
        (Codec::G722, Some(97))
    );
    assert_eq!(agreed.telephone_events, [97]);
}

#[test]
fn packet_times_are_those_that_the_codec_has() {
    let lines = |ms: u32| {
        format!(
            "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 L16/16000\r\na=ptime:{ms}\r\n"
        )
    };
    assert_eq!(answer(&[Codec::Opus], &lines(30)).1.ptime_ms, 20);
    assert_eq!(answer(&[Codec::Opus], &lines(60)).1.ptime_ms, 60);
    assert_eq!(answer(&[Codec::L16], &lines(60)).1.ptime_ms, 40);
}

#[test]
fn codecs_that_the_trunk_does_not_have_are_refused_and_both_sides_are_named() {
    let only = "m=audio 4000 RTP/AVP 18 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    let refused = trunk(&[Codec::Pcma, Codec::G722]).answer(description(only).as_bytes());
    let Err(refused @ Refusal::NotAcceptable { code: 305, .. }) = refused else {
        panic!("{refused:?}")
    };
    let text = refused.to_string();
    assert!(
        text.starts_with("offered G729/8000, telephone-event/8000; allowed PCMA/8000, G722/8000"),
        "{text}"
    );
    // Stereo, and other rates than ours.
    for format in ["L16/44100", "L16/16000/2", "opus/16000"] {
        let lines = format!("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 {format}\r\n");
        assert!(
            trunk(&Codec::ALL).answer(description(&lines).as_bytes()).is_err(),
            "{format}"
        );
    }
}

#[test]
fn a_codec_that_was_dropped_and_comes_back_has_its_number() {
    let mut ours = trunk(&[Codec::Opus, Codec::Pcma]);
    ours.answer(description(EVERYTHING).as_bytes()).unwrap();
    ours.answer(description("m=audio 4000 RTP/AVP 8\r\n").as_bytes())
        .unwrap();
    let offer = ours.offer();
    assert_eq!(audio(&offer), "m=audio 20000 RTP/AVP 8 96 13 98 101");
}

/// Some callers change the codec in the middle of a call when the answer has several.
#[test]
fn an_answer_names_one_codec_where_that_is_wanted() {
    let local = LocalMedia {
        ip: IpAddr::from([192, 0, 2, 9]),
        port: 20_000,
    };
    let terms = MediaTerms {
        codecs: [Codec::Pcmu, Codec::Pcma].into(),
        one_codec: true,
        packet_ms: 30,
        ..MediaTerms::default()
    };
    let mut ours = Negotiator::new(local, 42, terms);
    let offer = description(EVERYTHING);
    let (text, agreed) = ours.answer(offer.as_bytes()).unwrap();
    assert_eq!(audio(&text), "m=audio 20000 RTP/AVP 0 13 101");
    assert_eq!(agreed.codec, Codec::Pcmu);
    // What the other side has offered it may send before it has the answer.
    assert_eq!(agreed.receive.len(), 2);
    assert_eq!(agreed.ptime_ms, 30, "of who asks for none");
    // An offer of ours says all that there is.
    let offer = ours.offer();
    assert_eq!(audio(&offer), "m=audio 20000 RTP/AVP 0 8 13 101");
    assert!(offer.contains("a=ptime:30\r\n"), "{offer}");
}

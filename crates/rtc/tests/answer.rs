//! A browser's offer is answered as the SDKs need it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_rtc::{Path, PeerError, PeerFactory};
use std::time::Instant;

const OFFER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\na=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\r\na=setup:actpass\r\na=mid:0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=sendrecv\r\na=msid:stream track\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:13 CN/8000\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\na=ssrc:1001 cname:c\r\na=ssrc:1001 msid:stream track\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=ice-options:trickle\r\na=fingerprint:sha-256 AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99\r\na=setup:actpass\r\na=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

fn answer(offer: &str) -> Result<String, PeerError> {
    let candidates = [
        Path::Udp("192.0.2.1:40000".parse().unwrap()),
        Path::Udp("198.51.100.1:40000".parse().unwrap()),
        Path::Tcp("192.0.2.1:40000".parse().unwrap()),
    ];
    PeerFactory::new()
        .unwrap()
        .answer(offer, &candidates, 48_000, Instant::now())
        .map(|(_, answer)| answer)
}

#[test]
fn the_answer_is_complete_lite_and_names_a_stream() {
    let text = answer(OFFER).unwrap();
    for wanted in [
        "a=ice-lite",
        "192.0.2.1 40000 typ host",
        "198.51.100.1 40000 typ host",
        "a=end-of-candidates",
        "a=msid:",
        "a=sendrecv",
        "a=rtpmap:111 opus/48000/2",
        "stereo=0",
        "m=application",
        "a=setup:passive",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    let candidates: Vec<&str> = text.lines().filter(|l| l.starts_with("a=candidate:")).collect();
    let (last, others) = candidates.split_last().unwrap();
    assert!(
        last.contains(" tcp ") && last.contains(" typ host tcptype passive"),
        "{last}"
    );
    let priority = |line: &str| line.split(' ').nth(3).unwrap().parse::<u32>().unwrap();
    assert!(
        others
            .iter()
            .all(|l| l.contains(" udp ") && priority(l) > priority(last))
    );
}

#[test]
fn sound_is_answered_without_transport_wide_feedback_that_nobody_would_use() {
    const MID: &str = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n";
    const TWCC: &str =
        "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n";
    let text = answer(&OFFER.replacen(MID, &format!("{TWCC}{MID}"), 1)).unwrap();
    let extensions: Vec<&str> = text.lines().filter(|l| l.starts_with("a=extmap:")).collect();
    assert_eq!(extensions, [MID.trim_end()]);
}

#[test]
fn an_offer_of_another_kind_is_refused_with_the_field_at_fault() {
    assert!(matches!(answer("hello"), Err(PeerError::Malformed(_))));
    let no_opus = OFFER.replace("opus/48000/2", "speex/16000");
    assert!(
        matches!(answer(&no_opus), Err(PeerError::NoAudio)),
        "{:?}",
        answer(&no_opus).map(|_| ())
    );
    assert!(matches!(
        answer(&"x".repeat(100_000)),
        Err(PeerError::TooLarge(_))
    ));
}

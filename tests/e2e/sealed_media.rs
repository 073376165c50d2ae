//! Sealed media (SRTP) with a telephone of somebody else's making, and what is on the wire.

use crate::app::App;
use crate::audio::level_at;
use crate::capture::{Capture, is_sealed, payloads};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::raw_sip::{Peer, SDP, line, request, status, within};
use crate::softphone::{Softphone, Voice, is_spoken_to};
use serde_json::json;

fn call_in(srtp: &str, mediaenc: &'static str) -> Vec<Vec<u8>> {
    let service = Service::start(&format!("[[trunk]]\nsrtp = \"{srtp}\"\n"));
    let file = service.dir.join("wire.pcapng");
    let capture = Capture::start(&file);
    let uri = format!("sip:07012345678@{}", service.sip_udp);
    let voice = Voice {
        mediaenc,
        ..Voice::narrow(440.0)
    };
    let mut phone = Softphone::dial_saying(&service, "01012345678", &uri, &voice);
    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    let first = sent();
    service.until("two seconds of it have been sent", || sent() >= first + 100.0);
    phone.press("1");
    let keys = || service.metric("omnigate_digits_total{kind=\"rfc4733\"}");
    service.until("the key has come", || keys() > 0.0);
    is_spoken_to(mediaenc, &phone.hang_up());
    assert_eq!(service.last_reason(), "caller_hung_up");
    assert!(!service.log().contains("inline:"));
    capture.ends();
    payloads(&file, service.sip_udp.port())
}

#[test]
fn a_telephone_that_calls_is_heard_and_hears_and_nothing_goes_in_the_clear() {
    for (srtp, mediaenc, sealed) in [
        ("required", "srtp-mand", true),
        ("optional", "srtp-mand", true),
        ("optional", "srtp", true),
        ("optional", "", false),
    ] {
        let packets = call_in(srtp, mediaenc);
        assert!(packets.len() > 100, "{} packets captured", packets.len());
        assert_eq!(is_sealed(&packets), sealed, "{srtp} {mediaenc}");
        println!(
            "{srtp}, telephone {mediaenc:?}: {} packets, sealed: {sealed}",
            packets.len()
        );
    }
}

#[test]
fn a_telephone_that_is_called_is_heard_and_hears() {
    for (srtp, mediaenc) in [("required", "srtp-mand"), ("optional", "srtp"), ("optional", "")] {
        let voice = Voice {
            mediaenc,
            ..Voice::narrow(1_300.0)
        };
        let mut phone = Softphone::waits_saying("021234567", &voice);
        let gateway = format!("sip:{}", phone.address());
        let service = Service::start(&Exchange::trunk(&[gateway], &format!("srtp = \"{srtp}\"")));
        let mut app = App::sign_in(&service, "ann");
        let asked =
            json!({"call_type": "sipcall", "caller": "ann", "callee": "02-123-4567", "record": false});
        assert_eq!(app.request("OFFER_CALL", asked)["result"], "success");
        phone.answers();
        service.until("they talk", || service.calls()[0]["state"] == "talking");
        let heard = || service.metric("omnigate_rtp_received_packets_total");
        service.until("a second of it has come", || heard() > 50.0);
        // What is sent before its key has come in the answer cannot be opened.
        let rejected = service.metric("omnigate_rtp_rejected_packets_total");
        assert!(rejected <= 5.0, "{srtp} {mediaenc}: {rejected}");
        app.request("LEAVE", json!({}));
        let said = phone.until_hung_up();
        assert!(level_at(&said, 8_000, 1_300.0) < -40.0);
        assert_eq!(service.last_reason(), "app_left");
    }
}

#[test]
fn a_plain_offer_where_media_must_be_sealed_gets_488_that_says_so() {
    let service = Service::start("[[trunk]]\nsrtp = \"required\"\n");
    let peer = Peer::new(service.sip_udp);
    let fields = "Content-Type: application/sdp\r\n";
    let invite = request(
        "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
        "INVITE",
        &peer.via(),
        fields,
        SDP,
    );
    let refused = peer.ask(&invite);
    assert_eq!(status(&refused), 488, "{refused}");
    assert!(
        line(&refused, "Warning:").contains("media must be sealed here"),
        "{refused}"
    );
    peer.send(within(&refused, &peer.via(), "ACK", 8, "", "").as_bytes());
}

//! A call has one id, which the carrier sees too.

use crate::app::App;
use crate::harness::Service;
use crate::raw_sip::{Peer, is_final, request, status};
use crate::receiver::{Post, Receiver};
use serde_json::Value;
use std::time::Duration;

/// The id in a response.
fn marked(message: &str) -> Option<&str> {
    let value = message
        .lines()
        .find_map(|line| line.strip_prefix("X-Omnigate-Call-ID: "));
    value.map(str::trim)
}

/// A request in the dialog of this answer.
fn within(answer: &str, method: &str, via: &str, cseq: u32, more: &str) -> String {
    let line = |name: &str| answer.lines().find(|l| l.starts_with(name)).unwrap();
    format!(
        "{method} sip:omnigate@127.0.0.1 SIP/2.0\r\nVia: {via}{cseq}\r\n{}\r\n{}\r\n{}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{more}",
        line("From:"),
        line("To:"),
        line("Call-ID:")
    )
}

/// The final response to what the peer has sent last.
fn answered(peer: &Peer) -> String {
    let all = peer.collect(Duration::from_secs(10), |all| all.iter().any(|m| is_final(m)));
    all.into_iter().find(|m| is_final(m)).expect("an answer")
}

#[test]
fn responses_records_log_and_webhooks_name_a_call_alike() {
    let receiver = Receiver::start();
    let events = "webhook.events = [\"call_started\", \"call_ended\"]\n";
    let service = Service::start(&format!(
        "recording.min_free_mib = 1\n{}{events}",
        receiver.settings()
    ));
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let peer = Peer::new(service.sip_udp);
    peer.send(peer.invite("").as_bytes());
    let answer = answered(&peer);
    assert_eq!(status(&answer), 200, "{answer}");
    let id = marked(&answer).expect("the id of the call").to_owned();
    peer.send(within(&answer, "ACK", &peer.via(), 8, "Content-Length: 0\r\n\r\n").as_bytes());
    for (cseq, digit) in (9..).zip(number.chars()) {
        let body = format!("Signal={digit}\r\nDuration=160\r\n");
        let more = format!(
            "Content-Type: application/dtmf-relay\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        peer.send(within(&answer, "INFO", &peer.via(), cseq, &more).as_bytes());
        assert_eq!(marked(&answered(&peer)), Some(id.as_str()));
    }
    app.wait_for("WS_RINGING_NOTI");
    peer.send(within(&answer, "BYE", &peer.via(), 4711, "Content-Length: 0\r\n\r\n").as_bytes());
    assert_eq!(marked(&answered(&peer)), Some(id.as_str()));
    assert_eq!(service.last_reason(), "caller_hung_up");

    let record = service.calls()[0].clone();
    assert_eq!(record["id"], id.as_str());
    assert_eq!(record["stage"], "ringing");
    let carriers = answer.lines().find_map(|l| l.strip_prefix("Call-ID: ")).unwrap();
    assert_eq!(record["sip_call_id"], carriers);
    assert!(peer.contact().contains(record["source"].as_str().unwrap()));
    let log = service.log();
    let ended = log.lines().find(|line| line.contains("call ended")).unwrap();
    assert!(
        ended.contains(&id) && ended.contains(carriers) && ended.contains(record["source"].as_str().unwrap()),
        "{ended}"
    );
    let told: Vec<Value> = receiver.wait_for(2).iter().map(Post::json).collect();
    for (told, event) in told.iter().zip(["call_started", "call_ended"]) {
        assert_eq!(
            (&told["event"], &told["call_id"]),
            (&event.into(), &id.as_str().into())
        );
    }
    assert_eq!(told[1]["reason"], "caller_hung_up");
}

#[test]
fn refusals_carry_an_id_that_the_log_has_too() {
    let service = Service::start("");
    for (called, content, expected) in [
        ("alice", "Content-Type: application/sdp\r\n", 404),
        ("07012345678", "Content-Type: text/plain\r\n", 415),
    ] {
        let peer = Peer::new(service.sip_udp);
        let invite = request(
            &format!("INVITE sip:{called}@127.0.0.1 SIP/2.0"),
            "INVITE",
            &peer.via(),
            content,
            crate::raw_sip::SDP,
        );
        peer.send(invite.as_bytes());
        let answer = answered(&peer);
        assert_eq!(status(&answer), expected, "{answer}");
        let id = marked(&answer).expect("an id");
        service.until("the log has it", || service.log().contains(id));
    }
}

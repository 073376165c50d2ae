//! Lost ACKs, CANCEL races, merged requests, strangers: what needs its datagrams written by hand.

use crate::harness::Service;
use crate::raw_sip::{Peer, is_final, request, status};
use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn a_caller_name_in_latin_1_keeps_the_call() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let text = peer.invite("From: \"NAME\" <sip:0101@x>;tag=1\r\n");
    let bytes: Vec<u8> = text
        .replacen("NAME", "J\u{1}rg", 1)
        .bytes()
        .map(|b| if b == 1 { 0xf6 } else { b })
        .collect();
    peer.send(&bytes);
    let got = peer.collect(Duration::from_secs(3), |all| all.iter().any(|m| is_final(m)));
    assert_eq!(got.iter().find(|m| is_final(m)).map(|m| status(m)), Some(200));
}

#[test]
fn a_lost_ack_makes_the_200_come_again_until_it_is_acknowledged() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let invite = peer.invite("");
    peer.send(invite.as_bytes());
    let oks = |all: &[String]| all.iter().filter(|m| status(m) == 200).count();
    let got = peer.collect(Duration::from_secs(6), |all| oks(all) >= 3);
    assert!(oks(&got) >= 3, "the 200 came {} times", oks(&got));
    let ok = got.iter().find(|m| status(m) == 200).unwrap();
    let to = ok
        .lines()
        .find(|l| l.to_ascii_lowercase().starts_with("to:"))
        .unwrap();
    let line = |name: &str| invite.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    let in_dialog = |method: &str, n: u32| {
        format!(
            "{method} sip:omnigate@127.0.0.1 SIP/2.0\r\nVia: {}{n}\r\n{}\r\n{to}\r\n{}\r\nCSeq: {n} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            peer.via(),
            line("From"),
            line("Call-ID"),
        )
    };
    peer.send(in_dialog("ACK", 8).as_bytes());
    peer.collect(Duration::from_millis(300), |_| false);
    assert!(
        peer.collect(Duration::from_secs(4), |all| !all.is_empty())
            .is_empty(),
        "the 200 came again after its ACK"
    );
    peer.send(in_dialog("BYE", 9).as_bytes());
    let got = peer.collect(Duration::from_secs(3), |all| all.iter().any(|m| is_final(m)));
    assert_eq!(got.first().map(|m| status(m)), Some(200));
}

#[test]
fn a_200_that_is_never_acknowledged_ends_in_a_bye_after_half_a_minute() {
    // 64 times T1 (RFC 3261 section 13.3.1.4): the one test that has to wait for the real clock.
    let service = Service::start("media.rtp_timeout_seconds = 60\n");
    let peer = Peer::new(service.sip_udp);
    let invite = peer
        .invite("")
        .replace("Contact: <sip:a@127.0.0.1>", &peer.contact());
    peer.send(invite.as_bytes());
    let bye = |all: &[String]| all.iter().any(|m| m.starts_with("BYE "));
    let got = peer.collect(Duration::from_secs(45), bye);
    assert!(bye(&got), "no BYE");
    let oks = got.iter().filter(|m| status(m) == 200).count();
    assert!((8..=12).contains(&oks), "the 200 came {oks} times");
    service.until("the end is classified", || service.last_reason() == "no_ack");
}

#[test]
fn cancel_at_once_is_answered_and_leaves_nothing_behind() {
    let service = Service::start("");
    for _ in 0..10 {
        let peer = Peer::new(service.sip_udp);
        let invite = peer.invite("");
        let head = invite
            .split("\r\n\r\n")
            .next()
            .unwrap()
            .replace("INVITE", "CANCEL");
        let cancel: String = head
            .lines()
            .filter(|l| !l.starts_with("Content"))
            .map(|l| format!("{l}\r\n"))
            .collect();
        peer.send(invite.as_bytes());
        peer.send(format!("{cancel}Content-Length: 0\r\n\r\n").as_bytes());
        let is = |m: &String, method: &str| is_final(m) && m.contains(&format!("CSeq: 8 {method}"));
        let got = peer.collect(Duration::from_secs(3), |all| {
            all.iter().any(|m| is(m, "CANCEL")) && all.iter().any(|m| is(m, "INVITE"))
        });
        let cancelled = got.iter().find(|m| is(m, "CANCEL")).map(|m| status(m));
        let invited = got.iter().find(|m| is(m, "INVITE")).map(|m| status(m));
        assert_eq!(cancelled, Some(200), "{got:?}");
        assert!(matches!(invited, Some(487 | 200)), "{got:?}");
        let final_answer = got.iter().find(|m| is(m, "INVITE")).unwrap();
        let to = final_answer.lines().find(|l| l.starts_with("To:")).unwrap();
        let id = invite.lines().find(|l| l.starts_with("Call-ID")).unwrap();
        for (method, n) in [("ACK", 8), ("BYE", 9)] {
            let via = if invited == Some(487) {
                peer.via()
            } else {
                format!("{}{n}", peer.via())
            };
            peer.send(format!("{method} sip:omnigate@127.0.0.1 SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@example.com>;tag=9\r\n{to}\r\n{id}\r\nCSeq: {n} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n").as_bytes());
        }
        service.until("the call has ended", || {
            service.calls().iter().all(|c| c["state"] == "ended")
        });
    }
}

#[test]
fn a_merged_invite_makes_no_second_call() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let invite = peer.invite("");
    peer.send(invite.as_bytes());
    peer.collect(Duration::from_secs(3), |all| all.iter().any(|m| is_final(m)));
    peer.send(
        invite
            .replacen("branch=z9hG4bK", "branch=z9hG4bKother", 1)
            .as_bytes(),
    );
    let got = peer.collect(Duration::from_secs(3), |all| all.iter().any(|m| status(m) == 482));
    assert!(got.iter().any(|m| status(m) == 482), "{got:?}");
    assert_eq!(service.calls().len(), 1);
}

#[test]
fn a_stranger_gets_no_answer_at_all() {
    let service = Service::start("[[trunk]]\nname = \"carrier\"\nallow = \"198.51.100.0/24\"\n");
    let peer = Peer::new(service.sip_udp);
    for message in [
        request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &peer.via(), "", ""),
        "garbage\r\n\r\n".to_owned(),
    ] {
        peer.send(message.as_bytes());
    }
    assert!(peer.collect(Duration::from_millis(400), |_| false).is_empty());
    let mut stream = TcpStream::connect(service.sip_tcp).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    assert!(matches!(stream.read(&mut [0; 10]), Ok(0) | Err(_)));
    assert!(service.metric("omnigate_sip_dropped_total{kind=\"unknown_source\"}") >= 3.0);
}

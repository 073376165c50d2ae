//! SIP as carriers speak it, by sipp.

use crate::harness::Service;
use crate::sipp::sipp;
use std::net::UdpSocket;
use std::time::Duration;

#[test]
fn calls_over_udp_and_tcp_are_answered_and_end() {
    let service = Service::start("");
    sipp(&service, "call").passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
    sipp(&service, "call").tcp().passes();
    sipp(&service, "options").passes();
    sipp(&service, "no_dialog").passes();
}

#[test]
fn hold_and_resume_get_the_right_direction() {
    let service = Service::start("");
    sipp(&service, "hold_resume").passes();
    sipp(&service, "hold_resume").tcp().passes();
}

#[test]
fn media_follow_a_re_invite_to_another_port() {
    let service = Service::start("");
    let sockets = [
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    ];
    let ports = sockets.each_ref().map(|s| s.local_addr().unwrap().port());
    let fields = service.dir.join("ports.csv");
    std::fs::write(&fields, format!("SEQUENTIAL\n{};{}\n", ports[0], ports[1])).unwrap();
    sipp(&service, "moved_port")
        .with(&["-inf", fields.to_str().unwrap()])
        .passes();
    let packets = sockets.each_ref().map(|s| {
        s.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut buffer = [0; 2048];
        let mut sequences = Vec::new();
        while let Ok(n) = s.recv(&mut buffer) {
            assert_eq!(n, 172, "20 ms of G.711");
            sequences.push(u16::from_be_bytes([buffer[2], buffer[3]]));
        }
        sequences
    });
    assert!(
        packets[0].len() > 30 && packets[1].len() > 50,
        "{} and {}",
        packets[0].len(),
        packets[1].len()
    );
    // One stream: the sequence goes on where it was.
    let joined: Vec<u16> = packets.concat();
    assert!(
        joined.windows(2).all(|w| w[1] == w[0].wrapping_add(1)),
        "a gap or a jump in the sequence"
    );
}

#[test]
fn an_invite_without_an_offer_is_answered_with_ours() {
    let service = Service::start("");
    sipp(&service, "offerless").passes();
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn digits_by_info_reach_the_call_flow() {
    let service = Service::start("");
    sipp(&service, "info_digits").passes();
    assert_eq!(service.metric("omnigate_digits_total{kind=\"sip_info\"}"), 6.0);
    assert_eq!(service.metric("omnigate_lookups_total{kind=\"unknown\"}"), 1.0);
}

#[test]
fn a_caller_that_vanishes_is_hung_up_with_a_reason() {
    let service = Service::start("media.rtp_timeout_seconds = 2\n");
    sipp(&service, "vanish").passes();
    assert_eq!(service.last_reason(), "no_media");
}

#[test]
fn refusals_say_what_was_wrong() {
    let service = Service::start("");
    sipp(&service, "unsupported_codec").passes();
    sipp(&service, "require").passes();
}

#[test]
fn requests_out_of_order_are_refused_and_the_call_goes_on() {
    let service = Service::start("");
    sipp(&service, "overlapping").passes();
    sipp(&service, "old_cseq").passes();
}

#[test]
fn a_hundred_refused_calls_a_second_disturb_nobody() {
    let service =
        Service::start("[[trunk]]\nname = \"only\"\nallow = \"127.0.0.0/8\"\nnumbers = [\"070-1111-*\"]\n");
    let phone = service.phone("07011112222", &["--for", "9"]);
    service.until("the call is up", || {
        service.calls().iter().any(|c| !c["answered_at"].is_null())
    });
    sipp(&service, "refused")
        .with(&["-m", "500", "-r", "100"])
        .passes();
    let report = phone.report();
    assert_eq!(
        (&report["end"], &report["packets_lost"]),
        (&"hung_up".into(), &0.into()),
        "{report}"
    );
    assert!(service.log().contains("\"nearest\":\"only\""));
}

//! Where the requests of a call go, and who may send some.

use crate::harness::Service;
use crate::raw_sip::{PATIENCE, Peer, SDP, line, status, within};
use crate::sip_faults::{agreeing, invite_by_tcp, read_until};
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};

/// The service hangs up soon, for it hears nothing.
const SOON: &str = "media.rtp_timeout_seconds = 1\n";

#[test]
fn a_contact_at_another_host_by_another_transport_is_where_the_bye_goes() {
    let service = Service::start(SOON);
    let phone = TcpListener::bind("127.0.0.2:0").unwrap();
    let contact = format!("sip:a@{};transport=tcp", phone.local_addr().unwrap());
    let peer = Peer::new(service.sip_udp);
    let invite = peer.invite("").replace("sip:a@127.0.0.1", &contact);
    peer.call(&invite);
    let (mut stream, _) = phone.accept().unwrap();
    let bye = read_until(&mut stream, |seen| seen.contains("\r\n\r\n"));
    assert!(bye.starts_with(&format!("BYE {contact} SIP/2.0\r\n")), "{bye}");
    assert!(line(&bye, "Via:").starts_with("Via: SIP/2.0/TCP "), "{bye}");
    stream.write_all(agreeing(&bye).as_bytes()).unwrap();
}

#[test]
fn a_route_is_followed_and_not_the_connection_that_the_call_came_by() {
    let service = Service::start(SOON);
    let proxy = UdpSocket::bind("127.0.0.2:0").unwrap();
    proxy.set_read_timeout(Some(PATIENCE)).unwrap();
    let route = format!("<sip:{};lr>", proxy.local_addr().unwrap());
    let via = "SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKrouted";
    let invite = invite_by_tcp(via, "<sip:a@127.0.0.1:9;transport=tcp>");
    let invite = invite.replacen(
        "Max-Forwards",
        &format!("Record-Route: {route}\r\nMax-Forwards"),
        1,
    );
    let mut stream = TcpStream::connect(service.sip_tcp).unwrap();
    stream.write_all(invite.as_bytes()).unwrap();
    let ok = read_until(&mut stream, |seen| {
        seen.contains("SIP/2.0 200") && seen.ends_with("\r\n")
    });
    let ok = &ok[ok.find("SIP/2.0 200").unwrap()..];
    assert_eq!(line(ok, "Record-Route:"), format!("Record-Route: {route}"));
    stream
        .write_all(within(ok, via, "ACK", 8, "", "").as_bytes())
        .unwrap();
    let mut buffer = [0; 4096];
    let (length, from) = proxy.recv_from(&mut buffer).unwrap();
    let bye = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(
        bye.starts_with("BYE sip:a@127.0.0.1:9;transport=tcp SIP/2.0\r\n"),
        "{bye}"
    );
    assert_eq!(line(&bye, "Route:"), format!("Route: {route}"));
    proxy.send_to(agreeing(&bye).as_bytes(), from).unwrap();
}

#[test]
fn who_has_not_both_tags_cannot_end_a_call() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let ok = peer.call(&peer.invite(""));
    let tag = line(&ok, "To:").rsplit("tag=").next().unwrap();
    for (cseq, wrong) in [
        (20, ok.replace("tag=9", "tag=8")),
        (21, ok.replace(tag, "another")),
        (22, ok.replace("tag=9", "tag=8").replace(tag, "another")),
    ] {
        for (at, method) in ["BYE", "INFO", "UPDATE", "INVITE"].iter().enumerate() {
            let answer = peer.ask(&within(
                &wrong,
                &peer.via(),
                method,
                cseq * 10 + at as u32,
                "",
                "",
            ));
            assert_eq!(status(&answer), 481, "{answer}");
            if *method == "INVITE" {
                peer.send(within(&answer, &peer.via(), "ACK", cseq * 10 + at as u32, "", "").as_bytes());
            }
        }
    }
    assert!(service.calls().iter().all(|c| c["state"] != "ended"));
    assert_eq!(
        status(&peer.ask(&within(&ok, &peer.via(), "BYE", 9, "", ""))),
        200
    );
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn a_request_that_is_refused_moves_the_call_nowhere_and_one_that_is_taken_does() {
    let service = Service::start(SOON);
    for (more, taken) in [("Require: nonsense\r\n", false), ("", true)] {
        let (first, second) = (Peer::new(service.sip_udp), Peer::on("127.0.0.2", service.sip_udp));
        let invite = first
            .invite("")
            .replace("Contact: <sip:a@127.0.0.1>", &first.contact());
        let ok = first.call(&invite);
        let more = format!("{more}{}\r\nContent-Type: application/sdp\r\n", second.contact());
        let answer = second.ask(&within(&ok, &second.via(), "UPDATE", 9, &more, SDP));
        assert_eq!(status(&answer), if taken { 200 } else { 420 }, "{answer}");
        let to = if taken { &second } else { &first };
        let is_bye = |m: &String| m.starts_with("BYE ");
        let got = to.collect(PATIENCE, |all| all.iter().any(is_bye));
        let bye = got.iter().find(|m| is_bye(m)).expect("the BYE");
        to.send(agreeing(bye).as_bytes());
        assert_eq!(service.last_reason(), "no_media");
    }
}

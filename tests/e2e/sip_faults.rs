//! What once went wrong on the wire, over real sockets. The pure cases are in `crates/sip/tests`.

use crate::harness::Service;
use crate::raw_sip::{PATIENCE, Peer, SDP, is_final, line, request, status, within};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// An INVITE of this peer over a stream.
pub fn invite_by_tcp(via: &str, contact: &str) -> String {
    let udp = request(
        "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
        "INVITE",
        via,
        "Content-Type: application/sdp\r\n",
        SDP,
    );
    udp.replace("<sip:a@127.0.0.1>", contact)
}

/// Reads from a stream until `done`.
pub fn read_until(stream: &mut TcpStream, done: impl Fn(&str) -> bool) -> String {
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let until = Instant::now() + Duration::from_secs(15);
    let mut seen = String::new();
    let mut buffer = [0; 8192];
    while Instant::now() < until && !done(&seen) {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => seen.push_str(&String::from_utf8_lossy(&buffer[..n])),
            Err(_) => {}
        }
    }
    assert!(done(&seen), "{seen}");
    seen
}

/// The 200 to a request.
pub fn agreeing(request: &str) -> String {
    let lines = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let lines = lines.map(|name| format!("{}\r\n", line(request, name)));
    format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", lines.concat())
}

#[test]
fn calls_whose_answer_cannot_be_sent_end() {
    let service = Service::start("");
    // A port where nobody listens, for the answers.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for n in 0..10 {
        let stream = TcpStream::connect(service.sip_tcp).unwrap();
        let via = format!("SIP/2.0/TCP {nobody};branch=z9hG4bKreset{n}");
        (&stream)
            .write_all(invite_by_tcp(&via, &format!("<sip:a@{nobody};transport=tcp>")).as_bytes())
            .unwrap();
        // Closed with unread bytes or by linger 0: the other side gets a reset.
        socket2::SockRef::from(&stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    service.until_within("all calls have ended", Duration::from_secs(60), || {
        let calls = service.calls();
        calls.iter().all(|c| c["state"] == "ended")
    });
    // And there is room for others.
    let peer = Peer::new(service.sip_udp);
    peer.send(peer.invite("").as_bytes());
    let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
    assert_eq!(got.iter().find(|m| is_final(m)).map(|m| status(m)), Some(200));
}

#[test]
fn without_rport_the_answers_go_to_the_port_of_via() {
    let service = Service::start("");
    let (sends, hears) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKother", hears.local_addr().unwrap());
    let options = request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &via, "", "");
    sends.send_to(options.as_bytes(), service.sip_udp).unwrap();
    hears.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 4096];
    let n = hears.recv(&mut buffer).unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&buffer[..n])), 200);
}

#[test]
fn ipv6_is_spoken_and_ipv4_beside_it_shows_as_itself() {
    let service = Service::start("sip.listen = [\"udp://[::]:0\", \"tcp://[::]:0\"]\n");
    let port = service.sip_udp.port();
    let six = UdpSocket::bind("[::1]:0").unwrap();
    let to: SocketAddr = format!("[::1]:{port}").parse().unwrap();
    // Via names neither the address nor asks for rport: its port alone says where.
    let via = format!(
        "SIP/2.0/UDP phone.example:{};branch=z9hG4bKsix",
        six.local_addr().unwrap().port()
    );
    let options = request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &via, "", "");
    six.send_to(options.as_bytes(), to).unwrap();
    six.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 4096];
    let n = six.recv(&mut buffer).unwrap();
    let answer = String::from_utf8_lossy(&buffer[..n]).into_owned();
    assert_eq!(status(&answer), 200);
    assert!(line(&answer, "Via:").ends_with(";received=::1"), "{answer}");

    let peer = Peer::new(format!("127.0.0.1:{port}").parse().unwrap());
    peer.send(peer.invite("").as_bytes());
    let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
    let ok = got.iter().find(|m| is_final(m)).unwrap();
    assert_eq!(status(ok), 200);
    assert!(!ok.contains("::ffff"), "{ok}");
    assert_eq!(
        line(ok, "Contact:"),
        format!("Contact: <sip:omnigate@127.0.0.1:{port}>")
    );
}

#[test]
fn a_whole_call_over_ipv6() {
    let service =
        Service::start("sip.listen = [\"udp://[::1]:0\", \"tcp://[::1]:0\"]\nsip.advertise = \"::1\"\n");
    let phone = service.phone("07012345678", &["--for", "2"]);
    let report = phone.report();
    assert_eq!(report["end"], "hung_up", "{report}");
    assert!(report["packets_received"].as_u64().unwrap() > 50, "{report}");
}

#[test]
fn contact_names_the_listener_that_was_called() {
    let service = Service::start(
        "sip.listen = [\"udp://127.0.0.1:0\", \"tcp://127.0.0.1:0\", \"udp://127.0.0.1:0\"]\n",
    );
    let second: SocketAddr = service
        .ready
        .trim()
        .rsplit("udp://")
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_ne!(second, service.sip_udp);
    let peer = Peer::new(second);
    peer.send(peer.invite("").as_bytes());
    let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
    let ok = got.iter().find(|m| is_final(m)).unwrap();
    assert_eq!(line(ok, "Contact:"), format!("Contact: <sip:omnigate@{second}>"));
}

#[test]
fn a_bye_over_tcp_finds_its_way_when_the_connection_is_gone() {
    let service = Service::start("media.rtp_timeout_seconds = 1\n");
    let phone = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = phone.local_addr().unwrap();
    let via = format!("SIP/2.0/TCP {own};branch=z9hG4bKgone");
    let mut stream = TcpStream::connect(service.sip_tcp).unwrap();
    let contact = format!("<sip:a@{own};transport=tcp>");
    stream
        .write_all(invite_by_tcp(&via, &contact).as_bytes())
        .unwrap();
    let ok = read_until(&mut stream, |seen| {
        seen.contains("SIP/2.0 200") && seen.ends_with("\r\n")
    });
    let ok = &ok[ok.find("SIP/2.0 200").unwrap()..];
    stream
        .write_all(within(ok, &via, "ACK", 8, "", "").as_bytes())
        .unwrap();
    service.until("the call is confirmed", || {
        service.log().contains("call confirmed")
    });
    drop(stream);
    let (mut back, _) = phone.accept().unwrap();
    let bye = read_until(&mut back, |seen| seen.contains("\r\n\r\n"));
    assert!(bye.starts_with("BYE ") && bye.contains("no_media"), "{bye}");
    back.write_all(agreeing(&bye).as_bytes()).unwrap();
}

#[test]
fn a_peer_that_sends_too_fast_over_a_stream_is_read_more_slowly_and_loses_nothing() {
    let service = Service::start("sip.packets_per_second = 50\n");
    let mut stream = TcpStream::connect(service.sip_tcp).unwrap();
    let all: String = (0..200)
        .map(|n| {
            let via = format!("SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKfast{n}");
            request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &via, "", "")
        })
        .collect();
    stream.write_all(all.as_bytes()).unwrap();
    read_until(&mut stream, |seen| seen.matches("SIP/2.0 200").count() == 200);
    assert_eq!(
        service.metric("omnigate_sip_dropped_total{kind=\"rate_limit\"}"),
        0.0
    );
}

#[test]
fn a_carrier_that_asks_is_told_when_the_service_stops() {
    let mut service = Service::start("");
    let phone = service.phone("07012345678", &["--for", "30"]);
    service.until("the call is up", || {
        service.calls().iter().any(|c| !c["answered_at"].is_null())
    });
    let asked = |n: u8| {
        let peer = Peer::new(service.sip_udp);
        let via = format!("{}{n}", peer.via());
        peer.send(request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &via, "", "").as_bytes());
        let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
        status(&got[0])
    };
    assert_eq!(asked(1), 200);
    service.signal("TERM");
    service.until("OPTIONS says so", || asked(2) == 503);
    phone.hang_up();
    phone.report();
    assert_eq!(service.wait(Duration::from_secs(15)), Some(0));
}

#[test]
fn one_call_too_many_is_told_so_and_does_not_stop_the_carrier() {
    let service = Service::start("sip.calls = 1\n");
    let first = Peer::new(service.sip_udp);
    first.send(first.invite("").as_bytes());
    first.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
    let second = Peer::new(service.sip_udp);
    second.send(second.invite("").as_bytes());
    let got = second.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
    let refused = got.iter().find(|m| is_final(m)).unwrap();
    assert_eq!(status(refused), 480);
    assert!(refused.contains("Reason: Q.850;cause=42"), "{refused}");
    assert!(!refused.contains("Retry-After"), "{refused}");
}

#[test]
fn it_rings_before_it_is_answered_and_nothing_is_sent_before_the_ack() {
    let service = Service::start("");
    let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = ear.local_addr().unwrap().port();
    let peer = Peer::new(service.sip_udp);
    let invite = peer.invite("").replace("49170", &port.to_string());
    peer.send(invite.as_bytes());
    let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
    let statuses: Vec<u16> = got.iter().map(|m| status(m)).collect();
    assert_eq!(statuses, [100, 180, 200]);
    ear.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut buffer = [0; 2048];
    assert!(ear.recv(&mut buffer).is_err(), "RTP before the ACK");
    peer.send(within(&got[2], &peer.via(), "ACK", 8, "", "").as_bytes());
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(ear.recv(&mut buffer).unwrap(), 172, "20 ms of G.711");
}

#[test]
fn every_request_right_behind_the_ack_is_served() {
    let service = Service::start("");
    let requests = [
        ("INVITE", "application/sdp", SDP),
        ("UPDATE", "application/sdp", SDP),
        ("INFO", "application/dtmf-relay", "Signal=1\r\nDuration=160\r\n"),
    ];
    for (n, (method, kind, body)) in requests.iter().cycle().take(30).enumerate() {
        let peer = Peer::new(service.sip_udp);
        let ok = peer.call(&peer.invite(""));
        let more = format!("{}\r\nContent-Type: {kind}\r\n", peer.contact());
        let answer = peer.ask(&within(&ok, &peer.via(), method, 9, &more, body));
        assert_eq!(status(&answer), 200, "call {n}: {answer}");
        if *method == "INVITE" {
            peer.send(within(&ok, &peer.via(), "ACK", 9, "", "").as_bytes());
        }
    }
}

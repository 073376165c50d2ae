//! Offers as carriers make them, over real sockets. The pure cases are in `crates/sip/tests`.

use crate::harness::Service;
use crate::raw_sip::{PATIENCE, Peer, SDP, is_final, line, request, status, within};
use socket2::{Domain, Socket, Type};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The answer to an INVITE with this offer.
fn offered(peer: &Peer, sdp: &str) -> String {
    let invite = request(
        "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
        "INVITE",
        &peer.via(),
        "Content-Type: application/sdp\r\n",
        sdp,
    );
    peer.ask(&invite)
}

fn media(message: &str) -> Vec<&str> {
    message.lines().filter(|l| l.starts_with("m=")).collect()
}

#[test]
fn our_offer_keeps_the_lines_and_the_numbers_of_the_session() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let offer = SDP.replace(
        "m=audio 49170 RTP/AVP 0\r\n",
        "m=audio 49170 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\nm=video 49172 RTP/AVP 31\r\n",
    );
    let invite = peer.invite("").replace(
        &format!("Content-Length: {}\r\n\r\n{SDP}", SDP.len()),
        &format!("Content-Length: {}\r\n\r\n{offer}", offer.len()),
    );
    let ok = peer.call(&invite);
    let answered = media(&ok);
    assert_eq!(answered.len(), 2, "{ok}");
    assert!(answered[0].ends_with(" RTP/AVP 8 96"), "{ok}");
    assert_eq!(answered[1], "m=video 0 RTP/AVP 31");
    let ours = peer.ask(&within(
        &ok,
        &peer.via(),
        "INVITE",
        9,
        &format!("{}\r\n", peer.contact()),
        "",
    ));
    assert_eq!(status(&ours), 200, "{ours}");
    let lines = media(&ours);
    assert_eq!(lines.len(), 2, "{ours}");
    let numbers: Vec<&str> = lines[0].split(' ').skip(3).collect();
    assert!(numbers.contains(&"8") && numbers.contains(&"96"), "{ours}");
    assert!(ours.contains("a=rtpmap:96 telephone-event/8000"), "{ours}");
    assert!(lines[1].starts_with("m=video 0 "), "{ours}");
    let ack = within(
        &ours,
        &peer.via(),
        "ACK",
        9,
        "Content-Type: application/sdp\r\n",
        &offer,
    );
    peer.send(ack.as_bytes());
    let bye = peer.ask(&within(&ok, &peer.via(), "BYE", 10, "", ""));
    assert_eq!(status(&bye), 200, "{bye}");
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn the_profile_of_the_offer_is_that_of_the_answer() {
    let service = Service::start("");
    for profile in ["RTP/AVP", "RTP/AVPF"] {
        let peer = Peer::new(service.sip_udp);
        let answer = offered(&peer, &SDP.replace("RTP/AVP", profile));
        assert_eq!(status(&answer), 200, "{answer}");
        assert!(media(&answer)[0].ends_with(&format!(" {profile} 0")), "{answer}");
    }
}

#[test]
fn media_that_cannot_be_reached_or_cannot_be_meant_is_refused_with_488() {
    let service = Service::start("");
    for (address, warning) in [("IP6 2001:db8::1", "301"), ("IP4 224.0.0.1", "399")] {
        let peer = Peer::new(service.sip_udp);
        let answer = offered(
            &peer,
            &SDP.replace("c=IN IP4 127.0.0.1", &format!("c=IN {address}")),
        );
        assert_eq!(status(&answer), 488, "{address}: {answer}");
        assert!(
            line(&answer, "Warning:").starts_with(&format!("Warning: {warning} ")),
            "{answer}"
        );
        peer.send(within(&answer, &peer.via(), "ACK", 8, "", "").as_bytes());
    }
}

/// A fax: what a gateway offers when it has heard one.
const T38: &str = "m=image 49174 udptl t38\r\na=T38FaxVersion:0\r\n";

#[test]
fn fax_is_refused_beside_sound_and_alone_and_the_call_stays() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let beside = format!("{SDP}{T38}");
    let invite = request(
        "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
        "INVITE",
        &peer.via(),
        "Content-Type: application/sdp\r\n",
        &beside,
    );
    let ok = peer.call(&invite);
    assert_eq!(media(&ok)[1..], ["m=image 0 udptl t38"], "{ok}");
    let alone = SDP.replace("m=audio 49170 RTP/AVP 0\r\n", T38);
    let fields = format!("{}\r\nContent-Type: application/sdp\r\n", peer.contact());
    let refused = peer.ask(&within(&ok, &peer.via(), "INVITE", 9, &fields, &alone));
    assert_eq!(status(&refused), 488, "{refused}");
    assert!(
        line(&refused, "Warning:").starts_with("Warning: 304 "),
        "{refused}"
    );
    peer.send(within(&refused, &peer.via(), "ACK", 9, "", "").as_bytes());
    let bye = peer.ask(&within(&ok, &peer.via(), "BYE", 10, "", ""));
    assert_eq!(status(&bye), 200, "{bye}");
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn a_codec_that_the_trunk_does_not_have_gets_488_that_names_both_sides() {
    let service = Service::start("[[trunk]]\ncodecs = [\"g722\", \"pcma\"]\n");
    let peer = Peer::new(service.sip_udp);
    let refused = offered(&peer, &SDP.replace("RTP/AVP 0", "RTP/AVP 18"));
    assert_eq!(status(&refused), 488, "{refused}");
    let warning = line(&refused, "Warning:");
    assert!(
        warning.contains("offered G729/8000; allowed G722/8000, PCMA/8000"),
        "{refused}"
    );
    peer.send(within(&refused, &peer.via(), "ACK", 8, "", "").as_bytes());
}

#[test]
fn an_offer_beside_isup_is_taken() {
    let service = Service::start("");
    let peer = Peer::new(service.sip_udp);
    let body = format!(
        "--part\r\nContent-Type: application/isup;version=itu-t92+\r\nContent-Disposition: signal;handling=optional\r\n\r\n\u{1}\u{2}\u{3}\r\n--part\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--part--\r\n"
    );
    let invite = request(
        "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
        "INVITE",
        &peer.via(),
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;boundary=part\r\n",
        &body,
    );
    let ok = peer.call(&invite);
    assert!(media(&ok)[0].ends_with(" RTP/AVP 0"), "{ok}");
}

#[test]
fn peers_that_take_nothing_of_what_they_asked_for_keep_nobody_waiting() {
    let service = Service::start("sip.packets_per_second = 1000000\n");
    let stalled: Vec<TcpStream> = (0..3).map(|n| stalled(service.sip_tcp, n)).collect();
    for n in 0..50 {
        let peer = Peer::new(service.sip_udp);
        let via = format!("{}{n}", peer.via());
        peer.send(request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &via, "", "").as_bytes());
        let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
        assert_eq!(got.first().map(|m| status(m)), Some(200), "the {n}th");
    }
    drop(stalled);
}

/// A connection that has asked for more than both kernels hold, or as much as it could, and reads nothing.
fn stalled(to: SocketAddr, n: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&to.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let padding = "x".repeat(3_000);
    for m in 0..4_000 {
        let via = format!("SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{n}.{m};padding={padding}");
        let options = request("OPTIONS sip:a@b SIP/2.0", "OPTIONS", &via, "", "");
        if stream.write_all(options.as_bytes()).is_err() {
            // It is read no more, or was cut off for not reading.
            break;
        }
    }
    stream
}

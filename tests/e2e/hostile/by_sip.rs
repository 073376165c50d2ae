//! Attacks by SIP and RTP, from addresses of the hostile trunk, and from some of no trunk at all.

use super::attack::{Scene, Tally};
use super::client::{Client, success};
use super::line::{Line, invite, packet};
use crate::raw_sip::Peer;
use rand::RngExt;
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

/// An address of another carrier, in whose name INVITEs are forged.
pub const FORGED: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 200);

/// H2: telephones that key numbers at random, each caller another one.
pub fn guesses_by_telephone(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let mut rng = rand::rng();
    while scene.pause(50) {
        let caller = format!("0105{:07}", rng.random_range(0..10_000_000));
        let Some(mut line) = Line::begin(scene.sip, source, &caller) else {
            tally.refused();
            continue;
        };
        for _ in 0..3 {
            tally.sent();
            // Numbers begin with 1 to 9: it finds nobody.
            let said = line.press(&format!("0{:05}", rng.random_range(0..100_000)));
            // A wrong one is told after half a second.
            if !said || !scene.pause(700) {
                tally.refused();
                break;
            }
        }
    }
}

/// H3: packets in order to the ports of others' calls, and to all ports in turn: from this address, and from that of their carrier.
pub fn packets_of_strangers(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let own = UdpSocket::bind((Ipv4Addr::from(source), 0)).unwrap();
    let carriers = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut rest = scene.all_ports.clone().step_by(2).cycle();
    for sequence in (0..u16::MAX).cycle() {
        if !scene.pause(20) {
            break;
        }
        let packet = packet(sequence, 4711);
        let some = scene.ports.iter().copied().chain(rest.by_ref().take(10));
        for port in some {
            for socket in [&own, &carriers] {
                tally.sent();
                let _ = socket.send_to(&packet, SocketAddr::new(scene.sip.ip(), port));
            }
        }
    }
}

/// H5: a recorded room of one's own, and a telephone in it that is another source with each packet, a thousand a second.
pub fn sources_without_end(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    while scene.pause(100) {
        let Some((room, _member, line)) = recorded_room(scene.http, scene.sip, source) else {
            tally.refused();
            continue;
        };
        let mut sequence = 0_u16;
        while scene.pause(20) {
            for _ in 0..20 {
                tally.sent();
                sequence = sequence.wrapping_add(1);
                line.say(sequence, u32::from(sequence));
            }
        }
        drop(room);
    }
}

/// A room of the hostile service with a telephone and with a member who records: both leave when they are dropped.
pub fn recorded_room(http: SocketAddr, sip: SocketAddr, source: [u8; 4]) -> Option<(String, Client, Line)> {
    let mut member = Client::sign_in(http, source, "hostile", "recorder").ok()?;
    let room = member.ask("CREATE_ROOM", json!({ "room_type": "audioroom" }));
    let room = success(&room.ok()?, "room_id")?;
    let number = member.ask("MAKE_SIPNUM", json!({ "room_id": room })).ok()?;
    let number = success(&number, "call_number")?;
    member.ask("JOIN_ROOM", json!({ "room_id": room })).ok()?;
    let start = json!({ "action": "start", "track": "audio" });
    let started = member.ask("RECORDING", start).ok()?;
    let mut line = Line::begin(sip, source, "01055556666")?;
    let is_in = started["result"] == "success" && line.press(&number);
    is_in.then_some((room, member, line))
}

/// M2: calls to which nobody says a word more, with media for somebody else: more of them than there may be calls.
pub fn blind_invites(scene: &Scene, tally: &Tally, _source: [u8; 4]) {
    let elsewhere: SocketAddr = "127.0.3.1:40000".parse().unwrap();
    let socket = UdpSocket::bind((FORGED, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let (own, mut buffer) = (socket.local_addr().unwrap(), [0; 4_096]);
    for n in 0_u32.. {
        if !scene.pause(20) {
            break;
        }
        let via = format!("SIP/2.0/UDP {own};branch=z9hG4bKblind{n}");
        tally.sent();
        let _ = socket.send_to(invite(&via, "01077778888", elsewhere).as_bytes(), scene.sip);
        while let Ok(length) = socket.recv(&mut buffer) {
            if buffer[..length].starts_with(b"SIP/2.0 4") {
                tally.refused();
            }
        }
    }
}

/// Low: what is no SIP, more of it than one address may send.
pub fn what_is_no_sip(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let socket = UdpSocket::bind((Ipv4Addr::from(source), 0)).unwrap();
    let mut noise = vec![0_u8; 600];
    while scene.pause(20) {
        rand::rng().fill(&mut noise[..]);
        for n in 0..60 {
            tally.sent();
            let cut = b"INVITE sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=\r\nContent-Length: -9\r\n\r\n";
            let bytes = if n % 2 == 0 { &noise[..] } else { &cut[..] };
            let _ = socket.send_to(bytes, scene.sip);
        }
    }
}

/// Low: calls from an address that no trunk allows.
pub fn calls_from_nowhere(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let peer = Peer::on(&format!("127.0.3.{}", source[3]), scene.sip);
    let invite = invite(&peer.via(), "01099990000", "127.0.3.1:40000".parse().unwrap());
    while scene.pause(20) {
        for _ in 0..10 {
            tally.sent();
            peer.send(invite.as_bytes());
        }
    }
}

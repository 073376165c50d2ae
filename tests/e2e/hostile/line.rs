//! A call of a hostile telephone: keys by SIP INFO, packets as it likes.

use super::sound::STRANGE;
use crate::audio::tone;
use crate::raw_sip::{PATIENCE, Peer, is_final, line, request, status, within};
use omnigate_audio::g711::Law;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

pub struct Line {
    peer: Peer,
    ok: String,
    rtp: UdpSocket,
    to: SocketAddr,
    keys: u32,
}

/// An INVITE with an offer of G.711 at this port.
pub fn invite(via: &str, from: &str, media: SocketAddr) -> String {
    let (ip, port) = (media.ip(), media.port());
    let offer = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
    );
    let more = format!("From: <sip:{from}@x>;tag=9\r\nContent-Type: application/sdp\r\n");
    let line = "INVITE sip:07012345678@127.0.0.1 SIP/2.0";
    request(line, "INVITE", via, &more, &offer)
}

impl Line {
    /// A call that was taken.
    pub fn begin(sip: SocketAddr, source: [u8; 4], from: &str) -> Option<Line> {
        let source = Ipv4Addr::from(source);
        let peer = Peer::on(&source.to_string(), sip);
        let rtp = UdpSocket::bind((source, 0)).unwrap();
        peer.send(invite(&peer.via(), from, rtp.local_addr().unwrap()).as_bytes());
        let got = peer.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
        let ok = got.into_iter().find(|m| is_final(m) && status(m) == 200)?;
        peer.send(within(&ok, &peer.via(), "ACK", 8, "", "").as_bytes());
        let port = line(&ok, "m=audio ").split(' ').nth(1)?.parse().ok()?;
        let to = SocketAddr::new(sip.ip(), port);
        Some(Line {
            peer,
            ok,
            rtp,
            to,
            keys: 0,
        })
    }

    /// Presses keys; false when the call is over.
    pub fn press(&mut self, digits: &str) -> bool {
        digits.chars().all(|digit| {
            self.keys += 1;
            let kind = "Content-Type: application/dtmf-relay\r\n";
            let key = format!("Signal={digit}\r\nDuration=160\r\n");
            let info = within(&self.ok, &self.peer.via(), "INFO", 8 + self.keys, kind, &key);
            self.peer.send(info.as_bytes());
            let number = format!("CSeq: {} INFO", 8 + self.keys);
            let answers = |m: &String| is_final(m) && line(m, "CSeq:") == number;
            let got = self.peer.collect(PATIENCE, |all| all.iter().any(answers));
            got.iter().any(|m| answers(m) && status(m) == 200)
        })
    }

    /// Sends one packet of the strange tone.
    pub fn say(&self, sequence: u16, source: u32) {
        let _ = self.rtp.send_to(&packet(sequence, source), self.to);
    }
}

/// RTP with 20 ms of a loud tone that is nobody's.
pub fn packet(sequence: u16, source: u32) -> Vec<u8> {
    let mut codes = [0; 160];
    Law::A.encode(&tone(STRANGE, 0.02), &mut codes);
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet.extend(codes);
    packet
}

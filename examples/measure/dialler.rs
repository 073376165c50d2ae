//! A phone that calls and whose packets can be timed one by one: SIP by hand, digits by INFO, PCMU.

use super::packets::Packets;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A call that is answered and has keyed its digits.
pub struct Dialler {
    sip: UdpSocket,
    pub packets: Packets,
    server: SocketAddr,
    to: String,
    cseq: u32,
}

impl Dialler {
    pub fn call(server: &str, digits: &str) -> Dialler {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        sip.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut phone = Dialler {
            sip,
            packets: Packets::open(),
            server: server.parse().unwrap(),
            to: "To: <sip:07012345678@x>".to_owned(),
            cseq: 1,
        };
        let sdp = phone.packets.sdp();
        phone.send("INVITE", "application/sdp", &sdp);
        let answer = phone.answer();
        let to = answer.lines().find(|l| l.starts_with("To:")).unwrap();
        phone.to = to.trim().to_owned();
        phone.send("ACK", "", "");
        phone.packets.go_to(&answer);
        for digit in digits.chars() {
            phone.cseq += 1;
            phone.send(
                "INFO",
                "application/dtmf-relay",
                &format!("Signal={digit}\r\nDuration=100\r\n"),
            );
            phone.answer();
        }
        phone
    }

    fn send(&self, method: &str, kind: &str, body: &str) {
        let own = self.sip.local_addr().unwrap();
        let kind = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: {kind}\r\n")
        };
        let text = format!(
            "{method} sip:07012345678@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{cseq}\r\nFrom: <sip:01055550000@x>;tag=1\r\n{to}\r\nCall-ID: measure{own}\r\nCSeq: {cseq} {method}\r\nContact: <sip:c@{own}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
            cseq = self.cseq,
            to = self.to,
            length = body.len()
        );
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
    }

    /// The next final answer; it must be 200.
    fn answer(&self) -> String {
        let mut buffer = [0; 8192];
        loop {
            let length = self.sip.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with("SIP/2.0 1") {
                continue;
            }
            assert!(text.starts_with("SIP/2.0 200"), "{text}");
            return text;
        }
    }
}

impl Drop for Dialler {
    fn drop(&mut self) {
        self.cseq += 1;
        self.send("BYE", "", "");
    }
}

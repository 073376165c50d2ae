//! A phone whose packets can be timed one by one: SIP by hand, digits by INFO, PCMU.

use super::app::FRAME;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// RTP header without extensions, bytes (RFC 3550 section 5.1).
const HEADER: usize = 12;

/// A call that is answered and has keyed its digits.
pub struct Dialler {
    sip: UdpSocket,
    rtp: UdpSocket,
    server: SocketAddr,
    server_rtp: SocketAddr,
    to: String,
    cseq: u32,
}

impl Dialler {
    pub fn call(server: &str, digits: &str) -> Dialler {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        sip.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut phone = Dialler {
            server_rtp: rtp.local_addr().unwrap(),
            sip,
            rtp,
            server: server.parse().unwrap(),
            to: "To: <sip:07012345678@x>".to_owned(),
            cseq: 1,
        };
        let port = phone.rtp.local_addr().unwrap().port();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        );
        phone.send("INVITE", "application/sdp", &sdp);
        let answer = phone.answer();
        let to = answer.lines().find(|l| l.starts_with("To:")).unwrap();
        phone.to = to.trim().to_owned();
        phone.send("ACK", "", "");
        let media = answer.lines().find_map(|l| l.strip_prefix("m=audio ")).unwrap();
        let port = media.split(' ').next().unwrap();
        phone.server_rtp = format!("127.0.0.1:{port}").parse().unwrap();
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

    /// Sends `frames` packets, each at its time, and hands out what comes meanwhile.
    pub fn talk(
        &self,
        frames: u64,
        mut say: impl FnMut(u64, Instant) -> [u8; 160],
        mut hear: impl FnMut(Instant, &[u8]),
    ) {
        let mut next = Instant::now();
        let mut buffer = [0; 2048];
        for frame in 0..frames {
            loop {
                let wait = next.saturating_duration_since(Instant::now());
                if wait.is_zero() {
                    break;
                }
                self.rtp.set_read_timeout(Some(wait)).unwrap();
                if let Ok(length) = self.rtp.recv(&mut buffer) {
                    hear(Instant::now(), buffer.get(HEADER..length).unwrap_or_default());
                }
            }
            let mut packet = vec![0x80, 0];
            packet.extend((frame as u16).to_be_bytes());
            packet.extend((frame as u32 * 160).to_be_bytes());
            packet.extend(7u32.to_be_bytes());
            packet.extend(say(frame, Instant::now()));
            self.rtp.send_to(&packet, self.server_rtp).unwrap();
            next += FRAME;
        }
    }
}

impl Drop for Dialler {
    fn drop(&mut self) {
        self.cseq += 1;
        self.send("BYE", "", "");
    }
}

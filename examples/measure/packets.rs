//! The packets of a telephone, PCMU, each timed.

use super::app::FRAME;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

/// RTP header without extensions, bytes (RFC 3550 section 5.1).
const HEADER: usize = 12;

pub struct Packets {
    socket: UdpSocket,
    /// Where they go.
    to: SocketAddr,
}

impl Packets {
    pub fn open() -> Packets {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Packets {
            to: socket.local_addr().unwrap(),
            socket,
        }
    }

    pub fn sdp(&self) -> String {
        let port = self.socket.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    /// To where the other side's description says.
    pub fn go_to(&mut self, description: &str) {
        let media = description
            .lines()
            .find_map(|l| l.strip_prefix("m=audio "))
            .unwrap();
        let port = media.split(' ').next().unwrap();
        self.to = format!("127.0.0.1:{port}").parse().unwrap();
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
                self.socket.set_read_timeout(Some(wait)).unwrap();
                if let Ok(length) = self.socket.recv(&mut buffer) {
                    hear(Instant::now(), buffer.get(HEADER..length).unwrap_or_default());
                }
            }
            let mut packet = vec![0x80, 0];
            packet.extend((frame as u16).to_be_bytes());
            packet.extend((frame as u32 * 160).to_be_bytes());
            packet.extend(7u32.to_be_bytes());
            packet.extend(say(frame, Instant::now()));
            self.socket.send_to(&packet, self.to).unwrap();
            next += FRAME;
        }
    }
}

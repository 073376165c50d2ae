//! The gateway of a telephone that is called and whose packets can be timed one by one: SIP by hand.

use super::packets::Packets;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

pub struct Gateway(UdpSocket);

/// A call that has come to it.
pub struct Called<'a> {
    gateway: &'a Gateway,
    invite: String,
    from: SocketAddr,
    pub packets: Packets,
}

impl Gateway {
    pub fn open() -> Gateway {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        sip.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Gateway(sip)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Waits for a call, which rings then.
    pub fn rings(&self) -> Called<'_> {
        let (invite, from) = self.hear("INVITE");
        let mut packets = Packets::open();
        packets.go_to(&invite);
        let called = Called {
            gateway: self,
            invite,
            from,
            packets,
        };
        self.respond(&called.invite, from, "180 Ringing", "");
        called
    }

    /// The next request of this method; whether it is there, it is asked as well.
    fn hear(&self, method: &str) -> (String, SocketAddr) {
        let mut buffer = [0; 8192];
        loop {
            let (length, from) = self.0.recv_from(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.starts_with(method) {
                return (text, from);
            }
            if text.starts_with("OPTIONS") {
                self.respond(&text, from, "200 OK", "");
            }
        }
    }

    fn respond(&self, request: &str, to: SocketAddr, status: &str, sdp: &str) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for line in request.lines().take_while(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap();
            if ["Via", "From", "To", "Call-ID", "CSeq"].contains(&name) {
                let tag = if name == "To" && !line.contains("tag=") {
                    ";tag=there"
                } else {
                    ""
                };
                text += &format!("{line}{tag}\r\n");
            }
        }
        if !sdp.is_empty() {
            text += "Content-Type: application/sdp\r\n";
        }
        let (own, length) = (self.address(), sdp.len());
        text += &format!("Contact: <sip:there@{own}>\r\nContent-Length: {length}\r\n\r\n{sdp}");
        self.0.send_to(text.as_bytes(), to).unwrap();
    }
}

impl Called<'_> {
    pub fn answers(&self) {
        self.gateway
            .respond(&self.invite, self.from, "200 OK", &self.packets.sdp());
        self.gateway.hear("ACK");
    }

    /// Waits for the other side to hang up.
    pub fn is_hung_up(&self) {
        let (bye, from) = self.gateway.hear("BYE");
        self.gateway.respond(&bye, from, "200 OK", "");
    }
}

//! SIP written byte by byte.

use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A SIP peer that writes its datagrams itself.
pub struct Peer {
    socket: UdpSocket,
    to: SocketAddr,
    /// Answers that took a call; it is hung up in the end.
    taken: RefCell<Vec<String>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.collect(Duration::from_millis(1), |_| false);
        for answer in self.taken.take() {
            self.send(hang_up(&answer, &self.via()).as_bytes());
        }
    }
}

/// The BYE for the call that this answer has taken.
pub fn hang_up(answer: &str, via: &str) -> String {
    within(answer, via, "BYE", 4711, "", "")
}

/// A request in the call that this answer has taken; `more` are further header lines.
pub fn within(answer: &str, via: &str, method: &str, cseq: u32, more: &str, body: &str) -> String {
    let line = |name: &str| answer.lines().find(|l| l.starts_with(name)).unwrap();
    format!(
        "{method} sip:omnigate@127.0.0.1 SIP/2.0\r\nVia: {via}{method}{cseq}\r\n{}\r\n{}\r\n{}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{more}Content-Length: {}\r\n\r\n{body}",
        line("From:"),
        line("To:"),
        line("Call-ID:"),
        body.len()
    )
}

impl Peer {
    pub fn new(to: SocketAddr) -> Peer {
        Peer::on("127.0.0.1", to)
    }

    /// A peer with this address.
    pub fn on(ip: &str, to: SocketAddr) -> Peer {
        let socket = UdpSocket::bind((ip, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Peer {
            socket,
            to,
            taken: RefCell::default(),
        }
    }

    pub fn via(&self) -> String {
        format!(
            "SIP/2.0/UDP {};branch=z9hG4bK{}",
            self.socket.local_addr().unwrap(),
            self.socket.local_addr().unwrap().port()
        )
    }

    /// Where requests within a dialog are to come.
    pub fn contact(&self) -> String {
        format!("Contact: <sip:a@{}>", self.socket.local_addr().unwrap())
    }

    pub fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.to).unwrap();
    }

    /// Everything that arrives until `done` or for `limit`.
    pub fn collect(&self, limit: Duration, done: impl Fn(&[String]) -> bool) -> Vec<String> {
        let until = Instant::now() + limit;
        let mut all = Vec::new();
        let mut buffer = [0; 65_536];
        while Instant::now() < until && !done(&all) {
            if let Ok(n) = self.socket.recv(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..n]).into_owned();
                let takes = status(&message) == 200 && message.contains(" INVITE\r\n");
                if takes && !self.taken.borrow().contains(&message) {
                    self.taken.borrow_mut().push(message.clone());
                }
                all.push(message);
            }
        }
        all
    }
}

impl Peer {
    /// Calls and acknowledges; the 200.
    pub fn call(&self, invite: &str) -> String {
        self.send(invite.as_bytes());
        let got = self.collect(PATIENCE, |all| all.iter().any(|m| is_final(m)));
        let ok = got.into_iter().find(|m| is_final(m)).expect("a final answer");
        assert_eq!(status(&ok), 200, "{ok}");
        self.send(within(&ok, &self.via(), "ACK", 8, "", "").as_bytes());
        ok
    }

    /// Sends a request and waits for its final answer.
    pub fn ask(&self, request: &str) -> String {
        let cseq = line(request, "CSeq:");
        self.send(request.as_bytes());
        let is = |m: &String| is_final(m) && line(m, "CSeq:") == cseq;
        let got = self.collect(PATIENCE, |all| all.iter().any(is));
        got.into_iter()
            .find(is)
            .unwrap_or_else(|| panic!("no answer to {request}"))
    }
}

/// The line of this field, or nothing.
pub fn line<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find(|l| l.starts_with(name)).unwrap_or_default()
}

pub fn status(message: &str) -> u16 {
    message
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .unwrap_or(0)
}

pub fn is_final(message: &str) -> bool {
    message.starts_with("SIP/2.0") && status(message) >= 200
}

pub const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n";

pub fn request(line: &str, method: &str, via: &str, more: &str, body: &str) -> String {
    let from = if more.to_ascii_lowercase().contains("from") {
        String::new()
    } else {
        "From: <sip:a@example.com>;tag=9\r\n".to_owned()
    };
    let to = if more.to_ascii_lowercase().contains("to:") || more.contains("TO :") {
        ""
    } else {
        "To: <sip:b@example.com>\r\n"
    };
    let cseq = if more.to_ascii_lowercase().contains("cseq") {
        String::new()
    } else {
        format!("CSeq: 8 {method}\r\n")
    };
    let of_peer = |sum: u32, b: u8| sum.wrapping_mul(31).wrapping_add(b.into());
    let id = via.bytes().chain(line.bytes()).fold(0, of_peer);
    let via = if more.to_ascii_lowercase().contains("via") {
        String::new()
    } else {
        format!("Via: {via}\r\n")
    };
    let length = if more.to_ascii_lowercase().contains("content-length") || more.contains("l:") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    format!(
        "{line}\r\n{via}{from}{to}Call-ID: {id}.{}\r\n{cseq}Contact: <sip:a@127.0.0.1>\r\nMax-Forwards: 70\r\n{more}{length}\r\n{body}",
        more.len()
    )
}

impl Peer {
    /// An INVITE with an offer, to a number that the default trunk takes; `more` are further header lines.
    pub fn invite(&self, more: &str) -> String {
        request(
            "INVITE sip:07012345678@127.0.0.1 SIP/2.0",
            "INVITE",
            &self.via(),
            &format!("{more}Content-Type: application/sdp\r\n"),
            SDP,
        )
    }
}

//! The telephone network's side of a trunk, written byte by byte: a gateway that is called, and says what the test wants.

use crate::audio::tone;
use omnigate_audio::g711::Law;
use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Longest that anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A gateway.
pub struct Exchange {
    sip: UdpSocket,
}

/// A call that has come to it.
pub struct Ringing<'a> {
    exchange: &'a Exchange,
    from: SocketAddr,
    pub invite: String,
    rtp: UdpSocket,
    says: Option<Voice>,
    /// CSeq of its last request.
    number: Cell<u32>,
}

/// A tone that is sent until it is dropped.
struct Voice(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Drop for Voice {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

impl Exchange {
    pub fn new() -> Exchange {
        let sip = UdpSocket::bind("127.0.0.1:0").unwrap();
        sip.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Exchange { sip }
    }

    pub fn address(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    /// Of its side of all dialogs.
    fn tag(&self) -> String {
        format!("there{}", self.address().port())
    }

    /// The settings of a trunk whose calls go to these gateways.
    pub fn only_trunk(gateways: &[String], more: &str) -> String {
        format!(
            "[[trunk]]\nname = \"carrier\"\ngateways = {gateways:?}\ndestinations = [\"*\"]\ncallers = [{{ number = \"070-1234-5678\", proof = \"a contract\" }}]\n{more}\n"
        )
    }

    /// The same, and of the service that makes them.
    pub fn trunk(gateways: &[String], more: &str) -> String {
        let trunk = Exchange::only_trunk(gateways, more);
        format!("{trunk}[[service]]\nid = \"demo\"\nkey = \"demo\"\ncaller = \"070-1234-5678\"\n")
    }

    /// The settings of a trunk that calls it.
    pub fn of(&self, more: &str) -> String {
        Exchange::trunk(&[format!("sip:{}", self.address())], more)
    }

    /// Waits for a call to one of them.
    pub fn first_of<'a>(all: &[&'a Exchange]) -> Ringing<'a> {
        let until = Instant::now() + LIMIT;
        while Instant::now() < until {
            for exchange in all {
                if let Some((from, invite)) = exchange.hear_within("INVITE", Duration::from_millis(5)) {
                    return exchange.take(from, invite);
                }
            }
        }
        panic!("no call within {LIMIT:?}");
    }

    /// Waits for a call.
    pub fn rings(&self) -> Ringing<'_> {
        let (from, invite) = self.hear("INVITE");
        self.take(from, invite)
    }

    fn take(&self, from: SocketAddr, invite: String) -> Ringing<'_> {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let ringing = Ringing {
            exchange: self,
            from,
            invite,
            rtp,
            says: None,
            number: Cell::new(6),
        };
        ringing.respond(100, "");
        ringing
    }

    /// Waits until it is asked whether it is there, and says so.
    pub fn is_asked(&self) {
        self.takes("OPTIONS");
    }

    /// Waits for a request, and takes it.
    fn takes(&self, method: &str) -> String {
        let (from, request) = self.hear(method);
        let ok = format!("{}Content-Length: 0\r\n\r\n", head(&request, 200, &self.tag()));
        self.sip.send_to(ok.as_bytes(), from).unwrap();
        request
    }

    /// True when nothing has come for so long: for what must not happen.
    pub fn is_silent_for(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        let mut buffer = [0; 8192];
        while Instant::now() < until {
            let heard = self.sip.recv_from(&mut buffer);
            // It is asked now and then whether it is there.
            if heard.is_ok() && !buffer.starts_with(b"OPTIONS") {
                return false;
            }
        }
        true
    }

    /// The next request of this method; what else comes is passed over.
    fn hear(&self, method: &str) -> (SocketAddr, String) {
        self.hear_within(method, LIMIT)
            .unwrap_or_else(|| panic!("no {method} within {LIMIT:?}"))
    }

    fn hear_within(&self, method: &str, limit: Duration) -> Option<(SocketAddr, String)> {
        let until = Instant::now() + limit;
        let mut buffer = [0; 8192];
        while Instant::now() < until {
            if let Ok((n, from)) = self.sip.recv_from(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                if text.starts_with(method) {
                    return Some((from, text));
                }
            }
        }
        None
    }
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// The fields that a response takes over from its request.
fn head(request: &str, status: u16, tag: &str) -> String {
    let via: Vec<&str> = request.lines().filter(|line| line.starts_with("Via:")).collect();
    let to = field(request, "To:");
    let tag = if to.contains(";tag=") || status == 100 {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    format!(
        "SIP/2.0 {status} Words\r\n{}\r\n{}\r\n{to}{tag}\r\n{}\r\n{}\r\n",
        via.join("\r\n"),
        field(request, "From:"),
        field(request, "Call-ID:"),
        field(request, "CSeq:"),
    )
}

/// One of RTP, of payload type 8.
fn packet(number: u64, codes: &[u8; 160]) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend((number as u16).to_be_bytes());
    packet.extend((number as u32 * 160).to_be_bytes());
    packet.extend(77_u32.to_be_bytes());
    packet.extend(codes);
    packet
}

impl Ringing<'_> {
    fn sdp(&self) -> String {
        let port = self.rtp.local_addr().unwrap().port();
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }

    pub fn is_at(&self, exchange: &Exchange) -> bool {
        self.exchange.address() == exchange.address()
    }

    /// A response to the INVITE; `more` are header lines.
    pub fn respond(&self, status: u16, more: &str) {
        let head = head(&self.invite, status, &self.exchange.tag());
        let text = format!("{head}{more}Content-Length: 0\r\n\r\n");
        self.exchange.sip.send_to(text.as_bytes(), self.from).unwrap();
    }

    /// The same with a session description.
    pub fn respond_with_sdp(&self, status: u16) {
        let own = self.exchange.address();
        self.respond_with(status, &format!("Contact: <sip:there@{own}>\r\n"));
    }

    /// The same with these header lines.
    pub fn respond_with(&self, status: u16, more: &str) {
        let (head, sdp) = (head(&self.invite, status, &self.exchange.tag()), self.sdp());
        let text = format!(
            "{head}{more}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        self.exchange.sip.send_to(text.as_bytes(), self.from).unwrap();
    }

    /// Waits for a request of the call at this gateway, and takes it.
    pub fn takes(&self, at: &Exchange, method: &str) -> String {
        at.takes(method)
    }

    /// Waits for sound.
    pub fn hears(&self) {
        self.rtp.set_read_timeout(Some(LIMIT)).unwrap();
        let mut packet = [0; 2048];
        self.rtp.recv(&mut packet).expect("sound");
    }

    /// The first value of a field of the INVITE, or none.
    pub fn says_field(&self, name: &str) -> Option<&str> {
        let lines = self.invite.lines().take_while(|line| !line.is_empty());
        lines
            .filter_map(|line| line.split_once(": "))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// Answers, and waits for the ACK.
    pub fn answers(&self) {
        self.respond_with_sdp(200);
        self.exchange.hear("ACK");
    }

    /// Refuses, and waits for the ACK.
    pub fn refuses(&self, status: u16, more: &str) {
        self.respond(status, more);
        self.exchange.hear("ACK");
    }

    /// Sends a tone from here on.
    pub fn says(&mut self, hertz: f64) {
        let to = self.where_sound_goes();
        let (rtp, stop) = (self.rtp.try_clone().unwrap(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let voice = std::thread::spawn(move || {
            let pcm = tone(hertz, 60.0);
            let mut next = Instant::now();
            for (i, frame) in pcm.chunks_exact(160).enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let mut codes = [0; 160];
                Law::A.encode(frame, &mut codes);
                let _ = rtp.send_to(&packet(i as u64, &codes), to);
                next += Duration::from_millis(20);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        self.says = Some(Voice(stop, Some(voice)));
    }

    /// Sends so many packets of A-law, each at its time, and hands out what comes meanwhile.
    pub fn talks(&self, packets: u64, mut say: impl FnMut(u64) -> [u8; 160], mut hear: impl FnMut(&[u8])) {
        let to = self.where_sound_goes();
        let (mut next, mut buffer) = (Instant::now(), [0; 2048]);
        for number in 0..packets {
            loop {
                let left = next.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                self.rtp.set_read_timeout(Some(left)).unwrap();
                if let Ok(n) = self.rtp.recv(&mut buffer)
                    && n == 172
                {
                    hear(&buffer[12..n]);
                }
            }
            let _ = self.rtp.send_to(&packet(number, &say(number)), to);
            next += Duration::from_millis(20);
        }
    }

    /// Where the other side wants its sound.
    fn where_sound_goes(&self) -> SocketAddr {
        let sdp = self.invite.split_once("\r\n\r\n").unwrap().1;
        let port = field(sdp, "m=audio ").split(' ').nth(1).unwrap();
        format!("127.0.0.1:{port}").parse().unwrap()
    }

    /// Telephone events that come, each once, until there are so many.
    pub fn keys(&self, count: usize) -> Vec<u8> {
        self.rtp
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let (mut keys, mut last) = (Vec::new(), None);
        let until = Instant::now() + LIMIT;
        let mut packet = [0; 2048];
        while keys.len() < count && Instant::now() < until {
            let Ok(n) = self.rtp.recv(&mut packet) else {
                continue;
            };
            if n >= 16 && packet[1] & 0x7f == 101 && last != Some(packet[4..8].to_vec()) {
                last = Some(packet[4..8].to_vec());
                keys.push(packet[12]);
            }
        }
        keys
    }

    /// Waits for CANCEL, and says so.
    pub fn is_cancelled(&self) {
        self.exchange.takes("CANCEL");
        self.refuses(487, "");
    }

    /// Waits for BYE, and says so; its Reason.
    pub fn is_hung_up(&self) -> String {
        let bye = self.exchange.takes("BYE");
        field(&bye, "Reason:").to_owned()
    }

    /// Waits for BYE, and says so.
    pub fn is_gone(&self) {
        self.takes(self.exchange, "BYE");
    }

    /// Waits for the next NOTIFY, and takes it; its body.
    pub fn notified(&self) -> String {
        let notify = self.takes(self.exchange, "NOTIFY");
        notify.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// Asks to be transferred; the status of the answer.
    pub fn refers(&self, to: &str) -> u16 {
        self.ask("REFER", &format!("Refer-To: <{to}>\r\n"));
        self.status_of("REFER")
    }

    /// Waits for the answer to a request of this method; its status.
    fn status_of(&self, method: &str) -> u16 {
        loop {
            let (_, response) = self.exchange.hear("SIP/2.0");
            if field(&response, "CSeq:").ends_with(method) {
                return response.split(' ').nth(1).unwrap().parse().unwrap();
            }
        }
    }

    /// Hangs up.
    pub fn hangs_up(&self) {
        self.ask("BYE", "");
        self.exchange.hear("SIP/2.0 200");
    }

    /// Hangs up when it has been hung up on, and takes that only then.
    pub fn hangs_up_too(&self) {
        self.exchange.hear("BYE");
        self.ask("BYE", "");
        // For the other side the call is over already (RFC 3261, 15.1.2), or not quite.
        let status = self.status_of("BYE");
        assert!(status == 481 || status == 200, "{status}");
        self.is_hung_up();
    }

    /// A request of the telephone; `more` are header lines.
    fn ask(&self, method: &str, more: &str) {
        let contact = field(&self.invite, "Contact:");
        let uri = contact.split(['<', '>']).nth(1).unwrap();
        let turned = |name: &str, other: &str| {
            let value = field(&self.invite, name).split_once(':').unwrap().1;
            format!("{other}:{value}")
        };
        let own = self.exchange.address();
        let number = self.number.get() + 1;
        self.number.set(number);
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{method}{number}.{}\r\n{};tag={}\r\n{}\r\n{}\r\nCSeq: {number} {method}\r\nContact: <sip:there@{own}>\r\n{more}Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            self.rtp.local_addr().unwrap().port(),
            turned("To:", "From"),
            self.exchange.tag(),
            turned("From:", "To"),
            field(&self.invite, "Call-ID:"),
        );
        // There may be a proxy on the way that does not stay in it.
        let host = uri.split(['@', ';']).nth(1).unwrap();
        let to: SocketAddr = host.parse().unwrap();
        self.exchange.sip.send_to(request.as_bytes(), to).unwrap();
    }
}

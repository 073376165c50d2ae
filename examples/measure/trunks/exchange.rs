//! The telephone network's side of a trunk for calls out: telephones that ring, answer, echo what they hear, and hang up at
//! random. One thread; one socket for all SIP and one for all RTP.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// RFC 3261: how often what is not acknowledged is sent again, and for how long.
const T1: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(32);

/// What has become of the telephones' calls.
#[derive(Default, Clone)]
pub struct Told {
    pub invited: usize,
    pub answered: usize,
    pub cancelled: usize,
    pub they_hung_up: usize,
    pub we_hung_up: usize,
    /// Answered for a second and more, and nothing was heard.
    pub deaf: usize,
    pub faults: BTreeMap<String, usize>,
    /// That are not over.
    pub left: usize,
}

#[derive(PartialEq, Clone, Copy)]
enum Stage {
    Ringing,
    Answered,
    Talking,
    /// 487 or BYE waits for its ACK or 200.
    Leaving,
}

struct Call {
    stage: Stage,
    invite: String,
    from: SocketAddr,
    rtp: u16,
    /// When something is to be done about it.
    due: Instant,
    /// Since when it is answered, and since when both know.
    answered: Option<Instant>,
    talks: Option<Instant>,
    heard: usize,
}

struct Board {
    sip: UdpSocket,
    rtp: UdpSocket,
    calls: HashMap<String, Call>,
    by_port: HashMap<u16, String>,
    timers: BinaryHeap<Reverse<(Instant, String)>>,
    random: u64,
    told: Arc<Mutex<Told>>,
}

/// The running exchange.
pub struct Exchange {
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Exchange {
    pub fn start(sip: &str, rtp: &str) -> Exchange {
        let (sip, rtp) = (UdpSocket::bind(sip).unwrap(), UdpSocket::bind(rtp).unwrap());
        for socket in [&sip, &rtp] {
            socket.set_nonblocking(true).unwrap();
            let _ = socket2::SockRef::from(socket).set_recv_buffer_size(4 << 20);
        }
        let (told, stop) = (Arc::<Mutex<Told>>::default(), Arc::<AtomicBool>::default());
        let mut board = Board {
            sip,
            rtp,
            calls: HashMap::new(),
            by_port: HashMap::new(),
            timers: BinaryHeap::new(),
            random: 0x5eed,
            told: told.clone(),
        };
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                board.read_sip();
                board.echo();
                board.expire();
                board.told.lock().unwrap().left = board.calls.len();
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        Exchange {
            told,
            stop,
            thread: Some(thread),
        }
    }

    pub fn told(&self) -> Told {
        self.told.lock().unwrap().clone()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    let lines = message.lines().take_while(|line| !line.is_empty());
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    values.next().unwrap_or_default().trim()
}

impl Board {
    fn read_sip(&mut self) {
        let mut buffer = [0; 8192];
        while let Ok((n, from)) = self.sip.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            self.message(text, from);
        }
    }

    fn message(&mut self, text: String, from: SocketAddr) {
        let id = field(&text, "Call-ID").to_owned();
        let now = Instant::now();
        match text.split(' ').next().unwrap_or_default() {
            "INVITE" if self.calls.contains_key(&id) => {}
            "INVITE" => self.rings(id, text, from, now),
            "ACK" => self.acknowledged(&id, now),
            "CANCEL" => {
                self.respond(&text, from, 200, "");
                self.cancelled(&id, now);
            }
            "BYE" => {
                self.respond(&text, from, 200, "");
                if self.calls.contains_key(&id) {
                    self.told.lock().unwrap().they_hung_up += 1;
                    self.forget(&id, now);
                }
            }
            "OPTIONS" => self.respond(&text, from, 200, ""),
            "SIP/2.0" if field(&text, "CSeq").ends_with("BYE") => {
                if !text.starts_with("SIP/2.0 200") {
                    self.fault(text.lines().next().unwrap_or_default());
                }
                self.forget(&id, now);
            }
            other => self.fault(other),
        }
    }

    /// The next of a sequence that is the same each time, below `most`.
    fn any(&mut self, most: u64) -> u64 {
        let next = self.random.wrapping_mul(6_364_136_223_846_793_005);
        self.random = next.wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % most
    }

    fn rings(&mut self, id: String, invite: String, from: SocketAddr, now: Instant) {
        self.told.lock().unwrap().invited += 1;
        self.respond(&invite, from, 180, "");
        let media = invite.lines().find_map(|line| line.strip_prefix("m=audio "));
        let rtp = media.and_then(|media| media.split(' ').next()?.parse().ok());
        let call = Call {
            stage: Stage::Ringing,
            invite,
            from,
            rtp: rtp.unwrap_or(0),
            due: now,
            answered: None,
            talks: None,
            heard: 0,
        };
        // The app has its audio by then.
        let pick_up = now + Duration::from_millis(500 + self.any(4_000));
        self.by_port.insert(call.rtp, id.clone());
        self.calls.insert(id.clone(), call);
        self.wait(&id, pick_up);
    }

    /// Only the last time that was named for a call counts.
    fn wait(&mut self, id: &str, until: Instant) {
        if let Some(call) = self.calls.get_mut(id) {
            call.due = until;
            self.timers.push(Reverse((until, id.to_owned())));
        }
    }

    fn acknowledged(&mut self, id: &str, now: Instant) {
        let hang_up = now + Duration::from_millis(self.any(25_000));
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        match call.stage {
            Stage::Answered => {
                (call.stage, call.talks) = (Stage::Talking, Some(now));
                self.wait(id, hang_up);
            }
            Stage::Leaving => self.forget(id, now),
            Stage::Ringing | Stage::Talking => {}
        }
    }

    fn cancelled(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get_mut(id) else {
            return;
        };
        if call.stage == Stage::Ringing {
            call.stage = Stage::Leaving;
            let (invite, from) = (call.invite.clone(), call.from);
            self.told.lock().unwrap().cancelled += 1;
            self.respond(&invite, from, 487, "");
            self.wait(id, now + PATIENCE);
        }
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, id))) = self.timers.peek().cloned() {
            if at > now {
                return;
            }
            self.timers.pop();
            let Some(call) = self.calls.get_mut(&id).filter(|call| call.due == at) else {
                continue;
            };
            let waited = call.answered.map(|at| now - at).unwrap_or_default();
            match call.stage {
                Stage::Ringing => {
                    (call.stage, call.answered) = (Stage::Answered, Some(now));
                    self.told.lock().unwrap().answered += 1;
                    self.answer(&id, now);
                }
                Stage::Answered if waited < PATIENCE => self.answer(&id, now),
                Stage::Talking => {
                    call.stage = Stage::Leaving;
                    self.told.lock().unwrap().we_hung_up += 1;
                    self.hang_up(&id, now);
                }
                Stage::Answered | Stage::Leaving => {
                    self.fault("no ACK, or no answer to BYE");
                    self.forget(&id, now);
                }
            }
        }
    }

    fn answer(&mut self, id: &str, now: Instant) {
        let (own, rtp) = (self.sip.local_addr().unwrap(), self.rtp.local_addr().unwrap());
        let Some(call) = self.calls.get(id) else { return };
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n",
            rtp.port(),
            ip = rtp.ip()
        );
        let more = format!("Contact: <sip:there@{own}>\r\nContent-Type: application/sdp\r\n");
        let (invite, from) = (call.invite.clone(), call.from);
        self.respond_with(&invite, from, 200, &more, &sdp);
        self.wait(id, now + T1);
    }

    fn hang_up(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.get(id) else { return };
        let contact = field(&call.invite, "Contact");
        let uri = contact.split(['<', '>']).nth(1).unwrap_or_default();
        let own = self.sip.local_addr().unwrap();
        let bye = format!(
            "BYE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKbye{}\r\nFrom: {};tag=there\r\nTo: {}\r\nCall-ID: {id}\r\nCSeq: 9 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
            call.rtp,
            field(&call.invite, "To"),
            field(&call.invite, "From"),
        );
        let _ = self.sip.send_to(bye.as_bytes(), call.from);
        self.wait(id, now + PATIENCE);
    }

    fn respond(&self, request: &str, to: SocketAddr, status: u16, more: &str) {
        self.respond_with(request, to, status, more, "");
    }

    fn respond_with(&self, request: &str, to: SocketAddr, status: u16, more: &str, body: &str) {
        let via = request.lines().filter(|line| line.starts_with("Via:"));
        let via: Vec<&str> = via.collect();
        let callee = field(request, "To");
        let tag = if callee.contains(";tag=") {
            ""
        } else {
            ";tag=there"
        };
        let text = format!(
            "SIP/2.0 {status} Words\r\n{}\r\nFrom: {}\r\nTo: {callee}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}Content-Length: {}\r\n\r\n{body}",
            via.join("\r\n"),
            field(request, "From"),
            field(request, "Call-ID"),
            field(request, "CSeq"),
            body.len(),
        );
        let _ = self.sip.send_to(text.as_bytes(), to);
    }

    /// Everybody hears themselves.
    fn echo(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((n, from)) = self.rtp.recv_from(&mut buffer) {
            let id = self.by_port.get(&from.port());
            if let Some(call) = id.and_then(|id| self.calls.get_mut(id))
                && matches!(call.stage, Stage::Answered | Stage::Talking)
            {
                call.heard += 1;
                let _ = self.rtp.send_to(&buffer[..n], from);
            }
        }
    }

    fn forget(&mut self, id: &str, now: Instant) {
        let Some(call) = self.calls.remove(id) else { return };
        if self.by_port.get(&call.rtp).is_some_and(|of| of == id) {
            self.by_port.remove(&call.rtp);
        }
        let talked = call
            .talks
            .is_some_and(|since| now - since > Duration::from_secs(1));
        if talked && call.heard == 0 {
            self.told.lock().unwrap().deaf += 1;
        }
    }

    fn fault(&self, what: &str) {
        *self
            .told
            .lock()
            .unwrap()
            .faults
            .entry(what.to_owned())
            .or_default() += 1;
    }
}

//! Many callers in one thread: SIP over UDP by hand, with the timers of a telephone, and an ear for RTP.

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// RFC 3261 section 17: the first repetition, the longest pause between those of a BYE, and the end of patience.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const PATIENCE: Duration = Duration::from_secs(32);
/// How long a call that is answered waits to hear something.
const EAR: Duration = Duration::from_secs(5);
/// RTP packets that are read before SIP is looked at again.
const BATCH: usize = 256;

/// What is to be called.
#[derive(Clone, Copy)]
pub struct Load {
    pub calls: usize,
    /// Time from one INVITE to the next; none: the next as soon as there is a place.
    pub pace: Option<Duration>,
    /// Calls at once at most.
    pub at_once: usize,
    /// From the first packet heard to the BYE; none: until the end is asked for.
    pub stay: Option<Duration>,
    /// The caller's offer puts the call on hold, so that nothing is to be heard.
    pub held: bool,
}

/// What came of it.
#[derive(Default)]
pub struct Outcome {
    /// From the first INVITE to its 200, in order of length.
    pub answered: Vec<Duration>,
    /// Calls whose whole way went as it should.
    pub whole: usize,
    /// What went wrong, and how often.
    pub faults: BTreeMap<String, usize>,
    /// Requests sent again because no answer came in time, by method.
    pub resent: BTreeMap<&'static str, usize>,
    /// From the first INVITE to the last.
    pub calling: Duration,
    /// Most calls at once.
    pub most: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Inviting,
    Ringing,
    Listening,
    Talking,
    HangingUp,
}

struct Call {
    stage: Stage,
    begun: Instant,
    /// Since when its stage is as it is, or its request waits; and when after that the request is sent again.
    since: Instant,
    pause: Duration,
    /// Nothing was heard.
    deaf: bool,
    /// To and Request-URI of what follows the 200.
    to: String,
    contact: String,
    port: u16,
}

/// The callers: one SIP socket and one for all RTP; the port that a packet comes from tells whose it is.
pub struct Callers {
    poll: Poll,
    sip: UdpSocket,
    rtp: UdpSocket,
    own: SocketAddr,
    ear: u16,
    server: SocketAddr,
    calls: HashMap<usize, Call>,
    by_port: HashMap<u16, usize>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    next: usize,
    load: Load,
    outcome: Outcome,
}

impl Callers {
    pub fn new(server: &str) -> Callers {
        let poll = Poll::new().unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut sip = UdpSocket::bind(any).unwrap();
        let mut rtp = UdpSocket::bind(any).unwrap();
        for socket in [&sip, &rtp] {
            // As much as the system gives.
            let _ = socket2::SockRef::from(socket).set_recv_buffer_size(4 << 20);
        }
        let registry = poll.registry();
        registry.register(&mut sip, Token(0), Interest::READABLE).unwrap();
        registry.register(&mut rtp, Token(1), Interest::READABLE).unwrap();
        Callers {
            own: sip.local_addr().unwrap(),
            ear: rtp.local_addr().unwrap().port(),
            server: server.parse().unwrap(),
            poll,
            sip,
            rtp,
            calls: HashMap::new(),
            by_port: HashMap::new(),
            timers: BinaryHeap::new(),
            next: 0,
            load: Load {
                calls: 0,
                pace: None,
                at_once: 0,
                stay: None,
                held: false,
            },
            outcome: Outcome::default(),
        }
    }

    /// Calls, and waits until the last call is over.
    pub fn run(&mut self, load: Load) -> Outcome {
        self.begin(load);
        self.go_on(|callers| callers.calls.is_empty());
        std::mem::take(&mut self.outcome)
    }

    /// Calls until all are up, and lets them stay.
    pub fn hold(&mut self, load: Load) {
        self.begin(load);
        self.go_on(|callers| {
            let up = |call: &Call| call.stage == Stage::Talking;
            callers.calls.values().all(up)
        });
    }

    /// Goes on with what is up, for so long.
    pub fn stay(&mut self, time: Duration) {
        let until = Instant::now() + time;
        self.go_on(|_| Instant::now() >= until);
    }

    /// Hangs all up, no faster than a service's socket holds what is sent at once.
    pub fn end(&mut self) -> Outcome {
        let all: Vec<usize> = self.calls.keys().copied().collect();
        for some in all.chunks(10) {
            let now = Instant::now();
            some.iter().for_each(|number| self.hang_up(*number, now));
            self.stay(Duration::from_millis(20));
        }
        self.go_on(|callers| callers.calls.is_empty());
        std::mem::take(&mut self.outcome)
    }

    fn begin(&mut self, load: Load) {
        self.load = load;
        self.outcome = Outcome::default();
    }

    /// Drives all calls until every one has begun and it is `done`.
    fn go_on(&mut self, done: impl Fn(&Callers) -> bool) {
        let mut events = Events::with_capacity(16);
        let (first, begun) = (self.next, Instant::now());
        let last = first + std::mem::take(&mut self.load.calls);
        loop {
            while self.next < last && self.calls.len() < self.load.at_once {
                let due = self
                    .load
                    .pace
                    .map(|pace| begun + pace * (self.next - first) as u32);
                if due.is_some_and(|due| due > Instant::now()) {
                    break;
                }
                self.invite();
                self.outcome.calling = begun.elapsed();
            }
            self.outcome.most = self.outcome.most.max(self.calls.len());
            self.read_sip();
            let more = self.read_rtp();
            self.expire();
            if self.next == last && done(self) {
                return;
            }
            let due = self
                .load
                .pace
                .map(|pace| begun + pace * (self.next - first) as u32);
            let due = due.filter(|_| self.next < last);
            let timer = self.timers.peek().map(|Reverse((at, _))| *at);
            let until = [due, timer].into_iter().flatten().min();
            let wait = until.map_or(Duration::from_millis(10), |at| {
                at.saturating_duration_since(Instant::now())
                    .min(Duration::from_millis(10))
            });
            let wait = if more { Duration::ZERO } else { wait };
            self.poll.poll(&mut events, Some(wait)).unwrap();
        }
    }

    fn invite(&mut self) {
        let (number, now) = (self.next, Instant::now());
        self.next += 1;
        self.calls.insert(
            number,
            Call {
                stage: Stage::Inviting,
                begun: now,
                since: now,
                pause: T1,
                deaf: false,
                to: format!("To: <sip:07012345678@{}>", self.server),
                contact: format!("sip:07012345678@{}", self.server),
                port: 0,
            },
        );
        self.send(number, "INVITE");
        self.timers.push(Reverse((now + T1, number)));
    }

    fn send(&self, number: usize, method: &str) {
        let Some(call) = self.calls.get(&number) else {
            return;
        };
        let (own, ear) = (self.own, self.ear);
        let direction = if self.load.held { "sendonly" } else { "sendrecv" };
        let (cseq, body) = match method {
            "INVITE" => (
                1,
                format!(
                    "v=0\r\no=- {number} 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {ear} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na={direction}\r\n"
                ),
            ),
            "ACK" => (1, String::new()),
            _ => (2, String::new()),
        };
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let text = format!(
            "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {own};rport;branch=z9hG4bK{method}{number}\r\nMax-Forwards: 70\r\nFrom: <sip:01055550000@{own}>;tag=c{number}\r\n{to}\r\nCall-ID: {number}@{own}\r\nCSeq: {cseq} {method}\r\nContact: <sip:01055550000@{own}>\r\nUser-Agent: measure\r\n{kind}Content-Length: {length}\r\n\r\n{body}",
            contact = call.contact,
            to = call.to,
            length = body.len()
        );
        // What the socket does not take is lost, as on any network, and sent again.
        let _ = self.sip.send_to(text.as_bytes(), self.server);
    }

    fn read_sip(&mut self) {
        let mut buffer = [0; 8192];
        loop {
            match self.sip.recv_from(&mut buffer) {
                Ok((length, _)) => {
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    self.message(&text, Instant::now());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {}
            }
        }
    }

    fn message(&mut self, text: &str, now: Instant) {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let number = field("Call-ID: ").and_then(|id| id.split('@').next()?.parse().ok());
        let Some(number) = number else {
            return self.fault("no Call-ID of ours".to_owned());
        };
        let Some(status) = text.strip_prefix("SIP/2.0 ") else {
            return self.request(text, number);
        };
        let status: u16 = status.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0);
        let of_invite = field("CSeq: ").is_some_and(|cseq| cseq.ends_with(" INVITE"));
        let Some(call) = self.calls.get_mut(&number) else {
            // Another copy of the last answer.
            return;
        };
        match (of_invite, call.stage) {
            (true, Stage::Inviting) if status < 200 => call.stage = Stage::Ringing,
            (true, Stage::Inviting | Stage::Ringing) if status == 200 => {
                let media = field("m=audio ").and_then(|m| m.split(' ').next()?.parse().ok());
                call.port = media.unwrap_or(0);
                call.to = format!("To:{}", field("To:").unwrap_or_default());
                let contact = field("Contact: <").and_then(|c| c.split('>').next());
                call.contact = contact.unwrap_or("sip:nobody@127.0.0.1:9").to_owned();
                let (port, taken) = (call.port, now - call.begun);
                (call.stage, call.since) = (Stage::Listening, now);
                self.by_port.insert(port, number);
                self.outcome.answered.push(taken);
                self.send(number, "ACK");
                if self.load.held {
                    self.heard(number, now);
                } else {
                    self.timers.push(Reverse((now + EAR, number)));
                }
            }
            (true, Stage::Inviting | Stage::Ringing) if status > 200 => {
                call.to = format!("To:{}", field("To:").unwrap_or_default());
                self.send(number, "ACK");
                self.fault(format!("INVITE answered {status}"));
                self.forget(number);
            }
            (true, _) if status == 200 => self.send(number, "ACK"),
            (false, Stage::HangingUp) if status == 200 => {
                self.outcome.whole += usize::from(!call.deaf);
                self.forget(number);
            }
            (false, Stage::HangingUp) if status > 200 => {
                self.fault(format!("BYE answered {status}"));
                self.forget(number);
            }
            _ => {}
        }
    }

    /// The service ends a call, or asks for something: neither is in the plan.
    fn request(&mut self, text: &str, number: usize) {
        let method = text.split(' ').next().unwrap_or_default().to_owned();
        let wanted = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines = text
            .lines()
            .filter(|l| wanted.iter().any(|name| l.starts_with(name)));
        let lines: Vec<&str> = lines.collect();
        let answer = format!(
            "SIP/2.0 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
            lines.join("\r\n")
        );
        let _ = self.sip.send_to(answer.as_bytes(), self.server);
        let reason = text.lines().find(|l| l.starts_with("Reason:"));
        if self.calls.contains_key(&number) {
            self.fault(format!(
                "{method} from the service, {}",
                reason.unwrap_or_default()
            ));
            self.forget(number);
        }
    }

    /// True when there may be more.
    fn read_rtp(&mut self) -> bool {
        let mut buffer = [0; 2048];
        for _ in 0..BATCH {
            match self.rtp.recv_from(&mut buffer) {
                Ok((_, from)) => {
                    if let Some(number) = self.by_port.get(&from.port()).copied() {
                        self.heard(number, Instant::now());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
                Err(_) => {}
            }
        }
        true
    }

    fn heard(&mut self, number: usize, now: Instant) {
        let Some(call) = self.calls.get_mut(&number) else {
            return;
        };
        if call.stage != Stage::Listening {
            return;
        }
        (call.stage, call.since) = (Stage::Talking, now);
        match self.load.stay {
            Some(Duration::ZERO) => self.hang_up(number, now),
            Some(stay) => self.timers.push(Reverse((now + stay, number))),
            None => {}
        }
    }

    fn hang_up(&mut self, number: usize, now: Instant) {
        if let Some(call) = self.calls.get_mut(&number) {
            (call.stage, call.since, call.pause) = (Stage::HangingUp, now, T1);
            self.send(number, "BYE");
            self.timers.push(Reverse((now + T1, number)));
        }
    }

    /// A timer tells when to look at a call; its stage tells whether something is due.
    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, number))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            let Some(call) = self.calls.get_mut(&number) else {
                continue;
            };
            let waited = now - call.since;
            match call.stage {
                Stage::Inviting | Stage::Ringing | Stage::HangingUp if waited >= PATIENCE => {
                    let what = match call.stage {
                        Stage::HangingUp => "BYE not answered",
                        _ => "INVITE not answered",
                    };
                    self.fault(what.to_owned());
                    self.forget(number);
                }
                Stage::Inviting | Stage::HangingUp if waited >= call.pause => {
                    let (method, longest) = match call.stage {
                        Stage::Inviting => ("INVITE", PATIENCE),
                        _ => ("BYE", T2),
                    };
                    // Twice the pause before, or the longest one.
                    call.pause = (call.pause + (call.pause + T1).min(longest)).min(PATIENCE);
                    let next = call.since + call.pause;
                    self.send(number, method);
                    *self.outcome.resent.entry(method).or_default() += 1;
                    self.timers.push(Reverse((next, number)));
                }
                Stage::Ringing => self.timers.push(Reverse((call.since + PATIENCE, number))),
                Stage::Listening if waited >= EAR => {
                    call.deaf = true;
                    self.fault("nothing heard".to_owned());
                    self.hang_up(number, now);
                }
                Stage::Talking if self.load.stay.is_some_and(|stay| waited >= stay) => {
                    self.hang_up(number, now);
                }
                // A timer of what is over.
                _ => {}
            }
        }
    }

    fn forget(&mut self, number: usize) {
        if let Some(call) = self.calls.remove(&number)
            && self.by_port.get(&call.port) == Some(&number)
        {
            self.by_port.remove(&call.port);
        }
    }

    fn fault(&mut self, what: String) {
        *self.outcome.faults.entry(what).or_default() += 1;
    }
}

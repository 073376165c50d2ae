//! Whole calls that come in, as a trunk sends them, from texts that are patched in place: what is counted is the endpoint's.

use omnigate_sip::message::{Headers, Status, Transport};
use omnigate_sip::{
    CallKey, Endpoint, EndpointSettings, Event, Hop, Listener, ListenerId, Listeners, Output,
};
use std::time::{Duration, Instant};

const NUMBER: &str = "00000000";
const TAG: &str = "tttttttttttttttt";

pub const ANSWER: &[u8] = b"v=0\r\no=- 7301 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

const OFFER: &str = "v=0\r\no=- 1730454321 1730454321 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 14310 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n";

/// A message with places for the call's number and our tag.
pub struct Template {
    pub bytes: Vec<u8>,
    numbers: Vec<usize>,
    tags: Vec<usize>,
}

impl Template {
    fn new(text: &str) -> Template {
        let places = |what: &str| text.match_indices(what).map(|(at, _)| at).collect();
        Template {
            bytes: text.into(),
            numbers: places(NUMBER),
            tags: places(TAG),
        }
    }

    fn fill(&mut self, mut number: u64, tag: [u8; 16]) {
        let mut digits = [b'0'; 8];
        for digit in digits.iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
        for at in &self.numbers {
            self.bytes[*at..*at + 8].copy_from_slice(&digits);
        }
        for at in &self.tags {
            self.bytes[*at..*at + 16].copy_from_slice(&tag);
        }
    }
}

pub struct Trunk {
    pub endpoint: Endpoint,
    pub now: Instant,
    pub invite: Template,
    ack: Template,
    bye: Template,
    hop: Hop,
    last: u64,
}

impl Trunk {
    pub fn new() -> Trunk {
        let local = "192.0.2.2:5060".parse().unwrap();
        let head = |method: &str, branch: &str, to: &str, number: u32| {
            format!(
                "{method} sip:+4930123456@192.0.2.2:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{branch}{NUMBER}\r\nMax-Forwards: 70\r\nFrom: \"+4915112345678\" <sip:+4915112345678@192.0.2.1>;tag=f{NUMBER}\r\nTo: <sip:+4930123456@192.0.2.2>{to}\r\nCall-ID: {NUMBER}-7a1c@192.0.2.1\r\nCSeq: {number} {method}\r\nContact: <sip:+4915112345678@192.0.2.1:5060>\r\n"
            )
        };
        let ours = format!(";tag={TAG}");
        let invite = format!(
            "{}Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE\r\nSupported: timer\r\nSession-Expires: 1800\r\nUser-Agent: A trunk 1.0\r\nAccept: application/sdp, application/isup\r\nP-Early-Media: supported\r\nP-Asserted-Identity: <sip:+4915112345678@192.0.2.1>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
            head("INVITE", "i", "", 1),
            OFFER.len()
        );
        let end = "Content-Length: 0\r\n\r\n";
        Trunk {
            endpoint: Endpoint::new(EndpointSettings {
                listeners: Listeners::new(vec![Listener {
                    transport: Transport::Udp,
                    bound: local,
                    advertised: None,
                }]),
                seed: 7,
                ..EndpointSettings::default()
            }),
            now: super::start(),
            invite: Template::new(&invite),
            ack: Template::new(&(head("ACK", "a", &ours, 1) + end)),
            bye: Template::new(&(head("BYE", "b", &ours, 2) + end)),
            hop: Hop::datagram(ListenerId(0), local, "192.0.2.1:5060".parse().unwrap()),
            last: 0,
        }
    }

    /// Does what the endpoint says; the call that came, how many messages were sent, and our tag in the last of them.
    fn drain(&mut self) -> (Option<CallKey>, u32, [u8; 16]) {
        let (mut call, mut sent, mut tag) = (None, 0, [b't'; 16]);
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Event(Event::Incoming(incoming)) => call = Some(incoming.call),
                Output::Event(_) => {}
                Output::Transmit(transmit) => {
                    sent += 1;
                    let to = memchr::memmem::find(&transmit.bytes, b"\r\nTo:").unwrap();
                    let rest = &transmit.bytes[to..];
                    if let Some(at) = memchr::memmem::find(rest, b";tag=") {
                        tag.copy_from_slice(&rest[at + 5..at + 21]);
                    }
                }
            }
        }
        (call, sent, tag)
    }

    /// INVITE, 100, 180, 200, ACK; our tag.
    pub fn begin(&mut self) -> [u8; 16] {
        self.last += 1;
        self.invite.fill(self.last, [b't'; 16]);
        self.endpoint.receive(self.now, &self.hop, &self.invite.bytes);
        let (call, sent, _) = self.drain();
        let call = call.unwrap();
        assert_eq!(sent, 1);
        let (now, none) = (self.now, Headers::default());
        self.endpoint
            .progress(now, call, Status::RINGING, None, false, &none)
            .unwrap();
        self.endpoint
            .answer(now, call, Some(ANSWER.to_vec()), &none)
            .unwrap();
        let (_, sent, tag) = self.drain();
        assert_eq!(sent, 2);
        self.ack.fill(self.last, tag);
        self.endpoint.receive(now, &self.hop, &self.ack.bytes);
        let (_, sent, _) = self.drain();
        assert_eq!(sent, 0);
        tag
    }

    /// BYE, 200.
    pub fn end(&mut self, tag: [u8; 16]) {
        self.bye.fill(self.last, tag);
        self.endpoint.receive(self.now, &self.hop, &self.bye.bytes);
        let (_, sent, _) = self.drain();
        assert_eq!(sent, 1);
    }

    /// INFO, 200 in the last call.
    pub fn info(&mut self, tag: [u8; 16], number: u32) {
        self.bye.fill(self.last, tag);
        let info = String::from_utf8(self.bye.bytes.clone()).unwrap();
        let info = info
            .replace("BYE", "INFO")
            .replace("=z9hG4bKb", &format!("=z9hG4bK{number}i"));
        let info = info.replace("CSeq: 2 ", &format!("CSeq: {} ", number + 2));
        self.endpoint.receive(self.now, &self.hop, info.as_bytes());
        let (_, sent, _) = self.drain();
        assert_eq!(sent, 1);
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.endpoint.timeout(self.now);
        self.drain();
        self.endpoint.deadline();
    }
}

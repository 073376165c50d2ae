//! One endpoint, and a peer that is written byte by byte.

use super::start;
use omnigate_sip::message::{Message, Name, Request, Response, Transport, parse};
use omnigate_sip::transaction::{Origin, Transmit};
use omnigate_sip::{
    CallEvent, CallKey, ConnectionId, Endpoint, EndpointSettings, Event, Hop, Incoming, Listener, ListenerId,
    Listeners, Output,
};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub const US: &str = "192.0.2.2:5060";
pub const PEER: &str = "192.0.2.1:5060";

pub struct Wire {
    pub endpoint: Endpoint,
    pub began: Instant,
    pub now: Instant,
    pub hop: Hop,
    pub events: VecDeque<Event>,
    pub sent: VecDeque<(Duration, Transmit)>,
}

pub fn listeners() -> Listeners {
    let at = |transport| Listener {
        transport,
        bound: US.parse().unwrap(),
        advertised: None,
    };
    Listeners::new(vec![at(Transport::Udp), at(Transport::Tcp)])
}

impl Wire {
    pub fn udp() -> Wire {
        Wire::with(EndpointSettings {
            listeners: listeners(),
            seed: 7,
            ..EndpointSettings::default()
        })
    }

    pub fn with(settings: EndpointSettings) -> Wire {
        let now = start();
        Wire {
            endpoint: Endpoint::new(settings),
            began: now,
            now,
            hop: Hop::datagram(ListenerId(0), US.parse().unwrap(), PEER.parse().unwrap()),
            events: VecDeque::new(),
            sent: VecDeque::new(),
        }
    }

    pub fn tcp() -> Wire {
        let mut wire = Wire::udp();
        wire.hop = Hop::stream(
            ListenerId(1),
            Transport::Tcp,
            ConnectionId(1),
            US.parse().unwrap(),
            "192.0.2.1:40001".parse().unwrap(),
        );
        wire
    }

    /// What the peer sends.
    pub fn send(&mut self, message: &str) {
        let (now, hop) = (self.now, self.hop.clone());
        self.endpoint.receive(now, &hop, message.as_bytes());
        self.settle();
    }

    pub fn settle(&mut self) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                Output::Transmit(transmit) => {
                    let at = self.now - self.began;
                    self.sent.push_back((at, transmit));
                }
                Output::Event(event) => self.events.push_back(event),
            }
        }
    }

    /// Does something with the endpoint.
    pub fn act<T>(&mut self, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let result = act(&mut self.endpoint, self.now);
        self.settle();
        result
    }

    /// Lets time pass, deadline by deadline.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.endpoint.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.endpoint.timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    /// The next message sent, as text.
    #[track_caller]
    pub fn next(&mut self) -> String {
        let (_, transmit) = self.sent.pop_front().expect("a message");
        String::from_utf8(transmit.bytes.to_vec()).unwrap()
    }

    #[track_caller]
    pub fn next_request(&mut self) -> Request {
        match parse(self.next().as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(response) => panic!("a request, not {}", response.status),
        }
    }

    #[track_caller]
    pub fn next_response(&mut self) -> Response {
        match parse(self.next().as_bytes()).unwrap() {
            Message::Response(response) => response,
            Message::Request(request) => panic!("a response, not {}", request.method),
        }
    }

    #[track_caller]
    pub fn next_status(&mut self) -> u16 {
        self.next_response().status.code()
    }

    /// Start lines of all that was sent, with the seconds since the beginning.
    pub fn lines(&mut self) -> Vec<String> {
        let line = |(at, transmit): (Duration, Transmit)| {
            let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
            let line = text.lines().next().unwrap_or_default();
            let line = line
                .strip_prefix("SIP/2.0 ")
                .unwrap_or(line.split(' ').next().unwrap_or_default());
            format!("{:.1} {line}", at.as_secs_f64())
        };
        self.sent.drain(..).map(line).collect()
    }

    #[track_caller]
    pub fn nothing(&mut self) {
        let lines = self.lines();
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[track_caller]
    pub fn incoming(&mut self) -> Incoming {
        match self.events.pop_front() {
            Some(Event::Incoming(incoming)) => incoming,
            other => panic!("a call, not {other:?}"),
        }
    }

    #[track_caller]
    pub fn call_event(&mut self) -> CallEvent {
        match self.events.pop_front() {
            Some(Event::Call(_, event)) => event,
            other => panic!("what happened to a call, not {other:?}"),
        }
    }

    #[track_caller]
    pub fn no_event(&mut self) {
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// The last thing sent cannot be sent.
    pub fn fail(&mut self, origin: Origin) {
        self.act(|e, now| e.failed(now, origin));
    }

    /// Nothing is left when all that still waits has waited long enough.
    #[track_caller]
    pub fn nothing_left(&mut self) {
        self.pass(Duration::from_secs(70));
        assert_eq!((self.endpoint.calls(), self.endpoint.transactions()), (0, (0, 0)));
        assert_eq!(self.endpoint.deadline(), None);
    }
}

/// A request as a peer writes it. `more` are further lines, each with its end.
pub fn request(
    method: &str,
    uri: &str,
    branch: &str,
    to_tag: &str,
    number: u32,
    more: &str,
    body: &str,
) -> String {
    let to_tag = if to_tag.is_empty() {
        String::new()
    } else {
        format!(";tag={to_tag}")
    };
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {PEER};branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\nFrom: <sip:caller@192.0.2.1>;tag=from1\r\nTo: <sip:called@192.0.2.2>{to_tag}\r\nCall-ID: call1\r\nCSeq: {number} {method}\r\nContact: <sip:caller@{PEER}>\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub fn invite(branch: &str, more: &str, body: &str) -> String {
    request("INVITE", "sip:called@192.0.2.2", branch, "", 1, more, body)
}

/// A response as a peer writes it, to a request of ours.
pub fn respond(request: &Request, status: u16, tag: &str, more: &str, body: &str) -> String {
    let headers = &request.headers;
    let get = |name| headers.get(name).unwrap_or_default();
    let to = get(Name::To);
    let to = if to.contains(";tag=") || tag.is_empty() {
        to.to_owned()
    } else {
        format!("{to};tag={tag}")
    };
    let kind = if body.is_empty() {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!(
        "SIP/2.0 {status} Words\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}{kind}Content-Length: {}\r\n\r\n{body}",
        get(Name::Via),
        get(Name::From),
        get(Name::CallId),
        get(Name::CSeq),
        body.len()
    )
}

pub fn key_of(events: &VecDeque<Event>) -> Option<CallKey> {
    events.iter().find_map(|e| match e {
        Event::Incoming(i) => Some(i.call),
        Event::Call(key, _) => Some(*key),
        _ => None,
    })
}

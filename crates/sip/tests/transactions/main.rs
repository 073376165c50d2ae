//! Transactions alone: every timer and every transition of their four state machines, on a made clock.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod cancel;
mod invite_client;
mod invite_server;
mod matching;
mod other_client;
mod other_server;

use common::start;
use common::wire::{PEER, US, invite, request, respond};
use omnigate_sip::message::{Headers, Message, Method, Name, Request, Response, Status, Transport, parse};
use omnigate_sip::transaction::{ClientId, Event, Origin, Output, ServerId, Timers, Transactions, Transmit};
use omnigate_sip::{ConnectionId, Hop, ListenerId};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The transactions, their clock, and what came out of them.
struct Layer {
    all: Transactions,
    began: Instant,
    now: Instant,
    hop: Hop,
    sent: VecDeque<(Duration, Transmit)>,
    events: VecDeque<Event>,
}

impl Layer {
    fn new(hop: Hop) -> Layer {
        let now = start();
        Layer {
            all: Transactions::new(Timers::default(), 7),
            began: now,
            now,
            hop,
            sent: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn udp() -> Layer {
        Layer::new(Hop::datagram(
            ListenerId(0),
            US.parse().unwrap(),
            PEER.parse().unwrap(),
        ))
    }

    fn tcp() -> Layer {
        Layer::new(Hop::stream(
            ListenerId(1),
            Transport::Tcp,
            ConnectionId(1),
            US.parse().unwrap(),
            PEER.parse().unwrap(),
        ))
    }

    fn settle(&mut self) {
        while let Some(output) = self.all.poll() {
            match output {
                Output::Transmit(transmit) => self.sent.push_back((self.now - self.began, transmit)),
                Output::Event(event) => self.events.push_back(event),
            }
        }
    }

    /// What the peer sends.
    fn receive(&mut self, text: &str) {
        let hop = self.hop.clone();
        match parse(text.as_bytes()).unwrap() {
            Message::Request(request) => self.all.request(self.now, request, &hop),
            Message::Response(response) => self.all.response(self.now, response, &hop),
        }
        self.settle();
    }

    /// A request of ours, as it is on the wire.
    #[track_caller]
    fn send(&mut self, method: Method) -> (ClientId, Request) {
        let text = request(
            method.as_str(),
            "sip:b@192.0.2.1",
            "unused",
            "",
            1,
            "Route: <sip:192.0.2.1;lr>\r\n",
            "",
        );
        let Message::Request(mut request) = parse(text.as_bytes()).unwrap() else {
            panic!("a request")
        };
        request.headers.remove(Name::Via);
        let id = self.all.send(self.now, request, self.hop.clone(), US);
        self.settle();
        (id, self.next_request())
    }

    /// The peer's response to a request of ours.
    fn respond(&mut self, request: &Request, status: u16) {
        self.receive(&respond(request, status, "theirs", "", ""));
    }

    /// Our response to a request of theirs; false when it is not taken.
    fn answer(&mut self, id: ServerId, request: &Request, status: u16) -> bool {
        let status = Status::new(status).unwrap();
        let tag = self.all.tag(id).map(str::to_owned);
        let response = Response::new(request, status, tag.as_deref());
        let taken = self.all.respond(self.now, id, &response).is_some();
        self.settle();
        taken
    }

    fn cancel(&mut self, id: ClientId, extra: Headers) {
        self.all.cancel(self.now, id, extra);
        self.settle();
    }

    fn fail(&mut self, origin: Origin) {
        self.all.failed(origin);
        self.settle();
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, seconds: f64) {
        let until = self.now + Duration::from_secs_f64(seconds);
        while let Some(at) = self.all.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.all.timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    #[track_caller]
    fn next(&mut self) -> String {
        let (_, transmit) = self.sent.pop_front().expect("a message");
        String::from_utf8(transmit.bytes.to_vec()).unwrap()
    }

    #[track_caller]
    fn next_request(&mut self) -> Request {
        match parse(self.next().as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(response) => panic!("a request, not {}", response.status),
        }
    }

    #[track_caller]
    fn next_response(&mut self) -> Response {
        match parse(self.next().as_bytes()).unwrap() {
            Message::Response(response) => response,
            Message::Request(request) => panic!("a response, not {}", request.method),
        }
    }

    /// Method or status of all that was sent, with the seconds since the beginning.
    fn lines(&mut self) -> Vec<String> {
        let line = |(at, transmit): (Duration, Transmit)| {
            let text = String::from_utf8(transmit.bytes.to_vec()).unwrap();
            let mut words = text.split(' ');
            let word = words.next().filter(|w| *w != "SIP/2.0").or(words.next());
            format!("{:.1} {}", at.as_secs_f64(), word.unwrap())
        };
        self.sent.drain(..).map(line).collect()
    }

    /// The next event must be a new request.
    #[track_caller]
    fn request(&mut self) -> (ServerId, Request) {
        match self.events.pop_front() {
            Some(Event::Request(id, request, _)) => (id, *request),
            other => panic!("a request, not {other:?}"),
        }
    }

    /// The next event must be a response to this request.
    #[track_caller]
    fn status(&mut self, of: ClientId) -> u16 {
        match self.events.pop_front() {
            Some(Event::Response(id, response, _)) if id == of => response.status.code(),
            other => panic!("a response, not {other:?}"),
        }
    }

    #[track_caller]
    fn told(&mut self, event: Event) {
        assert_eq!(self.events.pop_front(), Some(event));
    }

    #[track_caller]
    fn silent(&mut self) {
        let lines = self.lines();
        assert!(lines.is_empty(), "{lines:?}");
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// Nothing is there any more, and nothing was said but what was looked at.
    #[track_caller]
    fn over(&mut self) {
        self.silent();
        assert!(self.all.is_empty(), "{:?}", self.all.len());
        assert_eq!(self.all.deadline(), None);
    }
}

/// An INVITE that came.
fn invited(layer: &mut Layer) -> (ServerId, Request) {
    layer.receive(&invite("1", "", ""));
    layer.request()
}

fn ack(branch: &str) -> String {
    request("ACK", "sip:called@192.0.2.2", branch, "ours", 1, "", "")
}

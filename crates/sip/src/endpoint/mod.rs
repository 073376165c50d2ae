//! All of SIP at one place: bytes and time in; bytes, events and a deadline out.

mod arrivals;
mod calls;
mod event;
mod outside;
mod screen;
mod screening;

pub use event::{Event, Incoming, Output, Refused};
pub use screen::Screening;

use crate::call::{Call, CallEvent, CallKey, CallSettings, Context, Shared};
use crate::deadlines::Deadlines;
use crate::hop::{ConnectionId, Hop};
use crate::listeners::Listeners;
use crate::message::{Headers, Message, Request, Unreadable, parse};
use crate::random::Random;
use crate::transaction::{self, ClientId, Origin, ServerId, Timers, Transactions};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::time::Instant;

/// A SIP endpoint without I/O.
///
/// Every call of a method that changes something is to be followed by [`Endpoint::poll`] until it gives `None`, and then by
/// a look at [`Endpoint::deadline`].
#[derive(Debug)]
pub struct Endpoint {
    shared: Shared,
    calls: HashMap<CallKey, Call>,
    /// Calls by our tag, which is of 64 random bits.
    by_tag: HashMap<Box<str>, CallKey>,
    servers: HashMap<ServerId, CallKey>,
    clients: HashMap<ClientId, CallKey>,
    deadlines: Deadlines<CallKey>,
    out: VecDeque<Output>,
    marker: Option<Marker>,
    screen: Option<screen::Screen>,
    alive: usize,
    last: u64,
}

/// Makes the fields that a new call has in all of its responses.
struct Marker(Box<dyn FnMut(&Request) -> Headers + Send>);

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marker")
    }
}

/// How an endpoint is set up.
#[derive(Debug, Clone, Default)]
pub struct EndpointSettings {
    /// The driver's listeners.
    pub listeners: Listeners,
    /// Times of transactions.
    pub timers: Timers,
    /// What calls have in common.
    pub calls: CallSettings,
    /// From the system's randomness.
    pub seed: u64,
}

impl Endpoint {
    /// An endpoint without calls.
    pub fn new(settings: EndpointSettings) -> Endpoint {
        let mut random = Random::new(settings.seed);
        Endpoint {
            shared: Shared {
                transactions: Transactions::new(settings.timers, random.number()),
                listeners: settings.listeners,
                settings: settings.calls,
                random,
                begun: Vec::new(),
                told: VecDeque::new(),
            },
            calls: HashMap::new(),
            by_tag: HashMap::new(),
            servers: HashMap::new(),
            clients: HashMap::new(),
            deadlines: Deadlines::default(),
            out: VecDeque::new(),
            marker: None,
            screen: None,
            alive: 0,
            last: 0,
        }
    }

    /// Next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When [`Endpoint::timeout`] is due.
    pub fn deadline(&mut self) -> Option<Instant> {
        let calls = &self.calls;
        let of_calls = self.deadlines.next(|key| calls.get(&key)?.deadline());
        [of_calls, self.shared.transactions.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Our own addresses.
    pub fn listeners(&self) -> &Listeners {
        &self.shared.listeners
    }

    /// Calls that are there, those that are over but not yet forgotten among them.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Calls that are not over.
    pub fn alive(&self) -> usize {
        self.alive
    }

    /// True while a call goes by this connection, which is then to be kept.
    pub fn uses(&self, connection: ConnectionId) -> bool {
        self.calls
            .values()
            .any(|c| c.is_alive() && c.hop().connection == Some(connection))
    }

    /// Server and client transactions that are there.
    pub fn transactions(&self) -> (usize, usize) {
        self.shared.transactions.len()
    }

    /// The Call-ID of a call.
    pub fn call_id(&self, call: CallKey) -> Option<&str> {
        self.calls.get(&call).map(|call| call.dialog().call_id())
    }

    /// The way by which the last message of a call came.
    pub fn hop(&self, call: CallKey) -> Option<&Hop> {
        self.calls.get(&call).map(Call::hop)
    }

    /// Takes one message: a datagram, or what was framed out of a stream.
    pub fn receive(&mut self, now: Instant, hop: &Hop, bytes: &[u8]) {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            // A keep-alive (RFC 5626 section 3.5.1).
            return;
        }
        match parse(bytes) {
            Ok(Message::Request(request)) => self.request(now, request, hop),
            Ok(Message::Response(response)) => self.shared.transactions.response(now, response, hop),
            Err(unreadable) => return self.unreadable(now, hop, unreadable),
        }
        self.pump(now);
    }

    /// Answers what could not be read, as far as it can be answered; of a stream, what its framing has found.
    pub fn unreadable(&mut self, now: Instant, hop: &Hop, unreadable: Unreadable) {
        let fault = unreadable.fault;
        if let Some(request) = unreadable.request {
            let words = fault.to_string();
            self.shared
                .transactions
                .refuse(*request, fault.status(), &words, hop);
        }
        let event = Event::Unreadable(fault, hop.clone());
        self.out.push_back(Output::Event(event));
        self.pump(now);
    }

    /// Takes the news that a [`Transmit`](crate::transaction::Transmit) could not be sent, for good.
    pub fn failed(&mut self, now: Instant, origin: Origin) {
        match origin {
            Origin::Ack(number) => self.step(now, CallKey(number), |call, ctx| call.ack_failed(ctx)),
            origin => self.shared.transactions.failed(origin),
        }
        self.pump(now);
    }

    /// Lets all happen whose time has come.
    pub fn timeout(&mut self, now: Instant) {
        self.shared.transactions.timeout(now);
        self.pump(now);
        loop {
            let calls = &self.calls;
            let Some(key) = self.deadlines.due(now, |key| calls.get(&key)?.deadline()) else {
                break;
            };
            self.step(now, key, |call, ctx| call.timeout(ctx));
            self.pump(now);
        }
    }

    /// One step of a call, and what comes of it.
    fn step(&mut self, now: Instant, key: CallKey, step: impl FnOnce(&mut Call, &mut Context<'_>)) {
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        let mut ctx = self.shared.context(now, call.marks());
        let before = call.deadline();
        step(call, &mut ctx);
        // One that is entered already is not entered again: in a long call that would be a leak.
        let deadline = call.deadline();
        if deadline != before {
            self.deadlines.set(key, deadline);
        }
        self.after(key);
    }

    fn enter(&mut self, call: Call) {
        self.alive += 1;
        self.by_tag.insert(call.dialog().local_tag().into(), call.key());
        self.deadlines.set(call.key(), call.deadline());
        self.calls.insert(call.key(), call);
    }

    fn after(&mut self, key: CallKey) {
        self.clients.extend(self.shared.begun.drain(..));
        for (call, event) in self.shared.told.drain(..) {
            if matches!(event, CallEvent::Ended(_)) {
                self.alive -= 1;
            }
            self.out.push_back(Output::Event(Event::Call(call, event)));
        }
        let Some(call) = self.calls.get_mut(&key) else {
            return;
        };
        if call.is_gone() {
            self.by_tag.remove(call.dialog().local_tag());
            self.calls.remove(&key);
        } else if call.is_alive()
            && let Some(uri) = call.unresolved()
        {
            self.out.push_back(Output::Event(Event::Resolve(key, uri)));
        }
    }

    /// Hands on what the transactions have to say.
    fn pump(&mut self, now: Instant) {
        while let Some(output) = self.shared.transactions.poll() {
            match output {
                transaction::Output::Transmit(transmit) => self.out.push_back(Output::Transmit(transmit)),
                transaction::Output::Event(event) => self.event(now, event),
            }
        }
    }
}

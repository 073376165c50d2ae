//! Two endpoints and what is between them: a network that loses, doubles, delays, reorders and refuses.

use super::start;
use omnigate_sip::message::Transport;
use omnigate_sip::transaction::Origin;
use omnigate_sip::{Endpoint, EndpointSettings, Event, Hop, Listener, ListenerId, Listeners, Output, Random};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What the network does, in 1000.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub lose: u64,
    pub double: u64,
    pub fail: u64,
    /// Longest delay, milliseconds.
    pub delay: u64,
}

pub const FAIR: Weather = Weather {
    lose: 0,
    double: 0,
    fail: 0,
    delay: 0,
};

pub struct Net {
    pub ends: [Endpoint; 2],
    pub events: [Vec<Event>; 2],
    pub now: Instant,
    pub weather: Weather,
    pub random: Random,
    transport: Transport,
    flying: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    failing: Vec<(usize, Origin)>,
    last: u64,
}

pub fn address(end: usize) -> SocketAddr {
    format!("192.0.2.{}:5060", end + 1).parse().unwrap()
}

impl Net {
    pub fn new(seed: u64, transport: Transport, weather: Weather) -> Net {
        let end = |n: usize| {
            Endpoint::new(EndpointSettings {
                listeners: Listeners::new(vec![Listener {
                    transport,
                    bound: address(n),
                    advertised: None,
                }]),
                seed: seed + n as u64,
                ..EndpointSettings::default()
            })
        };
        Net {
            ends: [end(0), end(1)],
            events: [Vec::new(), Vec::new()],
            now: start(),
            weather,
            random: Random::new(seed ^ 0x5eed),
            transport,
            flying: BTreeMap::new(),
            failing: Vec::new(),
            last: 0,
        }
    }

    pub fn chance(&mut self, in_1000: u64) -> bool {
        self.random.number() % 1000 < in_1000
    }

    pub fn hop(&self, from: usize) -> Hop {
        Hop {
            listener: ListenerId(0),
            transport: self.transport,
            local: address(from),
            remote: address(1 - from),
            connection: None,
            peer: None,
            server_name: None,
        }
    }

    /// Does something with an end.
    pub fn act<T>(&mut self, end: usize, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let result = act(&mut self.ends[end], self.now);
        self.settle();
        result
    }

    pub fn settle(&mut self) {
        loop {
            for end in 0..2 {
                while let Some(output) = self.ends[end].poll() {
                    match output {
                        Output::Event(event) => self.events[end].push(event),
                        Output::Transmit(transmit) => self.fly(end, transmit.origin, &transmit.bytes),
                    }
                }
            }
            match self.failing.pop() {
                Some((end, origin)) => self.ends[end].failed(self.now, origin),
                None => break,
            }
        }
    }

    fn fly(&mut self, from: usize, origin: Origin, bytes: &[u8]) {
        let weather = self.weather;
        if self.chance(weather.fail) {
            return self.failing.push((from, origin));
        }
        let reliable = self.transport.is_reliable();
        if !reliable && self.chance(weather.lose) {
            return;
        }
        let copies = if !reliable && self.chance(weather.double) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let delay = if reliable {
                weather.delay / 2
            } else {
                self.random.number() % (weather.delay + 1)
            };
            self.last += 1;
            let at = self.now + Duration::from_millis(delay);
            self.flying.insert((at, self.last), (1 - from, bytes.to_vec()));
        }
    }

    /// The next thing that happens: a message arrives or a deadline passes; false when nothing is to come until `until`.
    pub fn step(&mut self, until: Instant) -> bool {
        let arrival = self.flying.keys().next().map(|(at, _)| *at);
        let deadlines = [self.ends[0].deadline(), self.ends[1].deadline()];
        let Some(at) = deadlines
            .into_iter()
            .flatten()
            .chain(arrival)
            .min()
            .filter(|at| *at <= until)
        else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(at);
        if arrival.is_some_and(|a| a <= self.now)
            && let Some((_, (end, bytes))) = self.flying.pop_first()
        {
            let hop = self.hop(end);
            self.ends[end].receive(self.now, &hop, &bytes);
        } else {
            for end in &mut self.ends {
                end.timeout(self.now);
            }
        }
        self.settle();
        true
    }

    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    pub fn left(&self) -> String {
        let of = |e: &Endpoint| format!("{} calls, {:?} transactions", e.calls(), e.transactions());
        format!("{} | {}", of(&self.ends[0]), of(&self.ends[1]))
    }

    pub fn is_empty(&self) -> bool {
        self.ends
            .iter()
            .all(|e| e.calls() == 0 && e.transactions() == (0, 0))
    }
}

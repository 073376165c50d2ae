//! Two of our own stacks over a network that loses, doubles, delays and refuses, driven at random: every run ends, frees all
//! and panics never. The seed is printed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use common::net::{Net, Weather, address};
use common::{ANSWER, OFFER};
use omnigate_sip::message::{Headers, Status, Transport};
use omnigate_sip::{CallEvent, CallKey, CallTerms, Endpoint, Event, Invitation, NatRule};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Calls that an end believes in, and how often each was told to be over.
#[derive(Default)]
struct Book {
    calls: Vec<CallKey>,
    ended: HashMap<CallKey, u32>,
}

impl Book {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Incoming(incoming) => self.calls.push(incoming.call),
            Event::Call(key, CallEvent::Ended(_)) => {
                self.calls.retain(|c| c != key);
                *self.ended.entry(*key).or_default() += 1;
            }
            Event::Call(key, event) => assert!(!self.ended.contains_key(key), "{event:?} after the end"),
            _ => {}
        }
    }
}

fn invitation(net: &Net, end: usize, offer: bool) -> Invitation {
    Invitation {
        uri: format!("sip:b@{}", address(1 - end)).parse().unwrap(),
        from: "<sip:a@example.com>".into(),
        to: "<sip:b@example.com>".into(),
        hop: net.hop(end),
        routes: Vec::new(),
        credentials: Vec::new(),
        offer: offer.then(|| OFFER.into()),
        headers: Headers::default(),
        nat: NatRule::Never,
        terms: CallTerms::default(),
    }
}

fn anything(end: &mut Endpoint, now: Instant, call: CallKey, dice: u64) {
    let none = Headers::default();
    let session = |n: u64| (!dice.is_multiple_of(n)).then(|| ANSWER.as_bytes().to_vec());
    // Whether it is possible at this moment is not the question.
    let _ = match dice % 14 {
        0 => end.progress(now, call, Status::RINGING, None, false, &none),
        1 => end.progress(now, call, Status::SESSION_PROGRESS, session(3), true, &none),
        2..=4 => end.answer(now, call, session(5), &none),
        5 => end.refuse(now, call, Status::BUSY_HERE, &none),
        6 => end.hang_up(now, call, &none),
        7 => end.offer(now, call, OFFER.into()),
        8 | 9 => end.accept(now, call, ANSWER.into()),
        10 => end.reject(now, call, Status::NOT_ACCEPTABLE_HERE, &none),
        11 => end.info(now, call, "application/dtmf", b"5".to_vec()),
        12 => end.refer(now, call, "<sip:c@example.com>", &none),
        _ => end.ping(now, call),
    };
}

fn run(seed: u64, transport: Transport, weather: Weather) {
    println!("seed {seed} {transport:?} {weather:?}");
    let mut net = Net::new(seed, transport, weather);
    let mut books = [Book::default(), Book::default()];
    for _ in 0..120 {
        let dice = net.random.number();
        let end = (dice >> 8) as usize % 2;
        if dice.is_multiple_of(10) && books[end].calls.len() < 4 {
            let invitation = invitation(&net, end, !dice.is_multiple_of(3));
            let key = net.act(end, |e, now| e.invite(now, invitation));
            books[end].calls.push(key);
        } else if let Some(call) = books[end]
            .calls
            .get((dice >> 16) as usize % books[end].calls.len().max(1))
        {
            let call = *call;
            net.act(end, |e, now| anything(e, now, call, dice >> 24));
        }
        let wait = Duration::from_millis((dice >> 32) % 3000);
        net.pass(wait);
        for (book, events) in books.iter_mut().zip(&mut net.events) {
            events.drain(..).for_each(|e| book.note(&e));
        }
    }
    for (end, book) in books.iter().enumerate() {
        for call in book.calls.clone() {
            net.act(end, |e, now| e.hang_up(now, call, &Headers::default()).ok());
        }
    }
    // A hang-up waits for an ACK, a BYE for its response, an INVITE for its end.
    net.pass(Duration::from_secs(400));
    for (book, events) in books.iter_mut().zip(&mut net.events) {
        events.drain(..).for_each(|e| book.note(&e));
        assert!(
            book.calls.is_empty(),
            "seed {seed}: {} calls did not end",
            book.calls.len()
        );
        assert!(
            book.ended.values().all(|n| *n == 1),
            "seed {seed}: an end was told twice"
        );
    }
    assert!(net.is_empty(), "seed {seed}: left behind: {}", net.left());
}

#[test]
fn every_run_over_a_bad_network_ends_and_frees_all() {
    let weathers = [
        (
            Transport::Udp,
            Weather {
                lose: 0,
                double: 0,
                fail: 0,
                delay: 20,
            },
        ),
        (
            Transport::Udp,
            Weather {
                lose: 200,
                double: 100,
                fail: 0,
                delay: 300,
            },
        ),
        (
            Transport::Udp,
            Weather {
                lose: 500,
                double: 300,
                fail: 20,
                delay: 2000,
            },
        ),
        (
            Transport::Tcp,
            Weather {
                lose: 0,
                double: 0,
                fail: 0,
                delay: 50,
            },
        ),
        (
            Transport::Tcp,
            Weather {
                lose: 0,
                double: 0,
                fail: 100,
                delay: 800,
            },
        ),
    ];
    for seed in 0..200 {
        for (transport, weather) in weathers {
            run(seed * 7919, transport, weather);
        }
    }
}

//! Two of our own stacks over a network that loses, doubles, delays and reorders: whenever nothing is on its way and a call is
//! up at both ends, both have agreed on the same session, however their offers met. The seed is printed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use common::net::{Net, Weather, address};
use omnigate_sip::message::{Headers, Status, Transport};
use omnigate_sip::{CallEvent, CallKey, CallTerms, Event, Invitation, NatRule};
use std::collections::HashMap;
use std::time::Duration;

/// What an end does when an offer comes.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Accepts,
    Rejects,
    Hesitates,
}

/// One end's view of one call.
#[derive(Default)]
struct View {
    up: bool,
    /// Their offer that is not answered, or ours.
    theirs: Option<String>,
    ours: Option<String>,
    /// The last offer and answer that were agreed on.
    agreed: Option<(String, String)>,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, PartialEq)]
enum Waiting {
    Answer,
    Offer,
    /// The session is agreed on before the call is answered (RFC 3262).
    Early,
}

struct Party {
    calls: HashMap<CallKey, View>,
    mood: Mood,
}

struct Play {
    net: Net,
    parties: [Party; 2],
    counter: u32,
    agreements: u32,
    early: u32,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Play {
    fn new(seed: u64, transport: Transport, weather: Weather) -> Play {
        let party = || Party {
            calls: HashMap::new(),
            mood: Mood::Accepts,
        };
        Play {
            net: Net::new(seed, transport, weather),
            parties: [party(), party()],
            counter: 0,
            agreements: 0,
            early: 0,
        }
    }

    /// A session description that nobody has said before.
    fn session(&mut self, end: usize, held: bool) -> String {
        self.counter += 1;
        let way = if held { "sendonly" } else { "sendrecv" };
        format!(
            "v=0\r\no=- {} {} IN IP4 192.0.2.{}\r\ns=-\r\nt=0 0\r\na={way}\r\n",
            self.counter,
            self.counter,
            end + 1
        )
    }

    fn invite(&mut self, end: usize, offered: bool) {
        let offer = offered.then(|| self.session(end, false));
        let invitation = Invitation {
            uri: format!("sip:b@{}", address(1 - end)).parse().unwrap(),
            from: "<sip:a@example.com>".into(),
            to: "<sip:b@example.com>".into(),
            hop: self.net.hop(end),
            routes: Vec::new(),
            credentials: Vec::new(),
            offer: offer.clone().map(String::into_bytes),
            headers: Headers::default(),
            nat: NatRule::Never,
            terms: CallTerms::default(),
        };
        let key = self.net.act(end, |e, now| e.invite(now, invitation));
        let view = View {
            ours: offer,
            ..View::default()
        };
        self.parties[end].calls.insert(key, view);
    }

    /// Another session is offered in a call, held or not.
    fn offer(&mut self, end: usize, call: CallKey, held: bool) {
        let offer = self.session(end, held);
        let result = self
            .net
            .act(end, |e, now| e.offer(now, call, offer.clone().into_bytes()));
        if result.is_ok() {
            self.parties[end].calls.get_mut(&call).unwrap().ours = Some(offer);
        }
    }

    /// The call is answered, or the offer in it is.
    fn say(&mut self, end: usize, call: CallKey) {
        let Some(view) = self.parties[end].calls.get(&call) else {
            return;
        };
        let (waiting, theirs, up) = (view.waiting, view.theirs.clone(), view.up);
        let Some(waiting) = waiting else { return };
        if up && self.parties[end].mood == Mood::Rejects {
            let none = Headers::default();
            let status = Status::NOT_ACCEPTABLE_HERE;
            self.net
                .act(end, |e, now| e.reject(now, call, status, &none))
                .ok();
            if let Some(view) = self.parties[end].calls.get_mut(&call) {
                (view.waiting, view.theirs) = (None, None);
            }
            return;
        }
        let none = Headers::default();
        if waiting == Waiting::Early {
            return match self.net.random.number() % 16 {
                0 => self.offer(end, call, true),
                1 => {
                    // Refused as long as an UPDATE is under way.
                    let result = self.net.act(end, |e, now| e.answer(now, call, None, &none));
                    if let Some(view) = self.parties[end].calls.get_mut(&call).filter(|_| result.is_ok()) {
                        view.waiting = None;
                    }
                }
                _ => {}
            };
        }
        let session = self.session(end, false);
        let bytes = session.clone().into_bytes();
        if let Some(offer) = theirs.clone().filter(|_| !up && self.net.chance(400)) {
            let (status, bytes) = (Status::SESSION_PROGRESS, Some(bytes.clone()));
            let early = self
                .net
                .act(end, |e, now| e.progress(now, call, status, bytes, true, &none));
            if let Some(view) = self.parties[end].calls.get_mut(&call).filter(|_| early.is_ok()) {
                (view.agreed, view.theirs) = (Some((offer, session)), None);
                view.waiting = Some(Waiting::Early);
                self.early += 1;
                return;
            }
        }
        let result = self
            .net
            .act(end, |e, now| match e.accept(now, call, bytes.clone()) {
                Ok(()) => Ok(()),
                Err(_) => e.answer(now, call, Some(bytes), &none),
            });
        let Some(view) = self.parties[end].calls.get_mut(&call) else {
            return;
        };
        view.waiting = None;
        if result.is_ok() {
            match (waiting, theirs) {
                (Waiting::Answer, Some(offer)) => view.agreed = Some((offer, session)),
                _ => view.ours = Some(session),
            }
        }
        view.theirs = None;
    }

    fn note(&mut self, end: usize, event: Event) {
        let calls = &mut self.parties[end].calls;
        let (key, event) = match event {
            Event::Incoming(incoming) => {
                let theirs = incoming.offer.as_deref().map(text);
                let waiting = if theirs.is_some() {
                    Waiting::Answer
                } else {
                    Waiting::Offer
                };
                let view = View {
                    theirs,
                    waiting: Some(waiting),
                    ..View::default()
                };
                calls.insert(incoming.call, view);
                return;
            }
            Event::Call(key, event) => (key, event),
            _ => return,
        };
        let Some(view) = calls.get_mut(&key) else { return };
        match event {
            CallEvent::Answered { .. } | CallEvent::Confirmed => view.up = true,
            CallEvent::Offer(offer) => {
                (view.theirs, view.waiting) = (Some(text(&offer)), Some(Waiting::Answer))
            }
            CallEvent::OfferWanted => view.waiting = Some(Waiting::Offer),
            CallEvent::Answer(answer) => {
                let offer = view.ours.take().expect("an offer of ours before its answer");
                view.agreed = Some((offer, text(&answer)));
                self.agreements += 1;
            }
            CallEvent::OfferRefused(_) => (view.ours, view.theirs, view.waiting) = (None, None, None),
            CallEvent::Ended(_) => drop(calls.remove(&key)),
            _ => {}
        }
    }

    fn look(&mut self) {
        for end in 0..2 {
            for event in std::mem::take(&mut self.net.events[end]) {
                self.note(end, event);
            }
        }
    }

    /// Time passes step by step; whoever does not hesitate answers at once.
    fn pass(&mut self, time: Duration) {
        let until = self.net.now + time;
        loop {
            let more = self.net.step(until);
            self.look();
            for end in 0..2 {
                if self.parties[end].mood == Mood::Hesitates {
                    continue;
                }
                let keys: Vec<CallKey> = self.parties[end].calls.keys().copied().collect();
                keys.into_iter().for_each(|key| self.say(end, key));
            }
            if !more {
                break;
            }
        }
    }

    /// Calls of one end by what names them at the other: Call-ID and tags.
    fn named(&self, end: usize, other: bool) -> HashMap<String, &View> {
        let name = |(key, view): (&CallKey, _)| {
            let name: String = self.net.ends[end].replaces(*key)?;
            let name = if other {
                // From the other side's view the tags change places.
                let (id, tags) = name.split_once(";to-tag=")?;
                let (to, from) = tags.split_once(";from-tag=")?;
                format!("{id};to-tag={from};from-tag={to}")
            } else {
                name
            };
            Some((name, view))
        };
        self.parties[end].calls.iter().filter_map(name).collect()
    }

    fn judge(&self, seed: u64) -> usize {
        let (a, b) = (self.named(0, false), self.named(1, true));
        let mut judged = 0;
        for (name, left) in &a {
            let Some(right) = b.get(name).filter(|r| left.up && r.up) else {
                continue;
            };
            judged += 1;
            assert!(left.agreed.is_some(), "seed {seed}: up without a session");
            assert_eq!(left.agreed, right.agreed, "seed {seed}: {name}");
        }
        judged
    }
}

/// One run; how many calls were judged, how many agreements there were, and how many of them early.
fn run(seed: u64, transport: Transport, weather: Weather) -> (usize, u32, u32) {
    println!("seed {seed} {transport:?} {weather:?}");
    let mut play = Play::new(seed, transport, weather);
    let mut judged = 0;
    for _ in 0..60 {
        let dice = play.net.random.number();
        let end = (dice >> 8) as usize % 2;
        let mut calls: Vec<CallKey> = play.parties[end].calls.keys().copied().collect();
        calls.sort_unstable();
        let call = calls.get((dice >> 16) as usize % calls.len().max(1)).copied();
        match (dice % 16, call) {
            (0..3, _) if calls.len() < 3 => play.invite(end, !dice.is_multiple_of(5)),
            (3..9, Some(call)) => play.offer(end, call, dice.is_multiple_of(2)),
            // Both at once.
            (9, _) => {
                for end in 0..2 {
                    let keys: Vec<CallKey> = play.parties[end].calls.keys().copied().collect();
                    keys.into_iter().for_each(|key| play.offer(end, key, true));
                }
            }
            (10, _) => play.parties[end].mood = Mood::Rejects,
            (11, _) => play.parties[end].mood = Mood::Hesitates,
            (12 | 13, _) => play.parties[end].mood = Mood::Accepts,
            (14, Some(call)) if dice.is_multiple_of(3) => {
                let none = Headers::default();
                play.net.act(end, |e, now| e.hang_up(now, call, &none)).ok();
            }
            _ => {}
        }
        play.look();
        play.pass(Duration::from_millis((dice >> 32) % 1500));
        if dice.is_multiple_of(7) {
            // Long enough for whatever is on its way to have come or to have failed.
            for party in &mut play.parties {
                party.mood = Mood::Accepts;
            }
            play.pass(Duration::from_secs(80));
            judged += play.judge(seed);
        }
    }
    (judged, play.agreements, play.early)
}

#[test]
fn two_ends_have_always_agreed_on_the_same_session() {
    let weathers = [
        (Transport::Udp, 0, 0, 0),
        (Transport::Udp, 0, 100, 400),
        (Transport::Udp, 200, 100, 300),
        (Transport::Udp, 400, 200, 900),
        (Transport::Tcp, 0, 0, 200),
    ];
    let (mut judged, mut agreements, mut early) = (0, 0, 0);
    for seed in 0..100 {
        for (transport, lose, double, delay) in weathers {
            let weather = Weather {
                lose,
                double,
                fail: 0,
                delay,
            };
            let (j, a, e) = run(seed * 7907, transport, weather);
            judged += j;
            agreements += a;
            early += e;
        }
    }
    let sum = format!("{judged} calls judged, {agreements} agreements, {early} of them early");
    println!("{sum}");
    assert!(judged > 1000 && agreements > 3000 && early > 300, "{sum}");
}

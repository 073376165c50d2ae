//! A SIP endpoint under sequences of messages, failures and times, with somebody who makes and answers calls.
//!
//! The input is pieces between bytes of 0xff. The first byte of a piece says what happens, the rest what it happens with:
//!
//! | first byte | what |
//! | --- | --- |
//! | `0` | the last call rings, reliably where it can, with the rest as a session when there is one |
//! | `1` | it is answered with the rest |
//! | `2` | the offer that waits is accepted with the rest |
//! | `3` | it is hung up |
//! | `4` | the rest is offered in it |
//! | `5` | as many times 300 ms pass as the next byte says |
//! | `6` | what was sent last cannot be sent |
//! | `8` | we make a call with the rest as offer |
//! | `9` | the last call refers, rejects, pings or sends an INFO, by the next byte |
//! | `7`, others | the rest comes from the network |
//!
//! (Modulo 12, so that every byte says something.) In what comes, `TAG` is the To tag of our last message, `RSEQ` its RSeq,
//! `FROM` the From tag, `BRANCH` the branch, `NUMBER` the CSeq number and `CALLID` the Call-ID of our last request: so a seed
//! can go on with a dialog.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_sip::message::{Headers, Status, Transport};
use omnigate_sip::transaction::{Origin, Transmit};
use omnigate_sip::{
    CallTerms, CallKey, Endpoint, EndpointSettings, Event, Hop, Invitation, Listener, ListenerId, Listeners, NatRule, Output,
};
use std::time::{Duration, Instant};

/// What our messages have said, for messages that answer them.
#[derive(Default)]
struct Said {
    tag: String,
    from: String,
    branch: String,
    number: String,
    call_id: String,
    rseq: String,
    origin: Option<Origin>,
}

impl Said {
    fn note(&mut self, transmit: &Transmit) {
        self.origin = Some(transmit.origin);
        let text = String::from_utf8_lossy(&transmit.bytes);
        let is_request = !text.starts_with("SIP/2.0");
        let after = |start: &str, mark: &str| {
            let line = text.lines().find(|l| l.starts_with(start))?;
            let (_, value) = line.split_once(mark)?;
            Some(value.split(';').next().unwrap_or_default().to_owned())
        };
        if let Some(tag) = after("To:", ";tag=") {
            self.tag = tag;
        }
        if let Some(rseq) = after("RSeq:", ": ") {
            self.rseq = rseq;
        }
        if is_request {
            self.from = after("From:", ";tag=").unwrap_or_default();
            self.branch = after("Via:", ";branch=").unwrap_or_default();
            self.number = after("CSeq:", " ").and_then(|c| Some(c.split_once(' ')?.0.to_owned())).unwrap_or_default();
            self.call_id = after("Call-ID:", ": ").unwrap_or_default();
        }
    }

    fn fill(&self, text: &str) -> String {
        text.replace("TAG", &self.tag)
            .replace("FROM", &self.from)
            .replace("BRANCH", &self.branch)
            .replace("NUMBER", &self.number)
            .replace("CALLID", &self.call_id)
            .replace("RSEQ", &self.rseq)
    }
}

fuzz_target!(|data: &[u8]| {
    let ours = "192.0.2.2:5060".parse().unwrap();
    let mut endpoint = Endpoint::new(EndpointSettings {
        listeners: Listeners::new(vec![Listener { transport: Transport::Udp, bound: ours, advertised: None }]),
        seed: 1,
        ..EndpointSettings::default()
    });
    let hop = Hop::datagram(ListenerId(0), ours, "192.0.2.1:5060".parse().unwrap());
    let none = Headers::default();
    let mut now = Instant::now();
    let mut calls: Vec<CallKey> = Vec::new();
    let mut said = Said::default();
    for piece in data.split(|b| *b == 0xff) {
        let Some((what, rest)) = piece.split_first() else { continue };
        let session = (!rest.is_empty()).then(|| rest.to_vec());
        match (what % 12, calls.last().copied()) {
            (0, Some(call)) => drop(endpoint.progress(now, call, Status::RINGING, session, true, &none)),
            (1, Some(call)) => drop(endpoint.answer(now, call, session, &none)),
            (2, Some(call)) => drop(endpoint.accept(now, call, rest.to_vec())),
            (3, Some(call)) => drop(endpoint.hang_up(now, call, &none)),
            (4, Some(call)) => drop(endpoint.offer(now, call, rest.to_vec())),
            (5, _) => {
                now += Duration::from_millis(u64::from(rest.first().copied().unwrap_or(1)) * 300);
                endpoint.timeout(now);
            }
            (6, _) => {
                if let Some(origin) = said.origin {
                    endpoint.failed(now, origin);
                }
            }
            (8, _) if calls.len() < 8 => {
                let call = endpoint.invite(now, Invitation {
                    uri: "sip:b@192.0.2.1".parse().unwrap(),
                    from: "<sip:a@192.0.2.2>".into(),
                    to: "<sip:b@192.0.2.1>".into(),
                    hop: hop.clone(),
                    routes: Vec::new(),
                    offer: session,
                    credentials: Vec::new(),
                    headers: Headers::default(),
                    nat: NatRule::Never,
                    terms: CallTerms::default(),
                });
                calls.push(call);
            }
            (9, Some(call)) => match rest.first().copied().unwrap_or_default() % 6 {
                0 => drop(endpoint.refer(now, call, "<sip:c@example.com>", &none)),
                1 => drop(endpoint.refer_answer(now, call, Status::new(202).unwrap_or(Status::OK))),
                2 => drop(endpoint.refer_progress(now, call, Status::OK)),
                3 => drop(endpoint.reject(now, call, Status::NOT_ACCEPTABLE_HERE, &none)),
                4 => drop(endpoint.ping(now, call)),
                _ => drop(endpoint.info(now, call, "application/dtmf", b"5".to_vec())),
            },
            _ => {
                let text = said.fill(&String::from_utf8_lossy(rest));
                endpoint.receive(now, &hop, text.as_bytes());
            }
        }
        while let Some(output) = endpoint.poll() {
            match output {
                Output::Event(Event::Incoming(incoming)) => calls.push(incoming.call),
                Output::Event(_) => {}
                Output::Transmit(transmit) => said.note(&transmit),
            }
        }
    }
    for call in calls {
        let _ = endpoint.hang_up(now, call, &Headers::default());
    }
    for _ in 0..2_000 {
        while endpoint.poll().is_some() {}
        let Some(at) = endpoint.deadline() else { break };
        now = now.max(at);
        endpoint.timeout(now);
    }
    while endpoint.poll().is_some() {}
    assert_eq!((endpoint.calls(), endpoint.transactions()), (0, (0, 0)), "something is left");
});

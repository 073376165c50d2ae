//! A SIP endpoint under sequences of datagrams, failures and times, with somebody who answers calls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_sip::message::{Headers, Status, Transport};
use omnigate_sip::{
    CallKey, Endpoint, EndpointSettings, Event, Hop, Listener, ListenerId, Listeners, Output,
};
use std::time::{Duration, Instant};

fuzz_target!(|data: &[u8]| {
    let ours = "192.0.2.2:5060".parse().unwrap();
    let mut endpoint = Endpoint::new(EndpointSettings {
        listeners: Listeners::new(vec![Listener { transport: Transport::Udp, bound: ours, advertised: None }]),
        seed: 1,
        ..EndpointSettings::default()
    });
    let hop = Hop::datagram(ListenerId(0), ours, "192.0.2.1:5060".parse().unwrap());
    let mut now = Instant::now();
    let mut calls: Vec<CallKey> = Vec::new();
    let mut tag = String::new();
    let mut origin = None;
    // Each piece: a byte that says what happens, and what it happens with. TAG in a message is our last To tag.
    for piece in data.split(|b| *b == 0xff) {
        let Some((what, rest)) = piece.split_first() else { continue };
        let call = calls.last().copied();
        match (what % 12, call) {
            (0, Some(call)) => drop(endpoint.progress(now, call, Status::RINGING, None, true, &Headers::default())),
            (1, Some(call)) => drop(endpoint.answer(now, call, Some(rest.to_vec()), &Headers::default())),
            (2, Some(call)) => drop(endpoint.accept(now, call, rest.to_vec())),
            (3, Some(call)) => drop(endpoint.hang_up(now, call, &Headers::default())),
            (4, Some(call)) => drop(endpoint.offer(now, call, rest.to_vec())),
            (5, _) => {
                now += Duration::from_millis(u64::from(rest.first().copied().unwrap_or(1)) * 300);
                endpoint.timeout(now);
            }
            (6, _) => {
                if let Some(origin) = origin {
                    endpoint.failed(now, origin);
                }
            }
            _ => {
                let text = String::from_utf8_lossy(rest).replace("TAG", &tag);
                endpoint.receive(now, &hop, text.as_bytes());
            }
        }
        while let Some(output) = endpoint.poll() {
            match output {
                Output::Event(Event::Incoming(incoming)) => calls.push(incoming.call),
                Output::Event(_) => {}
                Output::Transmit(transmit) => {
                    origin = Some(transmit.origin);
                    let text = String::from_utf8_lossy(&transmit.bytes);
                    let to = text.lines().find(|l| l.starts_with("To:")).and_then(|l| l.split_once("tag="));
                    if let Some((_, found)) = to {
                        tag = found.to_owned();
                    }
                }
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

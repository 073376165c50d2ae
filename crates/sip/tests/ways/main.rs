//! Which way requests of a call and responses go.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod requests;
mod responses;

use common::wire::{Wire, invite, request};
use common::{ANSWER, OFFER};
use omnigate_sip::message::{Headers, Message, Name, Request, Response, Transport, parse};
use omnigate_sip::transaction::Transmit;
use omnigate_sip::{
    CallKey, ConnectionId, EndpointSettings, Event, Hop, Listener, ListenerId, Listeners, NatRule, Peer,
    Proof,
};
use std::net::SocketAddr;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn listener(transport: Transport, bound: &str) -> Listener {
    Listener {
        transport,
        bound: at(bound),
        advertised: None,
    }
}

/// Two of UDP, one of TCP, and both of IPv6.
fn house() -> Listeners {
    Listeners::new(vec![
        listener(Transport::Udp, "192.0.2.2:5060"),
        listener(Transport::Tcp, "192.0.2.2:5060"),
        listener(Transport::Udp, "192.0.2.2:5070"),
        listener(Transport::Udp, "[2001:db8::2]:5060"),
        listener(Transport::Tcp, "[2001:db8::2]:5060"),
    ])
}

fn wire(listeners: Listeners, hop: Hop) -> Wire {
    let mut wire = Wire::with(EndpointSettings {
        listeners,
        seed: 7,
        ..EndpointSettings::default()
    });
    wire.hop = hop;
    wire
}

fn udp(remote: &str) -> Hop {
    Hop::datagram(ListenerId(0), at("192.0.2.2:5060"), at(remote))
}

fn tcp(connection: u64, remote: &str) -> Hop {
    Hop::stream(
        ListenerId(1),
        Transport::Tcp,
        ConnectionId(connection),
        at("192.0.2.2:5060"),
        at(remote),
    )
}

/// A call that has come with this Contact and is up, and our tag.
fn up(wire: &mut Wire, contact: &str, more: &str) -> (CallKey, String) {
    let invite = invite("1", more, OFFER).replace("<sip:caller@192.0.2.1:5060>", contact);
    wire.send(&invite);
    let Some(Event::Incoming(incoming)) = wire.events.pop_front() else {
        panic!("a call")
    };
    let call = incoming.call;
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &Headers::default()))
        .unwrap();
    let (_, ok) = wire.sent.pop_back().unwrap();
    let tag = response(&ok).headers.to_tag().unwrap().to_owned();
    wire.send(&request("ACK", "sip:omnigate@192.0.2.2", "ack", &tag, 1, "", ""));
    wire.sent.clear();
    (call, tag)
}

/// Our BYE in a call that is up.
fn bye(wire: &mut Wire, call: CallKey) -> (Hop, Request) {
    wire.act(|e, now| e.hang_up(now, call, &Headers::default()))
        .unwrap();
    let (_, transmit) = wire.sent.pop_front().unwrap();
    match parse(&transmit.bytes).unwrap() {
        Message::Request(request) => (transmit.hop, request),
        Message::Response(response) => panic!("a request, not {}", response.status),
    }
}

#[track_caller]
fn response(transmit: &Transmit) -> Response {
    match parse(&transmit.bytes).unwrap() {
        Message::Response(response) => response,
        Message::Request(request) => panic!("a response, not {}", request.method),
    }
}

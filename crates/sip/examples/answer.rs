//! Answers every call on a UDP socket with the caller's own session description, so that whoever calls hears nothing but is
//! up: `cargo run --example answer -- 127.0.0.1:5062`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout)]

use omnigate_sip::message::{Headers, Status, Transport};
use omnigate_sip::{
    CallEvent, Endpoint, EndpointSettings, Event, Hop, Listener, ListenerId, Listeners, Output,
};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5062".into());
    let socket = UdpSocket::bind(address)?;
    let bound: SocketAddr = socket.local_addr()?;
    let mut endpoint = Endpoint::new(EndpointSettings {
        listeners: Listeners::new(vec![Listener {
            transport: Transport::Udp,
            bound,
            advertised: None,
        }]),
        // A real one comes from the system's randomness.
        seed: std::process::id().into(),
        ..EndpointSettings::default()
    });
    let mut buffer = [0; 65_535];
    loop {
        carry_out(&mut endpoint, &socket)?;
        // A read time-out of zero would be none at all.
        let wait = endpoint
            .deadline()
            .map(|at| at.saturating_duration_since(Instant::now()));
        socket.set_read_timeout(wait.map(|w| w.max(Duration::from_millis(1))))?;
        match socket.recv_from(&mut buffer) {
            Ok((length, source)) => {
                let hop = Hop::datagram(ListenerId(0), bound, source);
                endpoint.receive(Instant::now(), &hop, buffer.get(..length).unwrap_or_default());
            }
            Err(_) => endpoint.timeout(Instant::now()),
        }
    }
}

fn carry_out(endpoint: &mut Endpoint, socket: &UdpSocket) -> Result<(), Box<dyn std::error::Error>> {
    let now = Instant::now();
    let none = Headers::default();
    while let Some(output) = endpoint.poll() {
        match output {
            Output::Transmit(transmit) => {
                if socket.send_to(&transmit.bytes, transmit.hop.remote).is_err() {
                    endpoint.failed(now, transmit.origin);
                }
            }
            Output::Event(Event::Incoming(incoming)) => {
                println!("a call from {}", incoming.hop);
                match incoming.offer {
                    Some(offer) => endpoint.answer(now, incoming.call, Some(offer), &none)?,
                    None => endpoint.refuse(now, incoming.call, Status::NOT_ACCEPTABLE_HERE, &none)?,
                }
            }
            Output::Event(Event::Call(call, CallEvent::Offer(offer))) => endpoint.accept(now, call, offer)?,
            Output::Event(Event::Request(id, request, _)) => {
                let response = endpoint.capabilities(id, &request, Status::OK);
                endpoint.respond(now, id, response);
            }
            Output::Event(event) => println!("{event:?}"),
        }
    }
    Ok(())
}

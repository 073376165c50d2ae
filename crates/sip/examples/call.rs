//! Calls somebody over UDP, stays for three seconds and hangs up: `cargo run --example call -- sip:a@127.0.0.1:5062`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::print_stdout)]

use omnigate_sip::message::{Headers, Transport, Uri};
use omnigate_sip::{
    CallEvent, CallTerms, Endpoint, EndpointSettings, Event, Hop, Invitation, Listener, ListenerId,
    Listeners, LocalMedia, MediaTerms, NatRule, Negotiator, Output,
};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let uri: Uri = std::env::args()
        .nth(1)
        .ok_or("whom to call: sip:USER@HOST:PORT")?
        .parse()?;
    let parts = uri.sip().ok_or("not a sip: address")?;
    let host = (parts.host.to_string(), parts.port.unwrap_or(5060));
    let remote = host.to_socket_addrs()?.next().ok_or("the host has no address")?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(remote)?;
    let bound: SocketAddr = socket.local_addr()?;
    let mut endpoint = Endpoint::new(EndpointSettings {
        listeners: Listeners::new(vec![Listener {
            transport: Transport::Udp,
            bound,
            advertised: None,
        }]),
        seed: std::process::id().into(),
        ..EndpointSettings::default()
    });
    let local = LocalMedia {
        ip: bound.ip(),
        port: 40_000,
    };
    let call = endpoint.invite(
        Instant::now(),
        Invitation {
            from: format!("<sip:example@{bound}>"),
            to: format!("<{uri}>"),
            uri,
            hop: Hop::datagram(ListenerId(0), bound, remote),
            routes: Vec::new(),
            offer: Some(
                Negotiator::new(local, 1, MediaTerms::default())
                    .offer()
                    .into_bytes(),
            ),
            credentials: Vec::new(),
            headers: Headers::default(),
            nat: NatRule::default(),
            terms: CallTerms::default(),
        },
    );
    let mut hang_up_at = None;
    let mut buffer = [0; 65_535];
    loop {
        while let Some(output) = endpoint.poll() {
            match output {
                Output::Transmit(transmit) => {
                    let _ = socket.send(&transmit.bytes);
                }
                Output::Event(event) => {
                    println!("{event:?}");
                    if let Event::Call(_, CallEvent::Answered { .. }) = event {
                        hang_up_at = Some(Instant::now() + Duration::from_secs(3));
                    }
                }
            }
        }
        if endpoint.calls() == 0 {
            return Ok(());
        }
        let next = [endpoint.deadline(), hang_up_at].into_iter().flatten().min();
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        socket.set_read_timeout(wait.map(|w| w.max(Duration::from_millis(1))))?;
        let now = Instant::now();
        if let Ok(length) = socket.recv(&mut buffer) {
            let hop = Hop::datagram(ListenerId(0), bound, remote);
            endpoint.receive(now, &hop, buffer.get(..length).unwrap_or_default());
        }
        endpoint.timeout(Instant::now());
        if hang_up_at.take_if(|at| *at <= now).is_some() {
            let _ = endpoint.hang_up(now, call, &Headers::default());
        }
    }
}

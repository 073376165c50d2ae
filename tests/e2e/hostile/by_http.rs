//! Attacks over HTTP.

use super::attack::{Scene, Tally, drain};
use crate::listener::from;
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// H4: the page, again and again on one connection.
pub fn page(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    kept_alive(scene, tally, source, "/");
}

/// H4: the figures, likewise.
pub fn figures(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    kept_alive(scene, tally, source, "/metrics");
}

/// 300 requests a second, none of which waits for the one before.
fn kept_alive(scene: &Scene, tally: &Tally, source: [u8; 4], path: &str) {
    let requests = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", scene.http).repeat(30);
    while scene.pause(100) {
        let stream = from(source, scene.http);
        while scene.pause(100) {
            (0..30).for_each(|_| tally.sent());
            let sent = (&stream).write_all(requests.as_bytes());
            let Some(answers) = drain(&stream) else { break };
            let refusal = b"HTTP/1.1 429";
            let refused = answers.windows(refusal.len()).filter(|part| part == refusal);
            refused.for_each(|_| tally.refused());
            if sent.is_err() {
                break;
            }
        }
    }
}

/// One request on a connection of its own; its status.
fn ask(scene: &Scene, source: [u8; 4], request: &str, more: &str) -> Option<u16> {
    let mut stream = from(source, scene.http);
    let head = format!("{request} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer)
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
}

/// H6: the API without a token, with a wrong one, for a name that leads here, and with one's own for what is another's.
pub fn api_of_others(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let host = format!("Host: {}\r\n", scene.http);
    let own = format!("{host}Authorization: {}\r\n", scene.bearer);
    let wrong = format!("{host}Authorization: Bearer omt_0123456789_wrong\r\n");
    let rebound = format!("Host: evil.example\r\nAuthorization: {}\r\n", scene.bearer);
    let (room, recording) = (&scene.rooms[0], &scene.recording);
    let attempts = [
        ("GET /api/v1/calls".to_owned(), &host),
        ("GET /api/v1/recordings".to_owned(), &wrong),
        ("GET /api/v1/calls".to_owned(), &rebound),
        ("GET /api/v1/tokens".to_owned(), &own),
        (format!("GET /api/v1/call-numbers/{}", scene.numbers[0]), &own),
        (format!("GET /api/v1/rooms/{room}"), &own),
        (format!("DELETE /api/v1/rooms/{room}"), &own),
        (
            format!("DELETE /api/v1/rooms/{room}/participants/{}", scene.session),
            &own,
        ),
        (format!("GET /api/v1/recordings/{recording}/file"), &own),
        (format!("POST /api/v1/recordings/{recording}/pause"), &own),
        (format!("DELETE /api/v1/recordings/{recording}"), &own),
    ];
    while scene.pause(100) {
        for (request, more) in &attempts {
            tally.sent();
            match ask(scene, source, request, more) {
                Some(200..=299) => panic!("{request} was done"),
                _ => tally.refused(),
            }
            if !scene.pause(60) {
                break;
            }
        }
    }
}

/// M4: downloads of which nothing is read, more on each connection than the kernel keeps of it.
pub fn downloads_that_stall(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\r\n",
        scene.download, scene.http, scene.bearer
    )
    .repeat(100);
    let count = |stream: TcpStream| {
        let begin = drain(&stream).unwrap_or_default();
        if !begin.starts_with(b"HTTP/1.1 200") {
            tally.refused();
        }
    };
    let mut held = Vec::new();
    while scene.pause(100) {
        let Some(stream) = narrow(source, scene.http) else {
            continue;
        };
        tally.sent();
        let _ = (&stream).write_all(request.as_bytes());
        held.push(stream);
        if held.len() > 60 {
            held.drain(..30).for_each(count);
        }
    }
    held.into_iter().for_each(count);
}

/// A connection that takes very little before somebody reads.
fn narrow(source: [u8; 4], to: SocketAddr) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.set_recv_buffer_size(2_048).ok()?;
    socket.bind(&SocketAddr::from((source, 0)).into()).ok()?;
    socket.connect(&to.into()).ok()?;
    Some(socket.into())
}

/// Low: requests that are never finished, on ever more connections.
pub fn heads_without_an_end(scene: &Scene, tally: &Tally, source: [u8; 4]) {
    let mut held: Vec<TcpStream> = Vec::new();
    while scene.pause(20) {
        let stream = from(source, scene.http);
        tally.sent();
        let _ = (&stream).write_all(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
        held.push(stream);
        let open = held.len();
        held.retain(|stream| {
            (&*stream).write_all(b"x").is_ok() && drain(stream).is_some_and(|got| got.is_empty())
        });
        (held.len()..open).for_each(|_| tally.refused());
    }
}

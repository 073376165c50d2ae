//! The floor: what the kernel alone takes for the packets of a room of phones. A reflector process reads one packet of
//! each of its sockets and sends one back, each 20 ms, to processes that wait for them as phones do. It neither decodes
//! nor mixes.

use super::app::FRAME;
use super::{WINDOW, cpu};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Arguments that make this program the reflector, and the phones.
pub const REFLECTOR: &str = "reflector";
pub const PHONE: &str = "reflected-phone";
/// First port of the reflector.
const PORT: u16 = 38_000;
/// A G.711 packet of 20 ms with its header.
const PACKET: [u8; 172] = [0x80; 172];

pub fn measure(members: u16) {
    let start = |arguments: &[&str]| {
        Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut reflector = start(&[REFLECTOR, &members.to_string()]);
    std::thread::sleep(Duration::from_millis(300));
    let mut phones: Vec<_> = (0..members)
        .map(|i| start(&[PHONE, &(PORT + i).to_string()]))
        .collect();
    std::thread::sleep(Duration::from_secs(2));
    let per_second = cpu(reflector.id(), WINDOW);
    println!(
        "floor of {members} phones (packets in and out, nothing else): {:.3} ms CPU a second and phone",
        per_second * 1000.0 / f64::from(members)
    );
    for child in phones.iter_mut().chain([&mut reflector]) {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Runs as the reflector; never returns.
pub fn reflect(members: u16) {
    let sockets: Vec<UdpSocket> = (0..members)
        .map(|i| {
            let socket = UdpSocket::bind(("127.0.0.1", PORT + i)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        })
        .collect();
    let mut peers: Vec<Option<SocketAddr>> = vec![None; sockets.len()];
    let mut buffer = [0; 2048];
    let mut next = Instant::now();
    loop {
        for (socket, peer) in sockets.iter().zip(&mut peers) {
            if let Ok((_, source)) = socket.recv_from(&mut buffer) {
                *peer = Some(source);
            }
            if let Some(peer) = peer {
                let _ = socket.send_to(&PACKET, *peer);
            }
        }
        next += FRAME;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Runs as a phone: waits for packets, sends one each 20 ms; never returns.
pub fn phone(port: u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut buffer = [0; 2048];
    let mut next = Instant::now();
    loop {
        let wait = next.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            socket.send_to(&PACKET, ("127.0.0.1", port)).unwrap();
            next += FRAME;
            continue;
        }
        socket.set_read_timeout(Some(wait)).unwrap();
        let _ = socket.recv(&mut buffer);
    }
}

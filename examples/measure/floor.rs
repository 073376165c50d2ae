//! The floor: what the kernel alone takes for the packets of a room of phones, and what kernel and cipher take for those of
//! a video.
//!
//! A reflector process reads one packet of each of its sockets and sends one back, each 20 ms, to processes that wait for
//! them as phones do. It neither decodes nor mixes. A forwarder process takes a camera's packets, opens each and seals and
//! sends it once for each viewer, with the cipher and the library that the service has agreed on with these viewers.

use super::app::FRAME;
use super::video::{PACKETS_A_SECOND, PAYLOAD};
use super::{WINDOW, cpu};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use str0m::crypto::{AeadAes256GcmCipher, CryptoProvider};

/// Arguments that make this program the reflector, and the phones.
pub const REFLECTOR: &str = "reflector";
pub const PHONE: &str = "reflected-phone";
/// The argument that makes this program the forwarder.
pub const FORWARDER: &str = "forwarder";
/// Header of an RTP packet with the extensions that a video has, bytes.
const RTP_HEADER: usize = 24;
/// Tag of AES-GCM (RFC 7714), bytes.
const TAG: usize = 16;
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

/// The floor of one camera and its viewers.
pub fn measure_video(viewers: usize) {
    let received = Arc::new(AtomicU64::new(0));
    let ports: Vec<String> = (0..viewers)
        .map(|_| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let (port, received) = (socket.local_addr().unwrap().port(), received.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 2048];
                while socket.recv(&mut buffer).is_ok() {
                    received.fetch_add(1, Relaxed);
                }
            });
            port.to_string()
        })
        .collect();
    let mut forwarder = Command::new(std::env::current_exe().unwrap())
        .arg(FORWARDER)
        .args(ports)
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(300));
    std::thread::spawn(|| {
        let camera = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut cipher = cipher(true);
        let (mut packet, mut sealed) = (packet(), packet());
        let mut next = Instant::now();
        while seal(&mut *cipher, &mut packet, &mut sealed) {
            if camera.send_to(&sealed, ("127.0.0.1", PORT)).is_err() {
                return;
            }
            next += Duration::from_nanos(1_000_000_000 / PACKETS_A_SECOND);
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    std::thread::sleep(Duration::from_secs(1));
    let before = received.load(Relaxed);
    let per_second = cpu(forwarder.id(), WINDOW);
    println!(
        "floor of {viewers} viewers (open once, seal and send for each): {:.3} ms CPU a second and stream ({} packets received)",
        per_second * 1000.0 / viewers as f64,
        received.load(Relaxed) - before
    );
    forwarder.kill().unwrap();
    forwarder.wait().unwrap();
}

/// Runs as the forwarder; never returns.
pub fn forward(viewers: &[&str]) {
    let socket = UdpSocket::bind(("127.0.0.1", PORT)).unwrap();
    let viewers: Vec<SocketAddr> = viewers
        .iter()
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap())))
        .collect();
    let mut opener = cipher(false);
    let mut sealers: Vec<_> = viewers.iter().map(|_| cipher(true)).collect();
    let (mut sealed, mut opened) = (packet(), packet());
    loop {
        let length = socket.recv(&mut sealed).unwrap();
        let (header, body) = sealed[..length].split_at(RTP_HEADER);
        opener
            .decrypt(&iv(header), &[header], body, &mut opened[RTP_HEADER..])
            .unwrap();
        opened[..RTP_HEADER].copy_from_slice(header);
        for (viewer, sealer) in viewers.iter().zip(&mut sealers) {
            seal(&mut **sealer, &mut opened, &mut sealed);
            let _ = socket.send_to(&sealed, viewer);
        }
    }
}

fn cipher(encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
    let CryptoProvider { srtp_provider, .. } = str0m_aws_lc_rs::default_provider();
    srtp_provider.aead_aes_256_gcm().create_cipher([7; 32], encrypt)
}

/// Room for a packet and its tag.
fn packet() -> Vec<u8> {
    vec![0x55; RTP_HEADER + PAYLOAD + TAG]
}

/// Gives the packet the next number and seals it, as RFC 7714 does.
fn seal(cipher: &mut dyn AeadAes256GcmCipher, packet: &mut [u8], sealed: &mut [u8]) -> bool {
    let number = u16::from_be_bytes([packet[2], packet[3]]).wrapping_add(1);
    packet[2..4].copy_from_slice(&number.to_be_bytes());
    let (header, payload) = packet[..RTP_HEADER + PAYLOAD].split_at(RTP_HEADER);
    sealed[..RTP_HEADER].copy_from_slice(header);
    cipher
        .encrypt(&iv(header), header, payload, &mut sealed[RTP_HEADER..])
        .is_ok()
}

fn iv(header: &[u8]) -> [u8; 12] {
    header[..12].try_into().unwrap()
}

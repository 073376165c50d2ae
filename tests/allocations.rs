//! The media thread allocates nothing a packet on the way from phone to phone once buffers have grown.
//!
//! A program of its own: the counting allocator serves a whole process, and nothing else may run in it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "common/agreed.rs"]
mod agreed;

use omnigate::media::{CaptureId, LegHandle, MediaPlane, MediaSettings};
use omnigate::observe::Health;
use omnigate::supervise::Supervisor;
use omnigate_room::{ParticipantId, RoomId};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const FRAME: Duration = Duration::from_millis(20);
/// What the RTCP reports of three legs may allocate in six seconds: one each 2.5 s or more (RFC 3550 section 6.2),
/// five blocks each. One block a packet would be 900.
const REPORT_BLOCKS: u64 = 3 * 3 * 5;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A phone: its socket, where it sends to, and the leg that serves it.
struct Phone {
    socket: UdpSocket,
    to: SocketAddr,
    _leg: LegHandle,
}

fn phone(plane: &std::sync::Arc<MediaPlane>, room: RoomId) -> Phone {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let (events, _) = mpsc::channel(256);
    let leg = plane.open_leg(LOCALHOST, events).unwrap();
    leg.set_media(agreed::a_law(socket.local_addr().unwrap()))
        .unwrap();
    plane.enter(&leg.seat(), room, ParticipantId(leg.id().0)).unwrap();
    Phone {
        to: SocketAddr::new(LOCALHOST, leg.local().port),
        socket,
        _leg: leg,
    }
}

/// Each phone sends a frame each 20 ms and reads what it gets; the number of packets read.
fn talk(phones: &[Phone], sequence: &mut u16, frames: u32) -> u32 {
    let (mut next, mut read) = (Instant::now(), 0);
    let (mut packet, mut buffer) = ([0u8; 172], [0u8; 2048]);
    for _ in 0..frames {
        *sequence += 1;
        packet[..2].copy_from_slice(&[0x80, 8]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(*sequence) * 160).to_be_bytes());
        for (i, code) in packet[12..].iter_mut().enumerate() {
            *code = (i as u8).wrapping_mul(37) ^ *sequence as u8;
        }
        for phone in phones {
            packet[8..12].copy_from_slice(&u32::from(phone.to.port()).to_be_bytes());
            phone.socket.send_to(&packet, phone.to).unwrap();
            while phone.socket.recv(&mut buffer).is_ok() {
                read += 1;
            }
        }
        next += FRAME;
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    read
}

#[test]
fn a_packet_from_phone_to_phone_allocates_nothing() {
    let settings = MediaSettings {
        bind: LOCALHOST,
        advertise: vec![LOCALHOST],
        rtp_ports: 45_000..=45_998,
        webrtc_port: 0,
        webrtc_tcp: true,
        shards: 1,
        video_codecs: Vec::new(),
        silence_timeout: Duration::from_secs(30),
    };
    let (events, _peers) = mpsc::unbounded_channel();
    let (supervisor, _deaths) = Supervisor::new();
    let plane = MediaPlane::start(settings, events, &supervisor, &Health::default()).unwrap();
    let phones: Vec<Phone> = (0..3).map(|_| phone(&plane, RoomId(1))).collect();
    // Recorded too: nobody empties the ring, which has room for all of it.
    plane.capture(RoomId(1), CaptureId(1), Instant::now()).unwrap();
    let mut sequence = 0;
    // Buffers grow, the jitter buffers learn, the first RTCP reports go out.
    talk(&phones, &mut sequence, 500);

    let profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get().total_blocks;
    let read = talk(&phones, &mut sequence, 300);
    let allocated = dhat::HeapStats::get().total_blocks - before;
    drop(profiler);

    assert!(read > 800, "only {read} of 900 packets came back");
    assert!(
        allocated <= REPORT_BLOCKS,
        "{allocated} heap blocks for {read} packets in and as many out"
    );
    plane.stop();
}

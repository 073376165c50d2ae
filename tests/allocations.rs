//! The media thread allocates nothing a packet on the way from phone to phone once buffers have grown.
//!
//! A program of its own: the counting allocator serves a whole process, and nothing else may run in it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "common/agreed.rs"]
mod agreed;

use omnigate::media::{CaptureId, LegHandle, MediaPlane, MediaSettings};
use omnigate::observe::Health;
use omnigate::supervise::Supervisor;
use omnigate_audio::codec::{Codec, Encoder};
use omnigate_audio::opus::EncoderSettings;
use omnigate_room::{ParticipantId, RoomId};
use omnigate_sip::Agreed;
use omnigate_sip::keying::Keying;
use omnigate_srtp::{Keys, MasterKey, Sealer, Suite};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const FRAME: Duration = Duration::from_millis(20);
/// Two telephones with G.711 and one with each other codec, in one room: what they say is resampled to and fro. Some seal it.
const PHONES: [(Codec, Option<Suite>); 5] = [
    (Codec::Pcma, None),
    (Codec::Pcma, Some(Suite::AesCm128HmacSha1_80)),
    (Codec::G722, Some(Suite::AeadAes128Gcm)),
    (Codec::L16, None),
    (Codec::Opus, None),
];
/// What the RTCP reports of the legs may allocate in six seconds: one each 2.5 s or more (RFC 3550 section 6.2),
/// five blocks each. One block a packet would be 1 500.
const REPORT_BLOCKS: u64 = PHONES.len() as u64 * 3 * 5;
/// Rate of the room, Hz.
const RATE_HZ: u32 = 16_000;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A phone: its socket, where it sends to, and the leg that serves it.
struct Phone {
    socket: UdpSocket,
    to: SocketAddr,
    codec: Codec,
    encoder: Encoder,
    /// Seals what it says.
    sealer: Option<Sealer>,
    sealed: Vec<u8>,
    _leg: LegHandle,
}

fn phone(plane: &std::sync::Arc<MediaPlane>, room: RoomId, (codec, suite): (Codec, Option<Suite>)) -> Phone {
    let key = suite.map(|suite| MasterKey::random(suite).unwrap());
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let (events, _) = mpsc::channel(256);
    let leg = plane.open_leg(LOCALHOST, events).unwrap();
    let agreed = agreed::a_law(socket.local_addr().unwrap());
    leg.set_media(Agreed {
        codec,
        payload_type: 96,
        receive: vec![(96, codec)],
        srtp: key.clone().map(|key| {
            Box::new(Keying::Sdes(Keys {
                send: key.clone(),
                receive: key,
            }))
        }),
        ..agreed
    })
    .unwrap();
    plane.enter(&leg.seat(), room, ParticipantId(leg.id().0)).unwrap();
    Phone {
        to: SocketAddr::new(LOCALHOST, leg.local().port),
        socket,
        codec,
        sealer: key.map(|key| Sealer::new(&key).unwrap()),
        sealed: Vec::with_capacity(2_048),
        encoder: codec.encoder(RATE_HZ, EncoderSettings::default()).unwrap(),
        _leg: leg,
    }
}

impl Phone {
    /// A frame of noise.
    fn speak(&mut self, sequence: u16, pcm: &mut [i16; 320], packet: &mut [u8; 1_400]) {
        for (i, sample) in pcm.iter_mut().enumerate() {
            *sample = (i as i16).wrapping_mul(3_701) ^ (sequence as i16).wrapping_mul(257);
        }
        packet[..2].copy_from_slice(&[0x80, 96]);
        packet[2..4].copy_from_slice(&sequence.to_be_bytes());
        let timestamp = u32::from(sequence) * (self.codec.clock_hz() / 50);
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&u32::from(self.to.port()).to_be_bytes());
        let samples = self.codec.rate_hz(RATE_HZ) as usize / 50;
        let length = self.encoder.encode(&pcm[..samples], &mut packet[12..]).unwrap();
        self.sealed.clear();
        self.sealed.extend_from_slice(&packet[..12 + length]);
        if let Some(sealer) = &mut self.sealer {
            sealer.seal_rtp(&mut self.sealed).unwrap();
        }
        self.socket.send_to(&self.sealed, self.to).unwrap();
    }
}

/// Each phone sends a frame each 20 ms and reads what it gets; the number of packets read.
fn talk(phones: &mut [Phone], sequence: &mut u16, frames: u32) -> u32 {
    let (mut next, mut read) = (Instant::now(), 0);
    let (mut pcm, mut packet, mut buffer) = ([0; 320], [0u8; 1_400], [0u8; 2048]);
    for _ in 0..frames {
        *sequence += 1;
        for phone in &mut *phones {
            phone.speak(*sequence, &mut pcm, &mut packet);
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
    let mut phones: Vec<Phone> = PHONES.map(|one| phone(&plane, RoomId(1), one)).into();
    // Recorded too: nobody empties the ring, which has room for all of it.
    plane.capture(RoomId(1), CaptureId(1), Instant::now()).unwrap();
    let mut sequence = 0;
    // Buffers grow, the jitter buffers learn, the first RTCP reports go out.
    talk(&mut phones, &mut sequence, 500);

    let profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get().total_blocks;
    let read = talk(&mut phones, &mut sequence, 300);
    let allocated = dhat::HeapStats::get().total_blocks - before;
    drop(profiler);

    assert!(read > 1_400, "only {read} of 1 500 packets came back");
    assert!(
        allocated <= REPORT_BLOCKS,
        "{allocated} heap blocks for {read} packets in and as many out"
    );
    plane.stop();
}

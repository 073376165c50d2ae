//! One camera, many viewers.

use super::app::Session;
use super::{WINDOW, cpu, metric};
use serde_json::json;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// Bytes of a packet's payload; with 104 packets a second 1 Mbit/s.
const PAYLOAD: usize = 1_200;
const PACKETS_A_SECOND: u32 = 104;

pub fn measure(http: &str, service: u32, viewers: usize) {
    let room = Session::open(http).ask("CREATE_ROOM", json!({"room_type": "videoroom"}))["room_id"].clone();
    let mut publisher = Session::open(http);
    publisher.ask("JOIN_ROOM", json!({"room_id": room}));
    let end = Ended::default();
    let received = Arc::new(AtomicU64::new(0));
    let mut threads = Vec::new();
    let mut camera = Client::new(received.clone());
    let mut api = camera.rtc.sdp_api();
    let mid = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
    let (offer, pending) = api.apply().unwrap();
    let jsep = json!({"type": "offer", "sdp": offer.to_sdp_string()});
    let answer = publisher.ask(
        "PUBLISH",
        json!({"track": "video", "resolution": 345_600, "jsep": jsep}),
    );
    let answer = SdpAnswer::from_sdp_string(answer["jsep"]["sdp"].as_str().unwrap()).unwrap();
    camera.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    camera.camera = Some(mid);
    let session = publisher.id().clone();
    threads.push(camera.start(&end));
    let mut sessions = vec![publisher];
    for _ in 0..viewers {
        let mut viewer = Session::open(http);
        viewer.ask("JOIN_ROOM", json!({"room_id": room}));
        let offer = viewer.ask("SUBSCRIBE", json!({"subscribe": session}));
        let offer = SdpOffer::from_sdp_string(offer["jsep"]["sdp"].as_str().unwrap()).unwrap();
        let mut screen = Client::new(received.clone());
        let answer = screen.rtc.sdp_api().accept_offer(offer).unwrap();
        let jsep = json!({"type": "answer", "sdp": answer.to_sdp_string()});
        viewer.tell("WS_SUBSCRIBE_COMP", json!({"subscribe": session, "jsep": jsep}));
        threads.push(screen.start(&end));
        sessions.push(viewer);
    }
    std::thread::sleep(Duration::from_secs(5));
    let (forwarded, got) = (
        metric("omnigate_video_forwarded_packets_total"),
        received.load(Relaxed),
    );
    let per_second = cpu(service, WINDOW);
    println!(
        "1 camera at 1 Mbit/s, {viewers} viewers: {:.3} ms CPU a second and forwarded stream ({:.0} packets forwarded, {} received by viewers)",
        per_second * 1000.0 / viewers as f64,
        metric("omnigate_video_forwarded_packets_total") - forwarded,
        received.load(Relaxed) - got
    );
    end.0.store(true, Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[derive(Default, Clone)]
struct Ended(Arc<AtomicBool>);

struct Client {
    rtc: Rtc,
    socket: UdpSocket,
    camera: Option<Mid>,
    up: bool,
    received: Arc<AtomicU64>,
}

impl Client {
    fn new(received: Arc<AtomicU64>) -> Client {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m_aws_lc_rs::default_provider()))
            .set_rtp_mode(true)
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
        Client {
            rtc,
            socket,
            camera: None,
            up: false,
            received,
        }
    }

    fn start(mut self, end: &Ended) -> std::thread::JoinHandle<()> {
        let end = end.clone();
        std::thread::spawn(move || {
            let own = self.socket.local_addr().unwrap();
            let period = Duration::from_secs(1) / PACKETS_A_SECOND;
            let (mut next, mut count) = (Instant::now(), 0u64);
            let mut buffer = [0; 2048];
            while !end.0.load(Relaxed) {
                let due = self.drain();
                let wake = if self.camera.is_some() { due.min(next) } else { due };
                let wait = wake.saturating_duration_since(Instant::now());
                self.socket
                    .set_read_timeout(Some(
                        wait.clamp(Duration::from_micros(100), Duration::from_millis(100)),
                    ))
                    .unwrap();
                if let Ok((length, source)) = self.socket.recv_from(&mut buffer)
                    && let Ok(receive) = Receive::new(Protocol::Udp, source, own, &buffer[..length])
                {
                    let _ = self.rtc.handle_input(Input::Receive(Instant::now(), receive));
                }
                let now = Instant::now();
                if self.camera.is_some() && now >= next {
                    next += period;
                    if self.up {
                        count += 1;
                        self.send(count, now);
                    }
                }
            }
        })
    }

    /// One packet a picture, each a VP8 key frame of its own (RFC 7741: S bit, then P = 0 and the start code).
    fn send(&mut self, count: u64, now: Instant) {
        let (Some(mid), Some(pt)) = (self.camera, self.payload_type()) else {
            return;
        };
        let mut payload = vec![0x55; PAYLOAD];
        payload[..11].copy_from_slice(&[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0xd0, 0x02, 0xe0, 0x01]);
        let timestamp = (count * 90_000 / u64::from(PACKETS_A_SECOND)) as u32;
        if let Some(tx) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            tx.write_rtp(RtpWrite::new(pt, count.into(), timestamp, now, payload.as_slice()).marker(true));
        }
    }

    fn payload_type(&self) -> Option<str0m::media::Pt> {
        let vp8 = |p: &&str0m::format::PayloadParams| p.spec().codec == str0m::format::Codec::Vp8;
        self.rtc.codec_config().params().iter().find(vp8).map(|p| p.pt())
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(t) => drop(self.socket.send_to(&t.contents, t.destination)),
                Output::Event(Event::Connected) => self.up = true,
                Output::Event(Event::RtpPacket(_)) => drop(self.received.fetch_add(1, Relaxed)),
                Output::Event(_) => {}
                Output::Timeout(t) if t <= Instant::now() => {
                    self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                }
                Output::Timeout(t) => return t,
            }
        }
    }
}

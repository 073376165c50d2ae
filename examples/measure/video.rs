//! One camera, many viewers.

use super::app::Session;
use super::peer::{Media, Peer, Running};
use super::{WINDOW, cpu, metric};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use str0m::Rtc;
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::format::{Codec, PayloadParams};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::{RtpPacket, RtpWrite};

/// Bytes of a packet's payload; with 104 packets a second 1 Mbit/s.
pub const PAYLOAD: usize = 1_200;
pub const PACKETS_A_SECOND: u64 = 104;

pub fn measure(http: &str, service: u32, viewers: usize) {
    let room = Session::open(http).new_room("videoroom");
    let mut publisher = Session::open(http);
    publisher.ask("JOIN_ROOM", json!({"room_id": room}));
    let mut peer = Peer::new();
    let mut api = peer.rtc.sdp_api();
    let mid = api.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
    let (offer, pending) = api.apply().unwrap();
    let jsep = json!({"type": "offer", "sdp": offer.to_sdp_string()});
    let answer = publisher.ask(
        "PUBLISH",
        json!({"track": "video", "resolution": 345_600, "jsep": jsep}),
    );
    let answer = SdpAnswer::from_sdp_string(answer["jsep"]["sdp"].as_str().unwrap()).unwrap();
    peer.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    let _camera = peer.start(Camera { mid, count: 0 });
    let received = Arc::new(AtomicU64::new(0));
    let _screens: Vec<(Session, Running)> = (0..viewers)
        .map(|_| {
            let mut viewer = Session::open(http);
            viewer.ask("JOIN_ROOM", json!({"room_id": room}));
            let subscribe = json!({"subscribe": publisher.id()});
            let offer = viewer.ask("SUBSCRIBE", subscribe);
            let offer = SdpOffer::from_sdp_string(offer["jsep"]["sdp"].as_str().unwrap()).unwrap();
            let mut peer = Peer::new();
            let answer = peer.rtc.sdp_api().accept_offer(offer).unwrap();
            let jsep = json!({"type": "answer", "sdp": answer.to_sdp_string()});
            viewer.tell(
                "WS_SUBSCRIBE_COMP",
                json!({"subscribe": publisher.id(), "jsep": jsep}),
            );
            (viewer, peer.start(Screen(received.clone())))
        })
        .collect();
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
}

/// One packet a picture, each a VP8 key frame of its own.
struct Camera {
    mid: Mid,
    count: u64,
}

impl Media for Camera {
    const PERIOD: Option<Duration> = Some(Duration::from_nanos(1_000_000_000 / PACKETS_A_SECOND));

    fn send(&mut self, rtc: &mut Rtc, now: Instant) {
        self.count += 1;
        let vp8 = |p: &&PayloadParams| p.spec().codec == Codec::Vp8;
        let Some(pt) = rtc.codec_config().params().iter().find(vp8).map(|p| p.pt()) else {
            return;
        };
        // RFC 7741: the S bit, then P = 0 and the start code.
        let mut payload = vec![0x55; PAYLOAD];
        payload[..11].copy_from_slice(&[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 0xd0, 0x02, 0xe0, 0x01]);
        let timestamp = (self.count * 90_000 / PACKETS_A_SECOND) as u32;
        if let Some(tx) = rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            let write = RtpWrite::new(pt, self.count.into(), timestamp, now, payload.as_slice());
            tx.write_rtp(write.marker(true));
        }
    }

    fn receive(&mut self, _packet: RtpPacket, _now: Instant) {}
}

/// Counts what it is sent.
struct Screen(Arc<AtomicU64>);

impl Media for Screen {
    const PERIOD: Option<Duration> = None;

    fn receive(&mut self, _packet: RtpPacket, _now: Instant) {
        self.0.fetch_add(1, Relaxed);
    }
}

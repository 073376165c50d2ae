//! One browser that publishes, our publisher and viewer, and a browser that views, on a network of made time.

// What the parts of a test share is `pub`; nothing is public in a test.
#![allow(unreachable_pub)]

use omnigate_rtc::{
    Forwarder, KeyFrameRequests, Path, PeerFactory, Publisher, Sink, TransportState, VideoCodec, VideoPacket,
    VideoSink, Viewer, starts_key_frame,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

pub const STEP: Duration = Duration::from_millis(5);
const DELAY: Duration = Duration::from_millis(20);
pub const SERVER: &str = "192.0.2.1:40000";
const SENDER: &str = "198.51.100.1:5000";
const WATCHER: &str = "198.51.100.2:5000";

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A browser as the stack plays it: full ICE, RTP mode.
pub struct Browser {
    pub rtc: Rtc,
    local: SocketAddr,
    pub mid: Option<Mid>,
    pub key_frames_asked: usize,
    pub received: Vec<(u64, Arc<[u8]>)>,
    pub connected: bool,
    pub estimate: Option<u64>,
}

impl Browser {
    pub fn new(local: &str, now: Instant) -> Browser {
        let local = address(local);
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m_aws_lc_rs::default_provider()))
            .set_rtp_mode(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(local, "udp").unwrap());
        Browser {
            rtc,
            local,
            mid: None,
            key_frames_asked: 0,
            received: Vec::new(),
            connected: false,
            estimate: None,
        }
    }

    fn drain(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(t) => out.push(t.contents.to_vec()),
                Output::Timeout(t) if t <= now => self.rtc.handle_input(Input::Timeout(now)).unwrap(),
                Output::Timeout(_) => return,
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::KeyframeRequest(_)) => self.key_frames_asked += 1,
                Output::Event(Event::EgressBitrateEstimate(str0m::bwe::BweKind::Remb {
                    estimate, ..
                })) => {
                    self.estimate = Some(estimate.as_u64());
                }
                Output::Event(Event::MediaAdded(m)) => self.mid = Some(m.mid),
                Output::Event(Event::RtpPacket(p)) => self.received.push((*p.seq_no, p.payload)),
                Output::Event(_) => {}
            }
        }
    }

    fn receive(&mut self, datagram: &[u8], now: Instant, out: &mut Vec<Vec<u8>>) {
        let receive = Receive {
            proto: Protocol::Udp,
            source: address(SERVER),
            destination: self.local,
            contents: datagram.try_into().unwrap(),
        };
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        self.drain(now, out);
    }
}

/// What our side puts out.
#[derive(Default)]
pub struct Out {
    pub datagrams: Vec<Vec<u8>>,
    pub video: Vec<VideoPacket>,
    pub states: Vec<TransportState>,
}

impl Sink for Out {
    fn transmit(&mut self, _: Path, datagram: &[u8]) {
        self.datagrams.push(datagram.to_vec());
    }
    fn transport(&mut self, state: TransportState) {
        self.states.push(state);
    }
}

impl VideoSink for Out {
    fn video(&mut self, packet: VideoPacket) {
        self.video.push(packet);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum To {
    Publisher,
    Viewer,
    Sender,
    Watcher,
}

/// All four ends and the network between them.
pub struct World {
    pub now: Instant,
    pub sender: Browser,
    pub publisher: Publisher,
    pub viewer: Viewer,
    pub watcher: Browser,
    pub forwarder: Forwarder,
    pub requests: KeyFrameRequests,
    pub muted: bool,
    pub dropped: usize,
    /// Packets lost, of 1000.
    pub loss: u64,
    random: u64,
    /// By the moment of arrival.
    wire: BTreeMap<(Instant, u64), (To, Vec<u8>)>,
    posted: u64,
    /// What the link to the watcher carries, bit/s, with a second's worth of queue; `None`: everything.
    pub narrow: Option<u64>,
    link_free: Instant,
    /// Payload of each media packet, bytes.
    pub size: usize,
    pub publisher_out: Out,
    pub viewer_out: Out,
    codec: VideoCodec,
    pt: Pt,
    sequence: u64,
    frames: u32,
    steps: u64,
    /// Payload number by the number that it was given.
    pub sent: BTreeMap<u32, u64>,
    asked: usize,
}

/// The sender's offer, as the SDKs make it: one section, sendrecv.
pub fn offer(browser: &mut Browser) -> (SdpOffer, str0m::change::SdpPendingOffer) {
    let mut changes = browser.rtc.sdp_api();
    browser.mid = Some(changes.add_media(MediaKind::Video, Direction::SendRecv, None, None, None));
    changes.apply().unwrap()
}

impl World {
    pub fn new(codec: VideoCodec) -> World {
        let now = Instant::now();
        let factory = PeerFactory::new().unwrap();
        let candidates = [Path::Udp(address(SERVER))];
        let mut sender = Browser::new(SENDER, now);
        let (offer, pending) = offer(&mut sender);
        let (publisher, answer) = factory
            .publish(&offer.to_sdp_string(), &candidates, &[codec], now)
            .unwrap();
        let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
        sender.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        let pt = sender.rtc.media(sender.mid.unwrap()).unwrap().remote_pts()[0];

        let mut watcher = Browser::new(WATCHER, now);
        let (mut viewer, offer) = factory.view(codec, &candidates, now).unwrap();
        let offer = SdpOffer::from_sdp_string(&offer).unwrap();
        let answer = watcher.rtc.sdp_api().accept_offer(offer).unwrap();
        viewer.answered(&answer.to_sdp_string(), now).unwrap();
        World {
            now,
            sender,
            publisher,
            viewer,
            watcher,
            forwarder: Forwarder::new(codec, 4711, 1234),
            requests: KeyFrameRequests::default(),
            muted: false,
            dropped: 0,
            loss: 0,
            random: 88_172_645_463_325_252,
            wire: BTreeMap::new(),
            posted: 0,
            narrow: None,
            link_free: now,
            size: 300,
            publisher_out: Out::default(),
            viewer_out: Out::default(),
            codec,
            pt,
            // The 16 bits roll over soon.
            sequence: 65_400,
            frames: 0,
            steps: 0,
            sent: BTreeMap::new(),
            asked: 0,
        }
    }

    fn lost(&mut self) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % 1000 < self.loss
    }

    fn post(&mut self, to: To, datagrams: Vec<Vec<u8>>) {
        for datagram in datagrams {
            if self.lost() {
                self.dropped += 1;
            } else {
                let mut at = self.now + DELAY;
                if let (Some(bits), To::Watcher) = (self.narrow, to) {
                    let start = self.link_free.max(self.now);
                    if start > self.now + Duration::from_secs(1) {
                        continue;
                    }
                    self.link_free = start + Duration::from_secs(datagram.len() as u64 * 8) / bits as u32;
                    at = self.link_free + DELAY;
                }
                self.posted += 1;
                self.wire.insert((at, self.posted), (to, datagram));
            }
        }
    }

    /// A frame of three packets; the sender makes a key frame when asked.
    fn frame(&mut self) {
        let key = self.sender.key_frames_asked > self.asked;
        self.asked = self.sender.key_frames_asked;
        let mut out = Vec::new();
        for part in 0..3u8 {
            self.sequence += 1;
            let number = self.sent.len() as u32;
            let mut payload = vec![if part == 0 { 0x10 } else { 0 }, u8::from(!key)];
            payload.extend(number.to_be_bytes());
            payload.resize(self.size, part);
            self.sent.insert(number, self.sequence);
            let now = self.now;
            let mut api = self.sender.rtc.direct_api();
            let tx = api.stream_tx_by_mid(self.sender.mid.unwrap(), None).unwrap();
            tx.write_rtp(
                RtpWrite::new(self.pt, self.sequence.into(), self.frames * 3000, now, payload)
                    .marker(part == 2)
                    .nackable(true),
            );
            self.sender.drain(now, &mut out);
        }
        self.frames += 1;
        self.post(To::Publisher, out);
    }

    /// Five milliseconds; with `media` a frame every seventh time.
    pub fn step(&mut self, media: bool) {
        self.now += STEP;
        let now = self.now;
        while let Some(first) = self.wire.first_entry().filter(|e| e.key().0 <= now) {
            let (to, datagram) = first.remove();
            let mut out = Vec::new();
            match to {
                To::Publisher => {
                    self.publisher.receive(
                        Path::Udp(address(SENDER)),
                        &datagram,
                        now,
                        &mut self.publisher_out,
                    );
                }
                To::Viewer => {
                    self.viewer
                        .receive(Path::Udp(address(WATCHER)), &datagram, now, &mut self.viewer_out);
                }
                To::Sender => {
                    self.sender.receive(&datagram, now, &mut out);
                    self.post(To::Publisher, out);
                }
                To::Watcher => {
                    self.watcher.receive(&datagram, now, &mut out);
                    self.post(To::Viewer, out);
                }
            }
        }
        self.steps += 1;
        if media && self.steps.is_multiple_of(7) {
            self.frame();
        }
        self.publisher.timeout(now, &mut self.publisher_out);
        self.viewer.timeout(now, &mut self.viewer_out);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        self.sender.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.sender.drain(now, &mut a);
        self.watcher.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.watcher.drain(now, &mut b);
        self.post(To::Publisher, a);
        self.post(To::Viewer, b);
        self.forward();
        let (a, b) = (
            std::mem::take(&mut self.publisher_out.datagrams),
            std::mem::take(&mut self.viewer_out.datagrams),
        );
        self.post(To::Sender, a);
        self.post(To::Watcher, b);
    }

    fn forward(&mut self) {
        let now = self.now;
        for packet in std::mem::take(&mut self.publisher_out.video) {
            if starts_key_frame(self.codec, &packet.payload) {
                self.requests.arrived();
            }
            if self.muted || !self.viewer.is_up() {
                continue;
            }
            if let Some(place) = self.forwarder.place(&packet, now) {
                self.viewer.send(&packet, place, now, &mut self.viewer_out);
            }
        }
        if self.viewer.take_key_frame_request() || (self.viewer.is_up() && self.forwarder.is_waiting()) {
            self.requests.want();
        }
        if self.publisher.is_up() && self.requests.due(now) {
            self.publisher.request_key_frame(now, &mut self.publisher_out);
        }
    }

    pub fn run(&mut self, time: Duration, media: bool) {
        for _ in 0..time.as_millis() / STEP.as_millis() {
            self.step(media);
        }
    }
}

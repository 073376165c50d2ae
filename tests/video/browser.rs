//! Browsers as str0m plays them, and the media plane that they talk to.

use omnigate::media::{MediaFigures, MediaPlane, MediaSettings, PeerEvent};
use omnigate::observe::Health;
use omnigate::rooms::{OpenError, RoomMedia};
use omnigate::supervise::Supervisor;
use omnigate_audio::opus::{Encoder, EncoderSettings};
use omnigate_room::{ParticipantId, RoomId, StreamId, ViewerId};
use omnigate_rtc::VideoCodec;
use omnigate_rtc::framing::{self, Deframer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::sync::mpsc;

pub const ROOM: RoomId = RoomId(7);
pub const STREAM: StreamId = StreamId(1);
pub const VIEWER: ViewerId = ViewerId(1);
pub const PIXELS: u32 = 640 * 480;

/// The media plane with the rooms' book of it.
pub struct Plane(RefCell<RoomMedia>);

impl Plane {
    pub fn open_stream(&self, stream: StreamId, room: RoomId, offer: &str) -> Result<String, OpenError> {
        self.0
            .borrow_mut()
            .open_stream(stream, room, offer, PIXELS, Instant::now())
    }

    pub fn open_viewer(&self, viewer: ViewerId, stream: StreamId, room: RoomId) -> Result<String, OpenError> {
        self.0
            .borrow_mut()
            .open_viewer(viewer, stream, room, Instant::now())
    }

    pub fn open_peer(&self, participant: ParticipantId, offer: &str) -> Result<String, OpenError> {
        self.0
            .borrow_mut()
            .open_peer(participant, ROOM, offer, 48_000, Instant::now())
    }

    pub fn close_stream(&self, stream: StreamId) {
        self.0.borrow_mut().close_stream(stream);
    }

    pub fn mute_stream(&self, stream: StreamId, muted: bool) {
        self.0.borrow_mut().mute_stream(stream, muted);
    }

    pub fn answer_viewer(&self, viewer: ViewerId, answer: String) {
        self.0.borrow_mut().answer_viewer(viewer, answer);
    }

    pub fn close_viewer(&self, viewer: ViewerId) {
        self.0.borrow_mut().close_viewer(viewer);
    }

    pub fn figures(&self) -> MediaFigures {
        self.0.borrow().plane().figures()
    }

    pub fn webrtc_ports(&self) -> Vec<u16> {
        self.0.borrow().plane().webrtc_ports()
    }

    pub fn stop(&self) {
        self.0.borrow().plane().stop();
    }
}

pub fn plane(codecs: &[VideoCodec]) -> (Plane, mpsc::UnboundedReceiver<PeerEvent>) {
    plane_at(Ipv4Addr::LOCALHOST.into(), codecs)
}

pub fn plane_at(local: IpAddr, codecs: &[VideoCodec]) -> (Plane, mpsc::UnboundedReceiver<PeerEvent>) {
    let settings = MediaSettings {
        bind: local,
        advertise: vec![local],
        rtp_ports: 41_000..=41_010,
        webrtc_port: 0,
        webrtc_tcp: true,
        shards: 2,
        silence_timeout: Duration::from_secs(30),
        video_codecs: codecs.to_vec(),
    };
    let (sender, events) = mpsc::unbounded_channel();
    let (supervisor, _deaths) = Supervisor::new();
    let plane = MediaPlane::start(settings, sender, &supervisor, &Health::default()).unwrap();
    (Plane(RefCell::new(RoomMedia::new(plane))), events)
}

/// A browser's way to the service.
pub enum Net {
    Udp(UdpSocket),
    Tcp(TcpStream, Deframer),
    /// UDP, of which what comes passes a bottleneck.
    Behind {
        socket: UdpSocket,
        bottleneck: Rc<RefCell<Bottleneck>>,
        coming: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    },
}

/// A link that carries `bits` a second and holds what waits for [`Bottleneck::QUEUE`] at most; the rest is lost.
pub struct Bottleneck {
    pub bits: Option<u64>,
    pub lost: usize,
    free: Instant,
}

impl Bottleneck {
    const QUEUE: Duration = Duration::from_millis(300);

    pub fn new() -> Rc<RefCell<Bottleneck>> {
        Rc::new(RefCell::new(Bottleneck {
            bits: None,
            lost: 0,
            free: Instant::now(),
        }))
    }

    /// When a datagram that comes now is through, if it is not lost.
    fn pass(&mut self, length: usize) -> Option<Instant> {
        let now = Instant::now();
        let Some(bits) = self.bits else { return Some(now) };
        let start = self.free.max(now);
        if start > now + Self::QUEUE {
            self.lost += 1;
            return None;
        }
        self.free = start + Duration::from_micros(length as u64 * 8_000_000 / bits);
        Some(self.free)
    }
}

impl Net {
    pub fn udp() -> Net {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Net::Udp(socket)
    }

    pub fn tcp(port: u16) -> Net {
        Net::tcp_to((Ipv4Addr::LOCALHOST, port).into())
    }

    pub fn tcp_to(address: SocketAddr) -> Net {
        Net::by(TcpStream::connect(address).unwrap())
    }

    pub fn by(stream: TcpStream) -> Net {
        stream.set_nonblocking(true).unwrap();
        Net::Tcp(stream, Deframer::default())
    }

    pub fn behind(bottleneck: &Rc<RefCell<Bottleneck>>) -> Net {
        let Net::Udp(socket) = Net::udp() else {
            unreachable!()
        };
        Net::Behind {
            socket,
            bottleneck: bottleneck.clone(),
            coming: VecDeque::new(),
        }
    }

    pub fn local(&self) -> SocketAddr {
        match self {
            Net::Udp(socket) | Net::Behind { socket, .. } => socket.local_addr().unwrap(),
            Net::Tcp(stream, _) => stream.local_addr().unwrap(),
        }
    }

    pub fn protocol(&self) -> Protocol {
        match self {
            Net::Udp(_) | Net::Behind { .. } => Protocol::Udp,
            Net::Tcp(..) => Protocol::Tcp,
        }
    }

    pub fn candidate(&self) -> Candidate {
        let active = Candidate::builder().tcp().tcptype(TcpType::Active);
        match self {
            Net::Udp(_) | Net::Behind { .. } => Candidate::host(self.local(), "udp").unwrap(),
            Net::Tcp(..) => active.host(self.local()).build().unwrap(),
        }
    }

    /// What has arrived, with its source.
    pub fn receive(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut buffer, mut all) = ([0; 2048], Vec::new());
        match self {
            Net::Udp(socket) => {
                while let Ok((length, source)) = socket.recv_from(&mut buffer) {
                    all.push((source, buffer[..length].to_vec()));
                }
            }
            Net::Behind {
                socket,
                bottleneck,
                coming,
            } => {
                while let Ok((length, source)) = socket.recv_from(&mut buffer) {
                    if let Some(at) = bottleneck.borrow_mut().pass(length) {
                        coming.push_back((at, source, buffer[..length].to_vec()));
                    }
                }
                while coming.front().is_some_and(|(at, ..)| *at <= Instant::now()) {
                    let (_, source, datagram) = coming.pop_front().unwrap();
                    all.push((source, datagram));
                }
            }
            Net::Tcp(stream, deframer) => {
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    let source = stream.peer_addr().unwrap();
                    deframer
                        .push(&buffer[..length], |d| all.push((source, d.to_vec())))
                        .unwrap();
                }
            }
        }
        all
    }

    pub fn send(&mut self, datagram: &[u8], destination: SocketAddr) {
        match self {
            Net::Udp(socket) | Net::Behind { socket, .. } => drop(socket.send_to(datagram, destination)),
            Net::Tcp(stream, _) => {
                assert_eq!(stream.peer_addr().unwrap(), destination);
                let header = framing::header(datagram.len()).unwrap();
                drop(stream.write_all(&[&header, datagram].concat()));
            }
        }
    }
}

pub struct Browser {
    pub rtc: Rtc,
    pub net: Net,
    pub mid: Option<Mid>,
    pub connected: bool,
    pub key_frames_asked: usize,
    pub received: Vec<Received>,
    pub sequence: u64,
}

/// A packet that has come.
pub struct Received {
    pub sequence: u64,
    pub timestamp: u32,
    pub payload: Arc<[u8]>,
}

impl Browser {
    pub fn new(change: impl FnOnce(RtcConfig) -> RtcConfig) -> Browser {
        Browser::by(Net::udp(), change)
    }

    pub fn by(net: Net, change: impl FnOnce(RtcConfig) -> RtcConfig) -> Browser {
        let config = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m_aws_lc_rs::default_provider()))
            .set_rtp_mode(true);
        let mut rtc = change(config).build(Instant::now());
        rtc.add_local_candidate(net.candidate());
        Browser {
            rtc,
            net,
            mid: None,
            connected: false,
            key_frames_asked: 0,
            received: Vec::new(),
            sequence: 1000,
        }
    }

    pub fn offer(&mut self, kind: MediaKind) -> (String, SdpPendingOffer) {
        let mut changes = self.rtc.sdp_api();
        self.mid = Some(changes.add_media(kind, Direction::SendRecv, None, None, None));
        let (offer, pending) = changes.apply().unwrap();
        (offer.to_sdp_string(), pending)
    }

    pub fn step(&mut self) {
        for (source, datagram) in self.net.receive() {
            let receive = Receive {
                proto: self.net.protocol(),
                source,
                destination: self.net.local(),
                contents: datagram.as_slice().try_into().unwrap(),
            };
            let _ = self.rtc.handle_input(Input::Receive(Instant::now(), receive));
            self.drain();
        }
        let _ = self.rtc.handle_input(Input::Timeout(Instant::now()));
        self.drain();
    }

    pub fn drain(&mut self) {
        while self.rtc.is_alive() {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(t) => {
                    assert_eq!(t.proto, self.net.protocol());
                    // What goes from an earlier connection is lost.
                    if t.source == self.net.local() {
                        self.net.send(&t.contents, t.destination);
                    }
                }
                Output::Timeout(_) => return,
                Output::Event(Event::Connected) => self.connected = true,
                Output::Event(Event::KeyframeRequest(_)) => self.key_frames_asked += 1,
                Output::Event(Event::RtpPacket(p)) => self.received.push(Received {
                    sequence: *p.seq_no,
                    timestamp: p.header.timestamp,
                    payload: p.payload,
                }),
                Output::Event(_) => {}
            }
        }
    }

    /// One VP8 packet, a frame of its own.
    pub fn send(&mut self, key: bool) {
        self.send_rtp(3000, &[0x10, u8::from(!key), 1, 2], true);
    }

    /// A packet `step` of the media's clock after the last one.
    pub fn send_rtp(&mut self, step: u32, payload: &[u8], nackable: bool) {
        self.sequence += 1;
        let mid = self.mid.unwrap();
        let pt = self.rtc.media(mid).unwrap().remote_pts()[0];
        let (sequence, time) = (self.sequence, self.sequence as u32 * step);
        let mut api = self.rtc.direct_api();
        let tx = api.stream_tx_by_mid(mid, None).unwrap();
        let write = RtpWrite::new(pt, sequence.into(), time, Instant::now(), payload);
        tx.write_rtp(write.nackable(nackable));
        self.drain();
    }
}

/// Runs both browsers until `done`, at most ten seconds; the first sends a frame every 30 ms, key frames when asked.
pub fn until(a: &mut Browser, b: &mut Browser, mut done: impl FnMut(&Browser, &Browser) -> bool) -> bool {
    let (start, mut asked, mut steps) = (Instant::now(), a.key_frames_asked, 0);
    while start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(3));
        a.step();
        b.step();
        steps += 1;
        if steps % 10 == 0 && a.connected && a.rtc.is_alive() {
            a.send(a.key_frames_asked > asked);
            asked = a.key_frames_asked;
        }
        if done(a, b) {
            return true;
        }
    }
    false
}

pub fn publish(plane: &Plane, stream: StreamId, browser: &mut Browser) -> String {
    let (offer, pending) = browser.offer(MediaKind::Video);
    let answer = plane.open_stream(stream, ROOM, &offer).unwrap();
    let parsed = SdpAnswer::from_sdp_string(&answer).unwrap();
    browser.rtc.sdp_api().accept_answer(pending, parsed).unwrap();
    answer
}

/// Makes the browser the viewer of the stream.
pub fn view(plane: &Plane, browser: &mut Browser) {
    view_as(plane, VIEWER, browser);
}

pub fn view_as(plane: &Plane, viewer: ViewerId, browser: &mut Browser) {
    let offer = plane.open_viewer(viewer, STREAM, ROOM).unwrap();
    let offer = SdpOffer::from_sdp_string(&offer).unwrap();
    let answer = browser.rtc.sdp_api().accept_offer(offer).unwrap();
    plane.answer_viewer(viewer, answer.to_sdp_string());
}

/// Brings the browser's microphone and loudspeaker into the room.
pub fn join(plane: &Plane, participant: ParticipantId, browser: &mut Browser) {
    let (offer, pending) = browser.offer(MediaKind::Audio);
    let answer = plane.open_peer(participant, &offer).unwrap();
    let answer = SdpAnswer::from_sdp_string(&answer).unwrap();
    browser.rtc.sdp_api().accept_answer(pending, answer).unwrap();
}

/// Opus packets of noise, which are as long as those of speech.
pub fn noise() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(48_000, EncoderSettings::default()).unwrap();
    let (mut seed, mut out) = (1u32, [0; 1500]);
    let mut frame = || -> Vec<i16> {
        let sample = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 20) as i16
        };
        std::iter::repeat_with(sample).take(960).collect()
    };
    let mut packet = || {
        let length = encoder.encode(&frame(), &mut out).unwrap();
        out[..length].to_vec()
    };
    (0..50).map(|_| packet()).collect()
}

//! The media plane forwards a browser's video to another one, over UDP and TCP sockets on this machine.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate::media::{MediaError, MediaPlane, MediaSettings, PeerEvent};
use omnigate_omnitalk::{RoomId, StreamId, ViewerId};
use omnigate_rtc::VideoCodec;
use omnigate_rtc::framing::{self, Deframer};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::sync::mpsc;

const ROOM: RoomId = RoomId(7);
const STREAM: StreamId = StreamId(1);
const VIEWER: ViewerId = ViewerId(1);
const PIXELS: u32 = 640 * 480;

fn plane(codecs: &[VideoCodec]) -> (Arc<MediaPlane>, mpsc::Receiver<PeerEvent>) {
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
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
    let (sender, events) = mpsc::channel(64);
    (MediaPlane::start(settings, sender).unwrap(), events)
}

/// A browser's way to the service.
enum Net {
    Udp(UdpSocket),
    Tcp(TcpStream, Deframer),
}

impl Net {
    fn udp() -> Net {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Net::Udp(socket)
    }

    fn tcp(port: u16) -> Net {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nonblocking(true).unwrap();
        Net::Tcp(stream, Deframer::default())
    }

    fn local(&self) -> SocketAddr {
        match self {
            Net::Udp(socket) => socket.local_addr().unwrap(),
            Net::Tcp(stream, _) => stream.local_addr().unwrap(),
        }
    }

    fn protocol(&self) -> Protocol {
        match self {
            Net::Udp(_) => Protocol::Udp,
            Net::Tcp(..) => Protocol::Tcp,
        }
    }

    fn candidate(&self) -> Candidate {
        let active = Candidate::builder().tcp().tcptype(TcpType::Active);
        match self {
            Net::Udp(_) => Candidate::host(self.local(), "udp").unwrap(),
            Net::Tcp(..) => active.host(self.local()).build().unwrap(),
        }
    }

    /// What has arrived, with its source.
    fn receive(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut buffer, mut all) = ([0; 2048], Vec::new());
        match self {
            Net::Udp(socket) => {
                while let Ok((length, source)) = socket.recv_from(&mut buffer) {
                    all.push((source, buffer[..length].to_vec()));
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

    fn send(&mut self, datagram: &[u8], destination: SocketAddr) {
        match self {
            Net::Udp(socket) => drop(socket.send_to(datagram, destination)),
            Net::Tcp(stream, _) => {
                assert_eq!(stream.peer_addr().unwrap(), destination);
                let header = framing::header(datagram.len()).unwrap();
                drop(stream.write_all(&[&header, datagram].concat()));
            }
        }
    }
}

struct Browser {
    rtc: Rtc,
    net: Net,
    mid: Option<Mid>,
    connected: bool,
    key_frames_asked: usize,
    received: Vec<Arc<[u8]>>,
    sequence: u64,
}

impl Browser {
    fn new(change: impl FnOnce(RtcConfig) -> RtcConfig) -> Browser {
        Browser::by(Net::udp(), change)
    }

    fn by(net: Net, change: impl FnOnce(RtcConfig) -> RtcConfig) -> Browser {
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

    fn offer(&mut self) -> (String, SdpPendingOffer) {
        let mut changes = self.rtc.sdp_api();
        self.mid = Some(changes.add_media(MediaKind::Video, Direction::SendRecv, None, None, None));
        let (offer, pending) = changes.apply().unwrap();
        (offer.to_sdp_string(), pending)
    }

    fn step(&mut self) {
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

    fn drain(&mut self) {
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
                Output::Event(Event::RtpPacket(p)) => self.received.push(p.payload),
                Output::Event(_) => {}
            }
        }
    }

    /// One VP8 packet, a frame of its own.
    fn send(&mut self, key: bool) {
        self.sequence += 1;
        let mid = self.mid.unwrap();
        let pt = self.rtc.media(mid).unwrap().remote_pts()[0];
        let (sequence, time) = (self.sequence, self.sequence as u32 * 3000);
        let payload = [0x10, u8::from(!key), 1, 2];
        let mut api = self.rtc.direct_api();
        let tx = api.stream_tx_by_mid(mid, None).unwrap();
        tx.write_rtp(RtpWrite::new(pt, sequence.into(), time, Instant::now(), payload).nackable(true));
        self.drain();
    }
}

/// Runs both browsers until `done`, at most ten seconds; the first sends a frame every 30 ms, key frames when asked.
fn until(a: &mut Browser, b: &mut Browser, mut done: impl FnMut(&Browser, &Browser) -> bool) -> bool {
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

fn publish(plane: &MediaPlane, stream: StreamId, browser: &mut Browser) -> String {
    let (offer, pending) = browser.offer();
    let answer = plane.open_stream(stream, ROOM, &offer, PIXELS).unwrap();
    let parsed = SdpAnswer::from_sdp_string(&answer).unwrap();
    browser.rtc.sdp_api().accept_answer(pending, parsed).unwrap();
    answer
}

#[test]
fn a_published_video_reaches_a_viewer_from_a_key_frame_on_and_stops_while_muted() {
    let (plane, mut events) = plane(&VideoCodec::ALL);
    let (mut a, mut b) = (Browser::new(|c| c), Browser::new(|c| c));
    publish(&plane, STREAM, &mut a);
    view(&plane, &mut b);

    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 10));
    assert_eq!(b.received[0][1], 0, "a key frame");
    let figures = plane.figures();
    assert_eq!((figures.streams, figures.viewers, figures.rooms), (1, 1, 0));
    assert!(figures.video_forwarded > 10 && figures.video_received >= figures.video_forwarded);
    assert!(figures.key_frames_requested >= 1);

    plane.mute_stream(STREAM, true);
    let start = Instant::now();
    until(&mut a, &mut b, |_, _| {
        start.elapsed() > Duration::from_millis(300)
    });
    let before = b.received.len();
    let start = Instant::now();
    until(&mut a, &mut b, |_, _| {
        start.elapsed() > Duration::from_millis(300)
    });
    assert_eq!(b.received.len(), before);
    plane.mute_stream(STREAM, false);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > before + 5));
    assert_eq!(b.received[before][1], 0, "a key frame again");

    // The viewer's browser leaves; the publisher goes on.
    let _ = b.rtc.close();
    let mut gone = || events.try_recv() == Ok(PeerEvent::ViewerGone(VIEWER));
    assert!(until(&mut a, &mut b, |_, _| gone()));
    plane.close_viewer(VIEWER);
    plane.close_stream(STREAM);
    assert!(until(&mut a, &mut b, |a, _| !a.rtc.is_alive()), "DTLS close");
    let figures = plane.figures();
    assert_eq!((figures.streams, figures.viewers, figures.failures), (0, 0, 0));
    plane.stop();
}

/// Makes the browser a viewer of the stream.
fn view(plane: &MediaPlane, browser: &mut Browser) {
    let offer = plane.open_viewer(VIEWER, STREAM, ROOM).unwrap();
    let offer = SdpOffer::from_sdp_string(&offer).unwrap();
    let answer = browser.rtc.sdp_api().accept_offer(offer).unwrap();
    plane.answer_viewer(VIEWER, answer.to_sdp_string());
}

#[test]
fn video_reaches_a_viewer_where_there_is_only_tcp() {
    let (plane, mut events) = plane(&VideoCodec::ALL);
    // The shard of the room, which both would know from its candidate.
    let port = plane.webrtc_ports()[ROOM.0 as usize % 2];
    let by_tcp = || Browser::by(Net::tcp(port), |c| c);
    let (mut a, mut b) = (by_tcp(), by_tcp());
    publish(&plane, STREAM, &mut a);
    view(&plane, &mut b);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 50));
    assert_eq!(b.received[0][1], 0, "a key frame");
    assert_eq!(plane.figures().tcp_connections, 2);

    // The viewer's connection breaks: it makes another one, and the video goes on.
    let broken = b.net.candidate();
    b.net = Net::tcp(port);
    b.rtc.direct_api().invalidate_candidate(&broken);
    b.rtc.add_local_candidate(b.net.candidate());
    let before = b.received.len();
    // Both paths are equal, so the stack keeps to the first until 15 s without a check have passed there.
    let mut recovered = || until(&mut a, &mut b, |_, b| b.received.len() > before + 20);
    assert!((0..4).any(|_| recovered()));
    assert_eq!(plane.figures().tcp_connections, 2);

    plane.close_viewer(VIEWER);
    plane.close_stream(STREAM);
    let ended = until(&mut a, &mut b, |a, _| !a.rtc.is_alive());
    assert!(ended && events.try_recv().is_err());
    assert_eq!(plane.figures().failures, 0);
    plane.stop();
}

#[test]
fn tcp_and_udp_of_the_same_address_are_two_paths() {
    let (plane, _events) = plane(&VideoCodec::ALL);
    let port = plane.webrtc_ports()[ROOM.0 as usize % 2];
    let (tcp, udp) = (0..100)
        .find_map(|_| {
            let tcp = Net::tcp(port);
            let udp = UdpSocket::bind(tcp.local()).ok()?;
            udp.set_nonblocking(true).unwrap();
            Some((tcp, Net::Udp(udp)))
        })
        .unwrap();
    let (mut a, mut b) = (Browser::by(tcp, |c| c), Browser::by(udp, |c| c));
    publish(&plane, STREAM, &mut a);
    view(&plane, &mut b);
    assert!(until(&mut a, &mut b, |_, b| b.received.len() > 20));
    plane.stop();
}

#[test]
fn tcp_of_strangers_is_closed_and_their_number_is_bounded() {
    let (plane, _events) = plane(&VideoCodec::ALL);
    let port = plane.webrtc_ports()[0];
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let closed = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        let end = stream.read(&mut [0; 16]);
        matches!(&end, Ok(0)) || end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
    };
    // Another protocol, and a datagram of nobody's.
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0, 4, 0x80, 0, 0, 1]] {
        let mut stream = connect();
        let start = Instant::now();
        stream.write_all(bytes).unwrap();
        assert!(closed(&stream) && start.elapsed() < Duration::from_secs(5));
    }
    let start = Instant::now();
    let many: Vec<TcpStream> = (0..80).map(|_| connect()).collect();
    assert!(closed(&many[79]) && start.elapsed() < Duration::from_secs(5));
    assert_eq!(plane.figures().tcp_connections, 64);
    // A check for somebody who is not here does not keep a connection.
    let mut check = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
    check.extend([0; 12]);
    check.extend(*b"\0\x06\0\x03a:b\0");
    let framed = [&framing::header(check.len()).unwrap()[..], &check].concat();
    (&many[0]).write_all(&framed).unwrap();
    assert!(closed(&many[0]) && start.elapsed() > Duration::from_secs(8));
    assert!(many.iter().take(64).all(closed));
    // The last one is counted a moment after its end was seen.
    let until = Instant::now() + Duration::from_secs(5);
    while plane.figures().tcp_connections > 0 {
        assert!(
            Instant::now() < until,
            "{} are left",
            plane.figures().tcp_connections
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    plane.stop();
}

#[test]
fn a_room_keeps_to_what_all_its_publishers_have() {
    let (plane, _events) = plane(&[VideoCodec::H264, VideoCodec::Vp8]);
    let without_h264 = |c: RtcConfig| c.enable_h264(false);
    assert!(publish(&plane, StreamId(1), &mut Browser::new(|c| c)).contains("H264/90000"));
    assert!(publish(&plane, StreamId(2), &mut Browser::new(without_h264)).contains("VP8/90000"));
    assert!(publish(&plane, StreamId(3), &mut Browser::new(|c| c)).contains("VP8/90000"));
    plane.close_stream(StreamId(2));
    assert!(publish(&plane, StreamId(4), &mut Browser::new(|c| c)).contains("H264/90000"));
    let offer = plane.open_viewer(VIEWER, StreamId(4), ROOM).unwrap();
    assert!(offer.contains("H264/90000") && !offer.contains("VP8"));
    plane.stop();
}

#[test]
fn what_is_not_there_is_refused_and_an_answer_of_no_use_ends_the_viewer() {
    let (plane, mut events) = plane(&VideoCodec::ALL);
    let none = plane.open_viewer(VIEWER, STREAM, ROOM);
    assert!(matches!(none, Err(MediaError::NoStream)));
    let garbage = plane.open_stream(STREAM, ROOM, "hello", PIXELS).unwrap_err();
    assert!(garbage.to_string().contains("jsep.sdp"), "{garbage}");
    publish(&plane, STREAM, &mut Browser::new(|c| c));
    let elsewhere = plane.open_viewer(VIEWER, STREAM, RoomId(8));
    assert!(matches!(elsewhere, Err(MediaError::NoStream)));
    plane.open_viewer(VIEWER, STREAM, ROOM).unwrap();
    plane.answer_viewer(VIEWER, "hello".into());
    assert_eq!(events.blocking_recv(), Some(PeerEvent::ViewerGone(VIEWER)));
    assert_eq!(plane.figures().viewers, 0);
    plane.stop();
}

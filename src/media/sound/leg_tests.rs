//! Legs on a made network and clock.

use super::*;
use crate::media::net::made::{Net, Port};
use crate::media::plane::made::MadeShards;
use crate::media::sound::phone_out::TICK_8K;
use crate::media::{LegHandle, MediaPlane, MediaSettings};
use omnigate_audio::codec::Codec;
use omnigate_audio::dtmf::{Generator, Key};
use omnigate_audio::g711::Law;
use omnigate_rtp::digits::DigitMerger;
use omnigate_sip::Direction;
use std::net::{IpAddr, Ipv4Addr};
use tokio::sync::mpsc;

const HOST: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200));
const FRAME: Duration = Duration::from_millis(20);
const SILENCE: Duration = Duration::from_secs(2);
const EVENT_TYPE: u8 = 101;

#[path = "leg_handshakes_tests.rs"]
mod handshakes;

/// What is agreed on with a telephone at this port.
fn agreed(port: u16) -> Agreed {
    Agreed {
        remote_rtp: SocketAddr::new(HOST, port),
        remote_rtcp: None,
        codec: Codec::Pcma,
        payload_type: 8,
        max_bitrate: None,
        srtp: None,
        receive: vec![(8, Codec::Pcma)],
        telephone_events: vec![EVENT_TYPE],
        telephone_event_sent: Some(EVENT_TYPE),
        comfort_noise: None,
        ptime_ms: 20,
        direction: Direction::SendRecv,
    }
}

/// A plane with a single pair of ports, and its clock.
struct Bench {
    net: Net,
    plane: Arc<MediaPlane>,
    shards: MadeShards,
    now: Instant,
}

/// A telephone, and the leg that serves it.
struct Phone {
    rtp: Port,
    reports: Port,
    to: SocketAddr,
    ssrc: u32,
    sequence: u16,
    /// Packets of sound so far.
    frames: u32,
    events: mpsc::Receiver<LegEvent>,
    leg: LegHandle,
}

impl Bench {
    fn new() -> Bench {
        let settings = MediaSettings {
            bind: OURS,
            advertise: vec![OURS],
            rtp_ports: 20_000..=20_001,
            webrtc_port: 40_000,
            webrtc_tcp: false,
            shards: 1,
            video_codecs: Vec::new(),
            silence_timeout: SILENCE,
        };
        let (events, _) = mpsc::unbounded_channel();
        let (net, now) = (Net::default(), Instant::now());
        let (plane, shards) = MediaPlane::made(settings, &events, &net, now).unwrap();
        Bench {
            net,
            plane,
            shards,
            now,
        }
    }

    /// A telephone at this port, which SDP names, whose packets have this SSRC.
    fn phone(&mut self, port: u16, ssrc: u32) -> Phone {
        self.phone_with(port, ssrc, agreed(port))
    }

    /// The same with what was agreed on with it.
    fn phone_with(&mut self, port: u16, ssrc: u32, agreed: Agreed) -> Phone {
        let (sender, events) = mpsc::channel(256);
        let leg = self.plane.open_leg_at(HOST.into(), sender, self.now).unwrap();
        let at = SocketAddr::new(HOST, port);
        leg.set_media(agreed).unwrap();
        let local = leg.local();
        self.turn();
        Phone {
            rtp: self.net.bind(at).unwrap(),
            reports: self.net.bind(SocketAddr::new(HOST, port + 1)).unwrap(),
            to: SocketAddr::new(local.ip, local.port),
            ssrc,
            sequence: 1,
            frames: 0,
            events,
            leg,
        }
    }

    /// The next 20 ms.
    fn turn(&mut self) {
        self.now += FRAME;
        self.shards.turn(0, self.now);
    }
}

impl Phone {
    fn send(&mut self, payload_type: u8, frame: u32, payload: &[u8]) {
        let mut packet = vec![0x80, payload_type];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend((frame * TICK_8K as u32).to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.rtp.send(&packet, self.to);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// The next 20 ms of sound.
    fn sound(&mut self, pcm: &[i16; TICK_8K]) {
        let mut codes = [0; TICK_8K];
        Law::A.encode(pcm, &mut codes);
        self.frames += 1;
        self.send(8, self.frames, &codes);
    }

    fn speak(&mut self) {
        self.sound(&[0; TICK_8K]);
    }

    /// A packet of the key that has been pressed since this frame (RFC 4733 section 2.3).
    fn event(&mut self, key: Key, since: u32, end: bool) {
        let duration = ((self.frames - since + 1) * TICK_8K as u32) as u16;
        let [high, low] = duration.to_be_bytes();
        self.send(
            EVENT_TYPE,
            since,
            &[key.event(), u8::from(end) << 7 | 10, high, low],
        );
    }

    /// An empty receiver report (RFC 3550 section 6.4.2).
    fn report(&self) {
        let mut report = vec![0x80, 201, 0, 1];
        report.extend(self.ssrc.to_be_bytes());
        let to = SocketAddr::new(self.to.ip(), self.to.port() + 1);
        self.reports.send(&report, to);
    }

    fn told(&mut self) -> Vec<LegEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

#[test]
fn a_caller_who_sends_reports_and_no_sound_is_there() {
    let mut bench = Bench::new();
    let mut phone = bench.phone(4_000, 7);
    for turn in 0..500 {
        if turn % 25 == 0 {
            phone.report();
        }
        bench.turn();
    }
    assert_eq!(phone.told(), []);
    for _ in 0..150 {
        bench.turn();
    }
    assert_eq!(phone.told(), [LegEvent::Silent]);
}

/// The trunk of the gateway that is called now says how long nothing may come, and not that of the one before.
#[test]
fn how_long_nothing_may_come_is_said_by_whoever_is_called_now() {
    let mut bench = Bench::new();
    let mut phone = bench.phone(4_000, 7);
    let patient = MediaSources::from(HOST).silent_for(Some(SILENCE * 10));
    for (sources, told) in [(patient, false), (MediaSources::from(HOST), true)] {
        phone.leg.set_sources(sources);
        phone.leg.set_media(agreed(4_000)).unwrap();
        for _ in 0..SILENCE.as_millis() / 20 + 25 {
            bench.turn();
        }
        assert_eq!(phone.told().contains(&LegEvent::Silent), told);
    }
}

#[test]
fn reports_of_a_stranger_keep_nobody_alive() {
    let mut bench = Bench::new();
    let mut phone = bench.phone(4_000, 7);
    let stranger = SocketAddr::from(([198, 51, 100, 6], 4_001));
    phone.reports = bench.net.bind(stranger).unwrap();
    for _ in 0..150 {
        phone.report();
        bench.turn();
    }
    assert_eq!(phone.told(), [LegEvent::Silent]);
}

#[test]
fn what_the_last_call_still_sends_does_not_reach_the_next_one_on_its_ports() {
    let mut bench = Bench::new();
    let mut first = bench.phone(4_000, 7);
    for _ in 0..50 {
        first.speak();
        bench.turn();
    }
    assert_eq!(first.told(), [LegEvent::FirstPacket]);
    let Phone {
        rtp,
        reports,
        to,
        sequence,
        leg,
        ..
    } = first;
    drop(leg);
    bench.turn();
    // The BYE was lost, so the telephone goes on speaking: it is of the same host, and the next caller is silent yet.
    let mut next = bench.phone(4_100, 8);
    assert_eq!(next.to, to);
    let own = std::mem::replace(&mut next.rtp, rtp);
    let own_reports = std::mem::replace(&mut next.reports, reports);
    (next.ssrc, next.sequence) = (7, sequence);
    for _ in 0..120 {
        next.speak();
        next.report();
        bench.turn();
    }
    assert_eq!(next.told(), [LegEvent::Silent]);
    (next.rtp, next.reports, next.ssrc) = (own, own_reports, 8);
    next.speak();
    bench.turn();
    assert_eq!(next.told(), [LegEvent::FirstPacket]);
    assert_eq!(bench.plane.figures().rtp_rejected, 120);
}

#[test]
fn a_caller_of_another_port_is_learned_and_gives_way_to_the_one_that_sdp_names() {
    let mut bench = Bench::new();
    let mut phone = bench.phone(4_000, 7);
    let signalled = SocketAddr::new(HOST, 4_000);
    let nat = SocketAddr::new(HOST, 5_000);
    let own = std::mem::replace(&mut phone.rtp, bench.net.bind(nat).unwrap());
    for _ in 0..10 {
        phone.speak();
        bench.turn();
    }
    let learned = LegEvent::RemoteLearned {
        from: signalled,
        to: nat,
    };
    assert_eq!(phone.told(), [learned, LegEvent::FirstPacket]);
    phone.rtp = own;
    phone.ssrc = 9;
    phone.speak();
    bench.turn();
    let back = LegEvent::RemoteLearned {
        from: nat,
        to: signalled,
    };
    assert_eq!(phone.told(), [back]);
}

/// How a telephone sends its keys.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    Tones,
    Events,
    Both,
}

/// What the call understands of these keys, each of 80 ms with as much between them: its merger makes one of all sources.
fn keyed(bench: &mut Bench, phone: &mut Phone, digits: &str, keys: Keys) -> String {
    let (mut merger, mut understood) = (DigitMerger::new(), String::new());
    let mut step = |bench: &mut Bench, phone: &mut Phone| {
        bench.turn();
        for event in phone.told() {
            if let LegEvent::Digit(key, source) = event
                && merger.accept(source, key, bench.now)
            {
                understood.push(key.char());
            }
        }
    };
    for digit in digits.chars() {
        let key = Key::from_char(digit).unwrap();
        let mut tone = Generator::new(key, 8_000, -13.0);
        let since = phone.frames + 1;
        for frame in 0..8 {
            let mut pcm = [0; TICK_8K];
            if frame < 4 && keys != Keys::Events {
                tone.fill(&mut pcm);
            }
            phone.sound(&pcm);
            if keys != Keys::Tones && frame < 6 {
                phone.event(key, since, frame >= 3);
            }
            step(bench, phone);
        }
    }
    for _ in 0..50 {
        phone.speak();
        step(bench, phone);
    }
    understood
}

#[test]
fn a_caller_who_agreed_on_events_is_understood_whichever_way_its_keys_come() {
    for keys in [Keys::Tones, Keys::Events, Keys::Both] {
        for digits in ["112233", "704915", "888888"] {
            let mut bench = Bench::new();
            let mut phone = bench.phone(4_000, 7);
            for _ in 0..50 {
                phone.speak();
                bench.turn();
            }
            let understood = keyed(&mut bench, &mut phone, digits, keys);
            assert!(understood == digits, "{understood} for {digits}");
        }
    }
}

#[test]
fn a_caller_who_has_sent_an_event_is_not_listened_to_for_tones() {
    let mut bench = Bench::new();
    let mut phone = bench.phone(4_000, 7);
    assert!(keyed(&mut bench, &mut phone, "5", Keys::Events) == "5");
    assert!(keyed(&mut bench, &mut phone, "704915", Keys::Tones).is_empty());
    assert!(keyed(&mut bench, &mut phone, "704915", Keys::Events) == "704915");
}

#[test]
fn an_event_is_lost_when_the_queue_is_full_and_not_when_nobody_is_there_any_more() {
    for (listens, lost) in [(true, 1), (false, 0)] {
        let mut bench = Bench::new();
        let (sender, events) = mpsc::channel(1);
        sender.try_send(LegEvent::FirstPacket).unwrap();
        let leg = bench.plane.open_leg_at(HOST.into(), sender, bench.now).unwrap();
        bench.turn();
        let events = listens.then_some(events);
        // Its last figures.
        drop(leg);
        bench.turn();
        assert_eq!(bench.plane.figures().events_lost, lost);
        drop(events);
    }
}

//! Telephones enter rooms on other media threads, and hang up at moments that nobody chose.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "common/agreed.rs"]
mod agreed;

use omnigate::media::{LegEvent, LegHandle, MediaPlane, MediaSettings, Playback};
use omnigate::observe::Health;
use omnigate::rooms::RoomMedia;
use omnigate::supervise::Supervisor;
use omnigate_audio::g711::Law;
use omnigate_audio::tone::Tone;
use omnigate_room::{ParticipantId, RoomId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SHARDS: usize = 4;
const CALLS: usize = 1_000;
/// At one time.
const TOGETHER: usize = 50;
/// Samples that are clearly not silence: a quarter of a second would be 2 000.
const HEARD: usize = 400;

struct Call {
    socket: UdpSocket,
    leg: Option<LegHandle>,
    events: mpsc::Receiver<LegEvent>,
    /// Hangs up then, or when it has heard the tone.
    hang_up_at: Option<Instant>,
    heard: usize,
}

impl Call {
    fn new(plane: &std::sync::Arc<MediaPlane>) -> Call {
        let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let (sender, events) = mpsc::channel(256);
        let leg = plane.open_leg(LOCALHOST, sender).unwrap();
        leg.set_media(agreed::a_law(socket.local_addr().unwrap()))
            .unwrap();
        Call {
            socket,
            leg: Some(leg),
            events,
            hang_up_at: None,
            heard: 0,
        }
    }

    /// Reads what has come, and hangs up when it is time; whether it goes on.
    fn step(&mut self, now: Instant) -> bool {
        let mut packet = [0; 400];
        while let Ok(length) = self.socket.recv(&mut packet) {
            let codes = packet.get(12..length).unwrap_or_default();
            let mut pcm = vec![0; codes.len()];
            Law::A.decode(codes, &mut pcm);
            self.heard += pcm.iter().filter(|s| s.unsigned_abs() > 500).count();
        }
        let over = match self.hang_up_at {
            Some(at) => now >= at,
            None => self.heard >= HEARD,
        };
        if over {
            self.leg = None;
        }
        self.leg.is_some()
    }
}

#[test]
fn a_thousand_calls_into_rooms_on_other_threads_lose_no_tone_and_leave_nothing() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let settings = MediaSettings {
        bind: LOCALHOST,
        advertise: vec![LOCALHOST],
        rtp_ports: 47_000..=49_998,
        webrtc_port: 0,
        webrtc_tcp: false,
        shards: SHARDS,
        video_codecs: Vec::new(),
        silence_timeout: Duration::from_secs(600),
    };
    let (sender, _media_events) = mpsc::unbounded_channel();
    let (supervisor, _deaths) = Supervisor::new();
    let plane = MediaPlane::start(settings, sender, &supervisor, &Health::default()).unwrap();
    let rooms = RoomMedia::new(plane.clone());
    let mut participants = 0;
    for _ in 0..CALLS / TOGETHER {
        let mut calls: Vec<Call> = (0..TOGETHER).map(|_| Call::new(&plane)).collect();
        for call in &mut calls {
            participants += 1;
            let leg = call.leg.as_ref().unwrap();
            // A room of its own, or the only tone would not be known from another one's.
            let room = RoomId(rng.random_range(1..1 << 60));
            rooms
                .enter(&leg.seat(), room, ParticipantId(participants))
                .unwrap();
            leg.play(Playback::Tone(Tone::Join)).unwrap();
            // Half of them hang up in the middle of it: at once, or a little later.
            if rng.random() {
                let after = Duration::from_micros(rng.random_range(0..30_000));
                call.hang_up_at = Some(Instant::now() + after);
            }
        }
        // Time enough for any machine; those that wait for the tone end when they have heard it.
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let now = Instant::now();
            let running = calls
                .iter_mut()
                .filter_map(|call| call.step(now).then_some(()))
                .count();
            if running == 0 {
                break;
            }
            assert!(now < until, "{running} calls of {TOGETHER} did not hear the tone");
            std::thread::sleep(Duration::from_millis(5));
        }
        for call in &mut calls {
            let mut last = None;
            while let Some(event) = call.events.blocking_recv() {
                last = Some(event);
            }
            assert!(matches!(last, Some(LegEvent::Ended(_))), "{last:?} came last");
        }
    }
    let figures = plane.figures();
    assert_eq!(
        (figures.legs, figures.rooms, figures.ports_used, figures.failures),
        (0, 0, 0, 0)
    );
    plane.stop();
}

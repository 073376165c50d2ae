//! An app under load: signaling over a WebSocket, audio by `str0m` on a thread of its own.

use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

/// Payload type of Opus in our offers.
const OPUS: u8 = 111;
/// One packet's time.
pub const FRAME: Duration = Duration::from_millis(20);

/// What an app says and hears, called on its media thread.
pub trait Voice: Send + 'static {
    /// The next Opus packet.
    fn say(&mut self, now: Instant) -> Arc<[u8]>;
    /// An Opus packet that has come.
    fn hear(&mut self, _now: Instant, _opus: &[u8]) {}
}

/// The same packets over and over.
pub struct Loop(pub Vec<Arc<[u8]>>, pub usize);

impl Voice for Loop {
    fn say(&mut self, _now: Instant) -> Arc<[u8]> {
        self.1 = (self.1 + 1) % self.0.len();
        self.0[self.1].clone()
    }
}

/// A session.
pub struct Session {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    id: Value,
}

impl Session {
    pub fn open(http: &str) -> Session {
        let (socket, _) = connect(format!("ws://{http}/ws")).unwrap();
        let mut session = Session {
            socket,
            id: Value::Null,
        };
        let hello = json!({"service_id": "demo", "service_key": "demo", "sdk": "JS", "ver": "2.1.3", "heartbeat": false});
        session.id = session.ask("SESSION", hello)["session"].clone();
        session
    }

    pub fn id(&self) -> &Value {
        &self.id
    }

    /// Sends a request; its response.
    pub fn ask(&mut self, command: &str, fields: Value) -> Value {
        self.ask_and_hear(command, fields, &mut |_| {})
    }

    /// As `ask`; what comes before the response goes to `hear`.
    pub fn ask_and_hear(&mut self, command: &str, fields: Value, hear: &mut impl FnMut(&Value)) -> Value {
        self.tell(&format!("WS_{command}_REQ"), fields);
        loop {
            let Some(message) = self.read() else { continue };
            if message["cmd"] == format!("WS_{command}_RSP") {
                assert_eq!(message["result"], "success", "{command}: {}", message["reason"]);
                return message;
            }
            hear(&message);
        }
    }

    /// Hears for a while.
    pub fn hear_for(&mut self, time: Duration, hear: &mut impl FnMut(&Value)) {
        let until = Instant::now() + time;
        while let wait = until.saturating_duration_since(Instant::now())
            && !wait.is_zero()
        {
            self.wait_at_most(Some(wait));
            if let Some(message) = self.read() {
                hear(&message);
            }
        }
        self.wait_at_most(None);
    }

    /// Sends a message that has no response.
    pub fn tell(&mut self, command: &str, mut fields: Value) {
        fields["cmd"] = json!(command);
        if !self.id.is_null() {
            fields["session"] = self.id.clone();
        }
        self.socket.send(Message::text(fields.to_string())).unwrap();
    }

    fn wait_at_most(&mut self, time: Option<Duration>) {
        if let MaybeTlsStream::Plain(stream) = self.socket.get_ref() {
            stream.set_read_timeout(time).unwrap();
        }
    }

    fn read(&mut self) -> Option<Value> {
        match self.socket.read() {
            Ok(Message::Text(text)) => Some(serde_json::from_str(&text).unwrap()),
            Ok(_) => None,
            Err(tokio_tungstenite::tungstenite::Error::Io(e))
                if e.kind() == std::io::ErrorKind::WouldBlock =>
            {
                None
            }
            Err(e) => panic!("socket: {e}"),
        }
    }

    /// A new audio room and its call number.
    pub fn room_with_number(&mut self) -> (String, String) {
        let room = self.ask("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
        let number = self.ask("MAKE_SIPNUM", json!({"room_id": room}))["call_number"].clone();
        let text = |v: Value| v.as_str().unwrap().to_owned();
        (text(room), text(number))
    }

    /// Joins and publishes; `voice` runs until the app is dropped.
    pub fn join(mut self, room: &str, voice: impl Voice) -> App {
        let asked = Instant::now();
        self.ask("JOIN_ROOM", json!({"room_id": room}));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut rtc = RtcConfig::new()
            .set_crypto_provider(Arc::new(str0m_aws_lc_rs::default_provider()))
            .set_rtp_mode(true)
            .build(Instant::now());
        rtc.add_local_candidate(Candidate::host(socket.local_addr().unwrap(), "udp").unwrap());
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        let jsep = json!({"type": "offer", "sdp": offer.to_sdp_string()});
        let answer = self.ask("PUBLISH", json!({"track": "audio", "jsep": jsep}));
        let sdp = str0m::change::SdpAnswer::from_sdp_string(answer["jsep"]["sdp"].as_str().unwrap()).unwrap();
        rtc.sdp_api().accept_answer(pending, sdp).unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let up = Arc::new(AtomicBool::new(false));
        let first_heard = Arc::new(OnceLock::new());
        let media = Media {
            rtc,
            mid,
            socket,
            voice,
            up: up.clone(),
            ended: ended.clone(),
            first_heard: first_heard.clone(),
        };
        let thread = std::thread::spawn(move || media.run());
        App {
            _session: self,
            asked,
            first_heard,
            up,
            ended,
            thread: Some(thread),
        }
    }
}

/// An app in a room.
pub struct App {
    _session: Session,
    asked: Instant,
    first_heard: Arc<OnceLock<Instant>>,
    up: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl App {
    pub fn wait_until_up(&self) {
        let until = Instant::now() + Duration::from_secs(15);
        while !self.up.load(Relaxed) {
            assert!(Instant::now() < until, "an app's audio does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl App {
    /// From asking to join until the first packet of audio.
    pub fn time_to_audio(&self) -> Duration {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(at) = self.first_heard.get() {
                return *at - self.asked;
            }
            assert!(Instant::now() < until, "no audio within 15 s");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Media<V> {
    rtc: Rtc,
    mid: str0m::media::Mid,
    socket: UdpSocket,
    voice: V,
    up: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    first_heard: Arc<OnceLock<Instant>>,
}

impl<V: Voice> Media<V> {
    fn run(mut self) {
        let own = self.socket.local_addr().unwrap();
        let mut next = Instant::now();
        let (mut sequence, mut timestamp) = (1u64, 0u32);
        let mut buffer = [0; 2048];
        while !self.ended.load(Relaxed) {
            let due = self.drain();
            let wait = due.min(next).saturating_duration_since(Instant::now());
            self.socket
                .set_read_timeout(Some(wait.max(Duration::from_micros(100))))
                .unwrap();
            if let Ok((length, source)) = self.socket.recv_from(&mut buffer) {
                self.feed(own, source, &buffer[..length]);
            }
            let now = Instant::now();
            if now < next {
                continue;
            }
            next += FRAME;
            timestamp = timestamp.wrapping_add(960);
            if self.up.load(Relaxed) {
                sequence += 1;
                let packet = self.voice.say(now);
                let write = RtpWrite::new(OPUS.into(), sequence.into(), timestamp, now, packet);
                if let Some(tx) = self.rtc.direct_api().stream_tx_by_mid(self.mid, None) {
                    tx.write_rtp(write);
                }
            }
        }
    }

    fn feed(&mut self, own: SocketAddr, source: SocketAddr, datagram: &[u8]) {
        if let Ok(receive) = Receive::new(Protocol::Udp, source, own, datagram) {
            let _ = self.rtc.handle_input(Input::Receive(Instant::now(), receive));
        }
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Transmit(t) => drop(self.socket.send_to(&t.contents, t.destination)),
                Output::Event(Event::Connected) => self.up.store(true, Relaxed),
                Output::Event(Event::RtpPacket(p)) => {
                    let now = Instant::now();
                    self.first_heard.get_or_init(|| now);
                    self.voice.hear(now, &p.payload);
                }
                Output::Event(_) => {}
                Output::Timeout(t) if t <= Instant::now() => {
                    self.rtc.handle_input(Input::Timeout(Instant::now())).unwrap();
                }
                Output::Timeout(t) => return t,
            }
        }
    }
}

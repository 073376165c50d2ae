//! An app under load: signaling over a WebSocket, and its audio.

use super::peer::{Media, Peer, Running};
use serde_json::{Value, json};
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use str0m::Rtc;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::rtp::{RtpPacket, RtpWrite};
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

    /// A new room of this type; its id.
    pub fn new_room(&mut self, room_type: &str) -> String {
        let made = self.ask("CREATE_ROOM", json!({"room_type": room_type}));
        made["room_id"].as_str().unwrap().to_owned()
    }

    /// A new audio room and its call number.
    pub fn room_with_number(&mut self) -> (String, String) {
        let room = self.new_room("audioroom");
        let number = self.ask("MAKE_SIPNUM", json!({"room_id": room}));
        (room, number["call_number"].as_str().unwrap().to_owned())
    }

    /// Joins and publishes; `voice` runs until the app is dropped.
    pub fn join(mut self, room: &str, voice: impl Voice) -> App {
        let asked = Instant::now();
        self.ask("JOIN_ROOM", json!({"room_id": room}));
        let sound = self.publish(voice, &mut |_| {});
        App {
            _session: self,
            asked,
            sound,
        }
    }

    /// Publishes in the room or call that it is in; `voice` runs until what is returned is dropped. What comes before the
    /// response goes to `hear`.
    pub fn publish(&mut self, voice: impl Voice, hear: &mut impl FnMut(&Value)) -> Sound {
        let mut peer = Peer::new();
        let mut api = peer.rtc.sdp_api();
        let mid = api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        let jsep = json!({"type": "offer", "sdp": offer.to_sdp_string()});
        let answer = self.ask_and_hear("PUBLISH", json!({"track": "audio", "jsep": jsep}), hear);
        let sdp = SdpAnswer::from_sdp_string(answer["jsep"]["sdp"].as_str().unwrap()).unwrap();
        peer.rtc.sdp_api().accept_answer(pending, sdp).unwrap();
        let first_heard = Arc::new(OnceLock::new());
        let running = peer.start(Audio {
            voice,
            mid,
            sequence: 1,
            timestamp: 0,
            first_heard: first_heard.clone(),
        });
        Sound { first_heard, running }
    }
}

/// An app's audio.
pub struct Sound {
    first_heard: Arc<OnceLock<Instant>>,
    running: Running,
}

impl Sound {
    /// Something was heard.
    pub fn is_heard(&self) -> bool {
        self.first_heard.get().is_some()
    }
}

/// An app in a room.
pub struct App {
    _session: Session,
    asked: Instant,
    sound: Sound,
}

impl App {
    pub fn wait_until_up(&self) {
        let until = Instant::now() + Duration::from_secs(15);
        while !self.sound.running.is_up() {
            assert!(Instant::now() < until, "an app's audio does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// From asking to join until the first packet of audio.
    pub fn time_to_audio(&self) -> Duration {
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(at) = self.sound.first_heard.get() {
                return *at - self.asked;
            }
            assert!(Instant::now() < until, "no audio within 15 s");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Audio<V> {
    voice: V,
    mid: Mid,
    sequence: u64,
    timestamp: u32,
    first_heard: Arc<OnceLock<Instant>>,
}

impl<V: Voice> Media for Audio<V> {
    const PERIOD: Option<Duration> = Some(FRAME);

    fn send(&mut self, rtc: &mut Rtc, now: Instant) {
        self.sequence += 1;
        self.timestamp = self.timestamp.wrapping_add(960);
        let packet = self.voice.say(now);
        let write = RtpWrite::new(OPUS.into(), self.sequence.into(), self.timestamp, now, packet);
        if let Some(tx) = rtc.direct_api().stream_tx_by_mid(self.mid, None) {
            tx.write_rtp(write);
        }
    }

    fn receive(&mut self, packet: RtpPacket, now: Instant) {
        self.first_heard.get_or_init(|| now);
        self.voice.hear(now, &packet.payload);
    }
}

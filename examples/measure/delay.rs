//! What the service adds to the way of sound between a phone and an app, in each direction.
//!
//! A pulse of one packet is sent over and over. Delay is from the sending of the packet that holds the pulse to the
//! arrival of the packet that holds its first sample, plus that sample's place in it: what a direct connection without
//! a jitter buffer has not. The look-ahead of the app's own encoder is measured beside it and taken out.

use super::app::{FRAME, Session, Voice};
use super::called::Gateway;
use super::dialler::Dialler;
use super::packets::Packets;
use super::serve;
use omnigate_audio::g711::Law;
use omnigate_audio::opus::{Decoder, Encoder, EncoderSettings};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// Of the service whose apps call.
const HTTP: &str = "127.0.0.1:28084";
/// Frames between pulses: half a second.
const PERIOD: u64 = 25;
/// Samples of a frame at 8 kHz.
const SAMPLES: usize = 160;
/// Calls, each at another place within the service's 20 ms.
const CALLS: u64 = 12;
/// Pulses in each direction and call.
const PULSES: usize = 12;
/// Pulses at the start, while the jitter buffers learn, that do not count.
const WARM_UP: usize = 4;
/// A sample beyond this belongs to the pulse.
const LOUD: i16 = 1500;

/// What is added to each pulse, in calls of one kind.
#[derive(Default)]
struct Delays {
    to_app: Vec<Duration>,
    to_phone: Vec<Duration>,
}

/// Of telephones that call.
pub fn measure(http: &str, sip: &str) {
    let mut delays = Delays::default();
    for call in 0..CALLS {
        let mut session = Session::open(http);
        let (room, number) = session.room_with_number();
        let (pulses, app_said, app_heard) = Pulses::new();
        let lookahead = pulses.lookahead();
        let app = session.join(&room, pulses);
        app.wait_until_up();
        std::thread::sleep(Duration::from_micros(1700 * call));
        let phone = Dialler::call(sip, &number);
        let (said, heard) = talk(&phone.packets);
        drop(app);
        delays.add((&said, app_heard), (app_said, &heard), lookahead);
    }
    delays.report("a phone that calls");
}

/// Of telephones that are called: by a service of its own.
pub fn measure_called(program: &Path) {
    let gateway = Gateway::open();
    let dir = std::env::temp_dir().join(format!("omnigate-measure-called-{}", std::process::id()));
    let text = format!(
        r#"
        http.listen = "{HTTP}"
        sip.listen = ["udp://127.0.0.1:0"]
        sip.advertise = "127.0.0.1"
        media.rtp_ports = "36100-36300"
        media.webrtc_port = 0
        log.level = "warn"
        [[trunk]]
        name = "out"
        gateways = ["sip:{}"]
        destinations = ["*"]
        callers = [{{ number = "070-1234-5678", proof = "measured" }}]
        [[service]]
        id = "demo"
        key = "demo"
        caller = "070-1234-5678"
        "#,
        gateway.address()
    );
    let mut service = serve(program, &dir, &text);
    let mut delays = Delays::default();
    for call in 0..CALLS {
        let mut session = Session::open(HTTP);
        let wanted =
            json!({"call_type": "sipcall", "caller": "app", "callee": "02-123-4567", "record": false});
        let room = session.ask("OFFER_CALL", wanted)["room_id"].clone();
        let phone = gateway.rings();
        let (pulses, app_said, app_heard) = Pulses::new();
        let lookahead = pulses.lookahead();
        let app = session.join(room.as_str().unwrap(), pulses);
        app.wait_until_up();
        std::thread::sleep(Duration::from_micros(1700 * call));
        phone.answers();
        let (said, heard) = talk(&phone.packets);
        drop(app);
        phone.is_hung_up();
        delays.add((&said, app_heard), (app_said, &heard), lookahead);
    }
    delays.report("a phone that is called");
    service.kill().unwrap();
    service.wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

impl Delays {
    /// Those of one call: what was said and heard towards the app, and towards the phone.
    fn add(
        &mut self,
        to_app: (&[Instant], Receiver<Instant>),
        to_phone: (Receiver<Instant>, &[Instant]),
        lookahead: Duration,
    ) {
        let drain = |r: Receiver<Instant>| r.into_iter().collect::<Vec<_>>();
        pair(to_app.0, &drain(to_app.1), Duration::ZERO, &mut self.to_app);
        pair(&drain(to_phone.0), to_phone.1, lookahead, &mut self.to_phone);
    }

    fn report(mut self, phone: &str) {
        report(&format!("{phone} to app"), &mut self.to_app);
        report(&format!("app to {phone}"), &mut self.to_phone);
    }
}

fn report(name: &str, delays: &mut [Duration]) {
    delays.sort();
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1000.0;
    println!(
        "delay added {name}: p50 {:.1} ms, p99 {:.1} ms of {} pulses",
        at(0.5),
        at(0.99),
        delays.len()
    );
}

/// Says all pulses of a call; when each was said, and those of the other side heard.
fn talk(packets: &Packets) -> (Vec<Instant>, Vec<Instant>) {
    let (mut said, mut heard, mut onset) = (Vec::new(), Vec::new(), Onset::default());
    packets.talk(
        PERIOD * (PULSES + WARM_UP) as u64,
        |frame, now| {
            let pulse = frame % PERIOD == PERIOD / 2;
            if pulse {
                said.push(now);
            }
            let mut codes = [0; SAMPLES];
            Law::Mu.encode(&tone(pulse), &mut codes);
            codes
        },
        |now, codes| {
            let mut pcm = [0; SAMPLES];
            Law::Mu.decode(codes, &mut pcm);
            heard.extend(onset.find(now, &pcm));
        },
    );
    (said, heard)
}

/// The pulse heard after each pulse said.
fn pair(said: &[Instant], heard: &[Instant], own: Duration, out: &mut Vec<Duration>) {
    for s in said.iter().skip(WARM_UP) {
        let next = heard.iter().find(|h| *h > s);
        if let Some(delay) = next.map(|h| *h - *s).filter(|d| *d < FRAME * PERIOD as u32 / 2) {
            out.push(delay.saturating_sub(own));
        }
    }
}

/// A frame of 1 kHz, or silence.
fn tone(on: bool) -> [i16; SAMPLES] {
    let tau = std::f32::consts::TAU;
    std::array::from_fn(|i| {
        let s = (tau * i as f32 / 8.0 + tau / 8.0).sin() * 12_000.0;
        if on { s as i16 } else { 0 }
    })
}

/// Finds the beginning of pulses in what comes.
#[derive(Default)]
struct Onset {
    quiet_frames: u32,
}

impl Onset {
    /// `pcm` at 8 kHz, arrived `now`.
    fn find(&mut self, now: Instant, pcm: &[i16]) -> Option<Instant> {
        let first = pcm.iter().position(|s| s.saturating_abs() > LOUD);
        let quiet_before = self.quiet_frames >= 5;
        self.quiet_frames = if first.is_some() { 0 } else { self.quiet_frames + 1 };
        first
            .filter(|_| quiet_before)
            .map(|i| now + Duration::from_micros(i as u64 * 125))
    }
}

/// An app that sends pulses and times those that come.
struct Pulses {
    encoder: Encoder,
    decoder: Decoder,
    onset: Onset,
    frame: u64,
    said: Sender<Instant>,
    heard: Sender<Instant>,
}

impl Pulses {
    /// With the times at which it has said and heard pulses.
    fn new() -> (Pulses, Receiver<Instant>, Receiver<Instant>) {
        let ((said, all_said), (heard, all_heard)) = (channel(), channel());
        let pulses = Pulses {
            encoder: Encoder::new(8_000, EncoderSettings::default()).unwrap(),
            decoder: Decoder::new(8_000).unwrap(),
            onset: Onset::default(),
            frame: 0,
            said,
            heard,
        };
        (pulses, all_said, all_heard)
    }

    fn packet(encoder: &mut Encoder, pulse: bool) -> Arc<[u8]> {
        let mut out = [0; 1500];
        let length = encoder.encode(&tone(pulse), &mut out).unwrap();
        Arc::from(&out[..length])
    }

    /// How late a pulse comes out of encoder and decoder alone.
    fn lookahead(&self) -> Duration {
        let mut encoder = Encoder::new(8_000, EncoderSettings::default()).unwrap();
        let mut decoder = Decoder::new(8_000).unwrap();
        let (start, mut onset) = (Instant::now(), Onset::default());
        for frame in 0..40u32 {
            let mut pcm = [0; SAMPLES];
            decoder
                .decode(&Self::packet(&mut encoder, frame == 20), &mut pcm)
                .unwrap();
            if let Some(at) = onset.find(start + FRAME * frame, &pcm) {
                return at - (start + FRAME * 20);
            }
        }
        panic!("no pulse came out of the codec");
    }
}

impl Voice for Pulses {
    fn say(&mut self, now: Instant) -> Arc<[u8]> {
        self.frame += 1;
        let pulse = self.frame.is_multiple_of(PERIOD);
        if pulse {
            let _ = self.said.send(now);
        }
        Self::packet(&mut self.encoder, pulse)
    }

    fn hear(&mut self, now: Instant, opus: &[u8]) {
        let mut pcm = [0; SAMPLES];
        if self.decoder.decode(opus, &mut pcm).is_ok()
            && let Some(at) = self.onset.find(now, &pcm)
        {
            let _ = self.heard.send(at);
        }
    }
}

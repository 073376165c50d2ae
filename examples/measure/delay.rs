//! What the service adds to the way of sound between a phone and an app, in each direction.
//!
//! A pulse of one packet is sent over and over. Delay is from the sending of the packet that holds the pulse to the
//! arrival of the packet that holds its first sample, plus that sample's place in it: what a direct connection without
//! a jitter buffer has not. The look-ahead of the app's own encoder is measured beside it and taken out.

use super::app::{FRAME, Session, Voice};
use super::dialler::Dialler;
use omnigate_audio::g711::Law;
use omnigate_audio::opus::{Decoder, Encoder, EncoderSettings};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

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

pub fn measure(http: &str, sip: &str) {
    let (mut to_app, mut to_phone) = (Vec::new(), Vec::new());
    for call in 0..CALLS {
        one_call(http, sip, call, &mut to_app, &mut to_phone);
    }
    report("phone to app", &mut to_app);
    report("app to phone", &mut to_phone);
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

fn one_call(http: &str, sip: &str, call: u64, to_app: &mut Vec<Duration>, to_phone: &mut Vec<Duration>) {
    let mut session = Session::open(http);
    let (room, number) = session.room_with_number();
    let (said, app_said) = channel();
    let (heard, app_heard) = channel();
    let voice = Pulses::new(said, heard);
    let lookahead = voice.lookahead();
    let app = session.join(&room, voice);
    app.wait_until_up();
    std::thread::sleep(Duration::from_micros(1700 * call));
    let phone = Dialler::call(sip, &number);
    let (mut phone_said, mut phone_heard) = (Vec::new(), Vec::new());
    let mut onset = Onset::default();
    let frames = PERIOD * (PULSES + WARM_UP) as u64;
    phone.talk(
        frames,
        |frame, now| {
            let pulse = frame % PERIOD == PERIOD / 2;
            if pulse {
                phone_said.push(now);
            }
            let mut codes = [0; SAMPLES];
            Law::Mu.encode(&tone(pulse), &mut codes);
            codes
        },
        |now, codes| {
            let mut pcm = [0; SAMPLES];
            Law::Mu.decode(codes, &mut pcm);
            phone_heard.extend(onset.find(now, &pcm));
        },
    );
    drop(app);
    let drain = |r: Receiver<Instant>| r.into_iter().collect::<Vec<_>>();
    pair(&phone_said, &drain(app_heard), Duration::ZERO, to_app);
    pair(&drain(app_said), &phone_heard, lookahead, to_phone);
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
    fn new(said: Sender<Instant>, heard: Sender<Instant>) -> Pulses {
        Pulses {
            encoder: Encoder::new(8_000, EncoderSettings::default()).unwrap(),
            decoder: Decoder::new(8_000).unwrap(),
            onset: Onset::default(),
            frame: 0,
            said,
            heard,
        }
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

//! Two sides of a call, an hour long: clocks that drift apart, jitter, loss, reordering, discontinuous transmission. Each
//! second both make a short tone at the same moment; in the recording the tones must stay together.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic and say what it measured"
)]

use omnigate_audio::g711::Law;
use omnigate_audio::mix::Limiter;
use omnigate_audio::opus::{Encoder, EncoderSettings};
use omnigate_recording::capture::{CaptureReader, CaptureWriter, Media, MediaKind, Record, RecordKind};
use omnigate_recording::{Replay, Span, survey};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::io::Cursor;

const HOUR: u64 = 3_600;
const RATE: f64 = 8_000.0;
/// Least delay of both ways, microseconds.
const WAY_US: f64 = 30_000.0;

/// How a side speaks and how its packets come.
struct Side {
    member: u64,
    kind: MediaKind,
    drift_ppm: f64,
    jitter_us: f64,
    loss: f64,
    /// Nothing is sent while nothing is said.
    dtx: bool,
}

/// What a side says at a moment: 1 kHz for the first 60 ms of each second, with the level of speech.
fn voice(at: f64) -> f64 {
    if at.fract() < 0.06 {
        8_000.0 * (at * 1_000.0 * std::f64::consts::TAU).sin()
    } else {
        0.0
    }
}

/// The packets of a side, with their arrivals in microseconds. The seconds whose tone lost a packet go into `spoilt`: where
/// that begins cannot be told.
fn speak(side: &Side, seconds: u64, rng: &mut StdRng, spoilt: &mut BTreeSet<u64>) -> Vec<(u64, Vec<u8>)> {
    let mut encoder = Encoder::new(
        8_000,
        EncoderSettings {
            complexity: 0,
            fec: false,
            ..EncoderSettings::default()
        },
    )
    .unwrap();
    let clock = RATE * (1.0 + side.drift_ppm / 1e6);
    let mut records = Vec::new();
    for n in 0..seconds * 50 {
        let mut pcm = [0i16; 160];
        for (i, sample) in pcm.iter_mut().enumerate() {
            *sample = voice((n * 160 + i as u64) as f64 / clock) as i16;
        }
        let silent = pcm.iter().all(|sample| *sample == 0);
        let payload = match side.kind {
            MediaKind::Opus => {
                let mut packet = [0; 1_276];
                let length = encoder.encode(&pcm, &mut packet).unwrap();
                packet[..length].to_vec()
            }
            _ => {
                let mut codes = vec![0; 160];
                Law::A.encode(&pcm, &mut codes);
                codes
            }
        };
        let lost = rng.random_bool(side.loss);
        let at = (n * 160) as f64 / clock;
        if lost && (at + 0.025).fract() < 0.11 {
            spoilt.insert((at + 0.025) as u64);
        }
        let jitter = rng.random::<f64>() * side.jitter_us;
        if lost || (side.dtx && silent && n % 20 != 0) {
            continue;
        }
        // A packet is sent when it is full.
        let spoken = (n + 1) as f64 * 160.0 / clock * 1e6;
        let at_us = (spoken + WAY_US + jitter) as u64;
        let units = if side.kind == MediaKind::Opus { 960 } else { 160 };
        let media = Media {
            kind: side.kind,
            sequence: (n + 65_000) as u16,
            timestamp: ((n + 26_000_000) * units) as u32,
            ssrc: side.member as u32,
            marker: false,
            payload: &payload,
        };
        let record = Record {
            at_us,
            member: side.member,
            kind: RecordKind::Media(media),
        };
        let mut buffer = [0; Record::MAX];
        let length = record.encode(&mut buffer).unwrap();
        records.push((at_us, buffer[..length].to_vec()));
    }
    records
}

fn capture(sides: &[Side], seconds: u64) -> (Vec<u8>, BTreeSet<u64>) {
    let mut spoilt = BTreeSet::new();
    let mut rng = StdRng::seed_from_u64(1);
    let mut records = Vec::new();
    for side in sides {
        let mut buffer = [0; Record::MAX];
        let joined = Record {
            at_us: 0,
            member: side.member,
            kind: RecordKind::Joined,
        };
        let length = joined.encode(&mut buffer).unwrap();
        records.push((0, buffer[..length].to_vec()));
        records.extend(speak(side, seconds, &mut rng, &mut spoilt));
    }
    records.sort_by_key(|(at_us, _)| *at_us);
    let mut file = Vec::new();
    let mut writer = CaptureWriter::new(&mut file).unwrap();
    for (n, (at_us, record)) in records.iter().enumerate() {
        writer.push(record, *at_us).unwrap();
        if n % 100 == 0 {
            writer.flush().unwrap();
        }
    }
    writer.flush().unwrap();
    drop(writer);
    (file, spoilt)
}

/// The moments, in milliseconds, at which a side's tones begin in the recording.
fn onsets(pcm: &[i16], rate: usize) -> Vec<f64> {
    let mut found = Vec::new();
    let mut quiet = usize::MAX / 2;
    for (i, sample) in pcm.iter().enumerate() {
        if sample.unsigned_abs() > 2_500 {
            if quiet > rate / 4 {
                found.push(i as f64 * 1_000.0 / rate as f64);
            }
            quiet = 0;
        } else {
            quiet += 1;
        }
    }
    found
}

/// Each side's sound alone.
fn replay(file: &[u8], sides: &[Side], span: Span, rate: u32) -> Vec<Vec<i16>> {
    let reader = CaptureReader::new(Cursor::new(file)).unwrap();
    let mut replay = Replay::new(reader, span, rate);
    let mut limiters: Vec<Limiter> = sides.iter().map(|_| Limiter::new()).collect();
    let mut sounds = vec![Vec::new(); sides.len()];
    let mut frame = vec![0; rate as usize / 50];
    while replay.advance().unwrap() {
        for ((side, limiter), sound) in sides.iter().zip(&mut limiters).zip(&mut sounds) {
            replay.only(|member| member == side.member, limiter, &mut frame);
            sound.extend_from_slice(&frame);
        }
    }
    sounds
}

fn check(sides: &[Side], seconds: u64, rate: u32) {
    let (file, spoilt) = capture(sides, seconds);
    let span = Span {
        start_us: 0,
        end_us: seconds * 1_000_000 + 1,
    };
    let sounds = replay(&file, sides, span, rate);
    let samples = span.frames() as usize * rate as usize / 50;
    assert!(
        sounds.iter().all(|sound| sound.len() == samples),
        "durations differ"
    );
    let all: Vec<Vec<f64>> = sounds.iter().map(|sound| onsets(sound, rate as usize)).collect();
    let mut worst = 0f64;
    let mut pairs = 0;
    for second in 0..seconds - 1 {
        if spoilt.contains(&second) {
            continue;
        }
        let near = |onsets: &Vec<f64>| {
            let expected = second as f64 * 1_000.0 + WAY_US / 1_000.0 + 20.0;
            onsets.iter().copied().find(|at| (at - expected).abs() < 30.0)
        };
        let Some(each) = all.iter().map(near).collect::<Option<Vec<f64>>>() else {
            continue;
        };
        pairs += 1;
        let (least, most) = each
            .iter()
            .fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        worst = worst.max(most - least);
    }
    println!("{pairs} of {seconds} tones compared, at most {worst:.1} ms apart");
    assert!(
        pairs as f64 > seconds as f64 * 0.75,
        "only {pairs} of {seconds} tones"
    );
    assert!(worst <= 20.0, "{worst} ms apart");
    let timeline = survey(CaptureReader::new(Cursor::new(&file)).unwrap(), span).unwrap();
    for side in sides {
        let line = &timeline.members[&side.member];
        assert_eq!(line.sources.len(), 1);
        assert_eq!(line.opus, side.kind == MediaKind::Opus);
        assert_eq!(line.wide, side.kind == MediaKind::Opus);
        let lost = line.lost as f64 / (seconds as f64 * 50.0);
        assert!(side.dtx || (lost - side.loss).abs() < 0.005, "{lost}");
    }
}

fn phone(jitter_us: f64, drift_ppm: f64, dtx: bool) -> Side {
    Side {
        member: 1,
        kind: MediaKind::Pcma,
        drift_ppm,
        jitter_us,
        loss: 0.02,
        dtx,
    }
}

fn app(jitter_us: f64, drift_ppm: f64) -> Side {
    Side {
        member: 2,
        kind: MediaKind::Opus,
        drift_ppm,
        jitter_us,
        loss: 0.02,
        dtx: false,
    }
}

#[test]
fn both_sides_stay_within_20_ms_over_an_hour_of_drift_jitter_loss_and_reordering() {
    check(&[phone(0.0, 100.0, false), app(60_000.0, -100.0)], HOUR, 8_000);
}

#[test]
fn a_sender_that_is_silent_in_pauses_stays_in_its_place() {
    check(&[phone(30_000.0, -100.0, true), app(0.0, 100.0)], 300, 8_000);
}

#[test]
fn in_a_wide_recording_telephones_stay_with_the_apps() {
    check(&[phone(20_000.0, 50.0, false), app(20_000.0, -50.0)], 120, 48_000);
}

#[test]
fn a_recording_that_begins_later_is_in_its_place_from_the_first_frame() {
    let sides = [phone(0.0, 0.0, false), app(0.0, 0.0)];
    let (file, _) = capture(&sides, 20);
    let span = Span {
        start_us: 9_990_000,
        end_us: 15_000_000,
    };
    for sound in replay(&file, &sides, span, 8_000) {
        assert_eq!(sound.len(), 251 * 160);
        let found = onsets(&sound, 8_000);
        // The first tone is that of second ten, 50 ms on the way.
        assert!((found[0] - 60.0).abs() <= 12.0, "{found:?}");
        assert_eq!(found.len(), 5, "{found:?}");
    }
}

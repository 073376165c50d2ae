//! Captures of whoever sends nonsense on purpose, an hour at the rate that a tap lets through: making files of them costs
//! little more than those of anybody else, and no more memory the longer they are.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, measure, and say what it measured"
)]

use omnigate_audio::mix::Limiter;
use omnigate_recording::capture::{CaptureReader, CaptureWriter, Media, MediaKind, Record, RecordKind};
use omnigate_recording::manifest::Timeline;
use omnigate_recording::{Replay, Span, survey};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fs::File;
use std::io::{BufReader, BufWriter, Cursor};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Seconds.
const HOUR: u64 = 3_600;
/// Packets a second, as a tap lets through.
const CAP: u64 = 200;
/// What making files of an hour may take of memory, and of an hour's time, in a build for tests.
const MOST_BYTES: u64 = 16 << 20;
const MOST_TIME: Duration = Duration::from_secs(60);
/// A timeline as JSON.
const MOST_TEXT: usize = 256 << 10;

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A capture of one member, with `packet` for each moment; whatever else happens stands in `also`.
fn capture(
    name: &str,
    seconds: u64,
    mut packet: impl FnMut(u64) -> Media<'static>,
    also: &[RecordKind<'_>],
) -> Scratch {
    let path = std::env::temp_dir().join(format!("omnigate-hostile-{name}-{}", std::process::id()));
    let mut writer = CaptureWriter::new(BufWriter::new(File::create(&path).unwrap())).unwrap();
    let mut buffer = [0; Record::MAX];
    let mut put = |at_us, kind| {
        let record = Record {
            at_us,
            member: 1,
            kind,
        };
        let length = record.encode(&mut buffer).unwrap();
        writer.push(&buffer[..length], at_us).unwrap();
    };
    put(0, RecordKind::Joined);
    for n in 0..seconds * CAP {
        let at_us = n * 1_000_000 / CAP;
        put(at_us, RecordKind::Media(packet(n)));
        if !also.is_empty() {
            put(at_us, also[n as usize % also.len()]);
        }
    }
    writer.flush().unwrap();
    Scratch(path)
}

/// The most memory that this process has ever had, bytes; counted anew after `reset`.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

fn reset() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn open(path: &Path) -> CaptureReader<BufReader<File>> {
    CaptureReader::new(BufReader::new(File::open(path).unwrap())).unwrap()
}

/// Makes what a finisher makes: a timeline, and every frame; says what it cost.
fn make(name: &str, capture: &Scratch, seconds: u64) -> Timeline {
    let span = Span {
        start_us: 0,
        end_us: seconds * 1_000_000,
    };
    reset();
    let (before, since) = (peak(), Instant::now());
    let timeline = survey(open(&capture.0), span).unwrap();
    let surveyed = since.elapsed();
    let mut replay = Replay::new(open(&capture.0), span, 8_000);
    let (mut limiter, mut mix, mut frames) = (Limiter::new(), [0; 160], 0);
    while replay.advance().unwrap() {
        replay.mix(&mut limiter, &mut mix);
        frames += 1;
    }
    assert_eq!(frames, span.frames());
    let (took, bytes) = (since.elapsed(), peak().saturating_sub(before));
    let text = serde_json::to_string(&timeline).unwrap().len();
    println!(
        "{name}: {seconds} s in {took:.1?} ({surveyed:.1?} of it to survey), {} KiB more memory, timeline of {text} bytes",
        bytes >> 10
    );
    assert!(bytes <= MOST_BYTES, "{name}: {bytes} bytes");
    assert!(took <= MOST_TIME, "{name}: {took:?}");
    assert!(text <= MOST_TEXT, "{name}: {text} bytes of JSON");
    timeline
}

fn media(n: u64, kind: MediaKind, ssrc: u32, payload: &'static [u8]) -> Media<'static> {
    Media {
        kind,
        sequence: n as u16,
        timestamp: n as u32 * 40,
        ssrc,
        marker: false,
        payload,
    }
}

static G711: [u8; 160] = [0xd5; 160];
/// Opus, six frames of 20 ms that say nothing: code 3, constant length (RFC 6716 section 3.2.5).
static LONG_OPUS: [u8; 20] = [0x0b, 0x06, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9];

// One test, as all memory of the process is measured.
#[test]
fn an_hour_of_nonsense_at_the_cap_costs_bounded_time_and_memory() {
    let alternating = capture(
        "alternating",
        HOUR,
        |n| media(n, MediaKind::Pcma, n as u32 % 2, &G711),
        &[],
    );
    let timeline = make("a source that alternates each packet", &alternating, HOUR);
    assert_eq!(timeline.members[&1].packets, HOUR * CAP);
    assert!(timeline.left_out > HOUR * CAP / 2, "what is left out is counted");
    drop(alternating);

    let new = capture(
        "new",
        HOUR / 6,
        |n| media(n, MediaKind::Pcma, n as u32, &G711),
        &[],
    );
    make("a new source each packet", &new, HOUR / 6);
    drop(new);

    let jumping = |n: u64| Media {
        timestamp: (n as u32).wrapping_mul(2_654_435_761),
        sequence: (n as u16).wrapping_mul(40_503),
        ..media(n, MediaKind::Pcma, 1, &G711)
    };
    let jumping = capture("jumping", HOUR / 6, jumping, &[]);
    make("timestamps and numbers at random", &jumping, HOUR / 6);
    drop(jumping);

    let backwards = |n: u64| Media {
        timestamp: (n as u32 / 100) * 8_000 + (100 - n as u32 % 100) * 80,
        ..media(n, MediaKind::Pcma, 1, &G711)
    };
    let backwards = capture("backwards", HOUR / 6, backwards, &[]);
    make("packets from the last to the first", &backwards, HOUR / 6);
    drop(backwards);

    let codecs = |n: u64| match n % 3 {
        0 => media(n, MediaKind::Pcma, 1, &G711),
        1 => media(n, MediaKind::Opus, 1, &LONG_OPUS),
        _ => media(n, MediaKind::G722, 1, &G711),
    };
    let codecs = capture("codecs", HOUR / 6, codecs, &[]);
    make("another codec each packet", &codecs, HOUR / 6);
    drop(codecs);

    let long = capture(
        "long",
        HOUR / 6,
        |n| media(n, MediaKind::Opus, 1, &LONG_OPUS),
        &[],
    );
    make("packets of 120 ms each 5 ms", &long, HOUR / 6);
    drop(long);

    let also = [
        RecordKind::Muted(true),
        RecordKind::Event(9),
        RecordKind::Muted(false),
        RecordKind::Paused(true),
        RecordKind::Left,
        RecordKind::Paused(false),
        RecordKind::Joined,
    ];
    let toggling = capture(
        "toggling",
        HOUR / 6,
        |n| media(n, MediaKind::Pcma, 1, &G711),
        &also,
    );
    let timeline = make(
        "mutes, pauses, events and leaving all the time",
        &toggling,
        HOUR / 6,
    );
    assert!(timeline.left_out > 0);
}

/// Something that a member could have sent, or nobody.
fn anything(rng: &mut StdRng, payload: &[u8]) -> Record<'static> {
    let payload: &'static [u8] = Vec::leak(payload.to_vec());
    let kinds = [
        MediaKind::Pcmu,
        MediaKind::Pcma,
        MediaKind::ComfortNoise,
        MediaKind::Opus,
        MediaKind::G722,
        MediaKind::L16,
    ];
    let media = Media {
        kind: kinds[rng.random_range(0..kinds.len())],
        sequence: rng.random(),
        timestamp: rng.random(),
        ssrc: rng.random_range(0..3),
        marker: rng.random(),
        payload,
    };
    let on = rng.random();
    Record {
        at_us: 0,
        member: rng.random_range(0..4),
        kind: match rng.random_range(0..16) {
            0 => RecordKind::Event(rng.random()),
            1 => RecordKind::Joined,
            2 => RecordKind::Left,
            3 => RecordKind::Muted(on),
            4 => RecordKind::Held(on),
            5 => RecordKind::Paused(on),
            6 => RecordKind::Missing(rng.random()),
            _ => RecordKind::Media(media),
        },
    }
}

#[test]
fn whatever_was_captured_is_surveyed_and_replayed_to_its_end() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    for round in 0..300 {
        let mut writer = CaptureWriter::new(Vec::new()).unwrap();
        let (mut at_us, mut buffer) = (0, [0; Record::MAX]);
        for _ in 0..rng.random_range(0..200) {
            at_us += [0, 1, 5_000, 20_000, 3_000_000][rng.random_range(0..5)];
            let length = [0, 1, 2, 20, 160, 1_500][rng.random_range(0..6)];
            let payload: Vec<u8> = (0..length).map(|_| rng.random()).collect();
            let record = Record {
                at_us: if rng.random_bool(0.02) {
                    rng.random()
                } else {
                    at_us
                },
                ..anything(&mut rng, &payload)
            };
            let length = record.encode(&mut buffer).unwrap();
            writer.push(&buffer[..length], at_us).unwrap();
            if rng.random_bool(0.2) {
                writer.flush().unwrap();
            }
        }
        writer.flush().unwrap();
        let mut file = std::mem::take(writer.inner_mut());
        if round % 2 == 0 {
            let at = rng.random_range(0..file.len());
            file[at] ^= rng.random::<u8>();
            file.truncate(rng.random_range(0..=file.len()));
        }
        let Ok(reader) = CaptureReader::new(Cursor::new(&file)) else {
            continue;
        };
        let span = Span {
            start_us: rng.random_range(0..1_000_000),
            end_us: 4_000_000,
        };
        survey(reader, span).unwrap();
        let rate_hz = if round % 3 == 0 { 48_000 } else { 8_000 };
        let mut replay = Replay::new(CaptureReader::new(Cursor::new(&file)).unwrap(), span, rate_hz);
        let (mut limiter, mut frame) = (Limiter::new(), vec![0; rate_hz as usize / 50]);
        let mut frames = 0;
        while replay.advance().unwrap() {
            replay.mix(&mut limiter, &mut frame);
            frames += 1;
        }
        assert_eq!(frames, span.frames());
    }
}

#[test]
#[ignore = "says what an hour of a usual voice costs, to compare with"]
fn an_hour_of_a_usual_voice() {
    let usual = |n: u64| Media {
        timestamp: (n / 4) as u32 * 160,
        sequence: (n / 4) as u16,
        ..media(n, MediaKind::Pcma, 1, &G711)
    };
    let usual = capture("usual", HOUR, usual, &[]);
    make("a usual voice (three duplicates each)", &usual, HOUR);
}

//! What a recorded room's members sent, and what a crash left of it: captures are surveyed and replayed, as their files are
//! made. The first byte says whether the rest is a file as it is, or records in a file that is whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use omnigate_audio::mix::Limiter;
use omnigate_recording::capture::{CaptureReader, CaptureWriter, Record};
use omnigate_recording::{Replay, Span, survey};
use std::io::Cursor;

/// Microseconds that are replayed.
const LONGEST_US: u64 = 5_000_000;

/// Records, each behind its length, at times that go forward by the two bytes before that.
fn whole(mut data: &[u8]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new()).expect("memory takes it");
    let mut at_us = 0;
    while let Some((head, rest)) = data.split_at_checked(3) {
        at_us += u64::from(u16::from_le_bytes([head[0], head[1]])) * 8;
        let (record, rest) = rest.split_at(usize::from(head[2]).min(rest.len()));
        data = rest;
        let mut record = record.to_vec();
        if let Some(time) = record.get_mut(1..9) {
            time.copy_from_slice(&at_us.to_le_bytes());
        }
        if Record::decode(&record).is_some() {
            writer.push(&record, at_us).expect("memory takes it");
        }
    }
    writer.flush().expect("memory takes it");
    std::mem::take(writer.inner_mut())
}

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let file = if how & 1 == 0 { rest.to_vec() } else { whole(rest) };
    let span = Span {
        start_us: u64::from(how >> 1) * 10_000,
        end_us: LONGEST_US,
    };
    let Ok(reader) = CaptureReader::new(Cursor::new(&file)) else { return };
    let Ok(timeline) = survey(reader, span) else { return };
    assert!(timeline.members.len() <= 4_096);
    for rate_hz in [8_000, 48_000] {
        let reader = CaptureReader::new(Cursor::new(&file)).expect("it was read before");
        let mut replay = Replay::new(reader, span, rate_hz);
        let (mut limiter, mut frame) = (Limiter::new(), vec![0; rate_hz as usize / 50]);
        let mut frames = 0;
        while replay.advance().expect("memory can be read") {
            replay.mix(&mut limiter, &mut frame);
            replay.only(|member| member == 1, &mut limiter, &mut frame);
            frames += 1;
        }
        assert_eq!(frames, span.frames());
    }
});

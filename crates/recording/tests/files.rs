//! The files that are made: their lengths, their channels, what others read from them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use omnigate_recording::file::{AudioFile, Format};
use std::io::Cursor;

/// A second of 1 kHz on the left and of 440 Hz on the right.
fn frame(n: usize, rate: u32, channels: u16) -> Vec<i16> {
    let samples = rate as usize / 50;
    let tone = |i: usize, hz: f64| {
        let at = (n * samples + i) as f64 / f64::from(rate);
        (8_000.0 * (at * hz * std::f64::consts::TAU).sin()) as i16
    };
    let one = |i| [tone(i, 1_000.0), tone(i, 440.0)];
    (0..samples)
        .flat_map(|i| one(i)[..usize::from(channels)].to_vec())
        .collect()
}

fn file(format: Format, rate: u32, channels: u16, frames: usize) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut file = AudioFile::new(&mut bytes, format, rate, channels).unwrap();
    for n in 0..frames {
        file.write(&frame(n, rate, channels)).unwrap();
    }
    file.finish().unwrap();
    bytes.into_inner()
}

/// Granule position of the last page of an Ogg file, and the pre-skip of its head.
fn ogg_length(bytes: &[u8]) -> u64 {
    let last = bytes.windows(4).rposition(|four| four == b"OggS").unwrap();
    let granule = u64::from_le_bytes(bytes[last + 6..last + 14].try_into().unwrap());
    let head = bytes.windows(8).position(|eight| eight == b"OpusHead").unwrap();
    let pre_skip = u16::from_le_bytes(bytes[head + 10..head + 12].try_into().unwrap());
    assert_eq!(bytes[last + 5] & 4, 4, "the last page ends the stream");
    granule - u64::from(pre_skip)
}

#[test]
fn an_opus_file_says_exactly_how_long_it_is() {
    for (rate, channels, frames) in [(8_000, 1, 50), (48_000, 1, 1), (48_000, 2, 151), (8_000, 2, 0)] {
        let bytes = file(Format::Opus, rate, channels, frames);
        assert_eq!(
            ogg_length(&bytes),
            frames as u64 * 960,
            "{rate} {channels} {frames}"
        );
    }
}

#[test]
fn wav_and_flac_hold_every_sample() {
    for (rate, channels) in [(8_000, 1), (48_000, 2)] {
        let wanted: Vec<i16> = (0..75).flat_map(|n| frame(n, rate, channels)).collect();
        let wav = file(Format::Wav, rate, channels, 75);
        let mut reader = hound::WavReader::new(Cursor::new(&wav)).unwrap();
        assert_eq!(
            (reader.spec().channels, reader.spec().sample_rate),
            (channels, rate)
        );
        assert_eq!(
            reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(),
            wanted
        );
        let flac = file(Format::Flac, rate, channels, 75);
        assert!(flac.len() < wav.len());
        let mut reader = flac_codec::decode::FlacSampleReader::new(Cursor::new(&flac)).unwrap();
        let mut samples = Vec::new();
        reader.read_to_end(&mut samples).unwrap();
        assert!(samples.iter().zip(&wanted).all(|(a, b)| *a == i32::from(*b)));
        assert_eq!(samples.len(), wanted.len());
    }
}

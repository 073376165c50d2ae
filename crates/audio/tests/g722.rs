//! G.722 against another implementation, bit by bit.
//!
//! `vectors/g722.codes` and `vectors/g722.pcm` were made by FFmpeg 5.1 from the signal of [`signal`] at 16 kHz, and a second
//! one (libg722 1.2) makes the same of it: `ffmpeg -f s16le -ar 16000 -ac 1 -i signal.raw -c:a g722 -f g722 g722.codes`, then
//! `ffmpeg -f g722 -i g722.codes -f s16le g722.pcm`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate_audio::g722::{Decoder, Encoder};

const CODES: &[u8] = include_bytes!("vectors/g722.codes");
const PCM: &[u8] = include_bytes!("vectors/g722.pcm");

/// Two triangle waves, one in each band, and noise, loud and soft in turn: of integers, so that any language makes it alike.
fn signal(samples: usize) -> Vec<i16> {
    let mut seed = 1u64;
    let triangle = |i: usize, step: usize, amplitude: i32| {
        let phase = (i * step % 65_536) as i32;
        let up = if phase < 32_768 { phase } else { 65_535 - phase };
        ((up - 16_384) * amplitude).div_euclid(16_384)
    };
    let sample = |i| {
        seed = (seed * 1_103_515_245 + 12_345) % (1 << 31);
        let noise = ((seed >> 16) % 4_001) as i32 - 2_000;
        let loud = [9_000, 600, 0, 14_000][i / 800 % 4];
        let all = triangle(i, 1_352, loud) + triangle(i, 11_878, loud / 3) + (noise * loud).div_euclid(9_000);
        all.clamp(-32_768, 32_767) as i16
    };
    (0..samples).map(sample).collect()
}

#[test]
fn codes_are_those_of_another_encoder_whatever_the_length_of_packets() {
    for packet in [160, 320, 480, 960] {
        let mut encoder = Encoder::new();
        let mut codes = Vec::new();
        for pcm in signal(CODES.len() * 2).chunks(packet) {
            let mut out = vec![0; pcm.len() / 2];
            assert_eq!(encoder.encode(pcm, &mut out).unwrap(), out.len());
            codes.extend(out);
        }
        assert!(codes == CODES, "packets of {packet} samples");
    }
}

#[test]
fn sound_is_that_of_another_decoder_whatever_the_length_of_packets() {
    let wanted: Vec<i16> = PCM.as_chunks().0.iter().map(|b| i16::from_le_bytes(*b)).collect();
    for packet in [80, 160, 240, 480] {
        let mut decoder = Decoder::new();
        let mut pcm = Vec::new();
        for codes in CODES.chunks(packet) {
            let mut out = vec![0; codes.len() * 2];
            assert_eq!(decoder.decode(codes, &mut out).unwrap(), out.len());
            pcm.extend(out);
        }
        assert!(pcm == wanted, "packets of {packet} bytes");
    }
}

#[test]
fn a_buffer_that_is_too_short_is_an_error() {
    assert!(Encoder::new().encode(&[0; 3], &mut [0; 8]).is_err());
    assert!(Encoder::new().encode(&[0; 320], &mut [0; 159]).is_err());
    assert!(Decoder::new().decode(&[0; 160], &mut [0; 319]).is_err());
}

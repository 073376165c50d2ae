//! Opus, the resampler and WAV files.
#![allow(clippy::unwrap_used)]

use std::io::Cursor;

use omnigate_audio::level::{dbov, sine_amplitude};
use omnigate_audio::opus::{Decoder, Encoder, EncoderSettings, has_fec, packet_samples};
use omnigate_audio::resample::{Resampler, resample_all};
use omnigate_audio::{Error, wav};

fn sine(hz: f32, rate: u32, samples: usize) -> Vec<i16> {
    let step = std::f32::consts::TAU * hz / rate as f32;
    (0..samples)
        .map(|i| (sine_amplitude(-12.0) * (i as f32 * step).sin()) as i16)
        .collect()
}

fn voice(rate: u32, samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|i| {
            let t = i as f32 / rate as f32;
            let pitch = std::f32::consts::TAU * 140.0 * t;
            let sum: f32 = (1..10)
                .map(|n| (pitch * n as f32 + (t * 5.0).sin()).sin() / n as f32)
                .sum();
            (sum * 5_000.0 * (0.5 + 0.5 * (t * 20.0).sin())) as i16
        })
        .collect()
}

#[test]
fn encoder_and_decoder_may_move_to_another_thread() {
    fn assert_send<T: Send>() {}
    assert_send::<Encoder>();
    assert_send::<Decoder>();
    assert_send::<Resampler>();
}

#[test]
fn a_tone_survives_opus_between_any_two_rates() {
    for from in [8_000, 16_000, 24_000, 48_000] {
        for to in [8_000, 16_000, 24_000, 48_000] {
            let mut encoder = Encoder::new(from, EncoderSettings::default()).unwrap();
            let mut decoder = Decoder::new(to).unwrap();
            let mut last = vec![0; to as usize / 50];
            for frame in sine(500.0, from, from as usize).chunks_exact(from as usize / 50) {
                let mut packet = [0; 1_276];
                let length = encoder.encode(frame, &mut packet).unwrap();
                assert_eq!(packet_samples(&packet[..length], 48_000), Some(960));
                assert_eq!(decoder.decode(&packet[..length], &mut last).unwrap(), last.len());
            }
            assert!(
                (dbov(&last) + 12.0).abs() < 2.0,
                "{} from {from} to {to}",
                dbov(&last)
            );
        }
    }
}

#[test]
fn wrong_rates_and_lengths_are_errors() {
    assert!(matches!(
        Encoder::new(44_100, EncoderSettings::default()),
        Err(Error::UnsupportedRate(44_100))
    ));
    assert!(matches!(Decoder::new(0), Err(Error::UnsupportedRate(0))));
    let mut encoder = Encoder::new(8_000, EncoderSettings::default()).unwrap();
    assert!(matches!(
        encoder.encode(&[0; 81], &mut [0; 100]),
        Err(Error::WrongLength {
            expected: 160,
            actual: 81
        })
    ));
    let mut decoder = Decoder::new(8_000).unwrap();
    assert!(decoder.decode(&[], &mut [0; 160]).is_err());
    assert!(decoder.decode(&[0xff; 3], &mut [0; 160]).is_err());
    assert!(packet_samples(&[], 48_000).is_none());
}

#[test]
fn copies_are_in_the_packets_when_they_are_asked_for_also_at_low_complexity() {
    for complexity in [0, 1, 5, 9] {
        for fec in [false, true] {
            let settings = EncoderSettings {
                complexity,
                fec,
                expected_loss_percent: 10,
                bitrate: 32_000,
                dtx: false,
            };
            let mut encoder = Encoder::new(8_000, settings).unwrap();
            let with = voice(8_000, 80_000)
                .chunks_exact(160)
                .filter(|frame| {
                    let mut packet = [0; 1_276];
                    let length = encoder.encode(frame, &mut packet).unwrap();
                    has_fec(&packet[..length])
                })
                .count();
            assert!(
                if fec { with > 250 } else { with == 0 },
                "{with} of 500 at complexity {complexity}, {fec}"
            );
        }
    }
}

#[test]
fn a_recovered_frame_is_closer_to_the_lost_one_than_a_made_up_one() {
    let settings = EncoderSettings {
        expected_loss_percent: 20,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(8_000, settings).unwrap();
    let packets: Vec<Vec<u8>> = voice(8_000, 32_000)
        .chunks_exact(160)
        .map(|frame| {
            let mut packet = [0; 1_276];
            let length = encoder.encode(frame, &mut packet).unwrap();
            packet[..length].to_vec()
        })
        .collect();
    let error = |recover: bool| -> f64 {
        let (mut whole, mut lossy) = (Decoder::new(8_000).unwrap(), Decoder::new(8_000).unwrap());
        let (mut a, mut b) = ([0; 160], [0; 160]);
        let mut sum = 0.0;
        for (i, packet) in packets.iter().enumerate() {
            whole.decode(packet, &mut a).unwrap();
            match packets.get(i + 1) {
                Some(next) if i % 10 == 9 && recover => lossy.decode_fec(next, &mut b).unwrap(),
                Some(_) if i % 10 == 9 => lossy.conceal(&mut b).unwrap(),
                _ => lossy.decode(packet, &mut b).unwrap(),
            };
            sum += a
                .iter()
                .zip(&b)
                .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
                .sum::<f64>();
        }
        sum
    };
    assert!(
        error(true) < 0.5 * error(false),
        "{} and {}",
        error(true),
        error(false)
    );
}

#[test]
fn bytes_from_anywhere_do_not_make_the_packet_readers_panic() {
    let mut seed = 1u64;
    let mut decoder = Decoder::new(48_000).unwrap();
    let mut out = vec![0; 5_760];
    for _ in 0..50_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let length = (seed >> 59) as usize;
        let data: Vec<u8> = (0..length).map(|k| (seed >> (k % 40)) as u8).collect();
        let (_, _) = (has_fec(&data), packet_samples(&data, 48_000));
        let _ = decoder.decode(&data, &mut out);
    }
}

#[test]
fn the_complexity_changes_while_the_encoder_runs() {
    let mut encoder = Encoder::new(8_000, EncoderSettings::default()).unwrap();
    for (i, frame) in voice(8_000, 16_000).chunks_exact(160).enumerate() {
        encoder.set_complexity(if i % 2 == 0 { 5 } else { 1 }).unwrap();
        assert!(encoder.encode(frame, &mut [0; 1_276]).unwrap() > 2);
    }
    assert_eq!(encoder.settings().complexity, 1);
}

#[test]
fn resampling_keeps_the_telephone_band_and_adds_five_milliseconds() {
    for (from, to) in [
        (8_000, 16_000),
        (8_000, 48_000),
        (16_000, 8_000),
        (16_000, 48_000),
        (48_000, 8_000),
    ] {
        for hz in [300.0, 1_000.0, 3_000.0, 3_400.0] {
            let mut resampler = Resampler::new(from, to).unwrap();
            let (mut level, mut out) = (0.0, vec![0; to as usize / 50]);
            for frame in sine(hz, from, from as usize).chunks_exact(from as usize / 50) {
                resampler.process(frame, &mut out).unwrap();
                level = dbov(&out);
            }
            let allowed = if hz > 3_300.0 { 3.0 } else { 0.5 };
            assert!(
                (level + 12.0).abs() < allowed,
                "{level} dBov at {hz} Hz from {from} to {to}"
            );
            assert!(
                resampler.delay_samples() <= to as usize / 200,
                "{}",
                resampler.delay_samples()
            );
        }
    }
}

#[test]
fn what_a_lower_rate_cannot_carry_is_not_folded_back() {
    let mut resampler = Resampler::new(48_000, 8_000).unwrap();
    let mut out = vec![0; 160];
    for frame in sine(5_500.0, 48_000, 48_000).chunks_exact(960) {
        resampler.process(frame, &mut out).unwrap();
    }
    assert!(dbov(&out) < -80.0, "{}", dbov(&out));
}

#[test]
fn equal_rates_are_copied_and_wrong_frames_refused() {
    let mut resampler = Resampler::new(16_000, 16_000).unwrap();
    let (input, mut out) = (sine(440.0, 16_000, 320), vec![0; 320]);
    resampler.process(&input, &mut out).unwrap();
    assert_eq!(out, input);
    assert!(resampler.process(&input[1..], &mut out).is_err());
    assert!(Resampler::new(44_100, 8_000).is_err());
}

#[test]
fn a_wav_file_comes_back_and_changes_its_rate() {
    let pcm = sine(440.0, 22_050, 22_050);
    let mut file = Cursor::new(Vec::new());
    wav::write_to(&mut file, &pcm, 22_050).unwrap();
    let bytes = file.into_inner();
    assert_eq!(wav::read_from(&bytes[..], 22_050).unwrap(), pcm);
    for rate in [8_000, 16_000, 48_000] {
        let back = wav::read_from(&bytes[..], rate).unwrap();
        assert!(
            back.len().abs_diff(rate as usize) <= 2,
            "{} samples at {rate}",
            back.len()
        );
        assert!((dbov(&back[rate as usize / 10..]) + 12.0).abs() < 0.2);
    }
}

#[test]
fn stereo_is_averaged_and_other_formats_are_refused() {
    let write = |channels, bits_per_sample| {
        let spec = hound::WavSpec {
            channels,
            sample_rate: 8_000,
            bits_per_sample,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        for i in 0..8 * channels {
            writer
                .write_sample(if i % channels == 0 { 100i8 } else { 50 })
                .unwrap();
        }
        writer.finalize().unwrap();
        file.into_inner()
    };
    assert_eq!(wav::read_from(&write(2, 16)[..], 8_000).unwrap(), [75; 8]);
    assert!(matches!(
        wav::read_from(&write(1, 8)[..], 8_000),
        Err(Error::UnsupportedWav { .. })
    ));
    assert!(matches!(
        wav::read_from(&write(6, 16)[..], 8_000),
        Err(Error::UnsupportedWav { .. })
    ));
    assert!(wav::read_from(&b"RIFF not a wave"[..], 8_000).is_err());
}

#[test]
fn resampling_nothing_gives_nothing() {
    assert!(resample_all(&[], 8_000, 16_000).unwrap().is_empty());
    assert!(resample_all(&[1, 2], 0, 16_000).is_err());
}

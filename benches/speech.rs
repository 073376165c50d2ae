//! The raw cost of what a call is made of, one 20 ms frame each: the floor that calls are measured against.

#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use omnigate_audio::codec::Codec;
use omnigate_audio::dtmf::{Detector, Generator, Key};
use omnigate_audio::g711::Law;
use omnigate_audio::mix::{self, Limiter};
use omnigate_audio::opus::{Decoder, Encoder, EncoderSettings, MAX_PACKET_BYTES};
use omnigate_audio::resample::Resampler;
use omnigate_rtp::RtpPacket;
use omnigate_rtp::playout::{PayloadKind, Playout, PlayoutSettings};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A second of something like speech: three formants under a slow envelope.
fn speech(rate: u32) -> Vec<i16> {
    let tau = std::f32::consts::TAU;
    (0..rate)
        .map(|i| {
            let t = i as f32 / rate as f32;
            let voice: f32 = [180.0, 540.0, 1260.0].iter().map(|f| (tau * f * t).sin()).sum();
            (voice * 3000.0 * (0.6 + 0.4 * (tau * 3.0 * t).sin())) as i16
        })
        .collect()
}

fn codecs(c: &mut Criterion) {
    let pcm = speech(8_000);
    let frame = &pcm[..160];
    let mut codes = [0u8; 160];
    let mut out = [0i16; 160];
    c.bench_function("g711_encode_and_decode", |b| {
        b.iter(|| {
            Law::A.encode(black_box(frame), &mut codes);
            Law::A.decode(&codes, &mut out);
        });
    });
    for rate in [8_000u32, 16_000, 48_000] {
        let pcm = speech(rate);
        let n = rate as usize / 50;
        let mut encoder = Encoder::new(rate, EncoderSettings::default()).unwrap();
        let mut packet = [0u8; MAX_PACKET_BYTES];
        let mut at = 0;
        c.bench_function(&format!("opus_encode_{rate}"), |b| {
            b.iter(|| {
                at = (at + n) % (pcm.len() - n);
                encoder.encode(black_box(&pcm[at..at + n]), &mut packet).unwrap()
            });
        });
    }
    let pcm = speech(48_000);
    let mut encoder = Encoder::new(
        48_000,
        EncoderSettings {
            bitrate: 32_000,
            ..EncoderSettings::default()
        },
    )
    .unwrap();
    let mut packets = Vec::new();
    for frame in pcm.chunks_exact(960) {
        let mut packet = vec![0; MAX_PACKET_BYTES];
        let n = encoder.encode(frame, &mut packet).unwrap();
        packet.truncate(n);
        packets.push(packet);
    }
    for rate in [8_000u32, 16_000, 48_000] {
        let mut decoder = Decoder::new(rate).unwrap();
        let mut out = vec![0i16; 5760];
        let mut i = 0;
        c.bench_function(&format!("opus_decode_browser_packet_to_{rate}"), |b| {
            b.iter(|| {
                i = (i + 1) % packets.len();
                decoder.decode(black_box(&packets[i]), &mut out).unwrap()
            });
        });
    }
}

fn mixing(c: &mut Criterion) {
    let pcm = speech(8_000);
    let mut out = vec![0i16; 160];
    let mut limiter = Limiter::default();
    c.bench_function("mix_minus_self_of_three", |b| {
        b.iter(|| {
            let mut sum = [0i32; 160];
            for k in 0..3 {
                mix::add(&mut sum, &pcm[k * 160..(k + 1) * 160]);
            }
            mix::minus_self(&sum, Some(&pcm[..160]), &mut out, &mut limiter);
        });
    });
    let mut up = Resampler::new(8_000, 16_000).unwrap();
    let mut wide = vec![0i16; 320];
    c.bench_function("resample_8k_to_16k", |b| {
        b.iter(|| up.process(black_box(&pcm[..160]), &mut wide).unwrap())
    });
}

fn playout(c: &mut Criterion) {
    let mut playout = Playout::new(PlayoutSettings::default()).unwrap();
    let codes = [0x55u8; 160];
    let mut now = Instant::now();
    let (mut sequence, mut timestamp) = (0u16, 0u32);
    let mut out = [0i16; 160];
    c.bench_function("playout_push_and_pull_g711", |b| {
        b.iter(|| {
            let packet = RtpPacket {
                ssrc: 1,
                sequence,
                timestamp,
                payload_type: 8,
                marker: false,
                payload: black_box(&codes),
            };
            playout.push(now, &packet, PayloadKind::Speech(Codec::Pcma));
            playout.pull(now, &mut out);
            sequence = sequence.wrapping_add(1);
            timestamp = timestamp.wrapping_add(160);
            now += Duration::from_millis(20);
        });
    });
}

/// Looking for keys in the audio of a caller who has sent no telephone event yet.
fn keys(c: &mut Criterion) {
    let speech = speech(8_000);
    let mut tone = vec![0i16; 8_000];
    Generator::new(Key::Five, 8_000, -10.0).fill(&mut tone);
    for (name, pcm) in [("silence", vec![0i16; 8_000]), ("speech", speech), ("tone", tone)] {
        let (mut detector, mut at) = (Detector::new(), 0);
        c.bench_function(&format!("keys_in_{name}"), |b| {
            b.iter(|| {
                at = (at + 160) % pcm.len();
                detector.push(black_box(&pcm[at..at + 160]), |key| {
                    black_box(key);
                });
            });
        });
    }
}

criterion_group!(benches, codecs, mixing, playout, keys);
criterion_main!(benches);

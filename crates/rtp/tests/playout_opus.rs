//! The playout of an app's leg: Opus at every rate, with loss, recovery and pauses.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use omnigate_audio::codec::Codec;
use omnigate_audio::level::dbov;
use omnigate_audio::opus::{Encoder, EncoderSettings};
use omnigate_rtp::RtpPacket;
use omnigate_rtp::playout::{PayloadKind, Playout, PlayoutSettings, Pulled};

/// A voice-like sound: harmonics of a gliding pitch, with syllables.
fn speech(rate: usize, seconds: usize) -> Vec<i16> {
    let mut phase = 0f32;
    (0..rate * seconds)
        .map(|i| {
            let t = i as f32 / rate as f32;
            phase += (130.0 + 30.0 * (t * 2.1).sin()) / rate as f32 * std::f32::consts::TAU;
            let voiced: f32 = (1..12).map(|n| (phase * n as f32).sin() / n as f32).sum();
            (voiced * 5_000.0 * (0.6 + 0.4 * (t * 19.0).sin())) as i16
        })
        .collect()
}

fn encode(rate: usize, settings: EncoderSettings, pcm: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(rate as u32, settings).unwrap();
    pcm.chunks_exact(rate / 50)
        .map(|frame| {
            let mut out = [0; 1_276];
            let length = encoder.encode(frame, &mut out).unwrap();
            out[..length].to_vec()
        })
        .collect()
}

fn play(packets: &[Vec<u8>], rate: u32, arrives: impl Fn(usize) -> bool) -> (Playout, Vec<Pulled>, Vec<i16>) {
    let start = Instant::now();
    let settings = PlayoutSettings {
        output_rate_hz: rate,
        ..PlayoutSettings::default()
    };
    let mut playout = Playout::new(settings).unwrap();
    let (mut kinds, mut heard) = (Vec::new(), Vec::new());
    let mut out = vec![0; rate as usize / 50];
    for (i, payload) in packets.iter().enumerate() {
        let now = start + Duration::from_millis(i as u64 * 20);
        if arrives(i) {
            let packet = RtpPacket {
                ssrc: 1,
                sequence: (i as u16).wrapping_add(65_000),
                timestamp: (i as u32 * 960).wrapping_sub(100_000),
                payload_type: 111,
                marker: false,
                payload,
            };
            playout.push(now, &packet, PayloadKind::Speech(Codec::Opus));
        }
        kinds.push(playout.pull(now + Duration::from_millis(8), &mut out));
        heard.extend_from_slice(&out);
    }
    (playout, kinds, heard)
}

#[test]
fn opus_is_played_at_every_rate_of_the_bus() {
    let pcm = speech(48_000, 4);
    let packets = encode(
        48_000,
        EncoderSettings {
            bitrate: 32_000,
            ..EncoderSettings::default()
        },
        &pcm,
    );
    for rate in [8_000, 16_000, 24_000, 48_000] {
        let (playout, kinds, heard) = play(&packets, rate, |_| true);
        assert!(kinds.iter().filter(|&&kind| kind == Pulled::Audio).count() >= packets.len() - 2);
        assert!(
            (dbov(&heard) - dbov(&pcm)).abs() < 1.5,
            "{} at {rate}",
            dbov(&heard)
        );
        assert_eq!(playout.stats().concealed_ms, 0);
        assert!(playout.stats().target.as_millis() <= 25);
    }
}

#[test]
fn what_is_lost_is_recovered_from_the_next_packet() {
    let settings = EncoderSettings {
        expected_loss_percent: 20,
        ..EncoderSettings::default()
    };
    let packets = encode(8_000, settings, &speech(8_000, 30));
    let with_copy = packets
        .iter()
        .filter(|packet| omnigate_audio::opus::has_fec(packet))
        .count();
    assert!(
        with_copy > packets.len() / 2,
        "{with_copy} of {} packets have a copy",
        packets.len()
    );
    let (playout, _, heard) = play(&packets, 8_000, |i| i % 13 != 12);
    let stats = playout.stats();
    let lost_ms = stats.lost * 20;
    assert!(
        stats.fec_ms * 10 > lost_ms * 6,
        "{} ms of {lost_ms} ms recovered",
        stats.fec_ms
    );
    assert!(dbov(&heard[80_000..]) > -30.0);
}

#[test]
fn without_copies_nothing_is_waited_for() {
    let settings = EncoderSettings {
        fec: false,
        ..EncoderSettings::default()
    };
    let packets = encode(8_000, settings, &speech(8_000, 20));
    assert!(!packets.iter().any(|packet| omnigate_audio::opus::has_fec(packet)));
    let (playout, kinds, _) = play(&packets, 8_000, |i| i % 20 != 19);
    let stats = playout.stats();
    assert_eq!(stats.fec_ms, 0);
    assert!((stats.concealed_ms as i64 - stats.lost as i64 * 20).abs() <= 40);
    assert!(kinds.iter().filter(|&&kind| kind == Pulled::Concealed).count() <= 51);
    assert!(stats.target.as_millis() <= 25);
}

#[test]
fn a_pause_by_discontinuous_transmission_is_noise_and_not_loss() {
    let settings = EncoderSettings {
        dtx: true,
        fec: false,
        ..EncoderSettings::default()
    };
    let mut pcm = speech(16_000, 3);
    pcm.extend(std::iter::repeat_n(0, 16_000 * 4));
    pcm.extend(speech(16_000, 3));
    let packets = encode(16_000, settings, &pcm);
    // As browsers do: of the packets that say "nothing to send" only the first of a run is sent.
    let sent: Vec<bool> = (0..packets.len())
        .map(|i| packets[i].len() > 2 || (i > 0 && packets[i - 1].len() > 2))
        .collect();
    assert!(sent.iter().filter(|&&sent| !sent).count() > 100);
    // Numbers go on without a gap where nothing is sent.
    let start = Instant::now();
    let mut playout = Playout::new(PlayoutSettings {
        output_rate_hz: 16_000,
        ..Default::default()
    })
    .unwrap();
    let (mut number, mut concealed) = (7u16, 0);
    let mut out = vec![0; 320];
    for (i, payload) in packets.iter().enumerate() {
        let now = start + Duration::from_millis(i as u64 * 20);
        if sent[i] {
            let packet = RtpPacket {
                ssrc: 1,
                sequence: number,
                timestamp: i as u32 * 960,
                payload_type: 111,
                marker: false,
                payload,
            };
            playout.push(now, &packet, PayloadKind::Speech(Codec::Opus));
            number = number.wrapping_add(1);
        }
        concealed += usize::from(playout.pull(now + Duration::from_millis(8), &mut out) == Pulled::Concealed);
    }
    assert_eq!(playout.stats().lost, 0);
    assert!(concealed <= 8, "{concealed} frames made up");
}

#[test]
fn broken_packets_are_harmless() {
    let mut seed = 11u64;
    let packets: Vec<Vec<u8>> = (0..5_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let length = (seed >> 58) as usize;
            (0..length).map(|k| (seed >> (k % 50)) as u8).collect()
        })
        .collect();
    let (_, kinds, heard) = play(&packets, 48_000, |_| true);
    assert_eq!(kinds.len() * 960, heard.len());
}

#[test]
fn the_rate_changes_between_two_frames() {
    let packets = encode(48_000, EncoderSettings::default(), &speech(48_000, 2));
    let start = Instant::now();
    let mut playout = Playout::new(PlayoutSettings::default()).unwrap();
    let mut audio = 0;
    for (i, payload) in packets.iter().enumerate() {
        let rate = [8_000, 16_000, 48_000][i / 20 % 3];
        playout.set_output_rate(rate).unwrap();
        let now = start + Duration::from_millis(i as u64 * 20);
        let packet = RtpPacket {
            ssrc: 1,
            sequence: i as u16,
            timestamp: i as u32 * 960,
            payload_type: 111,
            marker: false,
            payload,
        };
        playout.push(now, &packet, PayloadKind::Speech(Codec::Opus));
        let mut out = vec![0; rate as usize / 50];
        audio += usize::from(playout.pull(now + Duration::from_millis(8), &mut out) == Pulled::Audio);
    }
    assert!(audio >= packets.len() - 2);
}

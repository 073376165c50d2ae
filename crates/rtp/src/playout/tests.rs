use super::*;
use omnigate_audio::codec::Codec;
use omnigate_audio::g711::Law;

const MS: Duration = Duration::from_millis(1);

fn voice(from: usize, n: usize) -> Vec<i16> {
    (from..from + n)
        .map(|i| {
            let phase = std::f32::consts::TAU * 125.0 * i as f32 / 8_000.0;
            (6_000.0 * phase.sin() + 3_000.0 * (2.0 * phase + 0.3).sin() + 2_000.0 * (5.0 * phase).sin())
                as i16
        })
        .collect()
}

#[test]
fn a_playout_can_move_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Playout>();
}

#[test]
fn a_clean_path_is_sample_exact_and_one_frame_late() {
    let start = Instant::now();
    for phase in [0u32, 1, 5, 9, 13, 19] {
        let mut playout = Playout::new(PlayoutSettings::default()).unwrap();
        let mut sent = Vec::new();
        let mut got = Vec::new();
        for i in 0..500u32 {
            let mut codes = [0; 160];
            Law::A.encode(&voice(i as usize * 160, 160), &mut codes);
            let mut pcm = [0; 160];
            Law::A.decode(&codes, &mut pcm);
            sent.extend(pcm);
            let packet = RtpPacket {
                ssrc: 1,
                sequence: i as u16,
                timestamp: i * 160,
                payload_type: 8,
                marker: i == 0,
                payload: &codes,
            };
            let now = start + i * 20 * MS;
            playout.push(now, &packet, PayloadKind::Speech(Codec::Pcma));
            let mut out = [1; 160];
            playout.pull(now + phase * MS, &mut out);
            got.extend(out);
        }
        let lead = got.iter().position(|&sample| sample != 0).unwrap() / 160 * 160;
        assert!(lead <= 320);
        assert_eq!(got[lead..], sent[..sent.len() - lead], "phase {phase}");
        let stats = playout.stats();
        assert_eq!(
            (
                stats.lost,
                stats.concealed_ms,
                stats.accelerated_ms,
                stats.expanded_ms
            ),
            (0, 0, 0, 0)
        );
        assert!(stats.level >= 10 * MS && stats.level < 30 * MS, "{stats:?}");
    }
}

/// A playout of a telephone leg, its clock, and the packets that are pushed into it.
struct Leg {
    start: Instant,
    playout: Playout,
    tick: u32,
    sequence: u16,
}

impl Leg {
    fn new() -> Self {
        let playout = Playout::new(PlayoutSettings::default()).unwrap();
        Self {
            start: Instant::now(),
            playout,
            tick: 0,
            sequence: 65_530,
        }
    }

    fn now(&self) -> Instant {
        self.start + self.tick * 20 * MS
    }

    fn push(&mut self, kind: PayloadKind, payload: &[u8]) {
        let packet = RtpPacket {
            ssrc: 1,
            sequence: self.sequence,
            timestamp: self.tick.wrapping_mul(160).wrapping_sub(1_000),
            payload_type: 0,
            marker: false,
            payload,
        };
        self.playout.push(self.now(), &packet, kind);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn push_voice(&mut self) {
        let mut codes = [0; 160];
        Law::Mu.encode(&voice(self.tick as usize * 160, 160), &mut codes);
        self.push(PayloadKind::Speech(Codec::Pcmu), &codes);
    }

    fn push_event(&mut self) {
        self.playout.skip(self.sequence);
        self.sequence = self.sequence.wrapping_add(1);
    }

    fn pull(&mut self) -> (Pulled, [i16; 160]) {
        let mut out = [1; 160];
        let pulled = self.playout.pull(self.now() + 8 * MS, &mut out);
        self.tick += 1;
        (pulled, out)
    }
}

#[test]
fn before_the_first_packet_there_are_zeros() {
    let mut leg = Leg::new();
    for _ in 0..10 {
        assert_eq!(leg.pull(), (Pulled::Silence, [0; 160]));
    }
}

#[test]
fn a_key_press_is_silence_and_neither_lost_nor_made_up() {
    let mut leg = Leg::new();
    for _ in 0..100 {
        leg.push_voice();
        leg.pull();
    }
    let mut kinds = Vec::new();
    for _ in 0..12 {
        leg.push_event();
        kinds.push(leg.pull().0);
    }
    assert!(
        kinds[2..].iter().all(|&kind| kind == Pulled::Silence),
        "{kinds:?}"
    );
    let mut back = Vec::new();
    for _ in 0..100 {
        leg.push_voice();
        back.push(leg.pull().0);
    }
    assert!(back[2..].iter().all(|&kind| kind == Pulled::Audio), "{back:?}");
    let stats = leg.playout.stats();
    assert_eq!(
        (stats.lost, stats.late, stats.concealed_ms, stats.restarts),
        (0, 0, 0, 0),
        "{stats:?}"
    );
    assert!(stats.target <= 20 * MS && stats.level < 30 * MS);
}

#[test]
fn events_between_audio_packets_do_not_disturb_the_audio() {
    let mut leg = Leg::new();
    let mut heard = 0;
    for i in 0..200 {
        leg.push_voice();
        if i % 3 == 0 {
            leg.push_event();
        }
        heard += usize::from(leg.pull().0 == Pulled::Audio);
    }
    assert!(heard >= 198, "{heard}");
    assert_eq!(
        (leg.playout.stats().lost, leg.playout.stats().concealed_ms),
        (0, 0)
    );
}

#[test]
fn comfort_noise_fills_the_pause_until_speech_comes_back() {
    let mut leg = Leg::new();
    for _ in 0..50 {
        leg.push_voice();
        leg.pull();
    }
    let mut pause = Vec::new();
    for i in 0..100 {
        if i % 25 == 0 {
            leg.push(PayloadKind::ComfortNoise, &[50]);
        }
        pause.push(leg.pull());
    }
    assert!(pause[2..].iter().all(|(kind, _)| *kind == Pulled::ComfortNoise));
    let noise: Vec<i16> = pause[20..].iter().flat_map(|(_, pcm)| *pcm).collect();
    assert!(
        (level::dbov(&noise) + 50.0).abs() < 2.0,
        "{}",
        level::dbov(&noise)
    );
    let mut heard = 0;
    for _ in 0..50 {
        leg.push_voice();
        heard += usize::from(leg.pull().0 == Pulled::Audio);
    }
    assert!(heard >= 48, "{heard}");
    assert_eq!(
        (leg.playout.stats().lost, leg.playout.stats().concealed_ms),
        (0, 0)
    );
}

#[test]
fn a_long_outage_fades_out_within_sixty_milliseconds_and_ends_in_silence() {
    let mut leg = Leg::new();
    for _ in 0..50 {
        leg.push_voice();
        leg.pull();
    }
    let outage: Vec<_> = (0..100).map(|_| leg.pull()).collect();
    assert_eq!(
        outage
            .iter()
            .filter(|(kind, _)| *kind == Pulled::Concealed)
            .count(),
        6
    );
    assert!(outage[5..].iter().all(|(_, pcm)| *pcm == [0; 160]));
    assert_eq!(outage[99].0, Pulled::Silence);
    // Two seconds of numbers were lost with it; the audio comes back all the same.
    leg.sequence = leg.sequence.wrapping_add(100);
    let mut heard = 0;
    for _ in 0..50 {
        leg.push_voice();
        heard += usize::from(leg.pull().0 == Pulled::Audio);
    }
    assert!(heard >= 46, "{heard}");
}

#[test]
fn g711_is_brought_to_another_rate_and_the_wrong_length_of_a_frame_is_no_panic() {
    assert!(
        Playout::new(PlayoutSettings {
            output_rate_hz: 44_100,
            ..Default::default()
        })
        .is_err()
    );
    let mut leg = Leg::new();
    assert!(leg.playout.set_output_rate(11_025).is_err());
    leg.playout.set_output_rate(48_000).unwrap();
    let mut heard = false;
    for n in [0, 1, 159, 960, 961, 5_000] {
        for _ in 0..5 {
            leg.push_voice();
            let mut out = vec![1; n];
            leg.playout.pull(leg.now(), &mut out);
            leg.tick += 1;
            heard |= n == 960 && out.iter().any(|&sample| sample.abs() > 1);
        }
    }
    // 20 ms at this rate.
    assert!(heard);
}

/// 440 Hz of half a second in this codec, what a playout at `output_hz` makes of them.
fn heard_in(codec: Codec, output_hz: u32) -> Vec<i16> {
    let settings = PlayoutSettings {
        output_rate_hz: output_hz,
        ..PlayoutSettings::default()
    };
    let mut playout = Playout::new(settings).unwrap();
    let rate_hz = codec.rate_hz(output_hz);
    let mut encoder = codec.encoder(output_hz, Default::default()).unwrap();
    let (start, mut heard) = (Instant::now(), Vec::new());
    for i in 0..25u32 {
        let samples = frame_samples(rate_hz);
        let sample = |n| {
            let phase = std::f32::consts::TAU * 440.0 * (i as usize * samples + n) as f32 / rate_hz as f32;
            (8_000.0 * phase.sin()) as i16
        };
        let pcm: Vec<i16> = (0..samples).map(sample).collect();
        let mut payload = [0; 1_400];
        let length = encoder.encode(&pcm, &mut payload).unwrap();
        let packet = RtpPacket {
            ssrc: 1,
            sequence: i as u16,
            timestamp: i * codec.clock_hz() / 50,
            payload_type: 96,
            marker: i == 0,
            payload: &payload[..length],
        };
        playout.push(start + i * 20 * MS, &packet, PayloadKind::Speech(codec));
        let mut out = vec![0; frame_samples(output_hz)];
        playout.pull(start + i * 20 * MS + 5 * MS, &mut out);
        heard.extend(out);
    }
    heard
}

#[test]
fn every_codec_is_heard_at_every_rate_of_a_room() {
    for codec in Codec::ALL {
        for output_hz in [8_000, 16_000, 48_000] {
            let heard = heard_in(codec, output_hz);
            let settled = &heard[heard.len() / 2..];
            let level = level::dbov(settled);
            assert!(
                (level + 15.2).abs() < 0.7,
                "{codec:?} at {output_hz} Hz: {level} dBov"
            );
            let crossings = settled
                .windows(2)
                .filter(|pair| (pair[0] < 0) != (pair[1] < 0))
                .count();
            let seconds = settled.len() as f32 / output_hz as f32;
            let hertz = crossings as f32 / 2.0 / seconds;
            assert!(
                (hertz - 440.0).abs() < 8.0,
                "{codec:?} at {output_hz} Hz: {hertz} Hz"
            );
        }
    }
}

#[test]
fn anything_at_all_is_survived() {
    let mut leg = Leg::new();
    let mut seed = 5u64;
    let mut below = |limit: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) % limit
    };
    let start = leg.start;
    let mut us = 0;
    for _ in 0..60_000 {
        us += below(60_000);
        let now = start + Duration::from_micros(us.saturating_sub(below(100_000)));
        let payload: Vec<u8> = (0..below(40) * below(40)).map(|_| below(256) as u8).collect();
        let kind = match below(6) {
            5 => PayloadKind::ComfortNoise,
            codec => PayloadKind::Speech(Codec::ALL[codec as usize]),
        };
        let wild = below(3) == 0;
        let packet = RtpPacket {
            ssrc: below(2) as u32,
            sequence: if wild {
                below(65_536) as u16
            } else {
                (us / 20_000) as u16
            },
            timestamp: if wild {
                below(1 << 32) as u32
            } else {
                (us / 125) as u32
            },
            payload_type: 0,
            marker: below(2) == 0,
            payload: &payload,
        };
        match below(8) {
            0 => leg.playout.skip(packet.sequence),
            1..=4 => leg.playout.push(now, &packet, kind),
            5 if below(50) == 0 => leg
                .playout
                .set_output_rate([8_000, 16_000, 48_000][below(3) as usize])
                .unwrap(),
            _ => {
                leg.playout.pull(now, &mut [0; 960]);
            }
        }
        let _ = leg.playout.stats();
    }
}

use super::*;
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
            playout.push(now, &packet, PayloadKind::G711(Law::A));
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

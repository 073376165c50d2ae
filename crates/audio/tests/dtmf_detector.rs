//! The in-band detector against the table of requirements of ITU-T Q.24 (the figures of NTT and AT&T) and against
//! sounds that are no keys. All 16 keys, several phases each.
#![allow(clippy::expect_used)]

use omnigate_audio::dtmf::{Detector, Key};
use omnigate_audio::g711::Law;
use omnigate_audio::opus;

const RATE: f32 = 8_000.0;
/// ITU-T Q.23.
const ROW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMN_HZ: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYPAD: &str = "123A456B789C*0#D";
/// Starts within a detector's block, in samples: a tone begins anywhere.
const OFFSETS: [usize; 6] = [0, 9, 17, 26, 34, 43];
const ALL: usize = 16 * OFFSETS.len();
/// A full-scale sine is at +3.17 dBm0 (ITU-T G.711).
const FULL_SCALE_DBM0: f32 = 3.17;

/// How a tone differs from a perfect one of -10 dBm0.
#[derive(Clone, Copy)]
struct Tone {
    ms: f32,
    row_off: f32,
    column_off: f32,
    row_dbm0: f32,
    column_dbm0: f32,
    /// Silence from 20 ms on, milliseconds.
    interruption_ms: f32,
    /// White noise below one tone, dB.
    snr_db: Option<f32>,
}

const PERFECT: Tone = Tone {
    ms: 50.0,
    row_off: 0.0,
    column_off: 0.0,
    row_dbm0: -10.0,
    column_dbm0: -10.0,
    interruption_ms: 0.0,
    snr_db: None,
};

fn samples(ms: f32) -> usize {
    (ms * RATE / 1_000.0) as usize
}

fn amplitude(dbm0: f32) -> f32 {
    32_767.0 * 10f32.powf((dbm0 - FULL_SCALE_DBM0) / 20.0)
}

struct Noise(u32);

impl Noise {
    /// Even in -1..1.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as i32 as f32 / 2_147_483_648.0
    }
}

impl Tone {
    fn make(self, key: Key, offset: usize) -> Vec<i16> {
        let place = KEYPAD.find(key.char()).expect("a key of the pad");
        let (row, column) = (place / 4, place % 4);
        let hz = [
            ROW_HZ[row] * (1.0 + self.row_off),
            COLUMN_HZ[column] * (1.0 + self.column_off),
        ];
        let peak = [amplitude(self.row_dbm0), amplitude(self.column_dbm0)];
        let lead = samples(100.0) + offset;
        let length = samples(self.ms);
        let hole = samples(20.0)..samples(20.0 + self.interruption_ms);
        let mut noise = Noise(offset as u32 * 2_654_435 + key.event() as u32 + 1);
        // The RMS of a sine is its peak / √2; that of even noise its peak / √3.
        let noise_peak = self.snr_db.map_or(0.0, |snr| {
            peak[0].min(peak[1]) / 10f32.powf(snr / 20.0) * 1.5f32.sqrt()
        });
        (0..lead + length + samples(100.0))
            .map(|i| {
                let tone = match i.checked_sub(lead) {
                    Some(i) if i < length && !hole.contains(&i) => {
                        let turn = |hz: f32| (std::f32::consts::TAU * hz * i as f32 / RATE).sin();
                        peak[0] * turn(hz[0]) + peak[1] * turn(hz[1])
                    }
                    _ => 0.0,
                };
                (tone + noise_peak * noise.next()).clamp(-32_768.0, 32_767.0) as i16
            })
            .collect()
    }

    /// How many of all tones give exactly their own key, and how many give anything at all.
    fn score(self) -> (usize, usize) {
        self.score_after(|pcm| pcm)
    }

    fn score_after(self, path: impl Fn(Vec<i16>) -> Vec<i16>) -> (usize, usize) {
        let (mut right, mut any) = (0, 0);
        for key in keys() {
            for offset in OFFSETS {
                let found = detect(&path(self.make(key, offset)));
                right += usize::from(found == [key]);
                any += usize::from(!found.is_empty());
            }
        }
        (right, any)
    }
}

fn keys() -> impl Iterator<Item = Key> {
    Key::ALL.into_iter()
}

fn detect(pcm: &[i16]) -> Vec<Key> {
    let mut detector = Detector::new();
    let mut found = Vec::new();
    for frame in pcm.chunks(160) {
        detector.push(frame, |key| found.push(key));
    }
    found
}

#[track_caller]
fn accepts(tone: Tone) {
    let (right, _) = tone.score();
    assert_eq!(right, ALL, "of {ALL} tones, not all gave their own key once");
}

#[track_caller]
fn rejects(tone: Tone) {
    let (_, any) = tone.score();
    assert_eq!(any, 0, "of {ALL} sounds that are no keys, some gave one");
}

#[test]
fn tones_of_forty_milliseconds_are_keys_and_of_twenty_three_are_not() {
    for ms in [40.0, 50.0, 60.0, 80.0, 200.0, 1_000.0] {
        accepts(Tone { ms, ..PERFECT });
    }
    for ms in [5.0, 10.0, 20.0, 23.0] {
        rejects(Tone { ms, ..PERFECT });
    }
}

#[test]
fn frequencies_may_be_off_by_less_than_two_percent() {
    for off in [-0.018, -0.015, 0.015, 0.018] {
        accepts(Tone {
            row_off: off,
            column_off: off,
            ..PERFECT
        });
        accepts(Tone {
            row_off: off,
            column_off: -off,
            ..PERFECT
        });
        accepts(Tone {
            row_off: off,
            ..PERFECT
        });
        accepts(Tone {
            column_off: off,
            ..PERFECT
        });
    }
}

#[test]
fn frequencies_that_are_off_by_three_and_a_half_percent_are_no_keys() {
    for off in [-0.035, 0.035] {
        for ms in [50.0, 500.0] {
            rejects(Tone {
                ms,
                row_off: off,
                column_off: off,
                ..PERFECT
            });
            rejects(Tone {
                ms,
                row_off: off,
                ..PERFECT
            });
            rejects(Tone {
                ms,
                column_off: off,
                ..PERFECT
            });
        }
    }
}

#[test]
fn one_tone_may_be_louder_than_the_other() {
    for (row, column) in [(-10.0, -18.0), (-10.0, -14.0), (-14.0, -10.0), (-10.0, -15.0)] {
        accepts(Tone {
            row_dbm0: row,
            column_dbm0: column,
            ..PERFECT
        });
    }
    for (row, column) in [(-10.0, -24.0), (-22.0, -10.0)] {
        rejects(Tone {
            row_dbm0: row,
            column_dbm0: column,
            ms: 200.0,
            ..PERFECT
        });
    }
}

#[test]
fn levels_from_zero_to_minus_twenty_five_are_keys_and_from_minus_thirty_six_are_not() {
    for level in [-3.0, -6.0, -10.0, -20.0, -25.0] {
        accepts(Tone {
            row_dbm0: level,
            column_dbm0: level,
            ..PERFECT
        });
    }
    // Two tones of 0 dBm0 exceed full scale and are clipped; they are keys all the same.
    accepts(Tone {
        row_dbm0: 0.0,
        column_dbm0: 0.0,
        ..PERFECT
    });
    for level in [-36.0, -45.0, -55.0] {
        rejects(Tone {
            row_dbm0: level,
            column_dbm0: level,
            ms: 200.0,
            ..PERFECT
        });
    }
}

#[test]
fn noise_twelve_decibels_below_a_tone_does_no_harm() {
    accepts(Tone {
        snr_db: Some(12.0),
        ..PERFECT
    });
    accepts(Tone {
        snr_db: Some(15.0),
        row_dbm0: -20.0,
        column_dbm0: -20.0,
        ..PERFECT
    });
}

#[test]
fn an_interruption_of_ten_milliseconds_does_not_split_a_key() {
    for ms in [80.0, 100.0, 200.0] {
        accepts(Tone {
            ms,
            interruption_ms: 10.0,
            ..PERFECT
        });
    }
}

#[test]
fn digits_with_short_pauses_between_them_are_all_found() {
    let dial = "1122334455667788990*#ABCD";
    for (tone_ms, pause_ms) in [
        (50.0, 30.0),
        (50.0, 40.0),
        (53.0, 40.0),
        (70.0, 50.0),
        (100.0, 100.0),
    ] {
        let mut pcm = vec![0; 777];
        for key in dial.chars().filter_map(Key::from_char) {
            let made = Tone {
                ms: tone_ms,
                ..PERFECT
            }
            .make(key, 0);
            pcm.extend(&made[samples(100.0)..samples(100.0 + tone_ms)]);
            pcm.extend(std::iter::repeat_n(0, samples(pause_ms)));
        }
        pcm.extend([0; 800]);
        let found: String = detect(&pcm).into_iter().map(Key::char).collect();
        assert_eq!(found, dial, "{tone_ms} ms on, {pause_ms} ms off");
    }
}

#[test]
fn a_key_survives_both_laws_of_g711() {
    for law in [Law::A, Law::Mu] {
        let coded = |pcm: Vec<i16>| -> Vec<i16> {
            let mut codes = vec![0; pcm.len()];
            law.encode(&pcm, &mut codes);
            let mut back = vec![0; pcm.len()];
            law.decode(&codes, &mut back);
            back
        };
        for level in [-3.0, -10.0, -25.0] {
            let tone = Tone {
                row_dbm0: level,
                column_dbm0: level,
                ..PERFECT
            };
            assert_eq!(tone.score_after(coded).0, ALL, "{law:?} at {level} dBm0");
        }
    }
}

#[test]
fn a_key_survives_narrowband_opus() {
    let coded = |pcm: Vec<i16>| -> Vec<i16> {
        let mut encoder = opus::Encoder::new(8_000, opus::EncoderSettings::default()).expect("an encoder");
        let mut decoder = opus::Decoder::new(8_000).expect("a decoder");
        let mut packet = [0; opus::MAX_PACKET_BYTES];
        let mut out = Vec::new();
        for frame in pcm.chunks_exact(160) {
            let length = encoder.encode(frame, &mut packet).expect("a frame");
            let mut back = [0; 160];
            decoder.decode(&packet[..length], &mut back).expect("a packet");
            out.extend(back);
        }
        out
    };
    let (right, _) = Tone { ms: 60.0, ..PERFECT }.score_after(coded);
    assert!(right >= ALL - 1, "{right} of {ALL}");
}

/// A sum of steady sines, one second.
fn steady(parts: &[(f32, f32)]) -> Vec<i16> {
    (0..8_000)
        .map(|i| {
            let sum: f32 = parts
                .iter()
                .map(|&(hz, dbm0)| amplitude(dbm0) * (std::f32::consts::TAU * hz * i as f32 / RATE).sin())
                .sum();
            sum.clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

#[test]
fn the_tones_of_the_telephone_network_are_no_keys() {
    let tones: [&[(f32, f32)]; 9] = [
        &[(350.0, -13.0), (440.0, -13.0)], // dial
        &[(440.0, -13.0), (480.0, -13.0)], // ringing
        &[(480.0, -13.0), (620.0, -13.0)], // busy
        &[(425.0, -10.0)],
        &[(1_100.0, -10.0)], // fax calls
        &[(2_100.0, -10.0)], // fax answers
        &[(950.0, -10.0), (1_400.0, -10.0)],
        &[(697.0, -10.0)],
        &[(697.0, -10.0), (770.0, -10.0), (1_209.0, -10.0)],
    ];
    for parts in tones {
        assert_eq!(detect(&steady(parts)), [], "{parts:?}");
    }
    // Every two of the eight frequencies that are not a row and a column.
    for group in [ROW_HZ, COLUMN_HZ] {
        for a in 0..4 {
            for b in a + 1..4 {
                assert_eq!(detect(&steady(&[(group[a], -10.0), (group[b], -10.0)])), []);
            }
        }
    }
}

#[test]
fn noise_alone_gives_no_key_in_five_minutes() {
    let mut noise = Noise(4_711);
    let mut low = 0.0;
    let pcm: Vec<i16> = (0..8_000 * 300)
        .map(|i| {
            let white = noise.next() * 12_000.0;
            low += (white - low) * 0.2;
            if i / 80_000 % 2 == 0 {
                white as i16
            } else {
                (low * 2.0) as i16
            }
        })
        .collect();
    assert_eq!(detect(&pcm), []);
}

#[test]
fn ten_minutes_of_vowels_give_hardly_a_key() {
    // Glottal pulses of gliding pitch through three gliding formants, in syllables: rich in pairs of harmonics at
    // the frequencies of keys, which is what a careless detector falls for.
    let mut noise = Noise(99);
    let mut pcm = Vec::with_capacity(8_000 * 600);
    let mut state = [[0f32; 2]; 3];
    let (mut phase, mut glottis) = (0f32, [0f32; 2]);
    let (mut pitch, mut formants) = (120f32, [500f32, 1_300.0, 2_400.0]);
    let (mut pitch_goal, mut goals) = (120f32, formants);
    for i in 0..8_000 * 600 {
        if i % 1_200 == 0 {
            pitch_goal = 170.0 + noise.next() * 110.0;
            goals = [
                550.0 + noise.next() * 350.0,
                1_400.0 + noise.next() * 600.0,
                2_600.0 + noise.next() * 400.0,
            ];
        }
        pitch += (pitch_goal - pitch) / 900.0;
        phase += pitch / RATE;
        let mut source = noise.next() * 0.02;
        if phase >= 1.0 {
            phase -= 1.0;
            source += 1.0;
        }
        // The spectrum of the voice falls by 12 dB an octave above some 300 Hz; the lips give back 6 dB.
        let before = glottis[1];
        glottis[0] += (source - glottis[0]) * 0.21;
        glottis[1] += (glottis[0] - glottis[1]) * 0.21;
        let source = (glottis[1] - before) * 10.0;
        let mut sum = 0.0;
        for (((formant, goal), width), state) in formants
            .iter_mut()
            .zip(goals)
            .zip([80.0, 100.0, 140.0])
            .zip(&mut state)
        {
            *formant += (goal - *formant) / 600.0;
            let radius = (-std::f32::consts::PI * width / RATE).exp();
            let angle = std::f32::consts::TAU * *formant / RATE;
            let out = source + 2.0 * radius * angle.cos() * state[0] - radius * radius * state[1];
            *state = [out, state[0]];
            sum += out;
        }
        let syllable = 0.55 + 0.45 * (std::f32::consts::TAU * 4.0 * i as f32 / RATE).sin();
        pcm.push((sum * syllable * 3_000.0).clamp(-32_768.0, 32_767.0) as i16);
    }
    let found = detect(&pcm);
    // Four thousand vowels, held longer and purer than anyone speaks; in 24 minutes of real speech there was none.
    assert!(found.len() <= 2, "{} false keys", found.len());
}

#[test]
fn a_long_tone_that_fades_by_half_is_one_key() {
    for key in keys() {
        let mut pcm = Tone {
            ms: 1_500.0,
            ..PERFECT
        }
        .make(key, 0);
        for (i, sample) in pcm.iter_mut().enumerate() {
            let gain = 1.0 - 0.5 * (i as f32 / 12_000.0).min(1.0);
            *sample = (f32::from(*sample) * gain) as i16;
        }
        assert_eq!(detect(&pcm), [key]);
    }
}

#[test]
fn the_length_of_the_pushed_pieces_does_not_matter() {
    let pcm = PERFECT.make(Key::from_char('7').expect("a key"), 5);
    for size in [1, 7, 51, 80, 161, 480, pcm.len()] {
        let mut detector = Detector::new();
        let mut found = 0;
        for piece in pcm.chunks(size) {
            detector.push(piece, |_| found += 1);
        }
        assert_eq!(found, 1, "pieces of {size}");
        assert!(!detector.is_active());
    }
}

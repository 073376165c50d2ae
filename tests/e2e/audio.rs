//! Sounds for tests and their measurement.

use omnigate_audio::codec::Codec;
use omnigate_audio::g711::Law;
use omnigate_audio::opus::{Decoder, Encoder, EncoderSettings, MAX_PACKET_BYTES};
use std::f64::consts::TAU;
use std::path::Path;
use std::process::Command;

/// A sine of a quarter of full scale, at 8 kHz.
pub fn tone(hertz: f64, seconds: f64) -> Vec<i16> {
    tones(&[hertz], seconds, 8_000)
}

/// Sines that are together a quarter of full scale.
pub fn tones(hertz: &[f64], seconds: f64, rate_hz: u32) -> Vec<i16> {
    let each = 8_192.0 / hertz.len() as f64;
    let at = |n: usize| {
        let turns = n as f64 / f64::from(rate_hz);
        hertz.iter().map(|f| each * (TAU * f * turns).sin()).sum::<f64>() as i16
    };
    (0..(seconds * f64::from(rate_hz)) as usize).map(at).collect()
}

/// Level of one frequency, dB below a full-scale sine.
pub fn level_at(pcm: &[i16], rate_hz: u32, hertz: f64) -> f64 {
    let n = pcm.len() as f64;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, sample) in pcm.iter().enumerate() {
        // The Hann window keeps one tone out of another's measurement.
        let window = 0.5 - 0.5 * (TAU * i as f64 / n).cos();
        let angle = TAU * hertz * i as f64 / f64::from(rate_hz);
        re += f64::from(*sample) * window * angle.cos();
        im += f64::from(*sample) * window * angle.sin();
    }
    // The window halves the sum; a sine's amplitude is twice its correlation.
    20.0 * (re.hypot(im) * 4.0 / n / 32_768.0).max(1e-9).log10()
}

/// Checks that every one of `others` is heard, and nothing of `own`.
pub fn assert_hears(who: &str, pcm: &[i16], rate_hz: u32, others: &[f64], own: f64) {
    let own_level = level_at(pcm, rate_hz, own);
    let levels: Vec<f64> = others.iter().map(|f| level_at(pcm, rate_hz, *f)).collect();
    println!("{who}: {others:?} Hz at {levels:.1?} dB, own {own} Hz at {own_level:.1} dB");
    for (hertz, level) in others.iter().zip(&levels) {
        assert!(*level > -35.0, "{who} hears {hertz} Hz at {level:.1} dB");
        assert!(
            level - own_level > 20.0,
            "{who} hears {hertz} Hz at {level:.1} dB, itself at {own_level:.1} dB"
        );
    }
}

/// What becomes of speech on its way, by codecs alone.
#[derive(Clone, Copy)]
pub enum Way {
    /// G.711, then Opus as the service sends it.
    ToApp,
    /// Opus as a browser sends it, then G.711.
    ToPhone,
}

/// About 8 s of speech at `rate_hz`.
pub fn speech(rate_hz: u32) -> Vec<i16> {
    let prompts = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/prompts/en");
    let mut pcm = Vec::new();
    for name in [
        "greeting",
        "enter-number",
        "please-wait",
        "no-answer",
        "wrong-number",
        "too-many",
    ] {
        pcm.extend(omnigate_audio::wav::read(prompts.join(format!("{name}.wav")), rate_hz).unwrap());
        pcm.resize(pcm.len() + rate_hz as usize / 4, 0);
        if pcm.len() >= rate_hz as usize * 8 {
            break;
        }
    }
    pcm.truncate(rate_hz as usize * 9);
    pcm
}

/// Speech again and again at `rate_hz`, with a second between: so many takes.
pub fn takes(count: usize, rate_hz: u32) -> Vec<i16> {
    let mut clip = speech(rate_hz);
    clip.resize(clip.len() + rate_hz as usize, 0);
    clip.repeat(count)
}

/// `speech` at 8 kHz after the codecs on its way and nothing else.
pub fn codecs_only(way: Way) -> Vec<i16> {
    match way {
        Way::ToApp => opus(&g711(&speech(8_000)), 8_000, 24_000, 5),
        Way::ToPhone => g711(&opus(&speech(48_000), 48_000, 32_000, 9)),
    }
}

fn g711(pcm: &[i16]) -> Vec<i16> {
    let (mut codes, mut out) = (vec![0; pcm.len()], vec![0; pcm.len()]);
    Law::Mu.encode(pcm, &mut codes);
    Law::Mu.decode(&codes, &mut out);
    out
}

/// Through Opus at `rate_hz` and out at 8 kHz.
fn opus(pcm: &[i16], rate_hz: u32, bitrate: u32, complexity: u8) -> Vec<i16> {
    through_opus(pcm, (rate_hz, 8_000), bitrate, complexity)
}

/// Through Opus from one rate to another, Hz.
fn through_opus(pcm: &[i16], (rate_hz, out_hz): (u32, u32), bitrate: u32, complexity: u8) -> Vec<i16> {
    let settings = EncoderSettings {
        bitrate,
        complexity,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(rate_hz, settings).unwrap();
    let mut decoder = Decoder::new(out_hz).unwrap();
    let (mut packet, mut out) = ([0; MAX_PACKET_BYTES], Vec::new());
    let mut frame = vec![0; out_hz as usize / 50];
    // Two frames more than there are, for what the codec holds back.
    let mut pcm = pcm.to_vec();
    pcm.resize(pcm.len() + rate_hz as usize / 25, 0);
    for samples in pcm.chunks_exact(rate_hz as usize / 50) {
        let length = encoder.encode(samples, &mut packet).unwrap();
        decoder.decode(&packet[..length], &mut frame).unwrap();
        out.extend_from_slice(&frame);
    }
    out
}

/// `speech` at 16 kHz after G.722 and Opus, the codecs between a wideband telephone and an app, and nothing else.
pub fn wideband_codecs_only(way: Way) -> Vec<i16> {
    let g722 = |pcm: &[i16]| {
        let mut encoder = Codec::G722.encoder(16_000, EncoderSettings::default()).unwrap();
        let mut decoder = Codec::G722.decoder(16_000).unwrap();
        let (mut codes, mut out) = ([0; 320], Vec::new());
        for frame in pcm.chunks_exact(320) {
            let (length, mut heard) = (encoder.encode(frame, &mut codes).unwrap(), [0; 320]);
            decoder.decode(&codes[..length], &mut heard).unwrap();
            out.extend_from_slice(&heard);
        }
        out
    };
    match way {
        Way::ToApp => through_opus(&g722(&speech(16_000)), (16_000, 16_000), 24_000, 5),
        Way::ToPhone => g722(&through_opus(&speech(48_000), (48_000, 16_000), 32_000, 9)),
    }
}

/// Narrowband PESQ of the median of up to `takes` whole takes of `speech` somewhere in `heard` (8 kHz); files go to `dir`.
pub fn pesq(dir: &Path, name: &str, heard: &[i16], takes: u32) -> f64 {
    score(dir, name, (heard, 8_000), takes)
}

/// Wideband PESQ (P.862.2) of the same at 16 kHz.
pub fn wideband_pesq(dir: &Path, name: &str, heard: &[i16], takes: u32) -> f64 {
    score(dir, name, (heard, 16_000), takes)
}

fn score(dir: &Path, name: &str, (heard, rate_hz): (&[i16], u32), takes: u32) -> f64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (reference, degraded) = (dir.join("speech.wav"), dir.join(format!("{name}.wav")));
    omnigate_audio::wav::write(&reference, &speech(rate_hz), rate_hz).unwrap();
    omnigate_audio::wav::write(&degraded, heard, rate_hz).unwrap();
    let output = Command::new(root.join(".test/venv/bin/python"))
        .arg(root.join("tests/e2e/rig/quality.py"))
        .args([&reference, &degraded])
        .arg(takes.to_string())
        .output()
        .expect("python; scripts/test installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.trim()
        .parse()
        .unwrap_or_else(|e| panic!("{e}: {text} {}", String::from_utf8_lossy(&output.stderr)))
}

//! Sounds for tests and their measurement.

use std::f64::consts::TAU;
use std::path::Path;

/// A sine at -15 dBov or so, as a WAV file for phones.
pub fn tone_file(path: &Path, hertz: f64, seconds: f64) {
    let samples = (seconds * 8_000.0) as usize;
    let pcm: Vec<i16> = (0..samples)
        .map(|n| (8_000.0 * (TAU * hertz * n as f64 / 8_000.0).sin()) as i16)
        .collect();
    omnigate_audio::wav::write(path, &pcm, 8_000).unwrap();
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

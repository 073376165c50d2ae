//! An estimate of how a call sounds, from loss and delay: the E-model of ITU-T G.107, reduced to packet networks.

use std::time::Duration;

/// The codec, for its own impairment and its robustness against loss (ITU-T G.113 Appendix I).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 with concealment: Ie = 0, Bpl = 25.1.
    G711,
    /// G.722 at 64 kbit/s on the narrowband scale: Ie = 0, Bpl = 13.
    G722,
    /// Opus; G.113 has no entry: Ie = 0 and the robustness of a codec with in-band FEC are assumed.
    Opus,
}

/// The R factor without any impairment of the network.
const BASE_R: f64 = 93.2;
/// Codec, packet and playout time that every path has beside the network and the jitter buffer.
const FIXED_DELAY: Duration = Duration::from_millis(25);

/// Mean opinion score, 1.0..=4.5. `loss` is 0.0..=1.0; the one-way delay is taken as half of `rtt` plus a jitter
/// buffer of twice the jitter.
pub fn mos(loss: f64, jitter: Duration, rtt: Option<Duration>, codec: Codec) -> f64 {
    mos_of_r(r_factor(loss, jitter, rtt, codec))
}

/// The R factor, 0.0..=93.2.
pub fn r_factor(loss: f64, jitter: Duration, rtt: Option<Duration>, codec: Codec) -> f64 {
    let loss = if loss.is_finite() {
        loss.clamp(0.0, 1.0) * 100.0
    } else {
        0.0
    };
    let delay = rtt.unwrap_or_default() / 2 + jitter * 2 + FIXED_DELAY;
    let ms = delay.as_secs_f64() * 1_000.0;
    // Cole and Rosenbluth's form of Idd of G.107.
    let delay_impairment = 0.024 * ms + 0.11 * (ms - 177.3).max(0.0);
    let (own, robustness) = match codec {
        Codec::G711 => (0.0, 25.1),
        Codec::G722 => (0.0, 13.0),
        Codec::Opus => (0.0, 30.0),
    };
    let loss_impairment = own + (95.0 - own) * loss / (loss + robustness);
    (BASE_R - delay_impairment - loss_impairment).clamp(0.0, BASE_R)
}

/// G.107 Annex B.
fn mos_of_r(r: f64) -> f64 {
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_clean_call_is_good_and_a_broken_one_is_bad() {
        let clean = mos(0.0, Duration::ZERO, Some(20 * MS), Codec::G711);
        assert!((4.3..=4.5).contains(&clean), "{clean}");
        let broken = mos(0.5, 200 * MS, Some(800 * MS), Codec::G711);
        assert!((1.0..1.5).contains(&broken), "{broken}");
    }

    #[test]
    fn more_loss_jitter_or_delay_is_never_better() {
        let mut last = f64::MAX;
        for loss in [0.0, 0.01, 0.03, 0.1, 0.3, 1.0] {
            let value = mos(loss, 5 * MS, None, Codec::Opus);
            assert!(value <= last);
            last = value;
        }
        let near = mos(0.0, MS, Some(50 * MS), Codec::G711);
        assert!(mos(0.0, 40 * MS, Some(50 * MS), Codec::G711) < near);
        assert!(mos(0.0, MS, Some(500 * MS), Codec::G711) < near);
        assert!(mos(f64::NAN, Duration::MAX / 4, Some(Duration::MAX / 4), Codec::G722) >= 1.0);
    }

    #[test]
    fn three_percent_loss_costs_g711_about_a_third_of_a_point() {
        let drop = mos(0.0, MS, None, Codec::G711) - mos(0.03, MS, None, Codec::G711);
        assert!((0.15..0.5).contains(&drop), "{drop}");
    }
}

//! When to try again.

use rand::RngExt;

/// Pauses after the first tries, seconds; the last one repeats.
const PAUSES: [i64; 9] = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800];
/// A receiver may ask for a pause of at most this, seconds.
const LONGEST: i64 = 86_400;
/// Pauses differ by up to a fifth, so that what failed together does not come again together.
const JITTER: f64 = 0.2;

/// Seconds until the next try after `attempts` failed ones; what the receiver asked for (`Retry-After`) counts if it is
/// longer.
pub(super) fn pause(attempts: i64, asked: Option<i64>) -> i64 {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let usual = PAUSES.get(index).or(PAUSES.last()).copied().unwrap_or(LONGEST);
    let jittered = usual as f64 * (1.0 + JITTER * (2.0 * rand::rng().random::<f64>() - 1.0));
    (jittered.round() as i64)
        .max(asked.unwrap_or(0).clamp(0, LONGEST))
        .max(1)
}

/// `Retry-After` in its form of seconds (RFC 9110 section 10.2.3).
pub(super) fn retry_after(value: &str) -> Option<i64> {
    value.trim().parse().ok().filter(|seconds| *seconds >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        let mut before = 0;
        for attempts in 1..=9 {
            let all: Vec<i64> = (0..100).map(|_| pause(attempts, None)).collect();
            let usual = PAUSES[attempts as usize - 1];
            assert!(
                all.iter()
                    .all(|p| (p - usual).abs() as f64 <= usual as f64 * JITTER + 1.0)
            );
            assert!(*all.iter().min().unwrap() > before, "{attempts}");
            before = *all.iter().max().unwrap();
        }
        assert!((pause(500, None) - 28_800).abs() <= 5_760);
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_ever() {
        assert_eq!(pause(1, Some(900)), 900);
        assert!(pause(1, Some(1)) >= 4);
        assert_eq!(pause(1, Some(1 << 40)), LONGEST);
        assert_eq!(retry_after(" 120 "), Some(120));
        assert_eq!(retry_after("-1"), None);
        assert_eq!(retry_after("soon"), None);
    }
}

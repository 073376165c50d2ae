//! Wall-clock time in NTP format, for sender reports (RFC 3550 section 6.4.1, RFC 5905 section 6).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds from the NTP era (1900) to the Unix epoch.
const UNIX_EPOCH_SECONDS: u64 = 2_208_988_800;

/// Now: 32 bits of seconds, 32 bits of fraction.
#[allow(clippy::disallowed_methods, reason = "read once, at the start")]
pub(crate) fn now() -> u64 {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    after(UNIX_EPOCH_SECONDS << 32, unix)
}

/// The time `elapsed` after `start`.
pub(crate) fn after(start: u64, elapsed: Duration) -> u64 {
    let fraction = (u64::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    start.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction)
}

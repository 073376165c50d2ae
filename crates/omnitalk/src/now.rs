//! The time of what happens, as the driver gives it.

use std::time::Instant;

/// The time of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Monotonic time: all deadlines.
    pub instant: Instant,
    /// Wall-clock time in seconds since 1970: what messages carry.
    pub unix: u64,
    /// Microseconds of the same clock within that second, below 1 000 000.
    pub micros: u32,
}

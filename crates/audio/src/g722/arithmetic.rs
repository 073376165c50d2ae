//! Numbers of few bits, as the recommendation counts.

/// Within 16 bits.
pub(super) fn saturated(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// A sample of half the band, within 15 bits.
pub(super) fn limited(sample: i32) -> i32 {
    sample.clamp(-16_384, 16_383)
}

//! Sequence numbers and timestamps without wraps.

/// Follows a counter of 16 or 32 bits that wraps, as one of 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unwrapper {
    bits: u32,
    last: Option<i64>,
}

impl Unwrapper {
    pub(crate) const fn new(bits: u32) -> Self {
        Self { bits, last: None }
    }

    /// The value nearest to the last one; the first value is taken as it is plus one wrap, so that older ones stay
    /// positive.
    pub(crate) fn peek(&self, value: u32) -> i64 {
        let range = 1i64 << self.bits;
        let value = i64::from(value);
        let Some(last) = self.last else {
            return value + range;
        };
        let mut delta = (value - last).rem_euclid(range);
        if delta >= range / 2 {
            delta -= range;
        }
        last + delta
    }

    /// As [`peek`](Self::peek), and remembers the value when it is the newest.
    pub(crate) fn next(&mut self, value: u32) -> i64 {
        let value = self.peek(value);
        self.last = Some(self.last.map_or(value, |last| last.max(value)));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_forward_and_looks_back_over_the_wrap() {
        let mut sequence = Unwrapper::new(16);
        let first = sequence.next(65_534);
        assert_eq!(sequence.next(65_535), first + 1);
        assert_eq!(sequence.next(1), first + 3);
        assert_eq!(sequence.next(0), first + 2);
        assert_eq!(sequence.next(65_533), first - 1);
        assert_eq!(sequence.next(2), first + 4);
        let mut timestamp = Unwrapper::new(32);
        let first = timestamp.next(u32::MAX - 79);
        assert_eq!(timestamp.next(80), first + 160);
    }
}

//! File descriptors that HTTP leaves to others, so that a telephone never starves because browsers have them all.

use std::os::fd::RawFd;

/// At most so many are left to the others: SIP, RTP, the store, recordings.
const MOST: u64 = 4096;
/// And at most this part of all.
const PART: u64 = 4;

/// Up to which descriptor HTTP takes connections.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors(Option<u64>);

impl Descriptors {
    /// With this limit of the process; `None`: there is none.
    #[must_use]
    pub fn within(limit: Option<u64>) -> Descriptors {
        Descriptors(limit.map(|limit| limit - (limit / PART).min(MOST)))
    }

    /// Whether a connection with this descriptor is one too many. The kernel gives out the lowest one that is free, so its number says
    /// how many are taken, without a look at all of them.
    pub(super) fn are_scarce(self, descriptor: RawFd) -> bool {
        let number = u64::try_from(descriptor).unwrap_or(0);
        self.0.is_some_and(|most| number >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_left_to_others() {
        let few = Descriptors::within(Some(1024));
        assert!(!few.are_scarce(767) && few.are_scarce(768));
        let many = Descriptors::within(Some(65_536));
        assert!(!many.are_scarce(61_439) && many.are_scarce(61_440));
        assert!(!Descriptors::within(None).are_scarce(RawFd::MAX));
    }
}

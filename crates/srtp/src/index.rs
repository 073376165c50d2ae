//! Packet indices: the sequence number with the count of its roll-overs, and which have been here (RFC 3711 section 3.3).

use crate::{Error, Result};

/// Indices up to the newest one that are remembered: more than the 64 of RFC 3711 section 3.3.2.
const WINDOW: u64 = 128;

/// The index of a packet that is `sequence`, most likely, when the newest one is this (section 3.3.1).
pub(crate) fn estimate(newest: u64, sequence: u16) -> Option<u64> {
    let (roll_overs, last) = (newest >> 16, newest as u16);
    let ahead = sequence.wrapping_sub(last);
    let near = if ahead < 1 << 15 { sequence < last } else { false };
    let roll_overs = if near {
        roll_overs + 1
    } else if ahead >= 1 << 15 && sequence > last {
        roll_overs.checked_sub(1)?
    } else {
        roll_overs
    };
    Some(roll_overs << 16 | u64::from(sequence))
}

/// Which packets of a source have been here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// The newest index.
    pub(crate) newest: u64,
    /// One bit for each index up to it.
    seen: u128,
}

impl Window {
    /// That of a source whose first packet is this.
    pub(crate) fn new(first: u64) -> Window {
        Window {
            newest: first,
            seen: 1,
        }
    }

    /// # Errors
    /// [`Error::Replayed`] for one that has been here, or that is so old that nobody knows.
    pub(crate) fn check(&self, index: u64) -> Result<()> {
        match self.newest.checked_sub(index) {
            Some(behind) if behind >= WINDOW || self.seen & (1 << behind) != 0 => Err(Error::Replayed),
            _ => Ok(()),
        }
    }

    /// Takes one that is authentic.
    pub(crate) fn take(&mut self, index: u64) {
        match index.checked_sub(self.newest) {
            Some(ahead) => {
                let ahead = u32::try_from(ahead).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.newest = index;
            }
            None => self.seen |= 1u128.checked_shl((self.newest - index) as u32).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_nearest_one_with_its_sequence_number() {
        for (newest, sequence, index) in [
            (5, 6, Some(6)),
            (5, 4, Some(4)),
            (65_535, 0, Some(65_536)),
            (65_536, 65_535, Some(65_535)),
            (0x1_fff0, 5, Some(0x2_0005)),
            (0x2_0005, 0xfff0, Some(0x1_fff0)),
            (0x2_8000, 0x8001, Some(0x2_8001)),
            (0x2_8000, 1, Some(0x2_0001)),
            // Before the first one there is none.
            (5, 65_535, None),
        ] {
            assert_eq!(estimate(newest, sequence), index, "{newest:#x} {sequence:#x}");
        }
    }

    #[test]
    fn what_has_been_here_does_not_come_again_and_what_was_overtaken_does() {
        let mut window = Window::new(1_000);
        for index in [1_001, 1_005, 1_003, 1_300] {
            window.check(index).unwrap();
            window.take(index);
            assert_eq!(window.check(index), Err(Error::Replayed));
        }
        assert!(window.check(1_299).is_ok());
        assert_eq!(window.check(1_172), Err(Error::Replayed), "too old to tell");
        assert!(window.check(1_173).is_ok());
    }
}

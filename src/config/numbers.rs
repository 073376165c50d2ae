//! `[numbers]`

use super::section::{Check, section};

section! {
    /// `numbers.*`: call numbers.
    pub struct Numbers {
        /// How long a number that has ended is kept for whoever had it, seconds.
        reserved_seconds: u64 = 604_800, within 0..=31_622_400;
    }
}

impl Check for Numbers {}

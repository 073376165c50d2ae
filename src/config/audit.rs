//! `[audit]`

use super::section::{Check, section};

section! {
    /// `audit.*`: the log of who did what.
    pub struct Audit {
        /// Entries are forgotten after so many days.
        keep_days: u64 = 90, within 1..=3650;
    }
}

impl Check for Audit {}

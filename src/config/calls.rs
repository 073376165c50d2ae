//! `[calls]`

use super::section::{Check, section};

section! {
    /// `calls.*`: records of calls that have ended; of those that live there are as many as `sip.calls`.
    pub struct Calls {
        /// The last so many are kept.
        keep_records: usize = 1000, within 0..=100_000;
        /// And none for longer than so many hours after its end.
        keep_hours: u64 = 168, within 1..=8784;
    }
}

impl Check for Calls {}

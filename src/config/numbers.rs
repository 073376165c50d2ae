//! `[numbers]`

use super::section::{Check, section};

section! {
    /// `numbers.*`: call numbers.
    pub struct Numbers {
        /// How long a number that has ended is kept for whoever had it, seconds.
        reserved_seconds: u64 = 604_800, within 0..=31_622_400;
        /// Numbers an hour that one client may ask for although others have them.
        wrong_per_client: u32 = 20, within 1..=1_000_000;
        /// Call numbers that one client may have, over all of its sessions.
        per_client: u32 = 2_000, within 1..=500_000;
        /// Call numbers that one session may have.
        per_session: u32 = 1_000, within 1..=500_000;
    }
}

impl Check for Numbers {}

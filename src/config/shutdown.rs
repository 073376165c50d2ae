//! `[shutdown]`

use super::section::{Check, section};

section! {
    /// `shutdown.*`
    pub struct Shutdown {
        /// Time that running calls get after SIGTERM, seconds.
        drain_seconds: u64 = 30;
    }
}

impl Check for Shutdown {}

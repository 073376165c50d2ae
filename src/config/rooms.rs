//! `[rooms]`

use super::section::{Check, section};

section! {
    /// `rooms.*`
    pub struct Rooms {
        /// A room without participants goes after this many seconds.
        empty_seconds: u64 = 600, within 1..=31_536_000;
        /// Heartbeat of sessions, seconds.
        heartbeat_seconds: u64 = 20, within 1..=3600;
        /// Wrong room secrets of one client before rooms with a secret are barred to it.
        wrong_secrets: u32 = 10, within 1..=1_000_000;
        /// Wrong secrets for one room, whoever gives them, after which the first wrong one bars.
        wrong_secrets_per_room: u32 = 100, within 1..=1_000_000;
        /// How long the bar is, seconds; wrong secrets are forgotten after as long without another one.
        secret_bar_seconds: u64 = 60, within 1..=86_400;
    }
}

impl Check for Rooms {}

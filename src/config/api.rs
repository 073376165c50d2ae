//! `[api]`

use super::section::{Check, section};
use omnigate_room::Secret;

section! {
    /// `api.*`
    pub struct Api {
        /// Bearer token; `None`: loopback only.
        token: Option<Secret> = None;
    }
}

impl Check for Api {}

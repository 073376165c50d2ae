//! `[api]`

use super::section::{Check, section};
use omnigate_room::Secret;

section! {
    /// `api.*`
    pub struct Api {
        /// An admin's bearer token beside those that are made by command; `None`: only those.
        token: Option<Secret> = None;
    }
}

impl Check for Api {}

//! `[api]`

use super::secret::Secret;
use super::section::{Check, section};

section! {
    /// `api.*`
    pub struct Api {
        /// Bearer token; `None`: loopback only.
        token: Option<Secret> = None;
    }
}

impl Check for Api {}

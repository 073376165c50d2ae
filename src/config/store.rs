//! `[store]`

use super::faults::Faults;
use super::section::{Check, section};
use omnigate_room::Secret;
use std::path::PathBuf;

section! {
    /// `store.*`
    pub struct Store {
        /// Database. There may be a password in it.
        url: Secret = Secret::new("sqlite://data/omnigate.db");
    }
}

impl Store {
    /// The folder of an SQLite database in a file; `None` of all others.
    pub fn folder(&self) -> Option<PathBuf> {
        let path = self.url.expose().strip_prefix("sqlite://")?.split('?').next()?;
        if path.is_empty() || path.starts_with(":memory:") {
            return None;
        }
        Some(PathBuf::from(path).parent()?.to_owned())
    }
}

impl Check for Store {
    fn check(&self, _: &str, faults: &mut Faults) {
        let schemes = ["sqlite://", "postgres://", "postgresql://"];
        let url = self.url.expose();
        if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
            // It may hold a password, so it is not shown.
            faults.add("store.url", "does not start with sqlite:// or postgres://");
        }
    }
}

//! `[store]`

use super::faults::Faults;
use super::section::{Check, section};

section! {
    /// `store.*`
    pub struct Store {
        /// Database.
        url: String = "sqlite://data/omnigate.db".into();
    }
}

impl Check for Store {
    fn check(&self, _: &str, faults: &mut Faults) {
        let schemes = ["sqlite://", "postgres://", "postgresql://"];
        if !schemes.iter().any(|scheme| self.url.starts_with(scheme)) {
            // It may hold a password, so it is not shown.
            faults.add("store.url", "does not start with sqlite:// or postgres://");
        }
    }
}

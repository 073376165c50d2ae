//! `[directory]`

use super::faults::Faults;
use super::section::{Check, section, web_address};
use omnigate_room::Secret;

section! {
    /// `directory.*`
    pub struct Directory {
        /// Base address of another omnigate, `https://host`; `None`: embedded.
        url: Option<String> = None;
        /// Bearer token.
        token: Option<Secret> = None;
    }
}

impl Check for Directory {
    fn check(&self, _: &str, faults: &mut Faults) {
        web_address(self.url.as_ref(), "directory.url", faults);
    }
}

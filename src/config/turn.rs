//! `[turn]`

use super::faults::Faults;
use super::section::{Check, section};
use omnigate_room::Secret;

section! {
    /// `turn.*`
    pub struct Turn {
        /// The TURN server's `static-auth-secret`; `None`: no TURN server.
        secret: Option<Secret> = None;
        /// How long a session's credentials are valid, seconds.
        lifetime_seconds: u64 = 86_400, within 1..=31_536_000;
    }
}

impl Check for Turn {
    fn check(&self, _: &str, faults: &mut Faults) {
        if self
            .secret
            .as_ref()
            .is_some_and(|secret| secret.expose().is_empty())
        {
            faults.add(
                "turn.secret",
                "is empty; it is the TURN server's static-auth-secret",
            );
        }
    }
}

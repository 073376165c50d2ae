//! TURN credentials of a session (6.1, 8.2): the scheme "TURN REST API" that coturn calls `use-auth-secret`.

use super::Hub;
use crate::now::Now;
use crate::settings::TurnSettings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

impl Hub {
    /// `turn_id` and `turn_secret`. Without a TURN server they have no meaning, but the SDKs cannot make their peers
    /// without non-empty values (8.2, 11.13).
    pub(super) fn turn_credentials(&mut self, user_id: &str, now: Now) -> (String, String) {
        match &self.settings.turn {
            Some(turn) => credentials(turn, user_id, now.unix),
            None => (self.dice.letters(), self.dice.letters()),
        }
    }
}

fn credentials(turn: &TurnSettings, user_id: &str, unix: u64) -> (String, String) {
    let expiry = unix.saturating_add(turn.lifetime.as_secs());
    let id = format!("{expiry}:{user_id}");
    // HMAC takes keys of every length.
    let code = Hmac::<Sha1>::new_from_slice(turn.secret.expose().as_bytes())
        .map(|mac| mac.chain_update(id.as_bytes()).finalize().into_bytes());
    let secret = code.map(|code| STANDARD.encode(code)).unwrap_or_default();
    (id, secret)
}

//! Join tokens: a grant that a service's own server signs for one of its guests, who shows it in the place of a Service Key.
//!
//! The text is `omj_PAYLOAD.MAC`, both in base64url without padding: the grant as JSON, and its HMAC-SHA-256 (RFC 2104, FIPS 180-4) by a key
//! of the server. Whoever has it may read it, and change nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use omnigate_room::{RoomId, Secret};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const PREFIX: &str = "omj_";
/// Longest text that is looked at.
pub(crate) const LONGEST: usize = 2048;

/// What a join token grants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Of which service.
    #[serde(rename = "service_id")]
    pub service: String,
    /// The one room that may be entered, without its secret.
    #[serde(rename = "room_id", with = "room_text")]
    pub room: RoomId,
    /// What the guest is shown of it: its type and subject.
    pub room_type: String,
    /// See above.
    pub subject: String,
    /// As whom.
    pub user_id: String,
    /// The name that others see; none: what the guest says.
    pub user_name: Option<String>,
    /// Whether the guest may do what hosts may: remove others, record.
    pub host: bool,
    /// It begins no session any more from then on, unix seconds.
    #[serde(rename = "exp")]
    pub until: u64,
}

mod room_text {
    use omnigate_room::RoomId;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(room: &RoomId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(room)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<RoomId, D::Error> {
        let text = String::deserialize(from)?;
        RoomId::parse(&text).ok_or_else(|| D::Error::custom("no room"))
    }
}

fn mac(key: &Secret, payload: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(payload.as_bytes());
    Some(mac)
}

impl Grant {
    /// The token; none: the key is of no use.
    #[must_use]
    pub fn sign(&self, key: &Secret) -> Option<Secret> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let sum = mac(key, &payload)?.finalize().into_bytes();
        Some(Secret::new(format!(
            "{PREFIX}{payload}.{}",
            URL_SAFE_NO_PAD.encode(sum)
        )))
    }

    /// What a token grants now, unix seconds; none: it is not ours, or over.
    #[must_use]
    pub fn read(text: &str, key: &Secret, now: u64) -> Option<Self> {
        let (payload, sum) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let sum = URL_SAFE_NO_PAD.decode(sum).ok()?;
        mac(key, payload)?.verify_slice(&sum).ok()?;
        let grant: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (now < grant.until).then_some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            service: "shop".to_owned(),
            room: RoomId(7),
            room_type: "audioroom".to_owned(),
            subject: String::new(),
            user_id: "guest".to_owned(),
            user_name: Some("손님".to_owned()),
            host: false,
            until: 100,
        }
    }

    #[test]
    fn a_token_grants_what_was_signed_until_its_end_and_nothing_that_was_changed() {
        let key = Secret::new("key");
        let token = grant().sign(&key).unwrap();
        assert_eq!(Grant::read(token.expose(), &key, 99), Some(grant()));
        assert_eq!(Grant::read(token.expose(), &key, 100), None, "it is over");
        assert_eq!(Grant::read(token.expose(), &Secret::new("other"), 0), None);
        let better = Grant {
            host: true,
            ..grant()
        };
        let forged = better.sign(&Secret::new("other")).unwrap();
        let sum = token.expose().split_once('.').unwrap().1;
        let payload = forged.expose().split_once('.').unwrap().0;
        for text in [
            format!("{payload}.{sum}"),
            format!("{payload}."),
            payload.to_owned(),
            String::new(),
            "omj_.".to_owned(),
        ] {
            assert_eq!(Grant::read(&text, &key, 0), None, "{text}");
        }
    }
}

//! Keys of services that the API has made: shown once, kept as a hash, several at a time.

use crate::clock::{unix_now_signed, utc};
use crate::hex::hex;
use omnigate_omnitalk::ServiceKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Random bytes of a key.
const SECRET_BYTES: usize = 24;
/// Keys of one service that hold at a time.
pub(super) const MOST: usize = 10;
/// Shortest key that may be brought along, characters: only its plain hash is kept, so it must not be one that can be guessed.
pub(super) const SHORTEST: usize = 16;
/// Longest one that the protocol takes.
const LONGEST: usize = 256;

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptKey {
    /// Names it, and is no secret.
    pub(super) id: String,
    /// SHA-256 of the key, hexadecimal.
    hash: String,
    /// Unix seconds.
    created_at: i64,
    /// It ends then, unix seconds; none: not by itself.
    pub(super) expires_at: Option<i64>,
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn kept(text: &str) -> KeptKey {
    KeptKey {
        id: format!("{:08x}", rand::random::<u32>()),
        hash: hex(&ServiceKey::hash(text)),
        created_at: unix_now_signed(),
        expires_at: None,
    }
}

/// A new key: its text, and what is kept of it.
pub(super) fn new() -> (String, KeptKey) {
    let text = format!("omk_{}", hex(&rand::random::<[u8; SECRET_BYTES]>()));
    let kept = kept(&text);
    (text, kept)
}

/// A key that apps have already; none when it is too short or too long.
pub(super) fn brought(text: &str) -> Option<KeptKey> {
    (SHORTEST..=LONGEST)
        .contains(&text.chars().count())
        .then(|| kept(text))
}

impl KeptKey {
    /// Whether it holds at this time, unix seconds.
    pub(super) fn holds(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// What sessions are judged by; none for a row that nobody of us has written.
    pub(super) fn judged(&self) -> Option<ServiceKey> {
        Some(ServiceKey::Hashed {
            hash: unhex(&self.hash)?,
            until: self.expires_at.map(|end| u64::try_from(end).unwrap_or(0)),
        })
    }

    pub(super) fn shown(&self) -> Value {
        let time = |at: i64| utc(u64::try_from(at).unwrap_or(0));
        json!({
            "id": self.id, "created_at": time(self.created_at), "expires_at": self.expires_at.map(time),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_judged_by_what_is_kept_of_it_and_its_text_is_not() {
        let (text, kept) = new();
        assert!(kept.judged().unwrap().takes(&text, 0));
        assert!(!kept.judged().unwrap().takes(&format!("{text}0"), 0));
        let row = serde_json::to_string(&kept).unwrap();
        assert!(!row.contains(text.trim_start_matches("omk_")));
        assert_eq!(serde_json::from_str::<KeptKey>(&row).unwrap(), kept);
        assert_ne!(new().0, text);
    }

    #[test]
    fn a_key_that_could_be_guessed_is_not_brought_along() {
        assert!(brought("demo").is_none() && brought(&"x".repeat(257)).is_none());
        let ours = brought("sixteen letters!").unwrap();
        assert!(ours.judged().unwrap().takes("sixteen letters!", 0));
    }

    #[test]
    fn a_hash_that_is_none_judges_nobody() {
        for hash in ["", "zz", &"0".repeat(63), &"é".repeat(32)] {
            let broken = KeptKey {
                hash: hash.to_owned(),
                ..new().1
            };
            assert!(broken.judged().is_none(), "{hash}");
        }
    }
}

//! Keys of services: what apps show for a session. Several hold at a time, so that one takes the place of another without a day on
//! which all apps change.

use omnigate_room::Secret;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// One key of a service.
#[derive(Clone, PartialEq, Eq)]
pub enum ServiceKey {
    /// As it is written.
    Known(Secret),
    /// What a key is recognised by that is not kept.
    Hashed {
        /// SHA-256 of the key (FIPS 180-4). Such a key is random and long, so nothing slower is needed.
        hash: [u8; 32],
        /// It ends then, unix seconds; none: not by itself.
        until: Option<u64>,
    },
}

impl ServiceKey {
    /// What of a key is kept.
    #[must_use]
    pub fn hash(key: &str) -> [u8; 32] {
        Sha256::digest(key.as_bytes()).into()
    }

    /// Whether it is this one, and holds at this time, unix seconds.
    #[must_use]
    pub fn takes(&self, given: &str, unix: u64) -> bool {
        match self {
            Self::Known(key) => key.matches(given),
            Self::Hashed { hash, until } => {
                let given = Self::hash(given);
                let differing = given.iter().zip(hash).fold(0, |sum, (a, b)| sum | (a ^ b));
                until.is_none_or(|until| unix < until) && differing == 0
            }
        }
    }
}

impl From<Secret> for ServiceKey {
    fn from(key: Secret) -> Self {
        Self::Known(key)
    }
}

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hashed_key_takes_what_it_was_made_of_until_its_end() {
        let hash = ServiceKey::hash("one long random key");
        let key = |until| ServiceKey::Hashed { hash, until };
        assert!(key(None).takes("one long random key", u64::MAX));
        assert!(key(Some(100)).takes("one long random key", 99));
        assert!(!key(Some(100)).takes("one long random key", 100));
        assert!(!key(None).takes("one long random kex", 0) && !key(None).takes("", 0));
        assert!(!format!("{:?}", key(None)).contains(&format!("{hash:?}")));
    }
}

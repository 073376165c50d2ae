//! The secret of a room: what was given, in normal form, and what of it is written down.
//!
//! A secret has six characters, mostly digits: whoever has its hash and some time finds it. The hash is salted and slow so that
//! it takes more time than a look, and no table helps; who may read the store must be few all the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use omnigate_room::Secret;
use pbkdf2::pbkdf2_hmac;
use sha2::Sha256;
use std::fmt;

/// Rounds of a new hash: below a millisecond, for joins are answered on the thread of all rooms.
const ROUNDS: u32 = 1_000;
/// The most that is computed for a hash that somebody else has written.
const MOST_ROUNDS: u32 = 100_000;
const SALT: usize = 16;
const HASH: usize = 32;
/// How the text of a hash begins.
const SCHEME: &str = "pbkdf2-sha256";

/// A room secret: an all-digit one shorter than six is padded with zeros on the left, because a client that holds it
/// as a number has lost them (10.3).
#[derive(Clone, Debug)]
pub(crate) enum RoomSecret {
    /// As it was given to this process.
    Known(Secret),
    /// As it was written down by an earlier one; known once somebody has given the right one.
    Hashed(SecretHash),
}

/// A secret as a client has given it, in normal form.
pub(crate) struct GivenSecret(String);

impl GivenSecret {
    pub(crate) fn new(text: &str) -> Self {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        Self(if digits {
            format!("{text:0>6}")
        } else {
            text.to_owned()
        })
    }
}

impl RoomSecret {
    pub(crate) fn new(given: GivenSecret) -> Self {
        Self::Known(Secret::new(given.0))
    }

    /// Whether it is this one.
    pub(crate) fn matches(&mut self, given: &GivenSecret) -> bool {
        match self {
            Self::Known(secret) => secret.matches(&given.0),
            Self::Hashed(hash) => {
                let right = hash.matches(&given.0);
                if right {
                    *self = Self::Known(Secret::new(given.0.clone()));
                }
                right
            }
        }
    }

    /// What is written down.
    pub(crate) fn hash(&self, salt: [u8; SALT]) -> SecretHash {
        match self {
            Self::Known(secret) => SecretHash::new(secret.expose(), salt, ROUNDS),
            Self::Hashed(hash) => hash.clone(),
        }
    }
}

/// A salted hash of a room's secret (PBKDF2 with HMAC-SHA-256, RFC 8018 section 5.2). Its text is
/// `pbkdf2-sha256$ROUNDS$SALT$HASH`, the last two in base64 without padding.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash {
    rounds: u32,
    salt: [u8; SALT],
    hash: [u8; HASH],
}

impl SecretHash {
    fn new(secret: &str, salt: [u8; SALT], rounds: u32) -> Self {
        let mut hash = [0; HASH];
        pbkdf2_hmac::<Sha256>(secret.as_bytes(), &salt, rounds, &mut hash);
        Self { rounds, salt, hash }
    }

    fn matches(&self, given: &str) -> bool {
        let given = Self::new(given, self.salt, self.rounds);
        let differing = self
            .hash
            .iter()
            .zip(given.hash)
            .fold(0, |sum, (a, b)| sum | (a ^ b));
        differing == 0
    }

    /// Reads the text; `None` for anything that we would not have written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let (scheme, rounds) = (parts.next()?, parts.next()?.parse().ok()?);
        let bytes = |text: &str| STANDARD_NO_PAD.decode(text).ok();
        let (salt, hash) = (bytes(parts.next()?)?, bytes(parts.next()?)?);
        let ours = scheme == SCHEME && (1..=MOST_ROUNDS).contains(&rounds) && parts.next().is_none();
        ours.then_some(())?;
        Some(Self {
            rounds,
            salt: salt.try_into().ok()?,
            hash: hash.try_into().ok()?,
        })
    }

    /// The text, for the store.
    #[must_use]
    pub fn to_text(&self) -> String {
        let text = |bytes: &[u8]| STANDARD_NO_PAD.encode(bytes);
        format!(
            "{SCHEME}${}${}${}",
            self.rounds,
            text(&self.salt),
            text(&self.hash)
        )
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_secret_after_a_restart_and_no_other() {
        let written = RoomSecret::new(GivenSecret::new("12345"))
            .hash([7; SALT])
            .to_text();
        assert!(!written.contains("12345"), "{written}");
        let mut secret = RoomSecret::Hashed(SecretHash::parse(&written).unwrap());
        assert!(!secret.matches(&GivenSecret::new("012346")));
        assert!(secret.matches(&GivenSecret::new("012345")));
        assert!(
            matches!(secret, RoomSecret::Known(_)),
            "the second time costs nothing"
        );
        assert!(secret.matches(&GivenSecret::new("12345")));
    }

    #[test]
    fn salts_make_hashes_of_one_secret_differ() {
        let hash = |salt| {
            RoomSecret::new(GivenSecret::new("1"))
                .hash([salt; SALT])
                .to_text()
        };
        assert_ne!(hash(1), hash(2));
    }

    /// RFC 7914 section 11 has these for PBKDF2-HMAC-SHA-256: the first 32 of its 64 bytes.
    #[test]
    fn the_hash_is_that_of_the_rfc() {
        let mut hash = [0; HASH];
        pbkdf2_hmac::<Sha256>(b"passwd", b"salt", 1, &mut hash);
        assert_eq!(hash[..8], [0x55, 0xac, 0x04, 0x6e, 0x56, 0xe3, 0x08, 0x9f]);
    }

    #[test]
    fn what_we_would_not_have_written_is_no_hash() {
        let good = RoomSecret::new(GivenSecret::new("1")).hash([1; SALT]).to_text();
        assert!(SecretHash::parse(&good).is_some());
        for bad in [
            "",
            "pbkdf2-sha256",
            &good.replace("sha256", "sha1"),
            &good.replace("$1000$", "$0$"),
            &good.replace("$1000$", "$4000000000$"),
            &format!("{good}$"),
            &good[..good.len() - 2],
        ] {
            assert!(SecretHash::parse(bad).is_none(), "{bad}");
        }
    }
}

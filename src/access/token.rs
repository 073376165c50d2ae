//! A token: its text, and what is kept of it.
//!
//! The text is `omt_ID_SECRET`. The id finds the token and is no secret; the secret is 192 random bits. Kept is the SHA-256 of
//! the secret, without salt and without stretching: both protect what people choose, which can be guessed; 192 random bits
//! cannot, however fast the hash, and no two tokens have the same. A fast hash keeps wrong tokens cheap for us.

use super::scope::{Access, ScopeError, Scopes};
use crate::clock::{unix_now, utc};
use crate::hex::hex;
use omnigate_room::Secret;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

const PREFIX: &str = "omt_";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 24;
/// Longest name, characters.
const LONGEST_NAME: usize = 100;

/// The text of a token that was just made, or is given: an id and a secret.
#[derive(Debug, Clone)]
pub struct TokenText {
    /// Finds the token.
    pub id: String,
    secret: Secret,
}

/// SHA-256 of a text, in hexadecimal.
pub(super) fn hash(text: &str) -> Secret {
    Secret::new(hex(&Sha256::digest(text.as_bytes())))
}

impl TokenText {
    /// A new one of this id.
    #[must_use]
    pub fn with_id(id: impl Into<String>) -> TokenText {
        TokenText {
            id: id.into(),
            secret: Secret::new(hex(&rand::random::<[u8; SECRET_BYTES]>())),
        }
    }

    /// A new one. Ids sort by the second in which they were made.
    pub(super) fn new() -> TokenText {
        TokenText::with_id(format!("{:08x}{:08x}", unix_now(), rand::random::<u32>()))
    }

    /// Reads one; `None`: it is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<TokenText> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        Some(TokenText {
            id: id.to_owned(),
            secret: Secret::new(secret),
        })
    }

    /// The whole text. Shown once, to whoever has it made.
    #[must_use]
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret.expose())
    }

    pub(super) fn hash(&self) -> Secret {
        hash(self.secret.expose())
    }
}

/// What is wanted of a new token.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// For people: whose it is, or what for.
    pub name: String,
    /// What it may.
    pub scopes: Scopes,
    /// Whose it is; `None`: an admin's.
    pub service_id: Option<String>,
    /// Unix seconds; `None`: it does not.
    pub expires_at: Option<i64>,
}

impl NewToken {
    /// What is wrong with the name, if anything is.
    pub(super) fn name_fault(&self) -> Option<&'static str> {
        let empty = self.name.trim().is_empty();
        let long = self.name.chars().count() > LONGEST_NAME;
        let odd = self.name.chars().any(char::is_control);
        (empty || long || odd).then_some("name: 1 to 100 characters of text are expected")
    }
}

/// Whether a token can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It can.
    Active,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

/// A token of the store.
#[derive(Debug)]
pub struct Token {
    /// Finds it; no secret.
    pub id: String,
    /// For people.
    pub name: String,
    /// What it may.
    pub scopes: Scopes,
    /// Whose it is; `None`: an admin's.
    pub service_id: Option<String>,
    pub(super) hash: Secret,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; 0: it does not expire.
    pub expires_at: i64,
    /// Unix seconds; 0: it was never used.
    pub(super) last_used_at: AtomicI64,
    /// Unix seconds; 0: it was not.
    pub(super) revoked_at: AtomicI64,
}

impl Token {
    /// Whether it can be used at `now`, unix seconds.
    #[must_use]
    pub fn state(&self, now: i64) -> TokenState {
        if self.revoked_at.load(Relaxed) > 0 {
            TokenState::Revoked
        } else if self.expires_at > 0 && now >= self.expires_at {
            TokenState::Expired
        } else {
            TokenState::Active
        }
    }

    pub(super) fn access(&self) -> Result<Access, ScopeError> {
        self.scopes.access(self.service_id.as_deref())
    }

    pub(super) fn is(&self, given: &TokenText) -> bool {
        self.hash.matches(given.hash().expose())
    }

    /// As the API shows it: without its hash.
    #[must_use]
    pub fn shown(&self, now: i64) -> Value {
        let time = |seconds: i64| match u64::try_from(seconds) {
            Ok(seconds) if seconds > 0 => Value::from(utc(seconds)),
            _ => Value::Null,
        };
        let state = match self.state(now) {
            TokenState::Active => "active",
            TokenState::Expired => "expired",
            TokenState::Revoked => "revoked",
        };
        json!({
            "id": self.id, "source": "store", "name": self.name, "scopes": self.scopes.words(),
            "service_id": self.service_id, "state": state, "created_at": time(self.created_at), "expires_at": time(self.expires_at),
            "last_used_at": time(self.last_used_at.load(Relaxed)), "revoked_at": time(self.revoked_at.load(Relaxed)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written_and_its_secret_shows_nowhere() {
        let made = TokenText::new();
        let text = made.expose();
        let read = TokenText::parse(&text).unwrap();
        assert_eq!((&read.id, read.expose()), (&made.id, text.clone()));
        assert_eq!(made.secret.expose().len(), 48, "192 bits");
        assert!(!format!("{made:?}").contains(made.secret.expose()));
        assert!(!made.hash().expose().contains(made.secret.expose()));
        for other in ["", "omt_", "omt_1", "omx_1_2", "hush"] {
            assert!(TokenText::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        let (one, other) = (TokenText::new(), TokenText::new());
        assert_ne!(one.expose(), other.expose());
        assert_ne!(one.id, other.id);
    }

    #[test]
    fn a_name_is_text_that_people_can_read() {
        let fault = |name: &str| {
            NewToken {
                name: name.to_owned(),
                scopes: Scopes::default(),
                service_id: None,
                expires_at: None,
            }
            .name_fault()
        };
        assert!(fault("the billing of Seoul").is_none() && fault("빌링").is_none());
        for name in ["", "  ", "a\nb", "a\u{0}", &"x".repeat(101)] {
            assert!(fault(name).is_some(), "{name:?}");
        }
    }
}

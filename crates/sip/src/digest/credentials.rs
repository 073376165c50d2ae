//! User and password of a client.

use super::hash::Algorithm;
use std::fmt;

/// A user with its password, for one realm or for all.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
    realm: Option<String>,
}

impl Credentials {
    /// For whichever realm asks.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Credentials {
        Credentials {
            user: user.into(),
            password: password.into(),
            realm: None,
        }
    }

    /// For this realm only: another one never gets a sum from which the password could be guessed.
    pub fn for_realm(mut self, realm: impl Into<String>) -> Credentials {
        self.realm = Some(realm.into());
        self
    }

    /// The user.
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn fit(&self, realm: &str) -> bool {
        self.realm.as_deref().is_none_or(|own| own == realm)
    }

    pub(super) fn is_for_one_realm(&self) -> bool {
        self.realm.is_some()
    }

    pub(super) fn ha1(&self, algorithm: Algorithm, realm: &str) -> String {
        algorithm.ha1(&self.user, realm, &self.password)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &"***")
            .field("password", &"***")
            .field("realm", &self.realm)
            .finish()
    }
}

//! What two sides share and nobody else may know.

use std::fmt;

/// A key, a token, a password: text that `Debug` does not show and that is compared in a time that tells nothing.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, to compute with and for the wire. Never for a log.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `given` is the secret. Takes the same time wherever the difference is, so that nobody who may try often
    /// finds it letter by letter; only the length can be measured.
    #[must_use]
    pub fn matches(&self, given: &str) -> bool {
        let (ours, theirs) = (self.0.as_bytes(), given.as_bytes());
        let differing = ours.iter().zip(theirs).fold(0, |sum, (a, b)| sum | (a ^ b));
        ours.len() == theirs.len() && differing == 0
    }
}

/// As [`Secret::matches`].
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(***)");
    }

    #[test]
    fn a_secret_matches_itself_alone() {
        let secret = Secret::new("KEY1");
        assert!(secret.matches("KEY1"));
        assert!(!secret.matches("KEY"));
        assert!(!secret.matches("KEY11"));
        assert!(!secret.matches("key1"));
    }
}

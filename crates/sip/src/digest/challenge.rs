//! Challenges (RFC 7616 section 3.3).

use super::hash::{Algorithm, Protection};
use super::syntax::{Scheme, schemes};
use std::fmt;

/// Most challenges of one response that are looked at.
pub const MAX_CHALLENGES: usize = 16;

/// One challenge that this crate can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// Realm, as it stands between its quotes.
    pub realm: String,
    /// Nonce, as it stands.
    pub nonce: String,
    /// What is to be sent back as it stands.
    pub opaque: Option<String>,
    /// Hash function.
    pub algorithm: Algorithm,
    /// What the server lets an answer cover, in its order; empty when it said nothing (RFC 2069).
    pub protections: Vec<Protection>,
    /// The nonce was too old, user and password were right.
    pub stale: bool,
}

impl Challenge {
    pub(super) fn new(realm: String, nonce: String, algorithm: Algorithm) -> Challenge {
        Challenge {
            realm,
            nonce,
            opaque: None,
            algorithm,
            protections: Vec::new(),
            stale: false,
        }
    }

    fn read(scheme: &Scheme<'_>) -> Option<Challenge> {
        if !scheme.name.eq_ignore_ascii_case("Digest") || scheme.is_ambiguous() {
            return None;
        }
        let algorithm = match scheme.get("algorithm") {
            Some(name) => Algorithm::from_name(name)?,
            None => Algorithm::Md5,
        };
        let realm = scheme.get("realm")?.to_owned();
        let nonce = scheme.get("nonce").filter(|n| !n.is_empty())?.to_owned();
        let mut challenge = Challenge::new(realm, nonce, algorithm);
        challenge.opaque = scheme.get("opaque").map(str::to_owned);
        challenge.stale = scheme
            .get("stale")
            .is_some_and(|s| s.eq_ignore_ascii_case("true"));
        if let Some(text) = scheme.get("qop") {
            let known = text.split(',').filter_map(|p| Protection::from_name(p.trim()));
            challenge.protections.extend(known);
            if challenge.protections.is_empty() {
                return None;
            }
        }
        Some(challenge)
    }
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm=\"{}\", nonce=\"{}\"", self.realm, self.nonce)?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        if self.stale {
            f.write_str(", stale=true")?;
        }
        if !self.protections.is_empty() {
            let names: Vec<&str> = self.protections.iter().map(|p| p.as_str()).collect();
            write!(f, ", qop=\"{}\"", names.join(","))?;
        }
        Ok(())
    }
}

/// The challenges in a field's value that can be answered, in their order; other schemes and algorithms are left out.
pub fn challenges(text: &str) -> Vec<Challenge> {
    let all = schemes(text);
    all.iter()
        .filter_map(Challenge::read)
        .take(MAX_CHALLENGES)
        .collect()
}

//! What answers a challenge: the value of Authorization (RFC 7616 section 3.4).

use super::hash::{Algorithm, Protection, Sum};
use super::syntax::schemes;
use crate::message::{quote, unquote};
use std::fmt;

/// The credentials of a request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// User, without escapes.
    pub user: String,
    /// Realm, as it stands.
    pub realm: String,
    /// The server's nonce, as it stands.
    pub nonce: String,
    /// `digest-uri`, as it stands.
    pub uri: String,
    /// The sum, in hexadecimal digits.
    pub response: String,
    /// Hash function.
    pub algorithm: Algorithm,
    /// What the sum covers.
    pub protection: Option<Protection>,
    /// The client's nonce; empty when there is none.
    pub cnonce: String,
    /// Count of requests with the nonce, as it stands: hexadecimal digits. Empty when there is none.
    pub count: String,
    /// What the challenge gave to be sent back.
    pub opaque: Option<String>,
}

impl Answer {
    /// Reads a field's value; `None` when it is no Digest, or not whole.
    pub fn parse(text: &str) -> Option<Answer> {
        let all = schemes(text);
        // One field holds one answer: commas separate its parameters (RFC 3261 section 7.3.1).
        let [scheme] = all.as_slice() else {
            return None;
        };
        if !scheme.name.eq_ignore_ascii_case("Digest") || scheme.is_ambiguous() {
            return None;
        }
        let own = |name: &str| scheme.get(name).map(str::to_owned);
        let answer = Answer {
            user: unquote(scheme.get("username")?).into_owned(),
            realm: own("realm")?,
            nonce: own("nonce")?,
            uri: own("uri")?,
            response: own("response")?,
            algorithm: match scheme.get("algorithm") {
                Some(name) => Algorithm::from_name(name)?,
                None => Algorithm::Md5,
            },
            protection: match scheme.get("qop") {
                Some(name) => Some(Protection::from_name(name)?),
                None => None,
            },
            cnonce: own("cnonce").unwrap_or_default(),
            count: own("nc").unwrap_or_default(),
            opaque: own("opaque"),
        };
        let whole = answer.protection.is_none() || (answer.count().is_some() && !answer.cnonce.is_empty());
        whole.then_some(answer)
    }

    /// The count as a number: hexadecimal, at most 8 digits, from 1.
    pub fn count(&self) -> Option<u32> {
        let digits = (1..=8).contains(&self.count.len()) && self.count.bytes().all(|b| b.is_ascii_hexdigit());
        let count = digits.then(|| u32::from_str_radix(&self.count, 16).ok())?;
        count.filter(|n| *n > 0)
    }

    /// The sum that `response` has to be when `ha1` is `H(user:realm:password)`.
    pub fn sum(&self, ha1: &str, method: &str, body: &[u8]) -> String {
        let sum = Sum {
            algorithm: self.algorithm,
            protection: self.protection,
            nonce: &self.nonce,
            count: &self.count,
            cnonce: &self.cnonce,
            method,
            uri: &self.uri,
            body,
        };
        sum.response(ha1)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest username={}, realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\", algorithm={}",
            quote(&self.user),
            self.realm,
            self.nonce,
            self.uri,
            self.response,
            self.algorithm.as_str()
        )?;
        if !self.cnonce.is_empty() {
            write!(f, ", cnonce=\"{}\"", self.cnonce)?;
        }
        if let Some(protection) = self.protection {
            // Neither is quoted (RFC 7616 section 3.4).
            write!(f, ", qop={}, nc={}", protection.as_str(), self.count)?;
        }
        match &self.opaque {
            Some(opaque) => write!(f, ", opaque=\"{opaque}\""),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Answer {
    /// Neither user nor sum: the first is a number, the second lets a password be guessed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("realm", &self.realm)
            .field("algorithm", &self.algorithm)
            .field("protection", &self.protection)
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

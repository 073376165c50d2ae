//! Asks for credentials and judges them.
//!
//! ```text
//!   request ──▶ answer for our realm? ── no ──▶ NoCredentials
//!                    │
//!                    ▼
//!               user and sum right? ── no ──▶ Denied
//!                    │
//!                    ▼
//!               nonce ours and young? ── no ──▶ Stale
//!                    │
//!                    ▼
//!               count new? ── no ──▶ Denied(Replayed), or Stale without a count
//!                    │
//!                    ▼
//!                Accepted
//! ```
//!
//! The sum comes before the nonce: only who knows the password is told that a nonce is old (RFC 7616 section 3.3), so a
//! nonce of an earlier run costs a client one more try and no new password.
//!
//! That `digest-uri` is the Request-URI is not asked for: proxies change the latter (RFC 3261 section 22.4), and the sum
//! covers the former. What a copied answer could do elsewhere, its count prevents here.

use super::answer::Answer;
use super::asker::Asker;
use super::challenge::Challenge;
use super::hash::{Algorithm, Protection};
use super::nonce::{Nonces, Use};
use crate::message::{Request, Response, quote};
use crate::random::Random;
use std::fmt;
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// Bytes of the key that nonces are stamped with.
pub const KEY_LENGTH: usize = 32;
/// How long a nonce is good when nothing is said.
const LIFETIME: Duration = Duration::from_secs(300);

/// What a server has of a user.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof {
    /// The password.
    Password(String),
    /// `H(user:realm:password)` in hexadecimal digits, of the algorithm that was asked for ([`Algorithm::ha1`]).
    Ha1(String),
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proof::Password(_) => "Password(***)",
            Proof::Ha1(_) => "Ha1(***)",
        })
    }
}

/// Where users are looked up.
pub trait Passwords {
    /// What is known of `user` in `realm`; `None` when there is no such user, or no sum of this algorithm.
    fn proof(&self, user: &str, realm: &str, algorithm: Algorithm) -> Option<Proof>;
}

impl<F: Fn(&str, &str, Algorithm) -> Option<Proof>> Passwords for F {
    fn proof(&self, user: &str, realm: &str, algorithm: Algorithm) -> Option<Proof> {
        self(user, realm, algorithm)
    }
}

/// What is to be done with a request.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Serve it.
    Accepted {
        /// Who sent it.
        user: String,
    },
    /// Challenge it with `stale`: all was right but the nonce.
    Stale,
    /// Refuse it, or challenge it anew.
    Denied(Denial),
    /// Challenge it: it has no credentials for this realm.
    NoCredentials,
}

impl fmt::Debug for Verdict {
    /// Without the user, which is a number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Accepted { .. } => f.write_str("Accepted"),
            Verdict::Stale => f.write_str("Stale"),
            Verdict::Denied(why) => write!(f, "Denied({why:?})"),
            Verdict::NoCredentials => f.write_str("NoCredentials"),
        }
    }
}

/// What is wrong with credentials. Do not tell strangers which of them it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// A parameter is missing or cannot be read.
    #[error("credentials are malformed")]
    Malformed,
    /// An algorithm that was not offered.
    #[error("algorithm was not offered")]
    Algorithm,
    /// A `qop` that was not offered, or none where one was.
    #[error("quality of protection was not offered")]
    Protection,
    /// There is no such user.
    #[error("no such user")]
    User,
    /// The sum is wrong: another password, another method, a changed body.
    #[error("response does not fit")]
    Response,
    /// The same count came before with this nonce.
    #[error("nonce count was used before")]
    Replayed,
}

/// The server's side of one realm.
pub struct Server {
    /// As it stands between quotes.
    realm: String,
    algorithms: Vec<Algorithm>,
    protections: Vec<Protection>,
    nonces: Nonces,
}

impl Server {
    /// Offers SHA-256 and MD5 with `auth`, and nonces that are good for five minutes. `key` is secret and random, `start` is
    /// when nonces begin: with the same key and another start, those of before are stale.
    pub fn new(realm: &str, key: &[u8; KEY_LENGTH], start: Instant) -> Server {
        let quoted = quote(realm);
        let realm = quoted
            .strip_prefix('"')
            .and_then(|r| r.strip_suffix('"'))
            .unwrap_or_default()
            .to_owned();
        Server {
            nonces: Nonces::new(key, &realm, start, LIFETIME),
            realm,
            algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
            protections: vec![Protection::Auth],
        }
    }

    /// The algorithms offered, best first.
    pub fn with_algorithms(mut self, algorithms: &[Algorithm]) -> Server {
        self.algorithms = algorithms.to_vec();
        self
    }

    /// What answers may cover; empty for clients that know only RFC 2069, whose nonces are good for one request each.
    pub fn with_protections(mut self, protections: &[Protection]) -> Server {
        self.protections = protections.to_vec();
        self
    }

    /// How long a nonce is good.
    pub fn with_lifetime(mut self, lifetime: Duration) -> Server {
        self.nonces.lifetime = lifetime;
        self
    }

    /// Adds a challenge for each algorithm to a 401 or 407 (RFC 8760 section 2.3).
    pub fn challenge(
        &self,
        response: &mut Response,
        asker: Asker,
        stale: bool,
        now: Instant,
        random: &mut Random,
    ) {
        let nonce = self.nonces.issue(now, random);
        for algorithm in &self.algorithms {
            let mut challenge = Challenge::new(self.realm.clone(), nonce.clone(), *algorithm);
            challenge.protections.clone_from(&self.protections);
            challenge.stale = stale;
            response.headers.push(asker.challenge(), challenge);
        }
    }

    /// Judges the credentials of a request, and notes their count when they are right.
    pub fn verify(
        &mut self,
        request: &Request,
        asker: Asker,
        passwords: &impl Passwords,
        now: Instant,
    ) -> Verdict {
        let mut malformed = false;
        let mut mine = None;
        for text in request.headers.all(asker.answer()) {
            match Answer::parse(text) {
                Some(answer) if answer.realm == self.realm => mine = mine.or(Some(answer)),
                Some(_) => {}
                None => malformed |= text.get(..6).is_some_and(|s| s.eq_ignore_ascii_case("Digest")),
            }
        }
        match mine {
            Some(answer) => self.judge(&answer, request, passwords, now),
            None if malformed => Verdict::Denied(Denial::Malformed),
            None => Verdict::NoCredentials,
        }
    }

    fn judge(
        &mut self,
        answer: &Answer,
        request: &Request,
        passwords: &impl Passwords,
        now: Instant,
    ) -> Verdict {
        if !self.algorithms.contains(&answer.algorithm) {
            return Verdict::Denied(Denial::Algorithm);
        }
        let offered = match answer.protection {
            Some(protection) => self.protections.contains(&protection),
            None => self.protections.is_empty(),
        };
        if !offered {
            return Verdict::Denied(Denial::Protection);
        }
        let proof = passwords.proof(&answer.user, &self.realm, answer.algorithm);
        let known = proof.is_some();
        // Without a user the same work is done, so that time does not tell who exists.
        let ha1 = match proof {
            Some(Proof::Ha1(ha1)) => ha1.to_ascii_lowercase(),
            Some(Proof::Password(password)) => answer.algorithm.ha1(&answer.user, &self.realm, &password),
            None => answer.algorithm.ha1(&answer.user, &self.realm, ""),
        };
        let wanted = answer.sum(&ha1, request.method.as_str(), &request.body);
        let given = answer.response.to_ascii_lowercase();
        let equal = bool::from(wanted.as_bytes().ct_eq(given.as_bytes()));
        if !known {
            return Verdict::Denied(Denial::User);
        }
        if !equal {
            return Verdict::Denied(Denial::Response);
        }
        let Some(id) = self.nonces.check(&answer.nonce, now) else {
            return Verdict::Stale;
        };
        let counted = answer.protection.is_some();
        let count = if counted { answer.count().unwrap_or(1) } else { 1 };
        match self.nonces.count(id, count, now) {
            Use::New => Verdict::Accepted {
                user: answer.user.clone(),
            },
            Use::Again if counted => Verdict::Denied(Denial::Replayed),
            Use::Again | Use::Forgotten => Verdict::Stale,
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("realm", &self.realm)
            .field("algorithms", &self.algorithms)
            .field("protections", &self.protections)
            .finish_non_exhaustive()
    }
}

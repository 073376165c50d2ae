//! Algorithms and the sum that proves a password (RFC 7616 section 3.4).

use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// A hash function, and whether a nonce is part of the secret (`-sess`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// What is meant when nothing is said.
    Md5,
    /// MD5 over a key for the session.
    Md5Sess,
    /// RFC 8760.
    Sha256,
    /// SHA-256 over a key for the session.
    Sha256Sess,
}

impl Algorithm {
    /// Reads a name in any case.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        let all = [
            Algorithm::Md5,
            Algorithm::Md5Sess,
            Algorithm::Sha256,
            Algorithm::Sha256Sess,
        ];
        all.into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// True for the `-sess` kinds.
    pub fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess)
    }

    /// The hash of `parts` with colons between, in lower-case hexadecimal digits.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => hex(&joined(Md5::new(), parts)),
            Algorithm::Sha256 | Algorithm::Sha256Sess => hex(&joined(Sha256::new(), parts)),
        }
    }

    /// `H(user:realm:password)`, what a server may keep instead of the password. The `-sess` kinds have the same.
    pub fn ha1(self, user: &str, realm: &str, password: &str) -> String {
        self.hash(&[user.as_bytes(), realm.as_bytes(), password.as_bytes()])
    }
}

fn joined<D: Digest>(mut hasher: D, parts: &[&[u8]]) -> Vec<u8> {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    hasher.finalize().to_vec()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    for b in bytes {
        // Writing into a String does not fail.
        let _ = write!(out, "{b:02x}");
    }
    out
}

/// What an answer covers: the `qop` value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// `auth`: method and URI.
    Auth,
    /// `auth-int`: the body too.
    AuthInt,
}

impl Protection {
    /// Reads a name in any case.
    pub fn from_name(name: &str) -> Option<Protection> {
        [Protection::Auth, Protection::AuthInt]
            .into_iter()
            .find(|p| p.as_str().eq_ignore_ascii_case(name))
    }

    /// The value of `qop`.
    pub fn as_str(self) -> &'static str {
        match self {
            Protection::Auth => "auth",
            Protection::AuthInt => "auth-int",
        }
    }
}

/// What is summed up beside the secret.
#[derive(Debug, Clone, Copy)]
pub struct Sum<'a> {
    /// Hash function.
    pub algorithm: Algorithm,
    /// `qop`; without it the sum of RFC 2069.
    pub protection: Option<Protection>,
    /// The server's nonce.
    pub nonce: &'a str,
    /// Count of requests with this nonce, as written: 8 hexadecimal digits.
    pub count: &'a str,
    /// The client's nonce.
    pub cnonce: &'a str,
    /// Method.
    pub method: &'a str,
    /// `digest-uri`.
    pub uri: &'a str,
    /// Body of the request.
    pub body: &'a [u8],
}

impl Sum<'_> {
    /// The `response` value, from `H(user:realm:password)`.
    pub fn response(&self, ha1: &str) -> String {
        let h = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        let session;
        let secret = if self.algorithm.is_session() {
            session = h(&[ha1.as_bytes(), nonce, cnonce]);
            session.as_str()
        } else {
            ha1
        };
        let (method, uri) = (self.method.as_bytes(), self.uri.as_bytes());
        let covered = match self.protection {
            Some(Protection::AuthInt) => h(&[method, uri, h(&[self.body]).as_bytes()]),
            _ => h(&[method, uri]),
        };
        match self.protection {
            None => h(&[secret.as_bytes(), nonce, covered.as_bytes()]),
            Some(protection) => h(&[
                secret.as_bytes(),
                nonce,
                self.count.as_bytes(),
                cnonce,
                protection.as_str().as_bytes(),
                covered.as_bytes(),
            ]),
        }
    }
}

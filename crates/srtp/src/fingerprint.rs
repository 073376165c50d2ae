//! The fingerprint of a certificate, as SDP carries it (RFC 8122 section 5).

use aws_lc_rs::constant_time;
use aws_lc_rs::digest::{self, Algorithm};
use std::fmt;

/// Bytes of the longest one.
const ROOM: usize = 64;

/// By what a fingerprint is made, the weaker ones first. SHA-1 and older ones are not taken: certificates that share one can
/// be made (RFC 8122 section 5.1 lets them go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashFunction {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashFunction {
    /// All of them.
    pub const ALL: [HashFunction; 3] = [HashFunction::Sha256, HashFunction::Sha384, HashFunction::Sha512];

    /// The name in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            HashFunction::Sha256 => "sha-256",
            HashFunction::Sha384 => "sha-384",
            HashFunction::Sha512 => "sha-512",
        }
    }

    const fn bytes(self) -> usize {
        match self {
            HashFunction::Sha256 => 32,
            HashFunction::Sha384 => 48,
            HashFunction::Sha512 => 64,
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            HashFunction::Sha256 => &digest::SHA256,
            HashFunction::Sha384 => &digest::SHA384,
            HashFunction::Sha512 => &digest::SHA512,
        }
    }
}

/// The fingerprint of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    hash: HashFunction,
    bytes: [u8; ROOM],
}

/// Why a text is no fingerprint that is taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// It is made by something that is not taken.
    #[error("a=fingerprint is by {0}, and must be by sha-256, sha-384 or sha-512 (RFC 8122)")]
    Hash(String),
    /// It is not what its hash function makes.
    #[error(
        "a=fingerprint is not {expected} pairs of hexadecimal digits with colons between them (RFC 8122)"
    )]
    Malformed {
        /// Bytes of its hash function.
        expected: usize,
    },
}

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(hash: HashFunction, certificate: &[u8]) -> Fingerprint {
        let mut bytes = [0; ROOM];
        let digest = digest::digest(hash.algorithm(), certificate);
        for (byte, of) in bytes.iter_mut().zip(digest.as_ref()) {
            *byte = *of;
        }
        Fingerprint { hash, bytes }
    }

    /// Reads the value of the attribute: `sha-256 4A:AD:…`.
    ///
    /// # Errors
    /// [`FingerprintError`]
    pub fn parse(value: &str) -> Result<Fingerprint, FingerprintError> {
        let value = value.trim();
        let (name, digits) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        let hash = HashFunction::ALL
            .into_iter()
            .find(|hash| hash.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| FingerprintError::Hash(name.chars().take(16).collect()))?;
        let (expected, mut bytes) = (hash.bytes(), [0; ROOM]);
        let malformed = FingerprintError::Malformed { expected };
        let mut pairs = digits.trim().split(':');
        for byte in &mut bytes[..expected] {
            // A sign in front would be a number too.
            let is_pair =
                |pair: &&str| pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            let pair = pairs.next().filter(is_pair);
            let read = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
            *byte = read.ok_or_else(|| malformed.clone())?;
        }
        match pairs.next() {
            None => Ok(Fingerprint { hash, bytes }),
            Some(_) => Err(malformed),
        }
    }

    /// By what it is made.
    pub fn hash(&self) -> HashFunction {
        self.hash
    }

    /// Whether it is that of this certificate in DER.
    pub fn is_of(&self, certificate: &[u8]) -> bool {
        let right = Fingerprint::of(self.hash, certificate);
        constant_time::verify_slices_are_equal(&self.bytes, &right.bytes).is_ok()
    }
}

impl fmt::Display for Fingerprint {
    /// The value of the attribute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (i, byte) in self.bytes.iter().take(self.hash.bytes()).enumerate() {
            let before = if i == 0 { ' ' } else { ':' };
            write!(f, "{before}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written_and_known_by_its_certificate() {
        for hash in HashFunction::ALL {
            let ours = Fingerprint::of(hash, b"a certificate");
            let text = ours.to_string();
            assert!(text.starts_with(hash.name()), "{text}");
            assert_eq!(Fingerprint::parse(&text), Ok(ours));
            assert_eq!(
                Fingerprint::parse(&format!(" {} ", text.to_ascii_lowercase())),
                Ok(ours)
            );
            assert!(ours.is_of(b"a certificate") && !ours.is_of(b"another one"));
        }
    }

    /// The digest of "abc", of FIPS 180-4.
    #[test]
    fn it_is_what_others_make_of_the_same_bytes() {
        let abc = "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        assert_eq!(Fingerprint::of(HashFunction::Sha256, b"abc").to_string(), abc);
    }

    #[test]
    fn what_is_weak_or_no_fingerprint_is_refused_with_its_reason() {
        let sha1 = Fingerprint::parse("sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB");
        assert_eq!(
            sha1.unwrap_err().to_string(),
            "a=fingerprint is by sha-1, and must be by sha-256, sha-384 or sha-512 (RFC 8122)"
        );
        let good = Fingerprint::of(HashFunction::Sha256, b"x").to_string();
        for value in [
            "sha-256",
            "sha-256 00:11",
            &format!("{good}:00"),
            &good.replace(':', "-"),
            &format!("sha-256 +1:{}", &good[11..]),
            &format!("sha-384{}", &good[7..]),
        ] {
            let refused = Fingerprint::parse(value);
            assert!(
                matches!(refused, Err(FingerprintError::Malformed { .. })),
                "{value}: {refused:?}"
            );
        }
    }
}

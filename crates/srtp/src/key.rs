//! Master keys with their salts.

use crate::Suite;
use aws_lc_rs::{constant_time, rand};
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};
use std::fmt;
use zeroize::Zeroize;

/// Room for the longest key with its salt, and for the zeros behind a salt of 12 bytes.
const ROOM: usize = 32 + 14;

/// Reads keys with padding or without: there are telephones that leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A master key and its salt, for one direction. `Debug` does not show it, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct MasterKey {
    suite: Suite,
    bytes: [u8; ROOM],
}

/// Keys that both sides agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Of what we send.
    pub send: MasterKey,
    /// Of what the other side sends.
    pub receive: MasterKey,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is not base64.
    #[error("the key is not base64")]
    NotBase64,
    /// It has not the length that the suite wants, bytes.
    #[error("the key with its salt has {actual} bytes in place of {expected}")]
    WrongLength {
        /// That the suite wants.
        expected: usize,
        /// That it has.
        actual: usize,
    },
    /// The machine has no randomness to give.
    #[error("no randomness for a key")]
    NoRandomness,
}

impl MasterKey {
    /// A new one.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`]
    pub fn random(suite: Suite) -> Result<MasterKey, KeyError> {
        let mut key = MasterKey {
            suite,
            bytes: [0; ROOM],
        };
        rand::fill(key.used_mut()).map_err(|_| KeyError::NoRandomness)?;
        Ok(key)
    }

    /// From key and salt, one behind the other.
    ///
    /// # Errors
    /// [`KeyError::WrongLength`]
    pub fn new(suite: Suite, bytes: &[u8]) -> Result<MasterKey, KeyError> {
        let mut key = MasterKey {
            suite,
            bytes: [0; ROOM],
        };
        let (expected, actual) = (key.length(), bytes.len());
        if expected != actual {
            return Err(KeyError::WrongLength { expected, actual });
        }
        key.used_mut().copy_from_slice(bytes);
        Ok(key)
    }

    /// From what SDP says behind `inline:` (RFC 4568 section 6.1).
    ///
    /// # Errors
    /// [`KeyError`]
    pub fn from_base64(suite: Suite, text: &str) -> Result<MasterKey, KeyError> {
        let mut bytes = LENIENT.decode(text).map_err(|_| KeyError::NotBase64)?;
        let key = MasterKey::new(suite, &bytes);
        bytes.zeroize();
        key
    }

    /// What SDP says behind `inline:`.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.bytes.get(..self.length()).unwrap_or_default())
    }

    /// Its suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The key itself.
    pub(crate) fn key(&self) -> &[u8] {
        &self.bytes[..self.suite.key_bytes()]
    }

    /// The salt, with the zeros behind it that make 14 bytes of it (RFC 7714 section 11).
    pub(crate) fn salt(&self) -> [u8; 14] {
        let mut salt = [0; 14];
        salt.copy_from_slice(&self.bytes[self.suite.key_bytes()..self.suite.key_bytes() + 14]);
        salt
    }

    fn length(&self) -> usize {
        self.suite.key_bytes() + self.suite.salt_bytes()
    }

    fn used_mut(&mut self) -> &mut [u8] {
        let length = self.length();
        &mut self.bytes[..length]
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl PartialEq for MasterKey {
    /// In constant time.
    fn eq(&self, other: &MasterKey) -> bool {
        let same = constant_time::verify_slices_are_equal(&self.bytes, &other.bytes);
        self.suite == other.suite && same.is_ok()
    }
}

impl Eq for MasterKey {}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, …)", self.suite.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_and_shown_nowhere() {
        for suite in Suite::ALL {
            let key = MasterKey::random(suite).unwrap();
            let text = key.to_base64();
            assert_eq!(MasterKey::from_base64(suite, &text).unwrap(), key);
            assert_eq!(
                MasterKey::from_base64(suite, text.trim_end_matches('=')).unwrap(),
                key
            );
            assert_ne!(MasterKey::random(suite).unwrap(), key);
            assert_eq!(format!("{key:?}"), format!("MasterKey({}, …)", suite.name()));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_reason() {
        let gcm = Suite::AeadAes128Gcm;
        assert_eq!(MasterKey::from_base64(gcm, "?"), Err(KeyError::NotBase64));
        let (expected, actual) = (28, 30);
        assert_eq!(
            MasterKey::new(gcm, &[1; 30]),
            Err(KeyError::WrongLength { expected, actual })
        );
    }
}

//! Files that nobody can read without a key of the moment: AES-256-GCM (NIST SP 800-38D) in pieces.
//!
//! ```text
//!   Sealer    appends: magic, then frames of length (4 bytes), what is in them, tag; the nonce is the frame's number
//!   Unsealer  reads that from any place; a frame that was cut off is the end, one that was damaged is zeros
//!   Blocks    reads and writes anywhere: blocks of 64 KiB, each behind the number that was its nonce when it was written
//! ```
//!
//! A key is for one file: a nonce counts what was sealed in it.

mod blocks;
mod frames;

pub use blocks::Blocks;
pub use frames::{Sealer, Unsealer};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::fmt;
use std::io;

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes that sealing adds.
const TAG: usize = 16;

/// The key of one file. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; KEY]);

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(***)")
    }
}

impl SealKey {
    /// A key of these bytes, which must be random and for one file alone.
    pub fn new(bytes: [u8; KEY]) -> SealKey {
        SealKey(bytes)
    }

    /// 64 hex digits, to be kept where the file is not.
    pub fn to_text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key of [`to_text`](Self::to_text); `None` of anything else.
    pub fn parse(text: &str) -> Option<SealKey> {
        let mut bytes = [0; KEY];
        if text.len() != 2 * KEY || !text.is_ascii() {
            return None;
        }
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(SealKey(bytes))
    }

    fn cipher(&self) -> io::Result<Cipher> {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).map_err(io::Error::other)?;
        Ok(Cipher(LessSafeKey::new(key)))
    }
}

/// A key at work.
#[derive(Debug)]
struct Cipher(LessSafeKey);

impl Cipher {
    fn nonce(number: u64) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[NONCE_LEN - 8..].copy_from_slice(&number.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    /// Seals what is in `text` and appends the tag.
    fn seal(&self, number: u64, text: &mut Vec<u8>) -> io::Result<()> {
        let sealed = self
            .0
            .seal_in_place_append_tag(Self::nonce(number), Aad::empty(), text);
        sealed.map_err(io::Error::other)
    }

    /// Opens what was sealed, and takes the tag off; false when it is not what was sealed.
    fn open(&self, number: u64, text: &mut Vec<u8>) -> bool {
        let opened = self.0.open_in_place(Self::nonce(number), Aad::empty(), text);
        let Ok(length) = opened.map(|plain| plain.len()) else {
            return false;
        };
        text.truncate(length);
        true
    }
}

/// Where a seek leads to; before the beginning is an error.
fn sought(from: io::SeekFrom, position: u64, length: u64) -> io::Result<u64> {
    let to = match from {
        io::SeekFrom::Start(to) => Some(to),
        io::SeekFrom::Current(by) => position.checked_add_signed(by),
        io::SeekFrom::End(by) => length.checked_add_signed(by),
    };
    to.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

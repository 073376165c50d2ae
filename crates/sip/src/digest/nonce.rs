//! Nonces that a server knows again without keeping them, and the counts that came with those in use.
//!
//! A nonce is `stamp, random, code`: milliseconds since the server's start, eight random bytes, and an HMAC of both with the
//! realm. Only for a nonce that has proved a password something is kept: which of the last [`WINDOW`] counts came. So a
//! stranger cannot fill the table, and when it is full the oldest nonces are forgotten and called stale.

use super::hash::hex;
use crate::random::Random;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Most nonces whose counts are kept; the oldest goes first and becomes stale.
pub const MAX_NONCES: usize = 4096;
/// How far a count may come behind the highest: requests of one client overtake each other.
pub const WINDOW: u32 = 64;

/// Bytes of the part that the code covers, and of the code.
const ID: usize = 16;
const CODE: usize = 16;
/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Stamp and random bytes: ordered by time.
pub(super) type Id = [u8; ID];

pub(super) struct Nonces {
    key: [u8; BLOCK],
    realm: String,
    start: Instant,
    pub(super) lifetime: Duration,
    seen: BTreeMap<Id, Seen>,
    /// The latest of those that were forgotten before their time.
    forgotten: Option<Id>,
}

/// The counts that came with a nonce.
#[derive(Default)]
struct Seen {
    highest: u32,
    /// Bit `n`: `highest - n` has come.
    window: u64,
}

/// What a count says about its request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It is the first with this count.
    New,
    /// It came before, or so long ago that nobody knows.
    Again,
    /// The nonce is not known any more.
    Forgotten,
}

impl Nonces {
    pub(super) fn new(key: &[u8; 32], realm: &str, start: Instant, lifetime: Duration) -> Nonces {
        let mut block = [0; BLOCK];
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
        Nonces {
            key: block,
            realm: realm.to_owned(),
            start,
            lifetime,
            seen: BTreeMap::new(),
            forgotten: None,
        }
    }

    pub(super) fn issue(&self, now: Instant, random: &mut Random) -> String {
        let stamp = self.stamp(now).to_be_bytes();
        let id = [stamp, random.number().to_be_bytes()].concat();
        let code = self.code(&id).finalize().into_bytes();
        hex(&id) + &hex(code.get(..CODE).unwrap_or_default())
    }

    /// The nonce when it is one of ours and young enough.
    pub(super) fn check(&self, text: &str, now: Instant) -> Option<Id> {
        let bytes = unhex(text)?;
        let (id, code) = bytes.split_at_checked(ID)?;
        if code.len() != CODE {
            return None;
        }
        self.code(id).verify_truncated_left(code).ok()?;
        let id = Id::try_from(id).ok()?;
        (id.as_slice() >= self.oldest(now).as_slice() && stamp_of(&id) <= self.stamp(now)).then_some(id)
    }

    /// Notes a request whose sum was right. Without a count a nonce is good for one.
    pub(super) fn count(&mut self, id: Id, count: u32, now: Instant) -> Use {
        let oldest = self.oldest(now);
        self.seen = self.seen.split_off(&oldest);
        if !self.seen.contains_key(&id) {
            if self.forgotten.is_some_and(|f| id <= f) {
                return Use::Forgotten;
            }
            while self.seen.len() >= MAX_NONCES
                && let Some((first, _)) = self.seen.pop_first()
            {
                self.forgotten = self.forgotten.max(Some(first));
            }
            if self.forgotten.is_some_and(|f| id <= f) {
                return Use::Forgotten;
            }
        }
        self.seen.entry(id).or_default().take(count)
    }

    /// Where nonces begin that are young enough.
    fn oldest(&self, now: Instant) -> Id {
        let lifetime = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        let mut id = [0; ID];
        let stamp = self.stamp(now).saturating_sub(lifetime).to_be_bytes();
        for (to, from) in id.iter_mut().zip(stamp) {
            *to = from;
        }
        id
    }

    fn stamp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn code(&self, id: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(id);
        mac.update(self.realm.as_bytes());
        mac
    }
}

impl Seen {
    fn take(&mut self, count: u32) -> Use {
        if count > self.highest {
            let ahead = count - self.highest;
            self.window = self.window.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return Use::New;
        }
        let behind = self.highest - count;
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if behind >= WINDOW || self.window & bit != 0 {
            return Use::Again;
        }
        self.window |= bit;
        Use::New
    }
}

fn stamp_of(id: &Id) -> u64 {
    id.iter().take(8).fold(0, |all, b| all << 8 | u64::from(*b))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if bytes.len() != 2 * (ID + CODE) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    };
    bytes.chunks(2).map(byte).collect()
}

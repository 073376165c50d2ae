//! Session keys, and what they do to one packet.

use crate::header::RTCP_HEADER;
use crate::{Error, MasterKey, Result, Suite};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroize;

/// Room for the longest session key, bytes.
const SESSION_KEY: usize = 32;
/// Bytes of the HMAC key (RFC 3711 section 5.2).
const HMAC_KEY: usize = 20;
/// Bytes of the HMAC that are sent.
const HMAC_TAG: usize = 10;

/// Which of a session's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Rtp,
    Rtcp,
}

impl Stream {
    /// Labels of key, authentication and salt (RFC 3711 section 4.3.2).
    fn labels(self) -> [u8; 3] {
        match self {
            Stream::Rtp => [0, 1, 2],
            Stream::Rtcp => [3, 4, 5],
        }
    }
}

/// The session keys of one stream in one direction.
pub(crate) enum Transform {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    Counter {
        key: Box<EncryptingKey>,
        salt: [u8; 14],
        authentication: Box<hmac::Key>,
    },
}

impl Transform {
    /// # Errors
    /// [`Error::UsedUp`], when the library refuses the key; it does not.
    pub(crate) fn new(master: &MasterKey, stream: Stream) -> Result<Transform> {
        let [key_label, authentication_label, salt_label] = stream.labels();
        let (mut room, mut salt) = ([0; SESSION_KEY], [0; 14]);
        let key = &mut room[..master.suite().key_bytes()];
        derive(master, key_label, key)?;
        derive(master, salt_label, &mut salt)?;
        let transform = match master.suite() {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => {
                let [salt @ .., _, _] = salt;
                let cipher = match key.len() {
                    SESSION_KEY => &AES_256_GCM,
                    _ => &AES_128_GCM,
                };
                let key = UnboundKey::new(cipher, key).map_err(|_| Error::UsedUp)?;
                Transform::Gcm {
                    key: LessSafeKey::new(key),
                    salt,
                }
            }
            Suite::AesCm128HmacSha1_80 => {
                let mut authentication = [0; HMAC_KEY];
                derive(master, authentication_label, &mut authentication)?;
                let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
                let keyed = hmac::Key::new(algorithm, &authentication);
                authentication.zeroize();
                Transform::Counter {
                    key: Box::new(counter_mode(key)?),
                    salt,
                    authentication: Box::new(keyed),
                }
            }
        };
        room.zeroize();
        Ok(transform)
    }

    /// Seals an RTP packet whose first `clear` bytes stay readable.
    pub(crate) fn seal_rtp(&self, packet: &mut Vec<u8>, clear: usize, ssrc: u32, index: u64) -> Result<()> {
        let (head, payload) = packet.split_at_mut_checked(clear).ok_or(Error::Malformed)?;
        match self {
            Transform::Gcm { key, salt } => {
                let tag = key
                    .seal_in_place_separate_tag(nonce(*salt, ssrc, index), Aad::from(&*head), payload)
                    .map_err(|_| Error::UsedUp)?;
                packet.extend_from_slice(tag.as_ref());
            }
            Transform::Counter {
                key,
                salt,
                authentication,
            } => {
                run(key, counter(*salt, ssrc, index), payload)?;
                let tag = authenticate(authentication, packet, &roll_overs(index));
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Opens one that was sealed so.
    pub(crate) fn open_rtp(&self, packet: &mut Vec<u8>, clear: usize, ssrc: u32, index: u64) -> Result<()> {
        match self {
            Transform::Gcm { key, salt } => {
                let (head, sealed) = packet.split_at_mut_checked(clear).ok_or(Error::Malformed)?;
                let nonce = nonce(*salt, ssrc, index);
                let opened = key.open_in_place(nonce, Aad::from(&*head), sealed);
                let length = opened.map_err(|_| Error::NotAuthentic)?.len();
                packet.truncate(clear + length);
            }
            Transform::Counter {
                key,
                salt,
                authentication,
            } => {
                let end = check_tag(authentication, packet, clear, &roll_overs(index))?;
                packet.truncate(end);
                run(key, counter(*salt, ssrc, index), &mut packet[clear..])?;
            }
        }
        Ok(())
    }

    /// Seals an RTCP packet; `word` is the flag of encryption and the index.
    pub(crate) fn seal_rtcp(&self, packet: &mut Vec<u8>, ssrc: u32, word: u32) -> Result<()> {
        let index = u64::from(word & !ENCRYPTED);
        let word = word.to_be_bytes();
        let (head, body) = packet.split_at_mut_checked(RTCP_HEADER).ok_or(Error::Malformed)?;
        match self {
            Transform::Gcm { key, salt } => {
                let nonce = nonce(*salt, ssrc, index);
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(rtcp_aad(head, word)), body)
                    .map_err(|_| Error::UsedUp)?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&word);
            }
            Transform::Counter {
                key,
                salt,
                authentication,
            } => {
                run(key, counter(*salt, ssrc, index), body)?;
                packet.extend_from_slice(&word);
                let tag = authenticate(authentication, packet, &[]);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Where the flag of encryption and the index stand in a sealed RTCP packet.
    pub(crate) fn rtcp_word(&self, packet: &[u8]) -> Result<u32> {
        let behind = match self {
            Transform::Gcm { .. } => 0,
            Transform::Counter { .. } => HMAC_TAG,
        };
        let end = packet.len().checked_sub(behind).ok_or(Error::Malformed)?;
        let start = end.checked_sub(4).filter(|start| *start >= RTCP_HEADER);
        let word = packet.get(start.ok_or(Error::Malformed)?..end);
        let word = word
            .and_then(|word| word.try_into().ok())
            .ok_or(Error::Malformed)?;
        Ok(u32::from_be_bytes(word))
    }

    /// Opens an RTCP packet with this word.
    pub(crate) fn open_rtcp(&self, packet: &mut Vec<u8>, ssrc: u32, word: u32) -> Result<()> {
        let index = u64::from(word & !ENCRYPTED);
        match self {
            Transform::Gcm { key, salt } => {
                packet.truncate(packet.len().saturating_sub(4));
                let (head, sealed) = packet.split_at_mut_checked(RTCP_HEADER).ok_or(Error::Malformed)?;
                let (nonce, aad) = (nonce(*salt, ssrc, index), rtcp_aad(head, word.to_be_bytes()));
                let opened = key.open_in_place(nonce, Aad::from(aad), sealed);
                let length = opened.map_err(|_| Error::NotAuthentic)?.len();
                packet.truncate(RTCP_HEADER + length);
            }
            Transform::Counter {
                key,
                salt,
                authentication,
            } => {
                let end = check_tag(authentication, packet, RTCP_HEADER + 4, &[])?;
                packet.truncate(end - 4);
                if word & ENCRYPTED != 0 {
                    run(key, counter(*salt, ssrc, index), &mut packet[RTCP_HEADER..])?;
                }
            }
        }
        Ok(())
    }
}

/// The flag of encryption before an SRTCP index (RFC 3711 section 3.4).
pub(crate) const ENCRYPTED: u32 = 1 << 31;

/// A session key: the key stream of the master key at the place of its label (RFC 3711 section 4.3.3; with a key of 256 bits
/// RFC 7714 section 11, RFC 6188 section 3).
fn derive(master: &MasterKey, label: u8, out: &mut [u8]) -> Result<()> {
    let mut start = [0; 16];
    start[..14].copy_from_slice(&master.salt());
    start[7] ^= label;
    out.fill(0);
    run(&counter_mode(master.key())?, start, out)
}

fn counter_mode(key: &[u8]) -> Result<EncryptingKey> {
    let cipher = match key.len() {
        SESSION_KEY => &AES_256,
        _ => &AES_128,
    };
    let key = UnboundCipherKey::new(cipher, key).and_then(EncryptingKey::ctr);
    key.map_err(|_| Error::UsedUp)
}

/// Adds the key stream from `start` on.
fn run(key: &EncryptingKey, start: [u8; 16], data: &mut [u8]) -> Result<()> {
    let start = EncryptionContext::Iv128(FixedLength::from(start));
    key.less_safe_encrypt(data, start)
        .map(|_| ())
        .map_err(|_| Error::UsedUp)
}

/// RFC 7714 sections 8.1 and 9.1: SSRC and index, behind two bytes of zeros.
fn nonce(mut salt: [u8; 12], ssrc: u32, index: u64) -> Nonce {
    mix(&mut salt[2..], ssrc, index);
    Nonce::assume_unique_for_key(salt)
}

/// RFC 3711 section 4.1.1.
fn counter(salt: [u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut start = [0; 16];
    start[..14].copy_from_slice(&salt);
    mix(&mut start[4..14], ssrc, index);
    start
}

/// SSRC and the 48 bits of the index.
fn mix(salt: &mut [u8], ssrc: u32, index: u64) {
    let index = index.to_be_bytes();
    let both = ssrc.to_be_bytes().into_iter().chain(index.into_iter().skip(2));
    for (byte, with) in salt.iter_mut().zip(both) {
        *byte ^= with;
    }
}

/// RFC 7714 section 9.2: header and word.
fn rtcp_aad(head: &[u8], word: [u8; 4]) -> [u8; RTCP_HEADER + 4] {
    let mut aad = [0; RTCP_HEADER + 4];
    aad[..RTCP_HEADER].copy_from_slice(head);
    aad[RTCP_HEADER..].copy_from_slice(&word);
    aad
}

fn roll_overs(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn authenticate(key: &hmac::Key, packet: &[u8], more: &[u8]) -> [u8; HMAC_TAG] {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(more);
    let mut tag = [0; HMAC_TAG];
    for (byte, of) in tag.iter_mut().zip(context.sign().as_ref()) {
        *byte = *of;
    }
    tag
}

/// Where the tag begins, when it is right.
fn check_tag(key: &hmac::Key, packet: &[u8], least: usize, more: &[u8]) -> Result<usize> {
    let end = packet.len().checked_sub(HMAC_TAG).filter(|end| *end >= least);
    let (sealed, tag) = packet.split_at(end.ok_or(Error::Malformed)?);
    let right = authenticate(key, sealed, more);
    constant_time::verify_slices_are_equal(&right, tag).map_err(|_| Error::NotAuthentic)?;
    Ok(sealed.len())
}

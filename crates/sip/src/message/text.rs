//! Text that may hold bytes that are no UTF-8.
//!
//! SIP is UTF-8 (RFC 3261 section 7), but carriers send display names in Latin-1 and EUC-KR. Such bytes must neither refuse
//! a call nor be lost: a dialog's From and To go back as they came. So a foreign byte is carried as one code point of a
//! private area, and becomes that byte again when the message is written. Code points of that area which were sent as such
//! are carried as their three bytes, so that every message is written as it was read.

use std::borrow::Cow;

/// Byte `b` is carried as `FOREIGN + b`.
const FOREIGN: u32 = 0xF700;
/// First byte of every carried byte in UTF-8: U+F780 to U+F7FF are EF 9E 80 to EF 9F BF.
const LEAD: u8 = 0xEF;

/// Reads `bytes`; borrows when all is plain UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !has_carried(text) => Cow::Borrowed(text),
        _ => Cow::Owned(carry(bytes)),
    }
}

fn carry(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if carried(c).is_some() {
                let mut encoded = [0; 4];
                out.extend(c.encode_utf8(&mut encoded).bytes().filter_map(carrier));
            } else {
                out.push(c);
            }
        }
        out.extend(chunk.invalid().iter().copied().filter_map(carrier));
    }
    out
}

fn carrier(byte: u8) -> Option<char> {
    char::from_u32(FOREIGN + u32::from(byte))
}

fn carried(c: char) -> Option<u8> {
    let byte = u32::from(c).checked_sub(FOREIGN)?;
    u8::try_from(byte).ok().filter(|b| *b >= 0x80)
}

fn has_carried(text: &str) -> bool {
    memchr::memchr(LEAD, text.as_bytes()).is_some() && text.chars().any(|c| carried(c).is_some())
}

/// Appends the bytes that `text` stands for.
pub(crate) fn encode(text: &str, out: &mut Vec<u8>) {
    if !has_carried(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut buffer = [0; 4];
    for c in text.chars() {
        match carried(c) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
}

/// `text` for people: foreign bytes are shown as Latin-1, the most usual of them.
pub fn readable(text: &str) -> Cow<'_, str> {
    if !has_carried(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| carried(c).map_or(c, char::from)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(bytes: &[u8]) {
        let mut out = Vec::new();
        encode(&decode(bytes), &mut out);
        assert_eq!(out, bytes);
    }

    #[test]
    fn every_byte_comes_back_as_it_was() {
        round("plain".as_bytes());
        round("한국 통신".as_bytes());
        round(&(0..=255).collect::<Vec<u8>>());
        round(b"J\xfcrgen");
        round("\u{F7FC} \u{F700} \u{FFFD}".as_bytes());
        round(b"\xEF\x9F");
    }

    #[test]
    fn foreign_bytes_are_read_as_latin_1() {
        assert_eq!(readable(&decode(b"J\xfcrgen")), "Jürgen");
        assert_eq!(readable(&decode("Jürgen".as_bytes())), "Jürgen");
    }
}

//! Sealed files that only grow, and may be cut off anywhere by a crash.

use super::{Cipher, SealKey, TAG, sought};
use std::io::{self, Read, Seek, SeekFrom, Write};

const MAGIC: &[u8; 8] = b"OmniSea1";
/// Bytes before a frame: its length, without the tag.
const HEAD: usize = 4;
/// Bytes in a frame at most.
const MOST: usize = 1 << 16;

/// Appends to a sealed file. Each write is a frame, so it is to be written to in large pieces.
#[derive(Debug)]
pub struct Sealer<W: Write> {
    inner: W,
    cipher: Cipher,
    number: u64,
    frame: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    /// Begins a file.
    pub fn new(mut inner: W, key: &SealKey) -> io::Result<Self> {
        inner.write_all(MAGIC)?;
        Ok(Self {
            inner,
            cipher: key.cipher()?,
            number: 0,
            frame: Vec::new(),
        })
    }

    /// What is below.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = &bytes[..bytes.len().min(MOST)];
        if some.is_empty() {
            return Ok(0);
        }
        self.frame.clear();
        self.frame.extend_from_slice(some);
        self.cipher.seal(self.number, &mut self.frame)?;
        self.number += 1;
        self.frame.splice(0..0, (some.len() as u32).to_le_bytes());
        self.inner.write_all(&self.frame)?;
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Where a frame lies.
#[derive(Debug, Clone, Copy)]
struct Frame {
    /// Of its sealed bytes in the file.
    at: u64,
    /// Of its first byte in what was written.
    position: u64,
    length: usize,
}

/// Reads a sealed file.
#[derive(Debug)]
pub struct Unsealer<R: Read + Seek> {
    inner: R,
    cipher: Cipher,
    /// 24 bytes each: some MiB for a day.
    frames: Vec<Frame>,
    length: u64,
    position: u64,
    /// The frame that is open, and what is in it.
    open: Option<(usize, Vec<u8>)>,
}

impl<R: Read + Seek> Unsealer<R> {
    /// Looks where the frames are. A file that was cut off before its first one is empty; one that is no sealed file is an
    /// error.
    pub fn new(mut inner: R, key: &SealKey) -> io::Result<Self> {
        let end = inner.seek(SeekFrom::End(0))?;
        inner.rewind()?;
        let mut one = Self {
            inner,
            cipher: key.cipher()?,
            frames: Vec::new(),
            length: 0,
            position: 0,
            open: None,
        };
        let mut at = MAGIC.len() as u64;
        if end < at {
            return Ok(one);
        }
        let mut magic = [0; MAGIC.len()];
        one.inner.read_exact(&mut magic)?;
        if &magic != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a sealed file"));
        }
        while at + HEAD as u64 <= end {
            let mut head = [0; HEAD];
            one.inner.seek(SeekFrom::Start(at))?;
            one.inner.read_exact(&mut head)?;
            at += HEAD as u64;
            let length = u32::from_le_bytes(head) as usize;
            let next = at + (length + TAG) as u64;
            if !(1..=MOST).contains(&length) || next > end {
                break;
            }
            one.frames.push(Frame {
                at,
                position: one.length,
                length,
            });
            one.length += length as u64;
            at = next;
        }
        Ok(one)
    }

    /// The frame with this byte of what was written, and what is in it.
    fn frame(&mut self, position: u64) -> io::Result<(Frame, &[u8])> {
        let number = self.frames.partition_point(|frame| frame.position <= position) - 1;
        let frame = self.frames[number];
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let mut text = self.open.take().map(|(_, text)| text).unwrap_or_default();
            text.resize(frame.length + TAG, 0);
            self.inner.seek(SeekFrom::Start(frame.at))?;
            self.inner.read_exact(&mut text)?;
            if !self.cipher.open(number as u64, &mut text) {
                text.clear();
                text.resize(frame.length, 0);
            }
            self.open = Some((number, text));
        }
        Ok((frame, self.open.as_ref().map_or(&[], |(_, text)| text)))
    }
}

impl<R: Read + Seek> Read for Unsealer<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length || out.is_empty() {
            return Ok(0);
        }
        let position = self.position;
        let (frame, text) = self.frame(position)?;
        let rest = text
            .get((position - frame.position) as usize..)
            .unwrap_or_default();
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl<R: Read + Seek> Seek for Unsealer<R> {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.position = sought(from, self.position, self.length)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn key() -> SealKey {
        SealKey::new([7; 32])
    }

    fn sealed(pieces: usize) -> (Vec<u8>, Vec<u8>) {
        let mut sealer = Sealer::new(Vec::new(), &key()).unwrap();
        let mut plain = Vec::new();
        for n in 0..pieces {
            let piece = vec![n as u8; 100 + n];
            sealer.write_all(&piece).unwrap();
            plain.extend(piece);
        }
        (sealer.inner, plain)
    }

    fn read(file: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let mut unsealer = Unsealer::new(Cursor::new(file), &key()).unwrap();
        unsealer.read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn what_was_sealed_is_read_from_any_place_and_does_not_stand_in_the_file() {
        let (file, plain) = sealed(50);
        assert!(
            !file
                .windows(32)
                .any(|bytes| bytes.iter().all(|byte| *byte == bytes[0]))
        );
        assert_eq!(read(&file), plain);
        let mut unsealer = Unsealer::new(Cursor::new(&file), &key()).unwrap();
        for at in [4_000, 17, plain.len() - 9] {
            unsealer.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut some = [0; 9];
            unsealer.read_exact(&mut some).unwrap();
            assert_eq!(some, plain[at..at + 9]);
        }
    }

    #[test]
    fn wherever_a_crash_cuts_the_file_only_the_last_frame_is_lost() {
        let (file, plain) = sealed(12);
        let mut whole = 0;
        for end in 0..file.len() {
            let found = read(&file[..end]);
            assert_eq!(found, plain[..found.len()], "cut at {end}");
            assert!(found.len() >= whole, "cut at {end}");
            whole = found.len();
        }
        assert_eq!(whole, plain.len() - 111);
    }

    #[test]
    fn a_damaged_frame_is_zeros_and_the_others_are_as_they_were() {
        let (mut file, mut plain) = sealed(3);
        file[8 + 4 + 50] ^= 1;
        plain[..100].fill(0);
        assert_eq!(read(&file), plain);
    }

    #[test]
    fn another_key_opens_nothing_and_a_file_that_is_not_sealed_is_refused() {
        let (file, plain) = sealed(3);
        let mut unsealer = Unsealer::new(Cursor::new(&file), &SealKey::new([8; 32])).unwrap();
        let mut found = Vec::new();
        unsealer.read_to_end(&mut found).unwrap();
        assert_eq!(found, vec![0; plain.len()]);
        assert!(Unsealer::new(Cursor::new(b"OggS and so on"), &key()).is_err());
    }

    #[test]
    fn a_key_is_read_from_its_text_alone_and_never_shown() {
        let text = key().to_text();
        assert_eq!(SealKey::parse(&text), Some(key()));
        for other in ["", &text[1..], &format!("{}g", &text[1..]), &"é".repeat(32)] {
            assert_eq!(SealKey::parse(other), None);
        }
        assert_eq!(format!("{:?}", key()), "SealKey(***)");
    }
}

//! Sealed files that are written anywhere, as the makers of audio files do with their heads.

use super::{Cipher, SealKey, TAG, sought};
use std::io::{self, Read, Seek, SeekFrom, Write};

/// Bytes in a block.
const BLOCK: usize = 1 << 16;
/// Before a block: the number that was its nonce.
const HEAD: usize = 8;
/// Bytes that a block takes in the file.
const STORED: u64 = (HEAD + BLOCK + TAG) as u64;

/// A sealed file without holes, read and written through one block in memory.
#[derive(Debug)]
pub struct Blocks<F: Read + Write + Seek> {
    inner: F,
    cipher: Cipher,
    /// Blocks sealed so far: no number is used twice.
    sealed: u64,
    length: u64,
    position: u64,
    /// The block in memory, and whether it is newer than that of the file.
    number: u64,
    block: Vec<u8>,
    dirty: bool,
}

impl<F: Read + Write + Seek> Blocks<F> {
    /// A new file, which must be empty.
    pub fn new(inner: F, key: &SealKey) -> io::Result<Self> {
        Ok(Self {
            inner,
            cipher: key.cipher()?,
            sealed: 0,
            length: 0,
            position: 0,
            number: 0,
            block: Vec::with_capacity(HEAD + BLOCK + TAG),
            dirty: false,
        })
    }

    /// Bytes that were written.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes of the block with this number.
    fn filled(&self, number: u64) -> usize {
        self.length
            .saturating_sub(number * BLOCK as u64)
            .min(BLOCK as u64) as usize
    }

    fn put(&mut self) -> io::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        let mut text = self.block.clone();
        self.cipher.seal(self.sealed, &mut text)?;
        text.splice(0..0, self.sealed.to_le_bytes());
        self.sealed += 1;
        self.inner.seek(SeekFrom::Start(self.number * STORED))?;
        self.inner.write_all(&text)?;
        self.dirty = false;
        Ok(())
    }

    /// Has the block of this position in memory; where in it that is.
    fn at(&mut self, position: u64) -> io::Result<usize> {
        let number = position / BLOCK as u64;
        if number != self.number {
            self.put()?;
            self.block.clear();
            let filled = self.filled(number);
            if filled > 0 {
                let mut head = [0; HEAD];
                self.inner.seek(SeekFrom::Start(number * STORED))?;
                self.inner.read_exact(&mut head)?;
                self.block.resize(filled + TAG, 0);
                self.inner.read_exact(&mut self.block)?;
                if !self.cipher.open(u64::from_le_bytes(head), &mut self.block) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        "a sealed block is damaged",
                    ));
                }
            }
            self.number = number;
        }
        Ok((position % BLOCK as u64) as usize)
    }
}

impl<F: Read + Write + Seek> Read for Blocks<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.length {
            return Ok(0);
        }
        let at = self.at(self.position)?;
        let rest = self.block.get(at..).unwrap_or_default();
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl<F: Read + Write + Seek> Write for Blocks<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.position > self.length {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a sealed file has no holes",
            ));
        }
        let at = self.at(self.position)?;
        let some = &bytes[..bytes.len().min(BLOCK - at)];
        let over = (self.block.len() - at).min(some.len());
        self.block[at..at + over].copy_from_slice(&some[..over]);
        self.block.extend_from_slice(&some[over..]);
        self.dirty |= !some.is_empty();
        self.position += some.len() as u64;
        self.length = self.length.max(self.position);
        Ok(some.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.put()?;
        self.inner.flush()
    }
}

impl<F: Read + Write + Seek> Seek for Blocks<F> {
    fn seek(&mut self, from: SeekFrom) -> io::Result<u64> {
        self.position = sought(from, self.position, self.length)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    use std::io::Cursor;

    #[test]
    fn whatever_is_written_wherever_is_read_as_from_a_plain_file() {
        let mut rng = StdRng::seed_from_u64(3);
        let key = SealKey::new([9; 32]);
        let mut sealed = Blocks::new(Cursor::new(Vec::new()), &key).unwrap();
        let mut plain = Cursor::new(Vec::<u8>::new());
        for round in 0..300u32 {
            let length = plain.get_ref().len() as u64;
            let at = if round % 3 == 0 {
                rng.random_range(0..=length)
            } else {
                length
            };
            let bytes = vec![round as u8; rng.random_range(0..9_000)];
            for file in [&mut sealed as &mut dyn Both, &mut plain] {
                file.seek(SeekFrom::Start(at)).unwrap();
                file.write_all(&bytes).unwrap();
            }
        }
        assert_eq!(sealed.length(), plain.get_ref().len() as u64);
        sealed.flush().unwrap();
        let mut found = Vec::new();
        sealed.rewind().unwrap();
        sealed.read_to_end(&mut found).unwrap();
        assert!(found == *plain.get_ref());
        let stored = sealed.inner.into_inner();
        assert!(
            !stored
                .windows(32)
                .any(|bytes| bytes.iter().all(|byte| *byte == bytes[0]))
        );
    }

    trait Both: Write + Seek {}
    impl<T: Write + Seek> Both for T {}
}

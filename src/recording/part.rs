//! A file that is being made: under a name of its own until it is complete, and gone if it never is.

use super::crypt::{self, CryptError, Recipients};
use super::folder::{PART, gone};
use crate::hex::hex;
use omnigate_recording::sealed::{Blocks, SealKey};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes that are written at once.
const BUFFER: usize = 1 << 16;

/// What is on the disk: sealed with a key that is nowhere else, where recordings are encrypted.
#[derive(Debug)]
enum Stored {
    Plain(File),
    Sealed(Box<Blocks<File>>),
}

macro_rules! stored {
    ($one:expr, $inner:ident => $what:expr) => {
        match $one {
            Stored::Plain($inner) => $what,
            Stored::Sealed($inner) => $what,
        }
    };
}

impl Read for Stored {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        stored!(self, inner => inner.read(out))
    }
}

impl Write for Stored {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        stored!(self, inner => inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        stored!(self, inner => inner.flush())
    }
}

impl Seek for Stored {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        stored!(self, inner => inner.seek(to))
    }
}

/// Removes a file unless it is kept.
struct Passing(PathBuf);

impl Drop for Passing {
    fn drop(&mut self) {
        let _ = gone(fs::remove_file(&self.0));
    }
}

/// The file that is being made.
pub(super) struct Part {
    whole: PathBuf,
    path: Passing,
    file: Rc<RefCell<BufWriter<Stored>>>,
}

/// What the maker of an audio file writes to.
pub(super) struct PartWriter(Rc<RefCell<BufWriter<Stored>>>);

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

impl Seek for PartWriter {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.borrow_mut().seek(to)
    }
}

impl Part {
    /// Begins the file that will have this name; `sealed` until then.
    pub(super) fn new(whole: PathBuf, sealed: bool) -> io::Result<Part> {
        let path = Passing(whole.with_added_extension(PART));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&path.0)?;
        let stored = if sealed {
            Stored::Sealed(Box::new(Blocks::new(file, &SealKey::new(rand::random()))?))
        } else {
            Stored::Plain(file)
        };
        let file = Rc::new(RefCell::new(BufWriter::with_capacity(BUFFER, stored)));
        Ok(Part { whole, path, file })
    }

    pub(super) fn writer(&self) -> PartWriter {
        PartWriter(self.file.clone())
    }

    /// Everything is written: gives the file its name, encrypted to the recipients if there are any. Its size and
    /// checksum, those of what was written.
    pub(super) fn complete(self, recipients: &Recipients) -> Result<(u64, String), CryptError> {
        let mut file = self.file.borrow_mut();
        file.flush()?;
        let stored = file.get_mut();
        stored.rewind()?;
        if let Stored::Plain(plain) = stored
            && recipients.is_empty()
        {
            let sums = checksum(plain)?;
            plain.sync_all()?;
            fs::rename(&self.path.0, &self.whole)?;
            return Ok(sums);
        }
        let secret = Part::secret(&self.whole);
        let part = Passing(secret.with_added_extension(PART));
        let mut reader = Summing::new(stored);
        let written = crypt::encrypt(&mut reader, File::create(&part.0)?, recipients)?;
        written.sync_all()?;
        fs::rename(&part.0, &secret)?;
        Ok(reader.finish())
    }

    /// The name of a file that is encrypted.
    fn secret(whole: &Path) -> PathBuf {
        whole.with_added_extension(crypt::EXTENSION)
    }
}

/// Size and SHA-256 of what is read through it.
struct Summing<R> {
    inner: R,
    hasher: Sha256,
    size: u64,
}

impl<R: Read> Summing<R> {
    fn new(inner: R) -> Summing<R> {
        Summing {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    fn finish(self) -> (u64, String) {
        let sum = self.hasher.finalize();
        (self.size, hex(&sum))
    }
}

impl<R: Read> Read for Summing<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(out)?;
        self.hasher.update(&out[..length]);
        self.size += length as u64;
        Ok(length)
    }
}

/// Size and SHA-256 of what is read.
pub(super) fn checksum(file: &mut dyn Read) -> io::Result<(u64, String)> {
    let mut reader = Summing::new(file);
    let mut buffer = vec![0; BUFFER];
    while reader.read(&mut buffer)? > 0 {}
    Ok(reader.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::x25519::Identity;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn a_file_that_is_never_complete_leaves_nothing_and_a_sealed_one_shows_nothing_meanwhile() {
        let folder = std::env::temp_dir().join(format!("omnigate-part-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let words = b"what nobody else is to read ".repeat(9_000);
        for sealed in [false, true] {
            let part = Part::new(folder.join("a.wav"), sealed).unwrap();
            part.writer().write_all(&words).unwrap();
            part.writer().flush().unwrap();
            let stored = fs::read(folder.join("a.wav.part")).unwrap();
            assert_eq!(stored.windows(20).any(|some| some == &words[..20]), !sealed);
            drop(part);
            assert_eq!(names(&folder), [""; 0]);
        }
        let key = Identity::generate();
        let part = Part::new(folder.join("a.wav"), true).unwrap();
        part.writer().write_all(&words).unwrap();
        let sums = part.complete(&Recipients::new(Some(&key), None)).unwrap();
        assert_eq!(names(&folder), ["a.wav.age"]);
        let mut plain = Vec::new();
        crypt::decrypt(&folder.join("a.wav.age"), &key, &mut plain).unwrap();
        assert!(plain == words);
        assert_eq!(sums, checksum(&mut plain.as_slice()).unwrap());
        fs::remove_dir_all(folder).unwrap();
    }
}

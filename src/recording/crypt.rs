//! Encryption at rest: the age format, with one key or recipient for all recordings. Files can be read from any place in them.

use age::stream::StreamReader;
use age::x25519::{Identity, Recipient};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// Extension of encrypted files.
pub(super) const EXTENSION: &str = "age";

/// Why something cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum CryptError {
    /// The key is none.
    #[error("recording.key: {0}: an age identity is expected, AGE-SECRET-KEY-1…")]
    Key(&'static str),
    /// The recipient is none.
    #[error("recording.recipient: {0}: an age recipient is expected, age1…")]
    Recipient(&'static str),
    /// It was encrypted with another key, or is damaged.
    #[error("cannot be decrypted: {0}")]
    Decrypt(#[from] age::DecryptError),
    /// It cannot be encrypted.
    #[error("cannot be encrypted: {0}")]
    Encrypt(#[from] age::EncryptError),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads a key.
pub fn identity(text: &str) -> Result<Identity, CryptError> {
    text.parse().map_err(CryptError::Key)
}

/// Reads a recipient.
pub fn recipient(text: &str) -> Result<Recipient, CryptError> {
    text.parse().map_err(CryptError::Recipient)
}

/// Whoever can read what is kept encrypted; nobody: it is kept as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Those of `recording.key` and `recording.recipient`.
    pub(super) fn new(key: Option<&Identity>, recipient: Option<&Recipient>) -> Recipients {
        let own = key.map(Identity::to_public);
        Recipients(recipient.cloned().into_iter().chain(own).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Encrypts what is read into `to`, and gives that back.
pub(super) fn encrypt<W: Write>(
    from: &mut dyn Read,
    to: W,
    recipients: &Recipients,
) -> Result<W, CryptError> {
    let all = recipients.0.iter().map(|one| one as &dyn age::Recipient);
    let mut out = age::Encryptor::with_recipients(all)?.wrap_output(to)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(out.finish()?);
        }
        out.write_all(&buffer[..length])?;
    }
}

/// Opens an encrypted file for reading.
pub(super) fn open(path: &Path, key: &Identity) -> Result<StreamReader<File>, CryptError> {
    unlock(File::open(path)?, key)
}

/// Reads decrypted what `from` has.
pub(super) fn unlock<R: Read>(from: R, key: &Identity) -> Result<StreamReader<R>, CryptError> {
    let decryptor = age::Decryptor::new(from)?;
    Ok(decryptor.decrypt(std::iter::once(key as &dyn age::Identity))?)
}

/// Decrypts a file into `out`; the number of bytes.
pub fn decrypt(path: &Path, key: &Identity, out: &mut impl Write) -> Result<u64, CryptError> {
    Ok(io::copy(&mut open(path, key)?, out)?)
}

/// Something to read from any place in it.
pub(crate) trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::SeekFrom;

    #[test]
    fn what_is_encrypted_reads_back_from_any_place_and_only_with_its_key() {
        let folder = std::env::temp_dir().join(format!("omnigate-crypt-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (plain, secret) = (folder.join("plain"), folder.join("plain.age"));
        let bytes: Vec<u8> = (0..300_000u32).map(|i| (i / 7) as u8).collect();
        std::fs::write(&plain, &bytes).unwrap();
        let key = Identity::generate();
        let recipients = Recipients::new(Some(&key), None);
        let mut from = File::open(&plain).unwrap();
        encrypt(&mut from, File::create(&secret).unwrap(), &recipients).unwrap();
        assert!(
            !std::fs::read(&secret)
                .unwrap()
                .windows(64)
                .any(|w| w == &bytes[1_000..1_064])
        );
        let mut reader = open(&secret, &key).unwrap();
        reader.seek(SeekFrom::Start(123_456)).unwrap();
        let mut part = vec![0; 70_000];
        reader.read_exact(&mut part).unwrap();
        assert_eq!(part, bytes[123_456..193_456]);
        assert!(matches!(
            open(&secret, &Identity::generate()),
            Err(CryptError::Decrypt(_))
        ));
        std::fs::remove_dir_all(folder).unwrap();
    }
}

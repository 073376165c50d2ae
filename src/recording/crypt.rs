//! Encryption at rest: the age format, with one key for all recordings. Files can be read from any place in them.

use age::stream::StreamReader;
use age::x25519::Identity;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::Path;

/// Extension of encrypted files.
pub(super) const EXTENSION: &str = "age";

/// Why something cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum CryptError {
    /// The key is none.
    #[error("recording.key: {0}: an age identity is expected, AGE-SECRET-KEY-1…")]
    Key(&'static str),
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

/// Encrypts a file into another one.
pub(super) fn encrypt(from: &Path, to: &Path, key: &Identity) -> Result<(), CryptError> {
    let recipient = key.to_public();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))?;
    let mut out = encryptor.wrap_output(File::create(to)?)?;
    io::copy(&mut BufReader::new(File::open(from)?), &mut out)?;
    out.finish()?.sync_all()?;
    Ok(())
}

/// Opens an encrypted file for reading.
pub(super) fn open(path: &Path, key: &Identity) -> Result<StreamReader<File>, CryptError> {
    let decryptor = age::Decryptor::new(File::open(path)?)?;
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
        encrypt(&plain, &secret, &key).unwrap();
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

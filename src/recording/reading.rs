//! Reading files of recordings, wherever they are: here, or in the object storage, of which only what is wanted is fetched.

use super::crypt::{self, CryptError, ReadSeek};
use super::downloads::{Crowded, Download};
use super::figures::RecordingFigures;
use super::finisher::stored_name;
use super::folder::Folder;
use super::index::Entry;
use super::keeper::Keeper;
use super::part::checksum;
use super::upload::{Bucket, UploadError};
use age::x25519::Identity;
use bytes::Bytes;
use omnigate_recording::file::Format;
use omnigate_recording::manifest::FileEntry;
use omnigate_room::RecordingId;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use tokio::runtime::Handle;

/// Bytes that are fetched from the object storage at once: a few of the pieces in which encrypted files are sealed.
const FETCH: u64 = 256 << 10;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the file is encrypted, and recording.key is not set")]
    NoKey,
    #[error(transparent)]
    Crypt(#[from] CryptError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("object storage: {0}")]
    Upload(#[from] UploadError),
}

/// A file that is open.
pub(crate) struct Opened {
    /// Reads in the thread that calls: not to be used where one must not wait.
    pub(crate) reader: Box<dyn ReadSeek>,
    /// Bytes that can be read.
    pub(crate) size: u64,
    /// Name for whoever keeps it.
    pub(crate) name: String,
    /// Media type of what is read.
    pub(crate) media_type: &'static str,
}

impl Keeper {
    /// A place among those who read files of this service.
    pub(crate) fn download(&self, service: &str) -> Result<Download, Crowded> {
        self.downloads.begin(service)
    }

    /// Opens a file of a recording. One that is encrypted, with nothing here to decrypt it, is read as it is.
    pub(crate) async fn open(&self, entry: &Entry, file: &FileEntry) -> Result<Opened, ReadError> {
        let key = self.parts.key.clone().filter(|_| file.encrypted);
        let (source, stored) = self.source(entry, file).await?;
        let as_it_is = file.encrypted && key.is_none();
        let reader = tokio::task::spawn_blocking(move || -> Result<Box<dyn ReadSeek>, ReadError> {
            Ok(match (source, key) {
                (Source::Here(file), None) => Box::new(file),
                (Source::Here(file), Some(key)) => Box::new(crypt::unlock(file, &key)?),
                (Source::There(range), None) => Box::new(range),
                (Source::There(range), Some(key)) => Box::new(crypt::unlock(range, &key)?),
            })
        });
        let reader = reader.await.map_err(io::Error::other)??;
        let format = Format::parse(&file.format).filter(|_| !as_it_is);
        Ok(Opened {
            reader,
            size: if as_it_is { stored } else { file.size },
            name: if as_it_is {
                stored_name(file)
            } else {
                file.name.clone()
            },
            media_type: format.map_or("application/octet-stream", Format::media_type),
        })
    }

    /// Where the file is, and how many bytes it has there.
    async fn source(&self, entry: &Entry, file: &FileEntry) -> Result<(Source, u64), ReadError> {
        let recording = entry.manifest.recording_id;
        if !entry.removed {
            match tokio::fs::File::open(self.path(recording, file)).await {
                Ok(here) => {
                    let length = here.metadata().await?.len();
                    return Ok((Source::Here(here.into_std().await), length));
                }
                // An upload may just have taken it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.bucket.is_some() => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some(bucket) = &self.bucket else {
            return Err(io::Error::from(io::ErrorKind::NotFound).into());
        };
        let (set, name) = (entry.manifest.set().to_string(), stored_name(file));
        // How much encryption adds is known there alone.
        let size = if file.encrypted {
            bucket.size(&set, &name).await?
        } else {
            file.size
        };
        let range = Ranges {
            bucket: bucket.clone(),
            runtime: Handle::current(),
            set,
            name,
            size,
            position: 0,
            here: (0, Bytes::new()),
            figures: self.parts.figures.clone(),
        };
        Ok((Source::There(range), size))
    }

    pub(super) fn path(&self, recording: RecordingId, file: &FileEntry) -> PathBuf {
        self.parts.folder.of(recording).join(stored_name(file))
    }
}

enum Source {
    Here(File),
    There(Ranges),
}

/// A file in the object storage, read from any place in it. The thread that reads waits for what is fetched.
struct Ranges {
    bucket: Arc<Bucket>,
    runtime: Handle,
    set: String,
    name: String,
    size: u64,
    position: u64,
    /// What was fetched last, and from where.
    here: (u64, Bytes),
    figures: Arc<RecordingFigures>,
}

impl Read for Ranges {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || out.is_empty() {
            return Ok(0);
        }
        let (from, bytes) = &self.here;
        if !(*from..from + bytes.len() as u64).contains(&self.position) {
            let end = self.position.saturating_add(FETCH).min(self.size);
            let range = self.bucket.range(&self.set, &self.name, self.position..end);
            let bytes = self.runtime.block_on(range).map_err(io::Error::other)?;
            self.figures.fetched_bytes.fetch_add(bytes.len() as u64, Relaxed);
            self.here = (self.position, bytes);
        }
        let (from, bytes) = &self.here;
        let rest = bytes.get((self.position - from) as usize..).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let length = rest.len().min(out.len());
        out[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for Ranges {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
        };
        self.position = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

/// Compares every file of a recording with the index; what is wrong, a line each.
pub fn verify(folder: &Folder, entry: &Entry, key: Option<&Identity>) -> Vec<String> {
    let recording = entry.manifest.recording_id;
    if entry.removed {
        return vec!["its files are in the object storage only".to_owned()];
    }
    let mut faults = Vec::new();
    for file in &entry.manifest.files {
        let path = folder.of(recording).join(stored_name(file));
        let read = || -> Result<(u64, String), ReadError> {
            match (file.encrypted, key) {
                (true, None) => Err(ReadError::NoKey),
                (true, Some(key)) => Ok(checksum(&mut crypt::open(&path, key)?)?),
                (false, _) => Ok(checksum(&mut File::open(&path)?)?),
            }
        };
        match read() {
            Ok((size, _)) if size != file.size => {
                faults.push(format!("{}: {size} bytes, and not {}", file.name, file.size));
            }
            Ok((_, sha256)) if sha256 != file.sha256 => {
                faults.push(format!("{}: its checksum is another one", file.name));
            }
            Ok(_) => {}
            Err(error) => faults.push(format!("{}: {error}", file.name)),
        }
    }
    faults
}

//! A lock on an open file. The file stays: were it removed, two processes could lock two files of one name.

use super::holder::{Held, Holder, OwnerError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What a holder writes is far shorter.
const MOST: u64 = 4096;

/// Held until it is dropped.
#[derive(Debug)]
pub(in crate::store) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks `path`, whose folder is made when it is missing, for `what`, which the setting `key` names.
    pub(super) fn take(
        key: &'static str,
        what: String,
        path: &Path,
        holder: &Holder,
    ) -> Result<FileLock, OwnerError> {
        let failed = |source| OwnerError::File {
            key,
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                // Only for people: a full disk takes no name, and still knows who has the lock.
                let _ = write(&mut file, holder);
                Ok(FileLock { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(OwnerError::Held(vec![Held {
                key,
                what,
                holder: read(file),
            }])),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    let text = serde_json::to_vec(holder)?;
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&text)
}

fn read(file: File) -> Option<Holder> {
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

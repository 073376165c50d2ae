//! Why nothing can be recorded.

use super::crypt::CryptError;
use super::folder::FolderError;
use crate::store::StoreError;

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder is of no use.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is in the folder cannot be read.
    #[error("recording.dir: {0}")]
    Io(#[from] std::io::Error),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] CryptError),
    /// The object storage cannot be set up.
    #[error("recording.upload: {0}")]
    Upload(#[from] object_store::Error),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

//! Why the store refuses.

use super::owner::OwnerError;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the database cannot be made.
    #[error("store.url: folder {folder}: {source}")]
    Folder {
        /// Which.
        folder: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("store.url: {0}")]
    Open(#[source] sqlx::Error),
    /// The database is of a later version.
    #[error(
        "store.url: the database is of version {found}, and this omnigate knows {known}: install a newer one"
    )]
    TooNew {
        /// Of the database.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// A statement failed.
    #[error("database: {0}")]
    Statement(#[from] sqlx::Error),
    /// What a column holds is not what was written.
    #[error("database: column {column}: {source}")]
    Content {
        /// Which.
        column: &'static str,
        /// Cause.
        source: serde_json::Error,
    },
    /// A command may not change the tables of a database that a service works on.
    #[error("the database is of an older version, which this command would bring up to date: {0}")]
    Busy(#[source] Box<OwnerError>),
    /// There is no file to copy: the database is one in memory, or of PostgreSQL, which has `pg_dump`.
    #[error("store.url: is no file of SQLite; copy a database of PostgreSQL with pg_dump")]
    NoFile,
    /// The copy cannot be made.
    #[error("{file}: {source}")]
    Backup {
        /// Where to.
        file: String,
        /// Cause.
        source: std::io::Error,
    },
    /// Another process has it, or took it meanwhile.
    #[error(transparent)]
    Owner(Box<OwnerError>),
    /// It cannot be reached, or its disk is full; the service goes on without it, and tries again.
    #[error("the database is absent: {0}")]
    Absent(String),
}

impl StoreError {
    /// Whether the same may go well later, without anybody changing a setting: the server does not run or not yet, the network
    /// is down, a disk is full.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Folder { source, .. } => is_full(source),
            Self::Open(error) | Self::Statement(error) => may_pass(error),
            Self::Owner(error) => matches!(&**error, OwnerError::Database(error) if may_pass(error)),
            Self::Absent(_) => true,
            Self::TooNew { .. }
            | Self::Content { .. }
            | Self::Busy(_)
            | Self::NoFile
            | Self::Backup { .. } => false,
        }
    }
}

/// See [`StoreError::passes`].
pub(super) fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            // PostgreSQL: classes connection exception, insufficient resources, operator intervention, system error.
            Some(code) if code.len() == 5 => ["08", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)),
            // SQLite, primary result code: BUSY, LOCKED, IOERR, FULL.
            Some(code) => code
                .parse()
                .is_ok_and(|code: u32| [5, 6, 10, 13].contains(&(code & 0xff))),
            None => false,
        },
        _ => false,
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// With the error of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

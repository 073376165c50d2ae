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
}

/// With the error of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

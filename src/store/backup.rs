//! A copy of an SQLite database.

use super::error::{Result, StoreError};
use super::owner::sqlite_file;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Writes the database of `url` into `file`, as it is at one moment, while others read and write it; how many bytes it has. The copy
/// is its owner's alone.
///
/// # Errors
/// The database is none of SQLite, `file` exists already, or one of the two cannot be read or written: then no file is left.
pub async fn backup(url: &str, file: &Path) -> Result<u64> {
    let Some(from) = sqlite_file(url).map_err(StoreError::Open)? else {
        return Err(StoreError::NoFile);
    };
    let failed = |source| StoreError::Backup {
        file: file.display().to_string(),
        source,
    };
    // Its mode is right from the beginning; an empty file is as good as none to SQLite.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    match copy(&from, file).await {
        Ok(()) => Ok(std::fs::metadata(file).map_err(failed)?.len()),
        Err(error) => {
            let _ = std::fs::remove_file(file);
            Err(error)
        }
    }
}

async fn copy(from: &Path, to: &Path) -> Result<()> {
    let options = SqliteConnectOptions::new()
        .filename(from)
        .disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(StoreError::Open)?;
    sqlx::query("VACUUM INTO $1")
        .bind(to.display().to_string())
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

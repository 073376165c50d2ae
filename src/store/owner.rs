//! Whose a folder of recordings and a store are: one process's, until it ends, however it ends.
//!
//! A second process on the same recordings would take the running ones for those of a crash. So the first thing that a
//! service does is to take both, and the second service is refused before it has touched anything.
//!
//! ```text
//!   recording.dir        DIR/omnigate.lock   a lock of the kernel on an open file  ┐ given back when the file is
//!   store.url, SQLite    PATH.lock           the same, beside the database         ┘ closed: by the kernel at the latest
//!   store.url, PostgreSQL                    a lock of a session of its own, given back when its connection ends,
//!                                            by the server when nothing is heard of it (session)
//! ```
//!
//! A PostgreSQL that cannot be reached is taken as soon as it can.

mod file;
mod holder;
mod session;

use file::FileLock;
pub use holder::{Held, Holder, OwnerError};
use session::SessionLock;
pub(super) use session::{Fence, IDLE};
use sqlx::sqlite::SqliteConnectOptions;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const FOLDER_KEY: &str = "recording.dir";
/// In the folder of recordings.
const FOLDER_LOCK: &str = "omnigate.lock";

/// The right to a folder of recordings and to a store. Given back on drop.
#[derive(Debug)]
pub struct Owner {
    _folder: FileLock,
    store: StoreLock,
}

#[derive(Debug)]
pub(super) enum StoreLock {
    File {
        _lock: FileLock,
    },
    Session(SessionLock),
    /// A database in memory is nobody else's.
    Memory,
}

impl Owner {
    /// Takes both or none; a database that cannot be reached later. Makes the folders that are missing, and the files of the
    /// locks, and nothing else.
    pub async fn take(store_url: &str, folder: &Path) -> Result<Owner, OwnerError> {
        let holder = Holder::this();
        // All that is held is told at once.
        let store = StoreLock::take(store_url, &holder).await;
        let folder = FileLock::take(
            FOLDER_KEY,
            folder.display().to_string(),
            &folder.join(FOLDER_LOCK),
            &holder,
        );
        match (store, folder) {
            (Ok(store), Ok(folder)) => Ok(Owner {
                _folder: folder,
                store,
            }),
            (Err(OwnerError::Held(mut held)), Err(OwnerError::Held(also))) => {
                held.extend(also);
                Err(OwnerError::Held(held))
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// What connections to the store pass; none where a lock cannot be lost.
    pub(super) fn fence(&self) -> Option<Fence> {
        match &self.store {
            StoreLock::Session(session) => Some(session.fence()),
            StoreLock::File { .. } | StoreLock::Memory => None,
        }
    }

    /// Waits until the store is this process's for certain.
    pub(super) async fn sure(&self) {
        if let StoreLock::Session(session) = &self.store {
            session.held().await;
        }
    }

    /// Waits until that is not certain any more: the connection of the lock is lost.
    pub(super) async fn unsure(&self) {
        match &self.store {
            StoreLock::Session(session) => session.unheld().await,
            StoreLock::File { .. } | StoreLock::Memory => pending().await,
        }
    }

    /// Returns when the store belongs to another process after all: the connection was lost, and somebody else was
    /// first. Files are never lost.
    pub(super) async fn lost(&self) -> OwnerError {
        match &self.store {
            StoreLock::Session(session) => session.lost().await,
            StoreLock::File { .. } | StoreLock::Memory => pending().await,
        }
    }
}

impl StoreLock {
    async fn take(url: &str, holder: &Holder) -> Result<StoreLock, OwnerError> {
        let Some(path) = sqlite_file(url)? else {
            return Ok(match url.starts_with("sqlite:") {
                true => StoreLock::Memory,
                false => StoreLock::Session(SessionLock::take(url, holder).await?),
            });
        };
        // The same database by another name is the same one.
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let mut lock = path.clone().into_os_string();
        lock.push(".lock");
        let lock = FileLock::take(
            holder::STORE_KEY,
            path.display().to_string(),
            Path::new(&lock),
            holder,
        )?;
        Ok(StoreLock::File { _lock: lock })
    }

    /// The store alone, for a command that changes it.
    pub(super) async fn of_command(url: &str) -> Result<StoreLock, OwnerError> {
        StoreLock::take(url, &Holder::this()).await
    }
}

/// File of an SQLite database; `None` of one in memory, and of other databases.
pub(super) fn sqlite_file(url: &str) -> Result<Option<PathBuf>, sqlx::Error> {
    if !url.starts_with("sqlite:") {
        return Ok(None);
    }
    let path = SqliteConnectOptions::from_str(url)?.get_filename().to_owned();
    let name = path.to_string_lossy();
    let memory = name.is_empty() || name.starts_with(":memory:") || name.starts_with("file:");
    Ok((!memory).then_some(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder of its own, gone in the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let place = std::env::temp_dir().join(format!("omnigate-owner-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&place);
            fs::create_dir_all(&place).unwrap();
            Place(place)
        }

        fn store(&self, name: &str) -> String {
            format!("sqlite://{}/{name}.db", self.0.display())
        }

        async fn take(&self, store: &str, folder: &str) -> Result<Owner, OwnerError> {
            Owner::take(&self.store(store), &self.0.join(folder)).await
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn held(result: Result<Owner, OwnerError>) -> Vec<&'static str> {
        match result {
            Err(OwnerError::Held(held)) => held.iter().map(|one| one.key).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn either_of_the_two_is_refused_by_its_key_and_both_by_both() {
        let place = Place::new("either");
        let _owner = place.take("a", "one").await.unwrap();
        assert_eq!(held(place.take("a", "two").await), ["store.url"]);
        assert_eq!(held(place.take("b", "one").await), ["recording.dir"]);
        assert_eq!(held(place.take("a", "one").await), ["store.url", "recording.dir"]);
        place.take("b", "two").await.unwrap();
    }

    #[tokio::test]
    async fn what_is_dropped_can_be_had_again() {
        let place = Place::new("again");
        drop(place.take("a", "one").await.unwrap());
        place.take("a", "one").await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_leaves_nothing_taken() {
        let place = Place::new("nothing");
        let _owner = place.take("a", "one").await.unwrap();
        assert_eq!(held(place.take("b", "one").await), ["recording.dir"]);
        place.take("b", "two").await.unwrap();
    }

    #[tokio::test]
    async fn who_holds_it_is_said() {
        let place = Place::new("who");
        let _owner = place.take("a", "one").await.unwrap();
        let said = place.take("a", "two").await.unwrap_err().to_string();
        let this = Holder::this();
        for part in [
            format!("process {}", this.pid),
            format!("host {}", this.host),
            "T".to_owned(),
        ] {
            assert!(said.contains(&part), "{said}");
        }
        assert!(
            said.starts_with("store.url: ") && said.contains("another store.url"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn a_database_by_another_name_is_the_same_one() {
        let place = Place::new("name");
        fs::write(place.0.join("a.db"), "").unwrap();
        std::os::unix::fs::symlink(place.0.join("a.db"), place.0.join("b.db")).unwrap();
        let _owner = place.take("a", "one").await.unwrap();
        assert_eq!(held(place.take("b", "two").await), ["store.url"]);
    }

    #[tokio::test]
    async fn a_file_of_the_lock_that_was_cut_off_is_still_a_lock() {
        let place = Place::new("cut");
        let _owner = place.take("a", "one").await.unwrap();
        fs::write(place.0.join("one").join(FOLDER_LOCK), "{\"pid\":").unwrap();
        let said = place.take("b", "one").await.unwrap_err().to_string();
        assert!(
            said.contains("recording.dir") && said.contains("does not say who"),
            "{said}"
        );
    }

    #[tokio::test]
    async fn a_database_in_memory_is_shared_with_nobody() {
        let place = Place::new("memory");
        let _one = Owner::take("sqlite://:memory:", &place.0.join("one"))
            .await
            .unwrap();
        Owner::take("sqlite://:memory:", &place.0.join("two"))
            .await
            .unwrap();
    }
}

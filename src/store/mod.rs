//! What must survive a restart: the index of recordings and the outbox of webhooks. SQLite, or PostgreSQL.

mod error;
mod owner;
mod schema;

pub use error::{Result, StoreError};
use owner::StoreLock;
pub use owner::{Held, Holder, Owner, OwnerError};

use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Transaction};
use std::path::Path;
use std::time::Duration;

/// Connections at most. SQLite has one writer at a time; the others wait for it.
const CONNECTIONS: u32 = 4;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: AnyPool,
}

impl Store {
    /// Opens `sqlite://PATH` or `postgres://…`; an SQLite database and its folder are made when they are missing, and
    /// tables are brought to the version that is needed.
    pub async fn open(url: &str) -> Result<Store> {
        let store = Store::connect(url).await?;
        schema::migrate(&store.pool).await?;
        Ok(store)
    }

    /// The same for a command beside a service that may be running: its tables are changed only if there is none.
    pub async fn open_beside(url: &str) -> Result<Store> {
        let store = Store::connect(url).await?;
        if !schema::is_present(&store.pool).await {
            let alone = StoreLock::of_command(url).await;
            let _alone = alone.map_err(|error| StoreError::Busy(Box::new(error)))?;
            schema::migrate(&store.pool).await?;
        }
        Ok(store)
    }

    async fn connect(url: &str) -> Result<Store> {
        sqlx::any::install_default_drivers();
        let mut url = url.to_owned();
        if let Some(rest) = url.strip_prefix("sqlite://") {
            let path = Path::new(rest.split('?').next().unwrap_or_default());
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
                    folder: folder.display().to_string(),
                    source,
                })?;
            }
            url += if rest.contains('?') {
                "&mode=rwc"
            } else {
                "?mode=rwc"
            };
        }
        let sqlite = url.starts_with("sqlite://");
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT)
            .connect(&url)
            .await
            .map_err(StoreError::Open)?;
        if sqlite {
            // Readers and the writer do not wait for each other; every commit is on the disk before it returns.
            sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
        }
        Ok(Store { pool })
    }

    /// For single statements.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Several statements that happen together or not at all.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.pool.begin().await?)
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A store of its own in a new folder.
    pub(crate) async fn store(name: &str) -> (Store, std::path::PathBuf) {
        let folder = std::env::temp_dir().join(format!("omnigate-store-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
        (Store::open(&url).await.unwrap(), folder)
    }

    #[tokio::test]
    async fn a_database_is_made_once_and_opened_again() {
        let (store, folder) = store("again").await;
        store.close().await;
        let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
        Store::open(&url).await.unwrap().close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_database_of_a_later_version_is_left_alone() {
        let (store, folder) = store("later").await;
        sqlx::query("UPDATE omnigate_schema SET version = 99")
            .execute(store.pool())
            .await
            .unwrap();
        store.close().await;
        let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
        let error = Store::open(&url).await.unwrap_err().to_string();
        assert!(error.contains("version 99"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_command_brings_tables_up_only_while_no_service_has_them() {
        let (store, folder) = store("beside").await;
        let url = format!("sqlite://{}/deep/omnigate.db", folder.display());
        let owner = Owner::take(&url, &folder.join("recordings")).await.unwrap();
        Store::open_beside(&url).await.unwrap().close().await;
        // As an omnigate before the first version has left it.
        sqlx::query("DROP TABLE omnigate_schema")
            .execute(store.pool())
            .await
            .unwrap();
        for table in ["recordings", "outbox", "capture_keys", "recording_clock"] {
            let drop = sqlx::AssertSqlSafe(format!("DROP TABLE {table}"));
            sqlx::query(drop).execute(store.pool()).await.unwrap();
        }
        store.close().await;
        let error = Store::open_beside(&url).await.unwrap_err();
        assert!(matches!(error, StoreError::Busy(_)), "{error}");
        assert!(error.to_string().contains("process"), "{error}");
        drop(owner);
        Store::open_beside(&url).await.unwrap().close().await;
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_is_named() {
        let error = Store::open("sqlite:///proc/nowhere/omnigate.db")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("/proc/nowhere"), "{error}");
    }
}

//! How the store is opened, and opened again.

use super::error::{Result, StoreError};
use super::handle::{State, Store};
use super::owner::{Fence, IDLE, Owner, OwnerError, StoreLock};
use super::schema;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// Connections at most. SQLite has one writer at a time; the others wait for it in `Store::turn`.
const CONNECTIONS: u32 = 4;
/// How long a connection may take: less than an app waits for an answer (11.17).
const CONNECT: Duration = Duration::from_secs(3);
/// How long the start of the service waits for the first try.
const FIRST: Duration = Duration::from_secs(10);
/// Pauses between tries: from the first, doubled up to the last.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);

/// A pool with one connection that works; each of them passes the fence.
pub(super) async fn connect(url: &str, fence: Option<Fence>) -> Result<AnyPool> {
    sqlx::any::install_default_drivers();
    let mut url = url.to_owned();
    let sqlite = url.starts_with("sqlite://");
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
    let mut options = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(CONNECT)
        // A file does not vanish like a server: asking first costs another thread's turn on the processor each time.
        .test_before_acquire(!sqlite);
    if sqlite {
        // What is deleted is gone from the file, and not only from its tables.
        options = options.after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::query("PRAGMA secure_delete = ON")
                    .execute(connection)
                    .await
                    .map(drop)
            })
        });
    }
    if let Some(fence) = fence {
        options = options.idle_timeout(IDLE).after_connect(move |connection, _| {
            let fence = fence.clone();
            Box::pin(async move { fence.pass(connection).await })
        });
    }
    let pool = options.connect(&url).await.map_err(StoreError::Open)?;
    if sqlite {
        // Readers and the writer do not wait for each other; every commit is on the disk before it returns.
        sqlx::query("PRAGMA journal_mode = WAL").execute(&pool).await?;
    }
    Ok(pool)
}

/// Keeps a [`Store`] open: [`run`](Self::run) goes on for ever.
#[derive(Debug)]
pub struct Opener {
    url: String,
    owner: Owner,
    state: watch::Sender<State>,
}

impl Store {
    /// Opens `sqlite://PATH` or `postgres://…`; an SQLite database and its folder are made when they are missing, and
    /// tables are brought to the version that is needed.
    pub async fn open(url: &str) -> Result<Store> {
        let pool = connect(url, None).await?;
        schema::migrate(&pool).await?;
        Ok(Store::of(pool))
    }

    /// The same for a command beside a service that may be running: its tables are changed only if there is none.
    pub async fn open_beside(url: &str) -> Result<Store> {
        let pool = connect(url, None).await?;
        if !schema::is_present(&pool).await {
            let alone = StoreLock::of_command(url).await;
            let _alone = alone.map_err(|error| StoreError::Busy(Box::new(error)))?;
            schema::migrate(&pool).await?;
        }
        Ok(Store::of(pool))
    }

    /// The store of a service, and what keeps it open; the first try is over when this returns. One that is absent is opened as soon
    /// as that is possible.
    ///
    /// # Errors
    /// What time does not mend: another process has it, it is of a later version, it may not be written.
    pub async fn start(url: &str, owner: Owner) -> Result<(Store, Opener)> {
        let (state, store) = watch::channel(State::Absent("it is not open yet".to_owned()));
        let url = url.to_owned();
        let opener = Opener { url, owner, state };
        match timeout(FIRST, opener.open()).await {
            Ok(Err(error)) if !error.passes() => return Err(error),
            Ok(Err(error)) => opener.is_absent(&error.to_string()),
            Err(_) => opener.is_absent(&format!("no answer within {} s", FIRST.as_secs())),
            Ok(Ok(())) => {}
        }
        Ok((Store::new(store), opener))
    }
}

impl Opener {
    /// Opens the store whenever it is absent; returns when it never can be again.
    pub async fn run(self) -> StoreError {
        let mut pause = PAUSE;
        loop {
            let is_open = matches!(*self.state.borrow(), State::Open(_));
            if is_open {
                pause = PAUSE;
                tokio::select! {
                    error = self.owner.lost() => return error.into(),
                    () = self.owner.unsure() => self.is_absent("the connection that keeps it for this process is lost"),
                }
                continue;
            }
            tokio::select! {
                error = self.owner.lost() => return error.into(),
                opened = self.open() => match opened {
                    Ok(()) => info!("store.url: the database is open; what waited for it goes on"),
                    Err(error) if !error.passes() => return error,
                    Err(error) => {
                        self.is_absent(&error.to_string());
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST);
                    }
                },
            }
        }
    }

    async fn open(&self) -> Result<()> {
        self.owner.sure().await;
        let pool = connect(&self.url, self.owner.fence()).await?;
        schema::migrate(&pool).await?;
        self.state.send_replace(State::Open(pool));
        Ok(())
    }

    fn is_absent(&self, why: &str) {
        warn!(
            why,
            "store.url: the database is absent: no new rooms, call numbers and recordings until it is back; calls go on"
        );
        self.state.send_replace(State::Absent(why.to_owned()));
    }
}

impl From<OwnerError> for StoreError {
    fn from(error: OwnerError) -> Self {
        Self::Owner(Box::new(error))
    }
}

//! What those who need the database hold.

use super::error::{Result, StoreError};
use sqlx::{Any, AnyPool, Transaction};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// The database, as long as it is there.
#[derive(Debug, Clone)]
pub struct Store {
    state: watch::Receiver<State>,
    /// SQLite has one writer, and whoever finds it busy looks again after up to 100 ms: among many who write without a pause one
    /// may come too late for seconds. So they wait here, the first one first.
    writers: Arc<Mutex<()>>,
}

/// The turn to write, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _guard: Option<OwnedMutexGuard<()>>,
}

/// Statements that happen together or not at all, and the turn to write them.
#[derive(Debug)]
pub struct Writing {
    transaction: Transaction<'static, Any>,
    _turn: Turn,
}

impl Deref for Writing {
    type Target = Transaction<'static, Any>;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.transaction
    }
}

impl Writing {
    /// They have happened.
    ///
    /// # Errors
    /// What the database says; they have not, then, or nobody knows.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Open(AnyPool),
    /// With the reason.
    Absent(String),
}

impl Store {
    /// One that stays as it is.
    pub(super) fn of(pool: AnyPool) -> Store {
        Store::new(watch::channel(State::Open(pool)).1)
    }

    pub(super) fn new(state: watch::Receiver<State>) -> Store {
        Store {
            state,
            writers: Arc::default(),
        }
    }

    /// For single statements.
    ///
    /// # Errors
    /// [`StoreError::Absent`]
    pub fn pool(&self) -> Result<AnyPool> {
        match &*self.state.borrow() {
            State::Open(pool) => Ok(pool.clone()),
            State::Absent(why) => Err(StoreError::Absent(why.clone())),
        }
    }

    /// Several statements that happen together or not at all. Nobody begins another one, or takes a turn, meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or what the database says.
    pub async fn begin(&self) -> Result<Writing> {
        let turn = self.turn().await?;
        let transaction = self.pool()?.begin().await?;
        Ok(Writing {
            transaction,
            _turn: turn,
        })
    }

    /// Waits for the turn to write, for a single statement.
    ///
    /// # Errors
    /// [`StoreError::Absent`]
    pub async fn turn(&self) -> Result<Turn> {
        let options = self.pool()?.connect_options();
        let _guard = match options.database_url.scheme() {
            "sqlite" => Some(self.writers.clone().lock_owned().await),
            _ => None,
        };
        Ok(Turn { _guard })
    }

    /// What was deleted leaves the file beside an SQLite database, too, where changes are written first. PostgreSQL tidies up by
    /// itself.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or what the database says.
    pub async fn sweep(&self) -> Result<()> {
        let mut connection = self.pool()?.acquire().await?;
        if connection.backend_name() == "SQLite" {
            // Whoever reads keeps it from being all; the next round comes.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Why it is absent, while it is.
    pub fn absent(&self) -> Option<String> {
        self.pool().err().map(|error| error.to_string())
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        let mut state = self.state.clone();
        let open = state.wait_for(|state| matches!(state, State::Open(_)));
        if open.await.is_err() {
            // Whoever opens it has ended, and the service with it.
            std::future::pending::<()>().await;
        }
    }

    /// Closes the connections.
    pub async fn close(&self) {
        if let Ok(pool) = self.pool() {
            pool.close().await;
        }
    }
}

//! What those who need the database hold.

use super::error::{Result, StoreError};
use sqlx::{Any, AnyPool, Transaction};
use tokio::sync::watch;

/// The database, as long as it is there.
#[derive(Debug, Clone)]
pub struct Store(pub(super) watch::Receiver<State>);

#[derive(Debug, Clone)]
pub(super) enum State {
    Open(AnyPool),
    /// With the reason.
    Absent(String),
}

impl Store {
    /// One that stays as it is.
    pub(super) fn of(pool: AnyPool) -> Store {
        Store(watch::channel(State::Open(pool)).1)
    }

    /// For single statements.
    ///
    /// # Errors
    /// [`StoreError::Absent`]
    pub fn pool(&self) -> Result<AnyPool> {
        match &*self.0.borrow() {
            State::Open(pool) => Ok(pool.clone()),
            State::Absent(why) => Err(StoreError::Absent(why.clone())),
        }
    }

    /// Several statements that happen together or not at all.
    ///
    /// # Errors
    /// [`StoreError::Absent`], or what the database says.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>> {
        Ok(self.pool()?.begin().await?)
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
        let mut state = self.0.clone();
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

//! Whether the ages of what the store has can be told, over restarts too.

use super::error::Result;
use super::handle::Store;
use crate::clock::{Seen, Steps, unix_now_signed};
use std::time::Instant;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Who deletes what is old: each looks at the clock by itself, or the first one after a restart would hide its step from the
/// others.
#[derive(Debug, Clone, Copy)]
pub enum Retention {
    /// Recordings.
    Recordings = 1,
    /// Deliveries of webhooks.
    Webhooks = 2,
    /// The audit log.
    Audit = 3,
    /// What services have talked.
    Minutes = 4,
}

/// The clocks, as one retention has seen them.
#[derive(Debug)]
pub struct Ages {
    store: Store,
    of: Retention,
    steps: Steps,
}

impl Ages {
    /// Those that this retention has seen.
    pub fn new(store: Store, of: Retention) -> Ages {
        Ages {
            store,
            of,
            steps: Steps::default(),
        }
    }

    /// Looks at the clocks, once a round: unix seconds; `None` while no age can be told, as the wall clock has gone forward.
    ///
    /// # Errors
    /// The store does not say what was seen before, or does not take what is seen now.
    pub async fn now(&mut self) -> Result<Option<i64>> {
        let (before, wall) = (self.before().await?, unix_now_signed());
        let told = self.steps.look(wall, Instant::now(), before);
        if let Some(seen) = self.steps.seen() {
            self.leave(seen).await?;
        }
        Ok(told.then_some(wall))
    }

    async fn before(&self) -> Result<Option<Seen>> {
        let row: Option<(i64, i64)> = sqlx::query_as("SELECT seen_at, held FROM clocks WHERE id = $1")
            .bind(self.of as i64)
            .fetch_optional(&self.store.pool()?)
            .await?;
        Ok(row.map(|(wall, held)| Seen {
            wall,
            held: u64::try_from(held).unwrap_or(0),
        }))
    }

    async fn leave(&self, seen: Seen) -> Result<()> {
        let _turn = self.store.turn().await?;
        sqlx::query(
            "INSERT INTO clocks (id, seen_at, held) VALUES ($1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET seen_at = $2, held = $3",
        )
        .bind(self.of as i64)
        .bind(seen.wall)
        .bind(i64::try_from(seen.held).unwrap_or(i64::MAX))
        .execute(&self.store.pool()?)
        .await?;
        Ok(())
    }
}

/// Unix seconds, so many days before `now`.
pub fn days_before(now: i64, days: u64) -> i64 {
    let days = i64::try_from(days).unwrap_or(i64::MAX);
    now.saturating_sub(days.saturating_mul(DAY))
}

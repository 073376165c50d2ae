//! Tables, and how older ones become the present ones.

use super::error::{Result, StoreError};
use sqlx::AnyPool;

/// Each entry brings the tables from the version of its index to the next one. Never changed, only added to.
const STEPS: &[&[&str]] = &[
    &[
        "CREATE TABLE recordings (
        id TEXT PRIMARY KEY,
        service_id TEXT NOT NULL,
        room_id TEXT NOT NULL,
        state TEXT NOT NULL,
        started_at BIGINT NOT NULL,
        bytes BIGINT NOT NULL,
        uploaded BIGINT NOT NULL,
        removed BIGINT NOT NULL,
        manifest TEXT NOT NULL
    )",
        "CREATE INDEX recordings_by_room ON recordings (room_id)",
        "CREATE INDEX recordings_by_start ON recordings (started_at)",
        "CREATE TABLE outbox (
        id TEXT PRIMARY KEY,
        place BIGINT NOT NULL,
        service_id TEXT NOT NULL,
        event TEXT NOT NULL,
        subject TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        state TEXT NOT NULL,
        attempts BIGINT NOT NULL,
        next_at BIGINT NOT NULL,
        result TEXT NOT NULL
    )",
        "CREATE INDEX outbox_by_state ON outbox (state, next_at)",
        "CREATE INDEX outbox_by_subject ON outbox (subject, place)",
    ],
    &[
        // Recordings: what they share, what is tried again, and the keys of sealed captures.
        "ALTER TABLE recordings ADD COLUMN capture TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE recordings ADD COLUMN file_set TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE recordings ADD COLUMN upload_tries BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE recordings ADD COLUMN upload_at BIGINT NOT NULL DEFAULT 0",
        "UPDATE recordings SET file_set = id",
        "CREATE INDEX recordings_by_state ON recordings (state, service_id)",
        "CREATE INDEX recordings_by_set ON recordings (file_set)",
        "CREATE INDEX recordings_by_capture ON recordings (capture)",
        "CREATE TABLE capture_keys (
        capture TEXT PRIMARY KEY,
        seal_key TEXT NOT NULL
    )",
        "CREATE TABLE recording_clock (
        id BIGINT PRIMARY KEY,
        seen_at BIGINT NOT NULL
    )",
    ],
];

/// Whether the tables are of the version that is needed.
pub(super) async fn is_present(pool: &AnyPool) -> bool {
    let version: Option<(i64,)> = sqlx::query_as("SELECT version FROM omnigate_schema")
        .fetch_optional(pool)
        .await
        // No such table: no tables at all.
        .unwrap_or_default();
    version.is_some_and(|(version,)| version == STEPS.len() as i64)
}

pub(super) async fn migrate(pool: &AnyPool) -> Result<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query("CREATE TABLE IF NOT EXISTS omnigate_schema (version BIGINT NOT NULL)")
        .execute(&mut *transaction)
        .await?;
    let version: Option<(i64,)> = sqlx::query_as("SELECT version FROM omnigate_schema")
        .fetch_optional(&mut *transaction)
        .await?;
    let known = STEPS.len() as i64;
    let found = match version {
        Some((version,)) => version,
        None => {
            sqlx::query("INSERT INTO omnigate_schema (version) VALUES (0)")
                .execute(&mut *transaction)
                .await?;
            0
        }
    };
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for statement in STEPS.iter().skip(done).copied().flatten() {
        sqlx::query(*statement).execute(&mut *transaction).await?;
    }
    sqlx::query("UPDATE omnigate_schema SET version = $1")
        .bind(known)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

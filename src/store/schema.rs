//! Tables, and how older ones become the present ones.

use super::error::{Result, StoreError};
use sqlx::{AnyPool, Connection};

/// Each entry brings the tables from the version of its index to the next one. Never changed, only added to.
const STEPS: &[&[&str]] = &[
    RECORDINGS_AND_WEBHOOKS,
    ROOMS_AND_NUMBERS,
    TOKENS_AND_AUDIT,
    SHARED_AND_SEALED,
    PROVISIONED,
    FORGOTTEN_IN_TIME,
    MINUTES_TALKED,
    SIGNING_KEYS,
];

/// The version of the tables that this omnigate needs.
pub(super) const VERSION: i64 = STEPS.len() as i64;

const RECORDINGS_AND_WEBHOOKS: &[&str] = &[
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
];

/// A zero stands for no time; of uses a negative number for no limit.
const ROOMS_AND_NUMBERS: &[&str] = &[
    "CREATE TABLE rooms (
        id TEXT PRIMARY KEY,
        place BIGINT NOT NULL,
        service_id TEXT NOT NULL,
        room_type TEXT NOT NULL,
        subject TEXT NOT NULL,
        secret TEXT NOT NULL,
        creator TEXT NOT NULL,
        start_date BIGINT NOT NULL,
        end_date BIGINT NOT NULL,
        reg_date BIGINT NOT NULL,
        keep_until BIGINT NOT NULL
    )",
    "CREATE INDEX rooms_by_place ON rooms (place)",
    "CREATE TABLE call_numbers (
        number TEXT PRIMARY KEY,
        service_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        target TEXT NOT NULL,
        maker TEXT NOT NULL,
        expires_at BIGINT NOT NULL,
        uses BIGINT NOT NULL,
        callers TEXT NOT NULL,
        purpose TEXT NOT NULL,
        state TEXT NOT NULL,
        until BIGINT NOT NULL,
        made_at BIGINT NOT NULL
    )",
    // Of each service what is due: no receiver stands before those of others.
    "CREATE INDEX outbox_by_service ON outbox (service_id, state, next_at)",
];

const TOKENS_AND_AUDIT: &[&str] = &[
    "CREATE TABLE tokens (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        scopes TEXT NOT NULL,
        service_id TEXT NOT NULL,
        hash TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        last_used_at BIGINT NOT NULL,
        revoked_at BIGINT NOT NULL
    )",
    "CREATE TABLE audit (
        id TEXT PRIMARY KEY,
        at BIGINT NOT NULL,
        who_kind TEXT NOT NULL,
        who_id TEXT NOT NULL,
        client TEXT NOT NULL,
        service_id TEXT NOT NULL,
        what TEXT NOT NULL,
        subject TEXT NOT NULL,
        result TEXT NOT NULL,
        detail TEXT NOT NULL
    )",
    "CREATE INDEX audit_by_time ON audit (at)",
];

/// Recordings: what they share, what is tried again, and the keys of sealed captures.
const SHARED_AND_SEALED: &[&str] = &[
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
];

/// Services and trunks that were made by the API: by the keys of the configuration, as JSON.
const PROVISIONED: &[&str] = &["CREATE TABLE provisioned (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        written TEXT NOT NULL,
        service_keys TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        changed_at BIGINT NOT NULL,
        PRIMARY KEY (kind, name)
    )"];

/// When deliveries were over, and what each retention has seen of the clock.
const FORGOTTEN_IN_TIME: &[&str] = &[
    "ALTER TABLE outbox ADD COLUMN settled_at BIGINT NOT NULL DEFAULT 0",
    "UPDATE outbox SET settled_at = created_at WHERE state <> 'pending'",
    "CREATE INDEX outbox_by_settling ON outbox (settled_at)",
    "CREATE TABLE clocks (
        id BIGINT PRIMARY KEY,
        seen_at BIGINT NOT NULL,
        held BIGINT NOT NULL
    )",
    "INSERT INTO clocks (id, seen_at, held) SELECT id, seen_at, 0 FROM recording_clock",
    "DROP TABLE recording_clock",
];

/// Seconds of calls to telephones, by service and day since 1970 (UTC).
const MINUTES_TALKED: &[&str] = &["CREATE TABLE service_minutes (
        service_id TEXT NOT NULL,
        day BIGINT NOT NULL,
        seconds BIGINT NOT NULL,
        PRIMARY KEY (service_id, day)
    )"];

/// Keys that sign what others show again.
const SIGNING_KEYS: &[&str] = &["CREATE TABLE signing_keys (
        purpose TEXT PRIMARY KEY,
        secret TEXT NOT NULL,
        made_at BIGINT NOT NULL
    )"];

/// Held while tables are changed in PostgreSQL: "omnigate" in ASCII.
const LOCK: i64 = 0x6f6d_6e69_6761_7465;

/// Whether the tables are of the version that is needed.
pub(super) async fn is_present(pool: &AnyPool) -> bool {
    let version: Option<(i64,)> = sqlx::query_as("SELECT version FROM omnigate_schema")
        .fetch_optional(pool)
        .await
        // No such table: no tables at all.
        .unwrap_or_default();
    version.is_some_and(|(version,)| version == VERSION)
}

/// Brings the tables up, all steps or none. Two processes that do so at once do it one after the other, and the second one finds
/// nothing to do.
pub(super) async fn migrate(pool: &AnyPool) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let is_postgres = connection.backend_name() == "PostgreSQL";
    // SQLite locks at the beginning and not at the first change.
    let begin = if is_postgres { "BEGIN" } else { "BEGIN IMMEDIATE" };
    let mut transaction = connection.begin_with(begin).await?;
    if is_postgres {
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query("CREATE TABLE IF NOT EXISTS omnigate_schema (version BIGINT NOT NULL)")
        .execute(&mut *transaction)
        .await?;
    let version: Option<(i64,)> = sqlx::query_as("SELECT version FROM omnigate_schema")
        .fetch_optional(&mut *transaction)
        .await?;
    let found = match version {
        Some((version,)) => version,
        None => {
            sqlx::query("INSERT INTO omnigate_schema (version) VALUES (0)")
                .execute(&mut *transaction)
                .await?;
            0
        }
    };
    if found > VERSION {
        return Err(StoreError::TooNew {
            found,
            known: VERSION,
        });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for statement in STEPS.iter().skip(done).copied().flatten() {
        sqlx::query(*statement).execute(&mut *transaction).await?;
    }
    sqlx::query("UPDATE omnigate_schema SET version = $1")
        .bind(VERSION)
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

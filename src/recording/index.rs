//! The index: every recording that there is, in the store.

use crate::store::{Result, Store, StoreError};
use omnigate_recording::manifest::Manifest;
use omnigate_room::RecordingId;
use sqlx::{Any, Transaction};
use std::collections::HashSet;

/// One recording.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whether its files are there.
    pub finished: bool,
    /// Whether the object storage has confirmed them.
    pub uploaded: bool,
    /// Whether the files here are gone.
    pub removed: bool,
    /// Everything else.
    pub manifest: Manifest,
}

/// Which recordings are wanted.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Of this service.
    pub service_id: Option<String>,
    /// Of this room.
    pub room_id: Option<String>,
    /// Older than this one: for the next page.
    pub before: Option<RecordingId>,
    /// At most so many.
    pub limit: u32,
}

const FINISHED: &str = "finished";
const RECORDING: &str = "recording";

type Row = (String, i64, i64, String);

fn entry(row: Row) -> Result<Entry> {
    let (state, uploaded, removed, manifest) = row;
    Ok(Entry {
        finished: state == FINISHED,
        uploaded: uploaded != 0,
        removed: removed != 0,
        manifest: serde_json::from_str(&manifest).map_err(|source| StoreError::Content {
            column: "recordings.manifest",
            source,
        })?,
    })
}

fn text(manifest: &Manifest) -> Result<String> {
    serde_json::to_string(manifest).map_err(|source| StoreError::Content {
        column: "recordings.manifest",
        source,
    })
}

/// Reads and writes the index.
#[derive(Debug, Clone)]
pub struct Index(Store);

impl Index {
    /// The index in this store.
    pub fn new(store: Store) -> Index {
        Index(store)
    }

    pub(super) fn store(&self) -> &Store {
        &self.0
    }

    /// A recording has started; one that is known is left as it is.
    pub(super) async fn started(&self, manifest: &Manifest) -> Result<()> {
        sqlx::query(
            "INSERT INTO recordings (id, service_id, room_id, state, started_at, bytes, uploaded, removed, manifest) \
             VALUES ($1, $2, $3, $4, $5, 0, 0, 0, $6) ON CONFLICT (id) DO NOTHING",
        )
        .bind(manifest.recording_id.to_string())
        .bind(&manifest.service_id)
        .bind(manifest.room_id.to_string())
        .bind(RECORDING)
        .bind(i64::try_from(manifest.started_at).unwrap_or(0))
        .bind(text(manifest)?)
        .execute(&self.0.pool()?)
        .await?;
        Ok(())
    }

    /// A recording's files are there; false when that was known before.
    pub(super) async fn finished(
        &self,
        transaction: &mut Transaction<'_, Any>,
        manifest: &Manifest,
    ) -> Result<bool> {
        let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
        let done = sqlx::query(
            "INSERT INTO recordings (id, service_id, room_id, state, started_at, bytes, uploaded, removed, manifest) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7) ON CONFLICT (id) DO UPDATE SET state = $4, bytes = $6, \
             manifest = $7 WHERE recordings.state <> $4",
        )
        .bind(manifest.recording_id.to_string())
        .bind(&manifest.service_id)
        .bind(manifest.room_id.to_string())
        .bind(FINISHED)
        .bind(i64::try_from(manifest.started_at).unwrap_or(0))
        .bind(i64::try_from(bytes).unwrap_or(i64::MAX))
        .bind(text(manifest)?)
        .execute(&mut **transaction)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The ids of all finished recordings: nothing is left to be done for them.
    pub(super) async fn all_finished(&self) -> Result<HashSet<RecordingId>> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT id FROM recordings WHERE state = $1")
            .bind(FINISHED)
            .fetch_all(&self.0.pool()?)
            .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(id,)| RecordingId::parse(&id))
            .collect())
    }

    /// Recordings that have started and are not finished.
    pub(super) async fn unfinished(&self) -> Result<Vec<Manifest>> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT state, uploaded, removed, manifest FROM recordings WHERE state = $1")
                .bind(RECORDING)
                .fetch_all(&self.0.pool()?)
                .await?;
        rows.into_iter()
            .map(|row| entry(row).map(|entry| entry.manifest))
            .collect()
    }

    /// The newest recordings first.
    pub async fn list(&self, query: &Query) -> Result<Vec<Entry>> {
        let before = query.before.map(|id| id.to_string());
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT state, uploaded, removed, manifest FROM recordings WHERE ($1 = '' OR service_id = $1) \
             AND ($2 = '' OR room_id = $2) AND ($3 = '' OR id < $3) ORDER BY id DESC LIMIT $4",
        )
        .bind(query.service_id.as_deref().unwrap_or_default())
        .bind(query.room_id.as_deref().unwrap_or_default())
        .bind(before.unwrap_or_default())
        .bind(i64::from(query.limit))
        .fetch_all(&self.0.pool()?)
        .await?;
        rows.into_iter().map(entry).collect()
    }

    /// One recording.
    pub async fn get(&self, recording: RecordingId) -> Result<Option<Entry>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT state, uploaded, removed, manifest FROM recordings WHERE id = $1")
                .bind(recording.to_string())
                .fetch_optional(&self.0.pool()?)
                .await?;
        row.map(entry).transpose()
    }

    /// Forgets a recording.
    pub(super) async fn delete(&self, recording: RecordingId) -> Result<bool> {
        let done = sqlx::query("DELETE FROM recordings WHERE id = $1")
            .bind(recording.to_string())
            .execute(&self.0.pool()?)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Finished recordings that the object storage has not confirmed, the oldest first.
    pub(super) async fn to_upload(&self, most: u32) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT state, uploaded, removed, manifest FROM recordings WHERE state = $1 AND uploaded = 0 \
             ORDER BY id LIMIT $2",
        )
        .bind(FINISHED)
        .bind(i64::from(most))
        .fetch_all(&self.0.pool()?)
        .await?;
        rows.into_iter().map(entry).collect()
    }

    /// The object storage has confirmed a recording; the files here are gone, or not.
    pub(super) async fn uploaded(&self, recording: RecordingId, removed: bool) -> Result<()> {
        sqlx::query("UPDATE recordings SET uploaded = 1, removed = $2 WHERE id = $1")
            .bind(recording.to_string())
            .bind(i64::from(removed))
            .execute(&self.0.pool()?)
            .await?;
        Ok(())
    }

    /// Finished recordings that began before `before`, unix seconds.
    pub(super) async fn older(&self, before: i64) -> Result<Vec<RecordingId>> {
        let rows: Vec<(String,)> =
            sqlx::query_as("SELECT id FROM recordings WHERE state = $1 AND started_at < $2 ORDER BY id")
                .bind(FINISHED)
                .bind(before)
                .fetch_all(&self.0.pool()?)
                .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(id,)| RecordingId::parse(&id))
            .collect())
    }

    /// Finished recordings whose files are here, with their bytes, the newest first.
    pub(super) async fn sizes(&self) -> Result<Vec<(RecordingId, i64)>> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT id, bytes FROM recordings WHERE state = $1 AND removed = 0 ORDER BY id DESC",
        )
        .bind(FINISHED)
        .fetch_all(&self.0.pool()?)
        .await?;
        let ours = |(id, bytes): (String, i64)| Some((RecordingId::parse(&id)?, bytes));
        Ok(rows.into_iter().filter_map(ours).collect())
    }
}

//! The index: every recording that there is, in the store.
//!
//! ```text
//!   recording ──▶ finished ──▶ deleting ──▶ gone
//!       │  ▲                      ▲
//!       ▼  └─── retry ◀── failed ─┘
//!     failed
//! ```

use crate::store::{Result, Store, StoreError};
use omnigate_recording::manifest::Manifest;
use omnigate_recording::sealed::SealKey;
use omnigate_room::RecordingId;
use sqlx::{Any, Transaction};
use std::collections::{HashMap, HashSet};

/// One recording.
#[derive(Debug, Clone)]
pub struct Entry {
    /// How far it has come.
    pub state: State,
    /// Whether the object storage has confirmed its files.
    pub uploaded: bool,
    /// Whether the files here are gone.
    pub removed: bool,
    /// Everything else.
    pub manifest: Manifest,
}

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs, or waits for its files.
    Recording,
    /// Its files are there.
    Finished,
    /// Its files could not be made; it is kept until somebody asks for another try, or deletes it.
    Failed,
    /// Somebody has asked for another try.
    Retry,
    /// Somebody has deleted it, and what is elsewhere has not gone yet.
    Deleting,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Recording => "recording",
            State::Finished => "finished",
            State::Failed => "failed",
            State::Retry => "retry",
            State::Deleting => "deleting",
        }
    }

    fn parse(word: &str) -> State {
        [State::Finished, State::Failed, State::Retry, State::Deleting]
            .into_iter()
            .find(|state| state.word() == word)
            .unwrap_or(State::Recording)
    }
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

pub(super) type Row = (String, i64, i64, String);

fn entry(row: Row) -> Result<Entry> {
    let (state, uploaded, removed, manifest) = row;
    Ok(Entry {
        state: State::parse(&state),
        uploaded: uploaded != 0,
        removed: removed != 0,
        manifest: read(&manifest)?,
    })
}

fn read(manifest: &str) -> Result<Manifest> {
    serde_json::from_str(manifest).map_err(|source| StoreError::Content {
        column: "recordings.manifest",
        source,
    })
}

pub(super) fn entries(rows: Vec<Row>) -> Result<Vec<Entry>> {
    rows.into_iter().map(entry).collect()
}

pub(super) fn ids(rows: Vec<(String,)>) -> impl Iterator<Item = RecordingId> {
    rows.into_iter().filter_map(|(id,)| RecordingId::parse(&id))
}

fn text(manifest: &Manifest) -> Result<String> {
    serde_json::to_string(manifest).map_err(|source| StoreError::Content {
        column: "recordings.manifest",
        source,
    })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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

    /// A recording has started; one that is known is left as it is. The key of its capture is kept with it.
    pub(super) async fn started(&self, manifest: &Manifest, key: Option<&SealKey>) -> Result<()> {
        let mut transaction = self.0.begin().await?;
        let capture = manifest.capture_of.as_deref().unwrap_or_default();
        if let Some(key) = key {
            sqlx::query(
                "INSERT INTO capture_keys (capture, seal_key) VALUES ($1, $2) ON CONFLICT (capture) DO NOTHING",
            )
            .bind(capture)
            .bind(key.to_text())
            .execute(&mut **transaction)
            .await?;
        }
        sqlx::query(
            "INSERT INTO recordings (id, service_id, room_id, state, started_at, bytes, uploaded, removed, manifest, \
             capture, file_set) VALUES ($1, $2, $3, $4, $5, 0, 0, 0, $6, $7, $1) ON CONFLICT (id) DO NOTHING",
        )
        .bind(manifest.recording_id.to_string())
        .bind(&manifest.service_id)
        .bind(manifest.room_id.to_string())
        .bind(State::Recording.word())
        .bind(signed(manifest.started_at))
        .bind(text(manifest)?)
        .bind(capture)
        .execute(&mut **transaction)
        .await?;
        Ok(transaction.commit().await?)
    }

    /// A recording's files are there; false when that was known before, or it was deleted.
    pub(super) async fn finished(
        &self,
        transaction: &mut Transaction<'_, Any>,
        manifest: &Manifest,
    ) -> Result<bool> {
        self.settled(transaction, manifest, State::Finished).await
    }

    /// A recording's files cannot be made; false when that was known before, or it was deleted.
    pub(super) async fn failed(
        &self,
        transaction: &mut Transaction<'_, Any>,
        manifest: &Manifest,
    ) -> Result<bool> {
        self.settled(transaction, manifest, State::Failed).await
    }

    async fn settled(
        &self,
        transaction: &mut Transaction<'_, Any>,
        manifest: &Manifest,
        state: State,
    ) -> Result<bool> {
        let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
        let done = sqlx::query(
            "INSERT INTO recordings (id, service_id, room_id, state, started_at, bytes, uploaded, removed, manifest, \
             capture, file_set) VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7, $8, $9) ON CONFLICT (id) DO UPDATE SET \
             state = $4, bytes = $6, manifest = $7, capture = $8, file_set = $9 \
             WHERE recordings.state NOT IN ($4, 'finished', 'deleting', $10)",
        )
        .bind(manifest.recording_id.to_string())
        .bind(&manifest.service_id)
        .bind(manifest.room_id.to_string())
        .bind(state.word())
        .bind(signed(manifest.started_at))
        .bind(signed(bytes))
        .bind(text(manifest)?)
        .bind(manifest.capture_of.as_deref().unwrap_or_default())
        .bind(manifest.set().to_string())
        // A try that is asked for is not answered by the failure before it.
        .bind(if state == State::Failed { State::Retry.word() } else { "" })
        .execute(&mut **transaction)
        .await?;
        if let Some(capture) = manifest
            .capture_of
            .as_deref()
            .filter(|_| state == State::Finished)
        {
            self.forget_key(transaction, capture).await?;
        }
        Ok(done.rows_affected() > 0)
    }

    /// The key of a capture goes when no recording needs it any more.
    async fn forget_key(&self, transaction: &mut Transaction<'_, Any>, capture: &str) -> Result<()> {
        sqlx::query(
            "DELETE FROM capture_keys WHERE capture = $1 AND NOT EXISTS (SELECT 1 FROM recordings \
             WHERE recordings.capture = capture_keys.capture AND recordings.state NOT IN ('finished', 'deleting'))",
        )
        .bind(capture)
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// The keys of captures that recordings still need, by capture; others go.
    pub(super) async fn keys(&self) -> Result<HashMap<String, SealKey>> {
        let turn = self.0.turn().await?;
        sqlx::query(
            "DELETE FROM capture_keys WHERE NOT EXISTS (SELECT 1 FROM recordings \
             WHERE recordings.capture = capture_keys.capture AND recordings.state NOT IN ('finished', 'deleting'))",
        )
        .execute(&self.0.pool()?)
        .await?;
        drop(turn);
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT capture, seal_key FROM capture_keys")
            .fetch_all(&self.0.pool()?)
            .await?;
        let key = |(capture, key): (String, String)| Some((capture, SealKey::parse(&key)?));
        Ok(rows.into_iter().filter_map(key).collect())
    }

    /// The key of one capture.
    pub(super) async fn key(&self, capture: &str) -> Result<Option<SealKey>> {
        let row: Option<(String,)> = sqlx::query_as("SELECT seal_key FROM capture_keys WHERE capture = $1")
            .bind(capture)
            .fetch_optional(&self.0.pool()?)
            .await?;
        Ok(row.and_then(|(key,)| SealKey::parse(&key)))
    }

    /// The ids of all recordings for which a start has nothing to do: finished, failed, on their way out, or tried again when
    /// their turn comes.
    pub(super) async fn all_settled(&self) -> Result<HashSet<RecordingId>> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT id FROM recordings WHERE state <> $1")
            .bind(State::Recording.word())
            .fetch_all(&self.0.pool()?)
            .await?;
        Ok(ids(rows).collect())
    }

    /// Recordings in this state, the oldest first.
    pub(super) async fn in_state(&self, state: State) -> Result<Vec<Entry>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT state, uploaded, removed, manifest FROM recordings WHERE state = $1 ORDER BY id",
        )
        .bind(state.word())
        .fetch_all(&self.0.pool()?)
        .await?;
        entries(rows)
    }

    /// Another try at a recording that has failed is asked for, or begins; false when it is not as far.
    pub async fn retry(&self, recording: RecordingId) -> Result<bool> {
        self.turn(recording, State::Failed, State::Retry).await
    }

    /// The try that was asked for begins.
    pub(super) async fn retried(&self, recording: RecordingId) -> Result<bool> {
        self.turn(recording, State::Retry, State::Recording).await
    }

    /// It is to be deleted; false when it is not as far, or there is none. What is left of it until it is gone everywhere is where
    /// its files are, and nobody's name; the key of its capture goes at once.
    pub(super) async fn deleting(
        &self,
        transaction: &mut Transaction<'_, Any>,
        recording: RecordingId,
    ) -> Result<bool> {
        let row: Option<(String, String)> = sqlx::query_as(
            "UPDATE recordings SET state = 'deleting' WHERE id = $1 AND state IN ('finished', 'failed', 'deleting') \
             RETURNING manifest, capture",
        )
        .bind(recording.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
        let Some((manifest, capture)) = row else {
            return Ok(false);
        };
        sqlx::query("UPDATE recordings SET manifest = $2 WHERE id = $1")
            .bind(recording.to_string())
            .bind(text(&read(&manifest)?.without_words())?)
            .execute(&mut **transaction)
            .await?;
        self.forget_key(transaction, &capture).await?;
        Ok(true)
    }

    async fn turn(&self, recording: RecordingId, from: State, to: State) -> Result<bool> {
        let _turn = self.0.turn().await?;
        let done = sqlx::query("UPDATE recordings SET state = $2 WHERE id = $1 AND state = $3")
            .bind(recording.to_string())
            .bind(to.word())
            .bind(from.word())
            .execute(&self.0.pool()?)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The newest recordings first; those that are being deleted are not told of.
    pub async fn list(&self, query: &Query) -> Result<Vec<Entry>> {
        let before = query.before.map(|id| id.to_string());
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT state, uploaded, removed, manifest FROM recordings WHERE ($1 = '' OR service_id = $1) \
             AND ($2 = '' OR room_id = $2) AND ($3 = '' OR id < $3) AND state <> 'deleting' \
             ORDER BY id DESC LIMIT $4",
        )
        .bind(query.service_id.as_deref().unwrap_or_default())
        .bind(query.room_id.as_deref().unwrap_or_default())
        .bind(before.unwrap_or_default())
        .bind(i64::from(query.limit))
        .fetch_all(&self.0.pool()?)
        .await?;
        entries(rows)
    }

    /// One recording, unless it is being deleted.
    pub async fn get(&self, recording: RecordingId) -> Result<Option<Entry>> {
        Ok(self
            .any(recording)
            .await?
            .filter(|entry| entry.state != State::Deleting))
    }

    /// One recording, however far it is.
    pub(super) async fn any(&self, recording: RecordingId) -> Result<Option<Entry>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT state, uploaded, removed, manifest FROM recordings WHERE id = $1")
                .bind(recording.to_string())
                .fetch_optional(&self.0.pool()?)
                .await?;
        row.map(entry).transpose()
    }

    /// Forgets a recording, and the key of its capture if no other one needs it.
    pub(super) async fn delete(&self, recording: RecordingId) -> Result<bool> {
        let mut transaction = self.0.begin().await?;
        let gone: Option<(String,)> =
            sqlx::query_as("DELETE FROM recordings WHERE id = $1 RETURNING capture")
                .bind(recording.to_string())
                .fetch_optional(&mut **transaction)
                .await?;
        if let Some((capture,)) = &gone {
            self.forget_key(&mut transaction, capture).await?;
        }
        transaction.commit().await?;
        Ok(gone.is_some())
    }

    /// Whether other recordings than this one need a set of files.
    pub(super) async fn shared(&self, set: RecordingId, but: RecordingId) -> Result<bool> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT id FROM recordings WHERE file_set = $1 AND id <> $2 AND state <> 'deleting' LIMIT 1",
        )
        .bind(set.to_string())
        .bind(but.to_string())
        .fetch_optional(&self.0.pool()?)
        .await?;
        Ok(row.is_some())
    }
}

//! What the index knows of the files that are kept: how much there is, what is old, what is to be uploaded. Files that
//! several recordings share count once.

use super::index::{Entry, Index, State, entries, ids};
use crate::store::Result;
use omnigate_room::RecordingId;

/// A clock that was set back keeps no upload waiting for longer than its longest pause, seconds.
pub(super) const LONGEST_PAUSE: i64 = 300;

/// One set of files that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) set: RecordingId,
    pub(super) service: String,
    pub(super) bytes: u64,
}

impl Index {
    /// Bytes of this service's files that are here, each file once.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn bytes_of(&self, service: &str) -> Result<u64> {
        let row: (i64,) = sqlx::query_as(
            "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM (SELECT MAX(bytes) AS bytes FROM recordings \
             WHERE state = 'finished' AND removed = 0 AND service_id = $1 GROUP BY file_set) AS kept",
        )
        .bind(service)
        .fetch_one(&self.store().pool()?)
        .await?;
        Ok(u64::try_from(row.0).unwrap_or(0))
    }

    /// Sets of files that are here, of this service or of all, the oldest first.
    pub(super) async fn kept(&self, service: Option<&str>) -> Result<Vec<Kept>> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT file_set, MIN(service_id), MAX(bytes) FROM recordings WHERE state = 'finished' AND removed = 0 \
             AND ($1 = '' OR service_id = $1) GROUP BY file_set ORDER BY file_set",
        )
        .bind(service.unwrap_or_default())
        .fetch_all(&self.store().pool()?)
        .await?;
        let kept = |(set, service, bytes): (String, String, i64)| {
            Some(Kept {
                set: RecordingId::parse(&set)?,
                service,
                bytes: u64::try_from(bytes).unwrap_or(0),
            })
        };
        Ok(rows.into_iter().filter_map(kept).collect())
    }

    /// The finished recordings that share a set of files.
    pub(super) async fn of_set(&self, set: RecordingId) -> Result<Vec<RecordingId>> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM recordings WHERE file_set = $1 AND state = 'finished' ORDER BY id",
        )
        .bind(set.to_string())
        .fetch_all(&self.store().pool()?)
        .await?;
        Ok(ids(rows).collect())
    }

    /// Recordings without anything left to be done that began before `before`, unix seconds.
    pub(super) async fn older(&self, before: i64) -> Result<Vec<RecordingId>> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM recordings WHERE state IN ('finished', 'failed') AND started_at < $1 ORDER BY id",
        )
        .bind(before)
        .fetch_all(&self.store().pool()?)
        .await?;
        Ok(ids(rows).collect())
    }

    /// Of each service the oldest finished recording that may be uploaded now.
    pub(super) async fn to_upload(&self, now: i64) -> Result<Vec<Entry>> {
        let rows = sqlx::query_as(
            "SELECT state, uploaded, removed, manifest FROM recordings WHERE id IN (SELECT MIN(id) FROM recordings \
             WHERE state = 'finished' AND uploaded = 0 AND (upload_at <= $1 OR upload_at > $2) GROUP BY service_id) \
             ORDER BY id",
        )
        .bind(now)
        .bind(now.saturating_add(2 * LONGEST_PAUSE))
        .fetch_all(&self.store().pool()?)
        .await?;
        entries(rows)
    }

    /// When the next one that waits may be uploaded, unix seconds.
    pub(super) async fn next_upload(&self, now: i64) -> Result<Option<i64>> {
        let row: (Option<i64>,) = sqlx::query_as(
            "SELECT MIN(upload_at) FROM recordings WHERE state = 'finished' AND uploaded = 0 AND upload_at > $1",
        )
        .bind(now)
        .fetch_one(&self.store().pool()?)
        .await?;
        Ok(row.0)
    }

    /// Finished recordings that the object storage has, and whose files are here too.
    pub(super) async fn both_there_and_here(&self) -> Result<Vec<Entry>> {
        let rows = sqlx::query_as(
            "SELECT state, uploaded, removed, manifest FROM recordings WHERE state = 'finished' AND uploaded = 1 \
             AND removed = 0 ORDER BY id",
        )
        .fetch_all(&self.store().pool()?)
        .await?;
        entries(rows)
    }

    /// An upload has failed; how often that now is.
    pub(super) async fn upload_failed(&self, recording: RecordingId) -> Result<i64> {
        let row: Option<(i64,)> = sqlx::query_as(
            "UPDATE recordings SET upload_tries = upload_tries + 1 WHERE id = $1 RETURNING upload_tries",
        )
        .bind(recording.to_string())
        .fetch_optional(&self.store().pool()?)
        .await?;
        Ok(row.map_or(0, |(tries,)| tries))
    }

    /// It is not tried before this, unix seconds.
    pub(super) async fn upload_later(&self, recording: RecordingId, at: i64) -> Result<()> {
        let _turn = self.store().turn().await?;
        sqlx::query("UPDATE recordings SET upload_at = $2 WHERE id = $1")
            .bind(recording.to_string())
            .bind(at)
            .execute(&self.store().pool()?)
            .await?;
        Ok(())
    }

    /// Whether the object storage has confirmed a set of files by another recording of it.
    pub(super) async fn is_uploaded(&self, set: RecordingId) -> Result<bool> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT id FROM recordings WHERE file_set = $1 AND uploaded = 1 AND state = 'finished' LIMIT 1",
        )
        .bind(set.to_string())
        .fetch_optional(&self.store().pool()?)
        .await?;
        Ok(row.is_some())
    }

    /// The object storage has confirmed a recording; the files here are to go, or not. False when it was deleted meanwhile.
    pub(super) async fn uploaded(&self, recording: RecordingId, removed: bool) -> Result<bool> {
        let _turn = self.store().turn().await?;
        let done =
            sqlx::query("UPDATE recordings SET uploaded = 1, removed = $2 WHERE id = $1 AND state = $3")
                .bind(recording.to_string())
                .bind(i64::from(removed))
                .bind(State::Finished.word())
                .execute(&self.store().pool()?)
                .await?;
        Ok(done.rows_affected() > 0)
    }
}

//! The outbox: events that wait for their delivery, in the store.

use crate::clock::unix_now_signed;
use crate::store::{Result, Store, StoreError};
use serde::Serialize;
use serde_json::Value;
use sqlx::{Any, Transaction};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, OnceCell};

/// How often it is looked whether anything is due, at the end.
const LOOK: Duration = Duration::from_millis(50);

/// Something that happened. `Debug` does not show the body: telephone numbers are in it.
#[derive(Clone)]
pub struct WebhookEvent {
    /// Whose it is.
    pub service_id: String,
    /// Its name, as `recording_completed`.
    pub name: &'static str,
    /// What it is about: events about one subject are delivered in order.
    pub subject: String,
    /// A JSON object; `event`, `service_id` and, when it is sent, `timestamp` are added.
    pub body: Value,
}

impl fmt::Debug for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookEvent")
            .field("service_id", &self.service_id)
            .field("name", &self.name)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// One event's way to its receiver.
#[derive(Clone, Serialize)]
pub struct Delivery {
    /// The `webhook-id`: the same for every try.
    pub id: String,
    /// Whose.
    pub service_id: String,
    /// Name of the event.
    pub event: String,
    /// What it is about.
    pub subject: String,
    /// The JSON that is posted, without `timestamp`; empty when it was forgotten.
    #[serde(skip)]
    pub body: String,
    /// Unix seconds.
    pub created_at: i64,
    /// `pending`, `delivered`, `given_up`, or `withdrawn`: what it tells of was deleted before it was delivered.
    pub state: String,
    /// Tries so far.
    pub attempts: i64,
    /// When it is tried next, unix seconds.
    pub next_at: i64,
    /// How the last try went, in words.
    pub result: String,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("id", &self.id)
            .field("event", &self.event)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    i64,
    String,
    i64,
    i64,
    String,
);

impl From<Row> for Delivery {
    fn from(row: Row) -> Self {
        let (id, service_id, event, subject, body, created_at, state, attempts, next_at, result) = row;
        Self {
            id,
            service_id,
            event,
            subject,
            body,
            created_at,
            state,
            attempts,
            next_at,
            result,
        }
    }
}

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, service_id, event, subject, body, created_at, state, attempts, next_at, result FROM outbox ",
            $rest
        )
    };
}

/// What became of the wish to send a delivery again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It is sent again.
    Begun,
    /// Its body is gone.
    Forgotten,
    /// There is none of this id.
    Unknown,
}

/// Puts events in and hands them out.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
    /// Microseconds of the last event: the next one comes after it, whatever the clock does. Read from the store with the first
    /// event.
    last: Arc<OnceCell<AtomicI64>>,
    wake: Arc<Notify>,
}

impl Outbox {
    /// The outbox of this store.
    pub fn new(store: Store) -> Outbox {
        Outbox {
            store,
            last: Arc::default(),
            wake: Arc::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// The place of an event that happens now.
    async fn next_place(&self, transaction: &mut Transaction<'_, Any>) -> Result<i64> {
        let read = async || {
            let last: (Option<i64>,) = sqlx::query_as("SELECT MAX(place) FROM outbox")
                .fetch_one(&mut **transaction)
                .await?;
            Ok::<_, StoreError>(AtomicI64::new(last.0.unwrap_or(0)))
        };
        let last = self.last.get_or_try_init(read).await?;
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(micros.as_micros()).unwrap_or(0);
        let after = |last: i64| micros.max(last + 1);
        let before = last.fetch_update(Relaxed, Relaxed, |last| Some(after(last)));
        Ok(after(before.unwrap_or(0)))
    }

    /// Adds an event within the transaction of what it tells of; gives its id. To be followed by [`wake`](Self::wake)
    /// after the commit.
    pub async fn add(&self, transaction: &mut Transaction<'_, Any>, event: &WebhookEvent) -> Result<String> {
        let place = self.next_place(transaction).await?;
        let id = format!("msg_{:032x}", rand::random::<u128>());
        let mut body = event.body.clone();
        body["event"] = event.name.into();
        body["service_id"] = event.service_id.as_str().into();
        sqlx::query(
            "INSERT INTO outbox (id, place, service_id, event, subject, body, created_at, state, attempts, next_at, \
             result) VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', 0, 0, '')",
        )
        .bind(&id)
        .bind(place)
        .bind(&event.service_id)
        .bind(event.name)
        .bind(&event.subject)
        .bind(body.to_string())
        .bind(unix_now_signed())
        .execute(&mut **transaction)
        .await?;
        Ok(id)
    }

    /// Adds an event by itself.
    pub async fn add_alone(&self, event: &WebhookEvent) -> Result<String> {
        let mut transaction = self.store.begin().await?;
        let id = self.add(&mut transaction, event).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        self.wake();
        Ok(id)
    }

    /// Adds events, all or none.
    pub(super) async fn add_all(&self, events: &[WebhookEvent]) -> Result<()> {
        let mut transaction = self.store.begin().await?;
        for event in events {
            self.add(&mut transaction, event).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        self.wake();
        Ok(())
    }

    /// There is something new.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Waits until everything that is due has been tried, at most so long.
    pub async fn delivered(&self, limit: Duration) {
        self.wake();
        let due = async {
            while let Ok(Some(next_at)) = self.next_due().await
                && next_at <= unix_now_signed()
            {
                tokio::time::sleep(LOOK).await;
            }
        };
        // What is left is durable.
        let _ = tokio::time::timeout(limit, due).await;
    }

    /// The services of which something may be tried until `now`.
    pub(super) async fn due_services(&self, now: i64) -> Result<Vec<String>> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT DISTINCT service_id FROM outbox WHERE state = 'pending' AND next_at <= $1",
        )
        .bind(now)
        .fetch_all(&self.store.pool()?)
        .await?;
        Ok(rows.into_iter().map(|(service,)| service).collect())
    }

    /// What of a service may be tried until `now`: of each subject only the oldest that is pending.
    pub(super) async fn due(&self, service: &str, now: i64, most: i64) -> Result<Vec<Delivery>> {
        let rows: Vec<Row> = sqlx::query_as(columns!(
            "WHERE service_id = $1 AND state = 'pending' AND next_at <= $2 AND NOT EXISTS (SELECT 1 FROM outbox AS earlier \
             WHERE earlier.subject = outbox.subject AND earlier.state = 'pending' AND earlier.place < outbox.place) \
             ORDER BY place LIMIT $3"
        ))
        .bind(service)
        .bind(now)
        .bind(most)
        .fetch_all(&self.store.pool()?)
        .await?;
        Ok(rows.into_iter().map(Delivery::from).collect())
    }

    /// When the next one is due.
    pub(super) async fn next_due(&self) -> Result<Option<i64>> {
        let row: (Option<i64>,) = sqlx::query_as("SELECT MIN(next_at) FROM outbox WHERE state = 'pending'")
            .fetch_one(&self.store.pool()?)
            .await?;
        Ok(row.0)
    }

    /// How many of each service wait.
    pub(super) async fn waiting(&self) -> Result<Vec<(String, i64)>> {
        Ok(sqlx::query_as(
            "SELECT service_id, COUNT(*) FROM outbox WHERE state = 'pending' GROUP BY service_id",
        )
        .fetch_all(&self.store.pool()?)
        .await?)
    }

    /// Writes down how a try went; of one that is over, with its body or without. What was withdrawn meanwhile stays so, unless it
    /// has been delivered.
    pub(super) async fn tried(
        &self,
        id: &str,
        state: &str,
        next_at: i64,
        result: &str,
        keeps_body: bool,
    ) -> Result<()> {
        let _turn = self.store.turn().await?;
        let is_over = state != "pending";
        sqlx::query(
            "UPDATE outbox SET state = $2, attempts = attempts + 1, next_at = $3, result = $4, settled_at = $5, \
             body = CASE WHEN $6 = 1 THEN '' ELSE body END WHERE id = $1 AND (state <> 'withdrawn' OR $7 = 1)",
        )
        .bind(id)
        .bind(state)
        .bind(if is_over { 0 } else { next_at })
        .bind(result)
        .bind(if is_over { unix_now_signed() } else { 0 })
        .bind(i64::from(is_over && !keeps_body))
        .bind(i64::from(state == "delivered"))
        .execute(&self.store.pool()?)
        .await?;
        Ok(())
    }

    /// What it is about is deleted, in this transaction: bodies are forgotten, and what waits is not sent any more.
    pub(crate) async fn withdraw(&self, transaction: &mut Transaction<'_, Any>, subject: &str) -> Result<()> {
        sqlx::query(
            "UPDATE outbox SET body = '', state = CASE WHEN state = 'pending' THEN 'withdrawn' ELSE state END, \
             result = CASE WHEN state = 'pending' THEN 'what it tells of was deleted' ELSE result END, \
             settled_at = CASE WHEN state = 'pending' THEN $2 ELSE settled_at END WHERE subject = $1",
        )
        .bind(subject)
        .bind(unix_now_signed())
        .execute(&mut **transaction)
        .await?;
        Ok(())
    }

    /// Puts off what of a service is due, without a try: its target is known to be down.
    pub(super) async fn put_off(&self, service: &str, next_at: i64) -> Result<()> {
        let _turn = self.store.turn().await?;
        sqlx::query(
            "UPDATE outbox SET next_at = $2 WHERE service_id = $1 AND state = 'pending' AND next_at < $2",
        )
        .bind(service)
        .bind(next_at)
        .execute(&self.store.pool()?)
        .await?;
        Ok(())
    }

    /// The newest deliveries, of one state or of all.
    pub async fn list(&self, state: Option<&str>, most: i64) -> Result<Vec<Delivery>> {
        let rows: Vec<Row> = sqlx::query_as(columns!(
            "WHERE $1 = '' OR state = $1 ORDER BY place DESC LIMIT $2"
        ))
        .bind(state.unwrap_or_default())
        .bind(most)
        .fetch_all(&self.store.pool()?)
        .await?;
        Ok(rows.into_iter().map(Delivery::from).collect())
    }

    /// Tries one again from now on, for as long as a new one.
    pub async fn replay(&self, id: &str) -> Result<Replay> {
        let _turn = self.store.turn().await?;
        let done = sqlx::query(
            "UPDATE outbox SET state = 'pending', attempts = 0, next_at = 0, created_at = $2, settled_at = 0 \
             WHERE id = $1 AND body <> ''",
        )
        .bind(id)
        .bind(unix_now_signed())
        .execute(&self.store.pool()?)
        .await?;
        self.wake();
        if done.rows_affected() > 0 {
            return Ok(Replay::Begun);
        }
        let known: Option<(String,)> = sqlx::query_as("SELECT id FROM outbox WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.store.pool()?)
            .await?;
        Ok(known.map_or(Replay::Unknown, |_| Replay::Forgotten))
    }

    /// Empties what was delivered or given up before `before`, unix seconds.
    pub(super) async fn forget_bodies(&self, before: i64) -> Result<()> {
        let _turn = self.store.turn().await?;
        sqlx::query(
            "UPDATE outbox SET body = '' WHERE state <> 'pending' AND settled_at < $1 AND body <> ''",
        )
        .bind(before)
        .execute(&self.store.pool()?)
        .await?;
        Ok(())
    }

    /// Forgets what was over before `before`, unix seconds.
    pub(super) async fn forget(&self, before: i64) -> Result<()> {
        let _turn = self.store.turn().await?;
        sqlx::query("DELETE FROM outbox WHERE state <> 'pending' AND settled_at < $1")
            .bind(before)
            .execute(&self.store.pool()?)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(subject: &str, n: u32) -> WebhookEvent {
        WebhookEvent {
            service_id: "demo".into(),
            name: "call_started",
            subject: subject.into(),
            body: serde_json::json!({ "n": n }),
        }
    }

    #[tokio::test]
    async fn each_subject_hands_out_its_oldest_until_that_is_done() {
        let (store, folder) = crate::store::tests::store("order").await;
        let outbox = Outbox::new(store);
        let mut ids = Vec::new();
        for n in 0..3 {
            ids.push(outbox.add_alone(&event("a", n)).await.unwrap());
        }
        let other = outbox.add_alone(&event("b", 9)).await.unwrap();
        let due = |now| {
            let outbox = &outbox;
            async move {
                let all = outbox.due("demo", now, 10).await.unwrap();
                all.into_iter().map(|one| one.id).collect::<Vec<_>>()
            }
        };
        assert_eq!(due(1).await, [ids[0].clone(), other.clone()]);
        outbox.tried(&ids[0], "pending", 100, "500", true).await.unwrap();
        assert_eq!(
            due(1).await,
            std::slice::from_ref(&other),
            "the second waits for the first"
        );
        outbox.tried(&ids[0], "delivered", 0, "200", true).await.unwrap();
        outbox.tried(&other, "given_up", 0, "500", true).await.unwrap();
        assert_eq!(due(1).await, std::slice::from_ref(&ids[1]));
        assert_eq!(outbox.replay(&other).await.unwrap(), Replay::Begun);
        assert_eq!(outbox.replay("msg_none").await.unwrap(), Replay::Unknown);
        assert_eq!(due(1).await, [ids[1].clone(), other]);
        let all = outbox.list(None, 10).await.unwrap();
        assert_eq!(
            (all.len(), all[3].attempts, all[3].result.as_str()),
            (4, 2, "200")
        );
        assert_eq!(outbox.list(Some("delivered"), 10).await.unwrap().len(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn what_tells_of_something_deleted_is_emptied_and_what_waits_is_not_sent() {
        let (store, folder) = crate::store::tests::store("withdrawn").await;
        let outbox = Outbox::new(store.clone());
        let mut ids = Vec::new();
        for subject in ["gone", "gone", "stays"] {
            ids.push(outbox.add_alone(&event(subject, 1)).await.unwrap());
        }
        outbox.tried(&ids[0], "delivered", 0, "200", true).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        outbox.withdraw(&mut transaction, "gone").await.unwrap();
        transaction.commit().await.unwrap();
        let one = async |id: &str| {
            let all = outbox.list(None, 10).await.unwrap();
            all.into_iter().find(|one| one.id == id).unwrap()
        };
        let (told, waited, other) = (one(&ids[0]).await, one(&ids[1]).await, one(&ids[2]).await);
        assert_eq!(
            (told.state.as_str(), told.result.as_str(), told.body.as_str()),
            ("delivered", "200", "")
        );
        assert_eq!((waited.state.as_str(), waited.body.as_str()), ("withdrawn", ""));
        assert_eq!(other.state, "pending");
        assert!(!other.body.is_empty());
        // A try that was under way does not bring it back, and that it was delivered all the same is known.
        outbox.tried(&ids[1], "pending", 9, "500", true).await.unwrap();
        assert_eq!(one(&ids[1]).await.state, "withdrawn");
        assert_eq!(outbox.replay(&ids[1]).await.unwrap(), Replay::Forgotten);
        outbox.tried(&ids[1], "delivered", 0, "200", true).await.unwrap();
        assert_eq!(one(&ids[1]).await.state, "delivered");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn what_is_rolled_back_is_not_told() {
        let (store, folder) = crate::store::tests::store("rollback").await;
        let outbox = Outbox::new(store.clone());
        let mut transaction = store.begin().await.unwrap();
        outbox.add(&mut transaction, &event("a", 1)).await.unwrap();
        drop(transaction);
        assert!(outbox.list(None, 10).await.unwrap().is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

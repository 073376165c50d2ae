//! How long the outbox keeps what is over: a body, which has names and numbers, as long as it may be sent again; who was told of
//! what, and with what outcome, a while longer.

use super::outbox::Outbox;
use crate::store::{Ages, Result, Retention, Store, days_before};
use std::time::Duration;
use tracing::warn;

/// How often what is too old is looked for.
const ROUND: Duration = Duration::from_secs(600);
/// Deliveries that are over are listed for so many days.
const LISTED_DAYS: u64 = 30;

impl Outbox {
    /// Runs for ever. Bodies go after `keep_days` days; with 0 they are gone when they are delivered or given up.
    pub async fn retain_for_ever(self, store: Store, keep_days: u64) {
        let mut ages = Ages::new(store.clone(), Retention::Webhooks);
        loop {
            if let Err(error) = self.retain(&store, &mut ages, keep_days).await {
                warn!(%error, "webhooks: old deliveries are not forgotten");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn retain(&self, store: &Store, ages: &mut Ages, keep_days: u64) -> Result<()> {
        if let Some(now) = ages.now().await? {
            self.forget_bodies(days_before(now, keep_days)).await?;
            self.forget(days_before(now, LISTED_DAYS)).await?;
        }
        // What recordings and others have left behind as well.
        store.sweep().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::{Replay, WebhookEvent};

    const NUMBER: &str = "01099998888";

    async fn delivered(outbox: &Outbox, state: &str, days_ago: u64) -> String {
        let event = WebhookEvent {
            service_id: "demo".into(),
            name: "call_ended",
            subject: days_ago.to_string(),
            body: serde_json::json!({ "caller": NUMBER }),
        };
        let id = outbox.add_alone(&event).await.unwrap();
        let at = days_before(crate::clock::unix_now_signed(), days_ago);
        outbox.tried(&id, state, at, "said", true).await.unwrap();
        sqlx::query("UPDATE outbox SET settled_at = $2 WHERE id = $1 AND settled_at > 0")
            .bind(&id)
            .bind(at)
            .execute(&outbox.store().pool().unwrap())
            .await
            .unwrap();
        id
    }

    async fn body(outbox: &Outbox, id: &str) -> Option<String> {
        let all = outbox.list(None, 100).await.unwrap();
        all.into_iter().find(|one| one.id == id).map(|one| one.body)
    }

    #[tokio::test]
    async fn what_is_over_loses_its_body_first_and_is_forgotten_later() {
        let (store, folder) = crate::store::tests::store("outbox-retention").await;
        let outbox = Outbox::new(store.clone());
        let fresh = delivered(&outbox, "delivered", 1).await;
        let old = delivered(&outbox, "delivered", 8).await;
        let given_up = delivered(&outbox, "given_up", 9).await;
        let oldest = delivered(&outbox, "given_up", 31).await;
        let waits = delivered(&outbox, "pending", 29).await;
        let mut ages = Ages::new(store.clone(), Retention::Webhooks);
        outbox.retain(&store, &mut ages, 7).await.unwrap();
        for (id, has) in [(&fresh, true), (&old, false), (&given_up, false), (&waits, true)] {
            let body = body(&outbox, id).await.unwrap();
            assert_eq!(body.contains(NUMBER), has, "{body}");
        }
        assert_eq!(body(&outbox, &oldest).await, None);
        assert_eq!(outbox.replay(&fresh).await.unwrap(), Replay::Begun);
        assert_eq!(outbox.replay(&old).await.unwrap(), Replay::Forgotten);
        assert_eq!(outbox.replay(&oldest).await.unwrap(), Replay::Unknown);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_is_set_forward_takes_no_body_at_once() {
        let (store, folder) = crate::store::tests::store("outbox-clock").await;
        let outbox = Outbox::new(store.clone());
        let id = delivered(&outbox, "delivered", 8).await;
        // As if the last round had been two days ago, and the service had run since.
        sqlx::query("INSERT INTO clocks (id, seen_at, held) VALUES (2, $1, 0)")
            .bind(days_before(crate::clock::unix_now_signed(), 2))
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
        for _ in 0..2 {
            let mut ages = Ages::new(store.clone(), Retention::Webhooks);
            outbox.retain(&store, &mut ages, 7).await.unwrap();
            assert!(body(&outbox, &id).await.unwrap().contains(NUMBER));
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn what_is_forgotten_is_in_no_file_of_the_database() {
        let (store, folder) = crate::store::tests::store("outbox-sweep").await;
        let outbox = Outbox::new(store.clone());
        let holds = || {
            let files = std::fs::read_dir(folder.join("deep")).unwrap();
            files.into_iter().any(|file| {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                bytes.windows(NUMBER.len()).any(|part| part == NUMBER.as_bytes())
            })
        };
        for _ in 0..50 {
            delivered(&outbox, "delivered", 8).await;
        }
        assert!(holds());
        let mut ages = Ages::new(store.clone(), Retention::Webhooks);
        outbox.retain(&store, &mut ages, 7).await.unwrap();
        assert!(!holds());
        std::fs::remove_dir_all(folder).unwrap();
    }
}

//! The task that brings entries into the store.

use super::log::AuditLog;
use crate::observe::{Audit, AuditOrder, Noted};
use crate::store::{Ages, Retention, Store, days_before};
use crate::supervise::Supervisor;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tracing::warn;

/// Entries of one commit.
const GROUP: usize = 256;
/// After this the store is tried again with what it did not take.
const AGAIN: Duration = Duration::from_secs(1);
/// How often old entries are forgotten.
const ROUND: Duration = Duration::from_secs(3600);

/// Starts it; entries are forgotten after `keep_days` days.
pub fn start(
    store: Store,
    audit: Audit,
    orders: Receiver<AuditOrder>,
    keep_days: u64,
    supervisor: &Supervisor,
) {
    let log = AuditLog::of(store.clone());
    supervisor.restarting("audit retention", {
        let log = log.clone();
        move || retain(log.clone(), store.clone(), keep_days)
    });
    supervisor.task("audit", run(log, audit, orders));
}

async fn run(log: AuditLog, audit: Audit, mut orders: Receiver<AuditOrder>) {
    let mut taken = Vec::with_capacity(GROUP);
    while orders.recv_many(&mut taken, GROUP).await > 0 {
        let (mut entries, mut waiting) = (Vec::new(), Vec::new());
        for order in taken.drain(..) {
            match order {
                AuditOrder::Keep(noted) => entries.push(*noted),
                AuditOrder::Flush(done) => waiting.push(done),
            }
        }
        keep(&log, &audit, entries).await;
        for done in waiting {
            let _ = done.send(());
        }
    }
    // The handles have gone, and with them the service.
    std::future::pending::<()>().await;
}

/// Returns when they are in the store, however long that takes: meanwhile the queue fills, and nobody waits for it.
async fn keep(log: &AuditLog, audit: &Audit, entries: Vec<Noted>) {
    if entries.is_empty() {
        return;
    }
    let mut is_told = false;
    while let Err(error) = log.add(&entries).await {
        if !is_told {
            warn!(%error, entries = entries.len(), "audit entries wait for the store");
            is_told = true;
        }
        tokio::time::sleep(AGAIN).await;
    }
    audit.kept(entries.len());
}

async fn retain(log: AuditLog, store: Store, keep_days: u64) {
    let mut ages = Ages::new(store, Retention::Audit);
    loop {
        let round = async {
            match ages.now().await? {
                Some(now) => log.forget(days_before(now, keep_days)).await,
                None => Ok(()),
            }
        };
        if let Err(error) = round.await {
            warn!(%error, "old audit entries are not forgotten");
        }
        tokio::time::sleep(ROUND).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::AuditQuery;
    use super::*;
    use crate::observe::{Entry, Who};
    use serde_json::{Value, json};

    async fn world(name: &str) -> (Store, std::path::PathBuf, Audit, AuditLog) {
        let (store, folder) = crate::store::tests::store(&format!("audit-{name}")).await;
        let (audit, orders) = Audit::new();
        let log = AuditLog::of(store.clone());
        tokio::spawn(run(log.clone(), audit.clone(), orders));
        (store, folder, audit, log)
    }

    fn query() -> AuditQuery {
        AuditQuery {
            limit: 100,
            ..AuditQuery::default()
        }
    }

    fn subjects(all: &[Value]) -> Vec<&str> {
        all.iter().map(|one| one["subject"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn what_is_noted_is_in_the_store_and_found_by_who_what_and_page() {
        let (_, folder, audit, log) = world("found").await;
        let token = Who::Token("t1".to_owned());
        audit.note(
            Entry::new("token_add", "one")
                .by(token.clone(), "192.0.2.1".parse::<std::net::IpAddr>().ok())
                .of("shop")
                .detail(json!({"scopes": ["read"]})),
        );
        audit.note(Entry::new("settings", "two"));
        audit.note(
            Entry::new("denied", "three")
                .by(Who::Stranger, None)
                .result("no token"),
        );
        audit.note(Entry::new("token_remove", "four").by(token, None));
        audit.flush().await;
        let all = log.list(&query()).await.unwrap();
        assert_eq!(subjects(&all), ["four", "three", "two", "one"]);
        let first = &all[3];
        assert_eq!(first["who"], json!({"kind": "token", "id": "t1"}));
        assert_eq!(
            (
                &first["from"],
                &first["service_id"],
                &first["detail"]["scopes"][0]
            ),
            (&json!("192.0.2.1"), &json!("shop"), &json!("read"))
        );
        let of = async |query: AuditQuery| log.list(&query).await.unwrap();
        let who = AuditQuery {
            who: Some("t1".to_owned()),
            ..query()
        };
        assert_eq!(subjects(&of(who).await), ["four", "one"]);
        let kind = AuditQuery {
            who: Some("stranger".to_owned()),
            ..query()
        };
        assert_eq!(subjects(&of(kind).await), ["three"]);
        let what = AuditQuery {
            what: Some("settings".to_owned()),
            ..query()
        };
        assert_eq!(subjects(&of(what).await), ["two"]);
        let page = AuditQuery {
            before: all[1]["id"].as_str().map(str::to_owned),
            limit: 1,
            ..query()
        };
        assert_eq!(subjects(&of(page).await), ["two"]);
        let past = AuditQuery {
            to: Some(1000),
            ..query()
        };
        assert!(of(past).await.is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn entries_wait_while_the_store_does_not_take_them() {
        let (store, folder, audit, log) = world("waits").await;
        sqlx::query("ALTER TABLE audit RENAME TO away")
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
        audit.note(Entry::new("settings", "kept"));
        tokio::time::sleep(Duration::from_millis(200)).await;
        sqlx::query("ALTER TABLE away RENAME TO audit")
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
        audit.flush().await;
        assert_eq!(subjects(&log.list(&query()).await.unwrap()), ["kept"]);
        assert_eq!(audit.lost(), 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[tokio::test]
    async fn old_entries_are_forgotten_and_others_are_not() {
        let (store, folder, audit, log) = world("old").await;
        audit.note(Entry::new("settings", "old"));
        audit.flush().await;
        sqlx::query("UPDATE audit SET at = 1000")
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
        audit.note(Entry::new("settings", "new"));
        audit.flush().await;
        let forgetting = tokio::spawn(retain(log.clone(), store.clone(), 1));
        for _ in 0..100 {
            if log.list(&query()).await.unwrap().len() == 1 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        forgetting.abort();
        assert_eq!(subjects(&log.list(&query()).await.unwrap()), ["new"]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

//! What services may keep of recordings: one that has as much as it may begins no more, and loses nothing of what it has.

use super::index::Index;
use crate::config::Service;
use crate::sync::lock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;
use tracing::warn;

/// How often it is looked at: recordings that run meanwhile go on.
const LOOK: Duration = Duration::from_secs(10);

/// The quotas of all services, and who has reached its own.
#[derive(Debug, Default)]
pub(super) struct Quotas {
    /// Bytes; of those that have a limit.
    most: Mutex<BTreeMap<String, u64>>,
    full: Mutex<BTreeSet<String>>,
    /// Bytes of each.
    used: Mutex<BTreeMap<String, u64>>,
}

impl Quotas {
    /// The service may keep this much from now on.
    pub(super) fn set(&self, service: &Service) {
        let mut most = lock(&self.most);
        match service.quota.storage_mib {
            0 => most.remove(&service.id),
            mib => most.insert(service.id.clone(), mib.saturating_mul(1 << 20)),
        };
    }

    /// Those that have as much as they may.
    pub(super) fn full(&self) -> BTreeSet<String> {
        lock(&self.full).clone()
    }

    /// What each of those with a limit has and may have, bytes.
    pub(super) fn figures(&self) -> Vec<(String, u64, u64)> {
        let used = lock(&self.used);
        let most = lock(&self.most);
        let of = |(service, most): (&String, &u64)| {
            (service.clone(), used.get(service).copied().unwrap_or(0), *most)
        };
        most.iter().map(of).collect()
    }

    /// Looks again and again; runs for ever.
    pub(super) async fn watch(&self, index: Index) {
        loop {
            let most = lock(&self.most).clone();
            for (service, most) in &most {
                match index.bytes_of(service).await {
                    Ok(bytes) => self.note(service, bytes, *most),
                    Err(error) => warn!(%error, service, "it cannot be seen how much a service has recorded"),
                }
            }
            lock(&self.full).retain(|service| most.contains_key(service));
            lock(&self.used).retain(|service, _| most.contains_key(service));
            tokio::time::sleep(LOOK).await;
        }
    }

    fn note(&self, service: &str, bytes: u64, most: u64) {
        lock(&self.used).insert(service.to_owned(), bytes);
        let mut full = lock(&self.full);
        if bytes < most {
            full.remove(service);
        } else if full.insert(service.to_owned()) {
            warn!(
                service,
                mib = bytes >> 20,
                "service.quota.storage_mib is reached: nothing more of this service is recorded until there is room"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_service_is_full_while_it_keeps_what_it_may_and_no_other_is() {
        let (store, folder) = crate::store::tests::store("quotas").await;
        let quotas = Quotas::default();
        let service = |id: &str, mib| {
            let mut service = Service::default();
            (service.id, service.quota.storage_mib) = (id.to_owned(), mib);
            service
        };
        for (id, mib) in [("small", 1), ("large", 5), ("free", 0)] {
            quotas.set(&service(id, mib));
            sqlx::query(
                "INSERT INTO recordings (id, service_id, room_id, state, started_at, bytes, uploaded, removed, manifest, file_set) \
                 VALUES ($1, $1, '', 'finished', 0, 2097152, 0, 0, '', $1)",
            )
            .bind(id)
            .execute(&store.pool().unwrap())
            .await
            .unwrap();
        }
        let index = Index::new(store);
        let look = async || {
            let watch = quotas.watch(index.clone());
            // Its first look is over long before the second one.
            let _ = tokio::time::timeout(LOOK / 5, watch).await;
        };
        look().await;
        assert_eq!(quotas.full(), ["small".to_owned()].into());
        assert_eq!(
            quotas.figures(),
            [
                ("large".to_owned(), 2 << 20, 5 << 20),
                ("small".to_owned(), 2 << 20, 1 << 20)
            ]
        );
        quotas.set(&service("small", 3));
        quotas.set(&service("large", 0));
        look().await;
        assert!(quotas.full().is_empty());
        assert_eq!(quotas.figures().len(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

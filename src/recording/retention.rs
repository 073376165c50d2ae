//! What is deleted because it is old, or because there is too much.
//!
//! A wall clock that goes forward makes nothing old ([`Ages`]). What is too much is known without a clock, and goes all the same.

use super::index::Index;
use super::keeper::{Deleted, Keeper};
use super::stock::Kept;
use crate::store::{Ages, Result, Retention, days_before};
use omnigate_room::RecordingId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

/// How often what is too old is looked for.
const ROUND: Duration = Duration::from_secs(600);
/// A folder that is no recording's any more is left for somebody to look at for so many days.
const ORPHAN_DAYS: u64 = 7;

/// The sets of files that must go so that so many bytes are left: always the oldest of the service that has most.
fn too_much(kept: Vec<Kept>, limit: u64) -> Vec<RecordingId> {
    let mut by_service: BTreeMap<String, (u64, Vec<Kept>)> = BTreeMap::new();
    // The oldest is the last one of each.
    for one in kept.into_iter().rev() {
        let (sum, all) = by_service.entry(one.service.clone()).or_default();
        *sum = sum.saturating_add(one.bytes);
        all.push(one);
    }
    let mut sum = by_service
        .values()
        .fold(0u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
    let mut gone = Vec::new();
    while sum > limit
        && let Some((bytes, all)) = by_service.values_mut().max_by_key(|(bytes, _)| *bytes)
        && let Some(one) = all.pop()
    {
        *bytes = bytes.saturating_sub(one.bytes);
        sum = sum.saturating_sub(one.bytes);
        gone.push(one.set);
    }
    gone
}

/// The recordings of these sets.
async fn recordings(index: &Index, sets: Vec<RecordingId>) -> Result<Vec<RecordingId>> {
    let mut all = Vec::new();
    for set in sets {
        all.extend(index.of_set(set).await?);
    }
    Ok(all)
}

impl Keeper {
    pub(super) async fn retain_for_ever(self: Arc<Self>) {
        let mut ages = Ages::new(self.parts.index.store().clone(), Retention::Recordings);
        loop {
            if let Err(error) = self.retain(&mut ages).await {
                warn!(%error, "retention waits for the store");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn retain(&self, ages: &mut Ages) -> Result<()> {
        let (days, mib) = (self.parts.settings.keep_days, self.parts.settings.keep_mib);
        let index = &self.parts.index;
        if let Some(now) = ages.now().await? {
            if days > 0 {
                let old = index.older(days_before(now, days)).await?;
                self.delete_all(old, "recording.keep_days").await;
            }
            self.remove_orphans(days_before(now, ORPHAN_DAYS)).await?;
        }
        if mib > 0 {
            let sets = too_much(index.kept(None).await?, mib.saturating_mul(1 << 20));
            self.delete_all(recordings(index, sets).await?, "recording.keep_mib")
                .await;
        }
        Ok(())
    }

    /// Folders that nobody can ask for, as no index and no manifest says whose they are, go when nothing in them has changed since
    /// `before`, unix seconds: what a crash has left of a beginning or of a deletion.
    async fn remove_orphans(&self, before: i64) -> Result<()> {
        let folder = self.parts.folder.clone();
        let found = tokio::task::spawn_blocking(move || folder.without_manifest(before)).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                warn!(%error, "the folder of recordings cannot be looked through");
                return Ok(());
            }
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        for recording in found {
            if self.parts.index.any(recording).await?.is_some() {
                continue;
            }
            let folder = self.parts.folder.clone();
            match tokio::task::spawn_blocking(move || folder.remove(recording)).await {
                Ok(Ok(())) => warn!(%recording, "a folder that is no recording's any more is deleted"),
                Ok(Err(error)) => {
                    warn!(%recording, %error, "a folder that is no recording's any more is left")
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
        }
        Ok(())
    }

    /// Deletes the oldest recordings of a service until its files here take no more than so many bytes; how many went.
    pub(crate) async fn trim(&self, service: &str, bytes: u64) -> Result<usize> {
        let index = &self.parts.index;
        let sets = too_much(index.kept(Some(service)).await?, bytes);
        let gone = recordings(index, sets).await?;
        Ok(self.delete_all(gone, "the storage that its service has").await)
    }

    async fn delete_all(&self, all: Vec<RecordingId>, why: &str) -> usize {
        let mut count = 0;
        for recording in all {
            match self.delete(recording).await {
                Ok(Deleted::Nothing) => {}
                Ok(Deleted::Here | Deleted::Everywhere) => {
                    count += 1;
                    info!(%recording, why, "recording deleted");
                }
                Err(error) => warn!(%recording, %error, "a recording cannot be deleted"),
            }
        }
        count
    }
}

#[cfg(test)]
mod tests;

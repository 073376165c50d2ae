//! What is deleted because it is old, or because there is too much.
//!
//! Age is told by the wall clock, which may be wrong. A round compares it with the monotonic one: when it has gone more than
//! [`STEP`] further than that (or, over a restart, more than [`AWAY`]), nothing is deleted for its age for [`HOLD`], and a line
//! in the log says so. A clock that is right is a day late then; one that is wrong has a day to be set. What is too much
//! is known without a clock, and goes all the same.

use super::index::Index;
use super::keeper::{Deleted, Keeper};
use super::stock::Kept;
use crate::clock::unix_now_signed;
use crate::store::Result;
use omnigate_room::RecordingId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// How often what is too old is looked for.
const ROUND: Duration = Duration::from_secs(600);
/// The wall clock may go so much further than the monotonic one between two rounds, seconds: a correction.
const STEP: i64 = 300;
/// And so much since the last round of an earlier process, seconds: the time that it was not running.
const AWAY: i64 = DAY;
/// After a larger step nothing is deleted for its age for so long.
const HOLD: Duration = Duration::from_secs(86_400);

/// Tells steps of the wall clock.
#[derive(Debug, Default)]
struct Watch {
    /// Wall clock and monotonic clock when it was looked last.
    seen: Option<(i64, Instant)>,
    held_until: Option<Instant>,
}

impl Watch {
    /// Looks at the clocks; `before` is the wall clock in the last round of an earlier process. Whether ages can be told.
    fn look(&mut self, wall: i64, now: Instant, before: Option<i64>) -> bool {
        let (expected, most) = match (self.seen, before) {
            (Some((seen, at)), _) => {
                let passed = now.saturating_duration_since(at).as_secs();
                (seen.saturating_add_unsigned(passed), STEP)
            }
            (None, Some(before)) => (before, AWAY),
            (None, None) => (wall, STEP),
        };
        self.seen = Some((wall, now));
        let ahead = wall.saturating_sub(expected);
        if ahead > most {
            warn!(
                seconds = ahead,
                "the clock has gone forward: no recording is deleted for its age for a day"
            );
            self.held_until = Some(now + HOLD);
        }
        self.held_until.take_if(|until| *until <= now);
        self.held_until.is_none()
    }
}

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
        let (days, mib) = (self.parts.settings.keep_days, self.parts.settings.keep_mib);
        if days == 0 && mib == 0 {
            return;
        }
        let mut watch = Watch::default();
        loop {
            if let Err(error) = self.retain(&mut watch, days, mib).await {
                warn!(%error, "retention waits for the store");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn retain(&self, watch: &mut Watch, days: u64, mib: u64) -> Result<()> {
        let (index, now) = (&self.parts.index, unix_now_signed());
        let before = index.clock_seen().await?;
        let tells_ages = watch.look(now, Instant::now(), before);
        index.see_clock(now).await?;
        if days > 0 && tells_ages {
            let days = i64::try_from(days).unwrap_or(i64::MAX);
            let old = index.older(now.saturating_sub(days.saturating_mul(DAY))).await?;
            self.delete_all(old, "recording.keep_days").await;
        }
        if mib > 0 {
            let sets = too_much(index.kept(None).await?, mib.saturating_mul(1 << 20));
            self.delete_all(recordings(index, sets).await?, "recording.keep_mib")
                .await;
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

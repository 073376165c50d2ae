//! Uploads: each service has its own turn, so one recording that cannot be uploaded keeps nobody's others.

use super::finisher::stored_name;
use super::index::{Entry, State};
use super::keeper::Keeper;
use super::sets::Alone;
use super::stock::LONGEST_PAUSE;
use super::upload::{Bucket, UploadError};
use crate::clock::unix_now_signed;
use crate::store::Result as Stored;
use crate::sync::lock;
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{info, warn};

/// Services whose recordings are uploaded at once.
const AT_ONCE: usize = 4;
/// Pause after the first failure of a recording, seconds; doubled with each further one.
const PAUSE: i64 = 2;
/// Without news, uploads are looked at this often.
const IDLE: Duration = Duration::from_secs(60);
/// Pause after a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(2);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Services that have their turn.
#[derive(Clone, Default)]
struct Turns(Arc<Mutex<HashSet<String>>>);

struct Turn {
    turns: Turns,
    service: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.turns.0).remove(&self.service);
    }
}

impl Turns {
    /// A turn for this service, unless it has one, or too many others have.
    fn take(&self, service: &str) -> Option<Turn> {
        let mut all = lock(&self.0);
        (all.len() < AT_ONCE && all.insert(service.to_owned())).then(|| Turn {
            turns: self.clone(),
            service: service.to_owned(),
        })
    }
}

impl Keeper {
    pub(super) async fn upload_for_ever(self: Arc<Self>) {
        let Some(bucket) = self.bucket.clone() else { return };
        let (turns, mut under_way) = (Turns::default(), JoinSet::new());
        if self.parts.settings.upload.remove_local
            && let Err(error) = self.remove_uploaded().await
        {
            warn!(%error, "files that are in the object storage stay here until the next start");
        }
        loop {
            let pause = match self.begin_uploads(&bucket, &turns, &mut under_way).await {
                Ok(pause) => pause,
                Err(error) => {
                    warn!(%error, "uploads wait for the store");
                    STORE_PAUSE
                }
            };
            tokio::select! {
                Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
                () = self.to_upload.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Begins what may be begun; how long nothing will be.
    async fn begin_uploads(
        self: &Arc<Self>,
        bucket: &Arc<Bucket>,
        turns: &Turns,
        under_way: &mut JoinSet<()>,
    ) -> Stored<Duration> {
        let now = unix_now_signed();
        for entry in self.parts.index.to_upload(now).await? {
            let Some(turn) = turns.take(&entry.manifest.service_id) else {
                continue;
            };
            let (this, bucket) = (self.clone(), bucket.clone());
            under_way.spawn(async move {
                this.upload(&bucket, entry).await;
                drop(turn);
            });
        }
        let next = self.parts.index.next_upload(now).await?;
        let wait = next.map_or(IDLE, |at| {
            Duration::from_secs(u64::try_from(at - now).unwrap_or(0))
        });
        Ok(wait.clamp(Duration::from_secs(1), IDLE))
    }

    async fn upload(&self, bucket: &Bucket, entry: Entry) {
        let recording = entry.manifest.recording_id;
        let Err(error) = self.try_to_upload(bucket, entry).await else {
            return;
        };
        self.parts.figures.upload_failures.fetch_add(1, Relaxed);
        let index = &self.parts.index;
        let later = async {
            let tries = index.upload_failed(recording).await?;
            let doubled = u32::try_from(tries.clamp(1, 16) - 1).unwrap_or(0);
            let pause = PAUSE.saturating_mul(1 << doubled).min(LONGEST_PAUSE);
            index.upload_later(recording, unix_now_signed() + pause).await?;
            Stored::Ok(pause)
        };
        match later.await {
            Ok(pause) => {
                warn!(%recording, %error, again_in_seconds = pause, "a recording cannot be uploaded; it is kept here");
            }
            Err(store) => {
                warn!(%recording, %error, %store, "a recording cannot be uploaded, and the store not be told");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }

    async fn try_to_upload(&self, bucket: &Bucket, entry: Entry) -> Result<(), Error> {
        let (recording, set) = (entry.manifest.recording_id, entry.manifest.set());
        let alone = self.sets.hold(set).await;
        // Whoever was at it before may have deleted it.
        let index = &self.parts.index;
        let entry = index.any(recording).await?;
        let Some(entry) = entry.filter(|entry| entry.state == State::Finished && !entry.uploaded) else {
            return Ok(());
        };
        match self.put(bucket, &entry, &alone).await {
            // The deletion, which waits, takes away what is there.
            Err(UploadError::GivenUp) => return Ok(()),
            done => done?,
        }
        if !index.uploaded(recording, false).await? {
            return Ok(());
        }
        self.parts.figures.uploaded.fetch_add(1, Relaxed);
        let remove = self.parts.settings.upload.remove_local;
        info!(%recording, remove, "recording uploaded");
        if remove {
            self.remove_local(&entry).await?;
        }
        Ok(())
    }

    /// Files that another recording has brought there already are not brought again.
    async fn put(&self, bucket: &Bucket, entry: &Entry, alone: &Alone) -> Result<(), UploadError> {
        let (recording, set) = (entry.manifest.recording_id, entry.manifest.set());
        if !self.parts.index.is_uploaded(set).await? {
            for file in &entry.manifest.files {
                let name = stored_name(file);
                bucket
                    .put(&set.to_string(), &name, &self.path(recording, file), alone)
                    .await?;
            }
        }
        let manifest = self.parts.folder.of(recording).join("manifest.json");
        bucket
            .put(&recording.to_string(), "manifest.json", &manifest, alone)
            .await
    }

    /// What a process could not remove before it ended, or had not to.
    async fn remove_uploaded(&self) -> Result<(), Error> {
        for entry in self.parts.index.both_there_and_here().await? {
            self.remove_local(&entry).await?;
        }
        Ok(())
    }

    async fn remove_local(&self, entry: &Entry) -> Result<(), Error> {
        let recording = entry.manifest.recording_id;
        for file in &entry.manifest.files {
            super::folder::gone(std::fs::remove_file(self.path(recording, file)))?;
        }
        self.parts.index.uploaded(recording, true).await?;
        Ok(())
    }
}

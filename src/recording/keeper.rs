//! What happens to recordings whose files are made, or cannot be: index and webhook in one transaction, another try, deletion.
//! Upload, retention and reading have files of their own.

use super::downloads::Downloads;
use super::figures::RecordingFigures;
use super::finisher::{Made, stored_name};
use super::folder::Folder;
use super::index::{Index, State};
use super::jobs::{Job, Jobs};
use super::notes::Written;
use super::sets::Sets;
use super::telling::Telling;
use super::upload::Bucket;
use crate::clock::unix_now_signed;
use crate::config::Recording;
use crate::store::{Result as Stored, StoreError};
use crate::supervise::{Supervisor, test_point};
use crate::webhook::EventSink;
use crate::webhook::{Targets, WebhookEvent, link_is_signed};
use age::x25519::Identity;
use omnigate_recording::manifest::Manifest;
use omnigate_recording::sealed::SealKey;
use omnigate_room::{RecordingId, Secret};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tracing::{error, info, warn};

/// Pause after a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// How often it is looked for recordings that are to be tried again, as commands cannot wake this process.
const CHORES: Duration = Duration::from_secs(5);
/// And for deletions that could not be completed, in rounds of that.
const DELETIONS: u32 = 12;

pub(super) struct KeeperParts {
    pub(super) folder: Folder,
    pub(super) index: Index,
    pub(super) events: EventSink,
    pub(super) targets: Targets,
    pub(super) public_url: String,
    pub(super) settings: Recording,
    pub(super) key: Option<Identity>,
    pub(super) jobs: Jobs,
    /// Told of recordings whose key is in the store.
    pub(super) kept: crossbeam_channel::Sender<Written>,
    pub(super) figures: Arc<RecordingFigures>,
}

/// What the index is told before a recording is finished.
enum Start {
    /// It has started; with the key of its capture.
    Of(Box<Manifest>, Option<SealKey>),
    /// It was to start, and could not.
    Never(RecordingId),
}

/// Keeps recordings.
pub(crate) struct Keeper {
    pub(super) parts: KeeperParts,
    pub(super) bucket: Option<Arc<Bucket>>,
    pub(super) downloads: Downloads,
    pub(super) sets: Sets,
    telling: Telling,
    starts: UnboundedSender<Start>,
    from_recorder: std::sync::Mutex<Option<UnboundedReceiver<Start>>>,
    pub(super) to_upload: tokio::sync::Notify,
    chores: tokio::sync::Notify,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deleted {
    /// There is no such recording that could be deleted.
    Nothing,
    /// Nothing of it is left anywhere.
    Everywhere,
    /// Nothing of it is left here; the object storage is asked again until it has none either.
    Here,
}

impl Keeper {
    pub(super) fn new(parts: KeeperParts) -> Result<Arc<Keeper>, object_store::Error> {
        let bucket = Bucket::new(&parts.settings.upload)?;
        Ok(Keeper::with(parts, bucket))
    }

    /// A keeper that uploads to this bucket.
    pub(super) fn with(parts: KeeperParts, bucket: Option<Bucket>) -> Arc<Keeper> {
        let (starts, from_recorder) = mpsc::unbounded_channel();
        Arc::new(Keeper {
            telling: Telling::new(parts.public_url.clone(), &parts.settings),
            downloads: Downloads::new(parts.figures.clone()),
            sets: Sets::default(),
            parts,
            bucket: bucket.map(Arc::new),
            starts,
            from_recorder: std::sync::Mutex::new(Some(from_recorder)),
            to_upload: tokio::sync::Notify::new(),
            chores: tokio::sync::Notify::new(),
        })
    }

    /// A recording has started: for the index. The recorder is told when it is there with its key.
    pub(super) fn started(&self, manifest: &Manifest, key: Option<SealKey>) {
        let _ = self.starts.send(Start::Of(Box::new(manifest.clone()), key));
    }

    /// A recording was to start and could not: the index forgets it.
    pub(super) fn never(&self, recording: RecordingId) {
        let _ = self.starts.send(Start::Never(recording));
    }

    /// Starts the tasks. `known` were settled before, once they are read: whether everybody was told is in the store.
    pub(super) fn start(
        self: Arc<Self>,
        mut made: UnboundedReceiver<Made>,
        known: oneshot::Receiver<Vec<Manifest>>,
        supervisor: &Supervisor,
    ) {
        let starts = crate::sync::lock(&self.from_recorder).take();
        let this = self.clone();
        supervisor.task("recording-keeper", async move {
            let Some(mut starts) = starts else { return };
            for manifest in known.await.unwrap_or_default() {
                this.settle(&manifest).await;
            }
            loop {
                test_point("recording-keeper");
                tokio::select! {
                    biased;
                    Some(start) = starts.recv() => this.note(&start).await,
                    Some(made) = made.recv() => {
                        let (Made::Finished(all) | Made::Failed(all)) = made;
                        for manifest in all {
                            this.settle(&manifest).await;
                        }
                    }
                    else => return,
                }
            }
        });
        if self.bucket.is_some() {
            let this = self.clone();
            supervisor.restarting("recording-upload", move || this.clone().upload_for_ever());
        }
        let this = self.clone();
        supervisor.restarting("recording-chores", move || this.clone().do_chores());
        supervisor.restarting("recording-retention", move || self.clone().retain_for_ever());
    }

    /// Into the index, or out of it again, as soon as the store takes it.
    async fn note(&self, start: &Start) {
        while let Err(error) = self.try_to_note(start).await {
            error!(%error, "the start of a recording waits for the store");
            tokio::time::sleep(STORE_PAUSE).await;
        }
    }

    async fn try_to_note(&self, start: &Start) -> Stored<()> {
        let index = &self.parts.index;
        match start {
            Start::Of(manifest, key) => {
                index.started(manifest, key.as_ref()).await?;
                if key.is_some() {
                    let _ = self.parts.kept.send(Written::Kept(manifest.recording_id));
                }
                Ok(())
            }
            Start::Never(recording) => index.delete(*recording).await.map(drop),
        }
    }

    /// A recording's files are there, or cannot be made: everybody is told, as soon as the store takes it.
    async fn settle(&self, manifest: &Manifest) {
        while let Err(error) = self.try_to_settle(manifest).await {
            error!(recording = %manifest.recording_id, %error, "the end of a recording waits for the store");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        self.to_upload.notify_one();
    }

    /// Index and webhook, together and once.
    async fn try_to_settle(&self, manifest: &Manifest) -> Stored<()> {
        let (outbox, index) = (self.parts.events.outbox(), &self.parts.index);
        let mut transaction = index.store().begin().await?;
        let (news, event): (bool, fn(&Telling, &Manifest) -> WebhookEvent) = if manifest.failure.is_some() {
            (index.failed(&mut transaction, manifest).await?, Telling::failed)
        } else {
            (
                index.finished(&mut transaction, manifest).await?,
                Telling::completed,
            )
        };
        if news {
            let event = event(&self.telling, manifest);
            if self.parts.targets.wants(&manifest.service_id, event.name) {
                outbox.add(&mut transaction, &event).await?;
            }
        }
        transaction.commit().await.map_err(StoreError::from)?;
        outbox.wake();
        Ok(())
    }

    /// Whether a link that a webhook gave is genuine and still good.
    pub(crate) fn link_is_good(&self, service: &str, path: &str, expires: i64, signature: &str) -> bool {
        let secrets = self.parts.targets.secrets(service);
        let good = |secret: &Secret| link_is_signed(secret.expose(), path, expires, signature);
        unix_now_signed() < expires && secrets.iter().any(good)
    }

    /// Another try at a recording that has failed; false when it has not.
    pub(crate) async fn retry(&self, recording: RecordingId) -> Stored<bool> {
        let asked = self.parts.index.retry(recording).await?;
        self.chores.notify_one();
        Ok(asked)
    }

    /// What was asked for by a command, and what could not be completed.
    async fn do_chores(self: Arc<Self>) {
        let mut round = 0;
        loop {
            let retries = self.begin_retries().await;
            let deletions = if round % DELETIONS == 0 {
                self.complete_deletions().await
            } else {
                Ok(())
            };
            if let Err(error) = retries.and(deletions) {
                warn!(%error, "recordings are looked after when the store can be reached");
            }
            round += 1;
            tokio::select! {
                () = self.chores.notified() => {}
                () = tokio::time::sleep(CHORES) => {}
            }
        }
    }

    async fn begin_retries(&self) -> Stored<()> {
        for entry in self.parts.index.in_state(State::Retry).await? {
            let mut manifest = entry.manifest;
            let recording = manifest.recording_id;
            manifest.failure = None;
            let key = match &manifest.capture_of {
                Some(capture) => self.parts.index.key(capture).await?,
                None => None,
            };
            let (folder, fresh) = (self.parts.folder.clone(), manifest.clone());
            let cleared = tokio::task::spawn_blocking(move || {
                folder
                    .forget_tries(recording)
                    .and_then(|()| folder.write_manifest(&fresh))
            });
            match cleared.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    warn!(%recording, %error, "another try at a recording waits for the disk");
                    continue;
                }
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            }
            if self.parts.index.retried(recording).await? {
                info!(%recording, "a recording is tried again");
                self.parts.jobs.add_all(vec![Job { manifest, key }]);
            }
        }
        Ok(())
    }

    async fn complete_deletions(&self) -> Stored<()> {
        for entry in self.parts.index.in_state(State::Deleting).await? {
            let recording = entry.manifest.recording_id;
            if let Err(error) = self.complete_deletion(recording).await {
                warn!(%recording, %error, "a recording is not deleted everywhere; it is tried again");
            }
        }
        Ok(())
    }

    /// Deletes a recording everywhere. Once it is marked, it is gone for everybody, whatever an upload is just doing, and with it what
    /// was told of it or was to be told.
    pub(crate) async fn delete(
        &self,
        recording: RecordingId,
    ) -> Result<Deleted, Box<dyn std::error::Error + Send + Sync>> {
        if !self.mark_deleted(recording).await? {
            return Ok(Deleted::Nothing);
        }
        match self.complete_deletion(recording).await {
            Ok(()) => Ok(Deleted::Everywhere),
            Err(error) if !self.parts.folder.of(recording).exists() => {
                warn!(%recording, %error, "a recording is not deleted in the object storage; it is tried again");
                Ok(Deleted::Here)
            }
            Err(error) => Err(error),
        }
    }

    async fn mark_deleted(&self, recording: RecordingId) -> Stored<bool> {
        let (outbox, index) = (self.parts.events.outbox(), &self.parts.index);
        let mut transaction = index.store().begin().await?;
        let marked = index.deleting(&mut transaction, recording).await?;
        if marked {
            outbox.withdraw(&mut transaction, &recording.to_string()).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(marked)
    }

    async fn complete_deletion(
        &self,
        recording: RecordingId,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let index = &self.parts.index;
        let Some(entry) = index.any(recording).await? else {
            return Ok(());
        };
        let set = entry.manifest.set();
        // An upload of these files stops, and what it has put there goes with the rest.
        let _alone = self.sets.take_over(set).await;
        let folder = self.parts.folder.clone();
        tokio::task::spawn_blocking(move || folder.remove(recording)).await??;
        if let Some(bucket) = &self.bucket {
            if !index.shared(set, recording).await? {
                for file in &entry.manifest.files {
                    bucket.delete(&set.to_string(), &stored_name(file)).await?;
                }
            }
            bucket.delete(&recording.to_string(), "manifest.json").await?;
        } else if entry.uploaded {
            warn!(%recording, "its files stay in the object storage: recording.upload.url is not set any more");
        }
        index.delete(recording).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;

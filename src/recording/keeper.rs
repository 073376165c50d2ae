//! What happens to finished recordings: index and webhook in one transaction, upload, retention, deletion, reading.

use super::crypt::{self, CryptError, ReadSeek};
use super::figures::RecordingFigures;
use super::finisher::checksum;
use super::folder::Folder;
use super::index::{Entry, Index};
use super::retention;
use super::upload::{Bucket, UploadError};
use crate::clock::unix_now_signed;
use crate::config::Recording;
use crate::store::{Result as Stored, StoreError};
use crate::supervise::{Supervisor, test_point};
use crate::webhook::EventSink;
use crate::webhook::{Targets, WebhookEvent, link_is_signed, sign_link};
use age::x25519::Identity;
use omnigate_recording::manifest::{FileEntry, Manifest};
use omnigate_room::{RecordingId, Secret};
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{error, info, warn};

/// Pause after a failure of the store.
const STORE_PAUSE: Duration = Duration::from_secs(2);
/// How often what is too old is looked for.
const RETENTION: Duration = Duration::from_secs(600);
/// Pauses between tries at an upload: from this, doubled up to that.
const UPLOAD_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_UPLOAD_PAUSE: Duration = Duration::from_secs(300);
/// Without news, uploads are looked at this often.
const UPLOAD_IDLE: Duration = Duration::from_secs(60);
/// Recordings in one round of uploads.
const UPLOADS: u32 = 16;
/// How long a link in a webhook is good, seconds: a week.
const LINK_SECONDS: i64 = 7 * 86_400;

pub(super) struct KeeperParts {
    pub(super) folder: Folder,
    pub(super) index: Index,
    pub(super) events: EventSink,
    pub(super) targets: Targets,
    pub(super) public_url: String,
    pub(super) settings: Recording,
    pub(super) key: Option<Identity>,
    pub(super) figures: Arc<RecordingFigures>,
}

/// What the index is told before a recording is finished.
enum Start {
    /// It has started.
    Of(Box<Manifest>),
    /// It was to start, and could not.
    Never(RecordingId),
}

/// Keeps recordings.
pub(crate) struct Keeper {
    parts: KeeperParts,
    bucket: Option<Bucket>,
    starts: UnboundedSender<Start>,
    from_recorder: std::sync::Mutex<Option<UnboundedReceiver<Start>>>,
    to_upload: tokio::sync::Notify,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("the file is encrypted, and recording.key is not set")]
    NoKey,
    #[error(transparent)]
    Crypt(#[from] CryptError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("object storage: {0}")]
    Upload(#[from] UploadError),
}

impl Keeper {
    pub(super) fn new(parts: KeeperParts) -> Result<Arc<Keeper>, object_store::Error> {
        let bucket = Bucket::new(&parts.settings.upload)?;
        let (starts, from_recorder) = mpsc::unbounded_channel();
        Ok(Arc::new(Keeper {
            parts,
            bucket,
            starts,
            from_recorder: std::sync::Mutex::new(Some(from_recorder)),
            to_upload: tokio::sync::Notify::new(),
        }))
    }

    /// A recording has started: for the index.
    pub(super) fn started(&self, manifest: &Manifest) {
        let _ = self.starts.send(Start::Of(Box::new(manifest.clone())));
    }

    /// A recording was to start and could not: the index forgets it.
    pub(super) fn never(&self, recording: RecordingId) {
        let _ = self.starts.send(Start::Never(recording));
    }

    /// Starts the tasks. `known` were finished before: whether everybody was told is in the store.
    pub(super) fn start(
        self: Arc<Self>,
        mut finished: UnboundedReceiver<Manifest>,
        known: Vec<Manifest>,
        supervisor: &Supervisor,
    ) {
        let starts = crate::sync::lock(&self.from_recorder).take();
        let this = self.clone();
        supervisor.task("recording-keeper", async move {
            let Some(mut starts) = starts else { return };
            for manifest in known {
                this.settle(&manifest).await;
            }
            loop {
                test_point("recording-keeper");
                tokio::select! {
                    biased;
                    Some(start) = starts.recv() => this.note(&start).await,
                    Some(manifest) = finished.recv() => this.settle(&manifest).await,
                    else => return,
                }
            }
        });
        if self.bucket.is_some() {
            let this = self.clone();
            supervisor.restarting("recording-upload", move || this.clone().upload_for_ever());
        }
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
            Start::Of(manifest) => index.started(manifest).await,
            Start::Never(recording) => index.delete(*recording).await.map(drop),
        }
    }

    /// A recording's files are there: everybody is told, as soon as the store takes it.
    async fn settle(&self, manifest: &Manifest) {
        while let Err(error) = self.try_to_settle(manifest).await {
            error!(recording = %manifest.recording_id, %error, "the end of a recording waits for the store");
            tokio::time::sleep(STORE_PAUSE).await;
        }
        self.to_upload.notify_one();
    }

    /// Index and webhook, together and once.
    async fn try_to_settle(&self, manifest: &Manifest) -> Stored<()> {
        let outbox = self.parts.events.outbox();
        let mut transaction = self.parts.index.store().begin().await?;
        if self.parts.index.finished(&mut transaction, manifest).await?
            && self
                .parts
                .targets
                .wants(&manifest.service_id, "recording_completed")
        {
            outbox.add(&mut transaction, &self.completed(manifest)).await?;
        }
        transaction.commit().await.map_err(StoreError::from)?;
        outbox.wake();
        Ok(())
    }

    /// The event of 12.6.1.
    fn completed(&self, manifest: &Manifest) -> WebhookEvent {
        let format = self.parts.settings.webhook_format.name();
        let main = manifest
            .files
            .iter()
            .find(|file| file.format == format && file.content != "participant");
        let (ended_at, reason) = manifest.end.as_ref().map_or((manifest.started_at, ""), |end| {
            (end.ended_at, end.reason.as_str())
        });
        let mut body = json!({
            "recording_id": manifest.recording_id,
            "room_id": manifest.room_id, "room_type": manifest.room_type, "call_type": manifest.call_type,
            "session": manifest.session, "user_id": manifest.user_id, "user_name": manifest.user_name,
            "started_at": manifest.started_at, "ended_at": ended_at, "end_reason": reason,
            "duration": main.map_or(0.0, |file| file.duration),
            "files": manifest.files.iter().map(|file| self.described(manifest, file)).collect::<Vec<_>>(),
        });
        if let Some(main) = main.or(manifest.files.first()) {
            body["file"] = self.described(manifest, main);
        }
        if let (Some(caller), Some(callee)) = (&manifest.caller, &manifest.callee) {
            body["caller"] = caller.as_str().into();
            body["callee"] = callee.as_str().into();
        }
        if let Some(call) = manifest.call_id {
            body["call_id"] = call.to_string().into();
        }
        WebhookEvent {
            service_id: manifest.service_id.clone(),
            name: "recording_completed",
            subject: manifest.recording_id.to_string(),
            body,
        }
    }

    fn described(&self, manifest: &Manifest, file: &FileEntry) -> Value {
        let path = path_of(manifest.recording_id, &file.name);
        let expires = unix_now_signed() + LINK_SECONDS;
        let mut url = format!("{}{path}", self.parts.public_url);
        if let Some(secret) = self.parts.targets.secret(&manifest.service_id) {
            let signature = sign_link(secret.expose(), &path, expires);
            url += &format!("?expires={expires}&signature={signature}");
        }
        json!({
            "url": url, "format": file.format, "sample_rate": file.sample_rate, "channels": file.channels,
            "size": file.size, "sha256": file.sha256, "content": file.content,
        })
    }

    /// Whether a link that a webhook gave is genuine and still good.
    pub(crate) fn link_is_good(&self, service: &str, path: &str, expires: i64, signature: &str) -> bool {
        let secrets = self.parts.targets.secrets(service);
        let good = |secret: &Secret| link_is_signed(secret.expose(), path, expires, signature);
        unix_now_signed() < expires && secrets.iter().any(good)
    }

    /// Opens a file of a recording for reading, wherever it is; with its length.
    pub(crate) async fn open(
        &self,
        entry: &Entry,
        file: &FileEntry,
    ) -> Result<(Box<dyn ReadSeek>, u64), ReadError> {
        let recording = entry.manifest.recording_id;
        let path = self.path(recording, file);
        let temporary = if entry.removed {
            Some(self.fetch(recording, file).await?)
        } else {
            None
        };
        let key = match (file.encrypted, &self.parts.key) {
            (true, None) => return Err(ReadError::NoKey),
            (true, key) => key.clone(),
            (false, _) => None,
        };
        let size = file.size;
        let opened = tokio::task::spawn_blocking(move || -> Result<Box<dyn ReadSeek>, ReadError> {
            let path = temporary.as_ref().unwrap_or(&path);
            let opened: Box<dyn ReadSeek> = match key {
                Some(key) => Box::new(crypt::open(path, &key)?),
                None => Box::new(File::open(path)?),
            };
            if let Some(temporary) = &temporary {
                // It is read through the open file, and goes with it.
                std::fs::remove_file(temporary)?;
            }
            Ok(opened)
        });
        match opened.await {
            Ok(opened) => Ok((opened?, size)),
            Err(error) => Err(std::io::Error::other(error).into()),
        }
    }

    fn path(&self, recording: RecordingId, file: &FileEntry) -> PathBuf {
        self.parts.folder.of(recording).join(stored_name(file))
    }

    /// Brings a file back from the object storage, to a place of its own.
    async fn fetch(&self, recording: RecordingId, file: &FileEntry) -> Result<PathBuf, ReadError> {
        let Some(bucket) = &self.bucket else {
            return Err(std::io::Error::from(std::io::ErrorKind::NotFound).into());
        };
        let to = self
            .parts
            .folder
            .captures()
            .join(format!("fetched-{:032x}", rand::random::<u128>()));
        if let Err(error) = bucket.get(&recording.to_string(), &stored_name(file), &to).await {
            let _ = std::fs::remove_file(&to);
            return Err(error.into());
        }
        Ok(to)
    }

    async fn upload_for_ever(self: Arc<Self>) {
        let mut pause = UPLOAD_PAUSE;
        loop {
            match self.upload_round().await {
                Ok(0) => {
                    pause = UPLOAD_PAUSE;
                    tokio::select! {
                        () = self.to_upload.notified() => {}
                        () = tokio::time::sleep(UPLOAD_IDLE) => {}
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    self.parts.figures.upload_failures.fetch_add(1, Relaxed);
                    warn!(%error, again_in = ?pause, "a recording cannot be uploaded; it is kept here");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_UPLOAD_PAUSE);
                }
            }
        }
    }

    /// Uploads some recordings; how many there were.
    async fn upload_round(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let Some(bucket) = &self.bucket else { return Ok(0) };
        let entries = self.parts.index.to_upload(UPLOADS).await?;
        for entry in &entries {
            let recording = entry.manifest.recording_id;
            let name = recording.to_string();
            for file in &entry.manifest.files {
                bucket
                    .put(&name, &stored_name(file), &self.path(recording, file))
                    .await?;
            }
            let manifest = self.parts.folder.of(recording).join("manifest.json");
            bucket.put(&name, "manifest.json", &manifest).await?;
            let remove = self.parts.settings.upload.remove_local;
            self.parts.index.uploaded(recording, remove).await?;
            self.parts.figures.uploaded.fetch_add(1, Relaxed);
            info!(%recording, remove, "recording uploaded");
            for file in entry.manifest.files.iter().filter(|_| remove) {
                std::fs::remove_file(self.path(recording, file))?;
            }
        }
        Ok(entries.len())
    }

    async fn retain_for_ever(self: Arc<Self>) {
        let (days, mib) = (self.parts.settings.keep_days, self.parts.settings.keep_mib);
        if days == 0 && mib == 0 {
            return;
        }
        loop {
            match retention::due(&self.parts.index, days, mib, unix_now_signed()).await {
                Ok(due) => {
                    for id in due {
                        match self.delete(id).await {
                            Ok(_) => {
                                info!(recording = %id, "recording deleted: recording.keep_days or keep_mib")
                            }
                            Err(error) => warn!(recording = %id, %error, "a recording cannot be deleted"),
                        }
                    }
                }
                Err(error) => warn!(%error, "retention waits for the store"),
            }
            tokio::time::sleep(RETENTION).await;
        }
    }

    /// Deletes a finished recording everywhere; false when there is none.
    pub(crate) async fn delete(
        &self,
        recording: RecordingId,
    ) -> Result<bool, Box<dyn std::error::Error + Send + Sync>> {
        let Some(entry) = self
            .parts
            .index
            .get(recording)
            .await?
            .filter(|entry| entry.finished)
        else {
            return Ok(false);
        };
        if let Some(bucket) = self.bucket.as_ref().filter(|_| entry.uploaded) {
            let names = entry.manifest.files.iter().map(stored_name);
            for name in names.chain(["manifest.json".to_owned()]) {
                bucket.delete(&recording.to_string(), &name).await?;
            }
        }
        self.parts.folder.remove(recording)?;
        Ok(self.parts.index.delete(recording).await?)
    }
}

/// The route of a file.
pub(crate) fn path_of(recording: RecordingId, name: &str) -> String {
    format!("/api/v1/recordings/{recording}/files/{name}")
}

fn stored_name(file: &FileEntry) -> String {
    if file.encrypted {
        format!("{}.{}", file.name, crypt::EXTENSION)
    } else {
        file.name.clone()
    }
}

/// Compares every file of a recording with the index; what is wrong, a line each.
pub fn verify(folder: &Folder, entry: &Entry, key: Option<&Identity>) -> Vec<String> {
    let recording = entry.manifest.recording_id;
    if entry.removed {
        return vec!["its files are in the object storage only".to_owned()];
    }
    let mut faults = Vec::new();
    for file in &entry.manifest.files {
        let path = folder.of(recording).join(stored_name(file));
        let read = || -> Result<(u64, String), ReadError> {
            match (file.encrypted, key) {
                (true, None) => Err(ReadError::NoKey),
                (true, Some(key)) => Ok(checksum(&mut crypt::open(&path, key)?)?),
                (false, _) => Ok(checksum(&mut File::open(&path)?)?),
            }
        };
        match read() {
            Ok((size, _)) if size != file.size => {
                faults.push(format!("{}: {size} bytes, and not {}", file.name, file.size));
            }
            Ok((_, sha256)) if sha256 != file.sha256 => {
                faults.push(format!("{}: its checksum is another one", file.name));
            }
            Ok(_) => {}
            Err(error) => faults.push(format!("{}: {error}", file.name)),
        }
    }
    faults
}

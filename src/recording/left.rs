//! What an earlier process left.

use super::error::RecordingError;
use super::figures::RecordingFigures;
use super::folder::Folder;
use super::index::{Index, State};
use super::jobs::Jobs;
use super::recover;
use crate::store::StoreError;
use omnigate_recording::manifest::Manifest;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::oneshot;
use tracing::warn;

/// Pause between tries at reading the index, at the start.
const AGAIN: Duration = Duration::from_secs(2);

/// For whoever finishes it: at once, or when the index can be read.
pub(super) struct Left {
    pub(super) folder: Folder,
    pub(super) index: Index,
    pub(super) jobs: Jobs,
    pub(super) figures: Arc<RecordingFigures>,
    pub(super) absent: Arc<AtomicBool>,
}

impl Left {
    /// Those whose files are there, as soon as they are known.
    pub(super) async fn begin(self) -> Result<oneshot::Receiver<Vec<Manifest>>, RecordingError> {
        let (tell, known) = oneshot::channel();
        match self.read().await {
            Ok(left) => drop(tell.send(left)),
            Err(RecordingError::Store(StoreError::Absent(_))) => {
                tokio::spawn(async move { drop(tell.send(self.read_later().await)) });
            }
            Err(error) => return Err(error),
        }
        Ok(known)
    }

    async fn read_later(&self) -> Vec<Manifest> {
        loop {
            self.index.store().opened().await;
            match self.read().await {
                Ok(left) => return left,
                Err(error) => {
                    warn!(%error, "what was recorded before cannot be looked at; it is tried again")
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn read(&self) -> Result<Vec<Manifest>, RecordingError> {
        let left = recover::recover(
            &self.folder,
            &self.index.all_settled().await?,
            &self.index.in_state(State::Recording).await?,
            &self.index.keys().await?,
        )?;
        self.figures.recovered.fetch_add(left.crashed, Relaxed);
        self.jobs.add_all(left.to_finish);
        self.absent.store(false, Relaxed);
        Ok(left.known)
    }
}

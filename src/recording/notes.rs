//! The thread that writes manifests of recordings that run or have ended: the thread that empties the rings of media threads
//! never waits for the disk's word on them.
//!
//! Of a recording that runs only the last state counts, so what waits is bounded by the recordings that there are, however many
//! join and leave. A round costs two syncs of the file system, whatever is in it.

use super::figures::RecordingFigures;
use super::folder::Folder;
use crate::media::CaptureId;
use crate::supervise::{Supervisor, test_point};
use crate::sync::lock;
use crossbeam_channel::Sender;
use omnigate_recording::manifest::Manifest;
use omnigate_room::RecordingId;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::{error, warn};

/// Names of whoever comes are written this often.
const ROUND: Duration = Duration::from_secs(1);

/// What becomes of recordings on the disk.
#[derive(Debug)]
pub(super) enum Written {
    /// A recording is on the disk: a crash does not lose it.
    Begun(RecordingId),
    /// The key of its sealed capture is in the store: without it the disk has nothing.
    Kept(RecordingId),
    /// A recording has ended that the disk has never had; nothing of it is left there.
    Never(Box<Manifest>),
    /// A recording has ended, and all of it is in files.
    Captured(Box<Manifest>),
    /// A capture cannot be written any more: its recordings end here.
    Failed(CaptureId),
}

/// Reads the present manifest of a recording that runs.
pub(super) type Present = Box<dyn Fn(RecordingId) -> Option<Manifest> + Send>;

#[derive(Default)]
struct Waiting {
    /// Have a new name.
    touched: BTreeSet<RecordingId>,
    /// Have ended, and all of them is in files.
    ended: Vec<Manifest>,
    /// Have ended before they began.
    never: Vec<Manifest>,
    /// Wants to know when all of that is written.
    stop: Option<Sender<()>>,
    closed: bool,
}

impl Waiting {
    fn is_urgent(&self) -> bool {
        self.closed || self.stop.is_some() || !self.ended.is_empty() || !self.never.is_empty()
    }
}

type Shared = Arc<(Mutex<Waiting>, Condvar)>;

/// Where notes are left; dropping it ends the thread when all of them are written.
pub(super) struct Notes(Shared);

impl Drop for Notes {
    fn drop(&mut self) {
        self.leave(|waiting| waiting.closed = true);
    }
}

impl Notes {
    pub(super) fn new() -> Notes {
        Notes(Arc::default())
    }

    fn leave(&self, note: impl FnOnce(&mut Waiting)) {
        note(&mut lock(&self.0.0));
        self.0.1.notify_one();
    }

    /// Somebody came: its manifest is to be written.
    pub(super) fn touched(&self, recording: RecordingId) {
        self.leave(|waiting| {
            waiting.touched.insert(recording);
        });
    }

    /// It has ended: told when its manifest says so.
    pub(super) fn ended(&self, manifest: Manifest) {
        self.leave(|waiting| waiting.ended.push(manifest));
    }

    /// It has ended before it began: told when nothing of it is left.
    pub(super) fn never(&self, manifest: Manifest) {
        self.leave(|waiting| waiting.never.push(manifest));
    }

    /// The process ends: told when all is written.
    pub(super) fn stop(&self, done: Sender<()>) {
        self.leave(|waiting| waiting.stop = Some(done));
    }

    /// Starts the thread.
    pub(super) fn start(
        &self,
        folder: Folder,
        present: Present,
        tell: Sender<Written>,
        figures: Arc<RecordingFigures>,
        supervisor: &Supervisor,
    ) -> std::io::Result<()> {
        let round = Round {
            folder,
            present,
            tell,
            figures,
        };
        let shared = self.0.clone();
        supervisor.thread("recording-notes", move || run(&shared, &round))?;
        Ok(())
    }
}

fn run(shared: &Shared, round: &Round) {
    let mut last = Instant::now();
    loop {
        let mut waiting = lock(&shared.0);
        while !waiting.is_urgent() && (waiting.touched.is_empty() || last.elapsed() < ROUND) {
            let wait = if waiting.touched.is_empty() {
                Duration::MAX
            } else {
                ROUND.saturating_sub(last.elapsed())
            };
            let waited = if wait == Duration::MAX {
                shared.1.wait(waiting).map_err(PoisonError::into_inner)
            } else {
                let timed = shared.1.wait_timeout(waiting, wait);
                timed.map(|(waiting, _)| waiting).map_err(|e| e.into_inner().0)
            };
            waiting = waited.unwrap_or_else(|waiting| waiting);
        }
        let all = std::mem::take(&mut *waiting);
        drop(waiting);
        test_point("recording-notes");
        round.write(all.touched, all.ended, all.never);
        last = Instant::now();
        if let Some(done) = all.stop {
            let _ = done.send(());
        }
        if all.closed {
            return;
        }
    }
}

struct Round {
    folder: Folder,
    present: Present,
    tell: Sender<Written>,
    figures: Arc<RecordingFigures>,
}

impl Round {
    fn write(&self, touched: BTreeSet<RecordingId>, ended: Vec<Manifest>, never: Vec<Manifest>) {
        // One that has ended meanwhile is among those that have, or will be.
        let running: Vec<Manifest> = touched.into_iter().filter_map(&self.present).collect();
        let all: Vec<&Manifest> = running.iter().chain(&ended).collect();
        if !all.is_empty() {
            for (recording, error) in self.folder.write_manifests(&all) {
                self.figures.disk_failures.fetch_add(1, Relaxed);
                error!(%recording, %error, "a manifest cannot be written");
            }
        }
        for manifest in never {
            let recording = manifest.recording_id;
            if let Err(error) = self.folder.remove(recording) {
                warn!(%recording, %error, "a recording that could not begin leaves its folder behind");
            }
            let _ = self.tell.send(Written::Never(Box::new(manifest)));
        }
        for manifest in ended {
            let _ = self.tell.send(Written::Captured(Box::new(manifest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::tests::{manifest, scratch};
    use crossbeam_channel::unbounded;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_crowd_that_joins_costs_a_round_of_writing_and_the_end_is_written_last() {
        let (root, folder) = scratch("notes");
        let (tell, told) = unbounded();
        let (supervisor, _) = Supervisor::new();
        let one = manifest(7, 1);
        let (id, reads) = (one.recording_id, Arc::new(AtomicUsize::new(0)));
        let (present, counted) = (one.clone(), reads.clone());
        let present: Present = Box::new(move |_| {
            counted.fetch_add(1, Relaxed);
            Some(present.clone())
        });
        let notes = Notes::new();
        for _ in 0..10_000 {
            notes.touched(id);
        }
        notes
            .start(folder.clone(), present, tell, Arc::default(), &supervisor)
            .unwrap();
        for _ in 0..10_000 {
            notes.touched(id);
        }
        let mut end = one.clone();
        end.user_name = "the end".to_owned();
        notes.ended(end);
        assert!(matches!(told.recv().unwrap(), Written::Captured(_)));
        assert_eq!(folder.manifest(id).unwrap().user_name, "the end");
        assert!(reads.load(Relaxed) <= 4, "{}", reads.load(Relaxed));
        notes.never(one);
        assert!(matches!(told.recv().unwrap(), Written::Never(_)));
        assert!(!folder.of(id).exists());
        std::fs::remove_dir_all(root).unwrap();
    }
}

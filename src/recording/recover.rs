//! What an earlier process left: recordings cut off by a crash, or ended but not finished.
//!
//! Nothing is read of captures here: a capture that ends the process is to do so where it is counted (`finisher`).

use super::folder::{Folder, gone};
use super::index::Entry;
use super::jobs::Job;
use omnigate_recording::manifest::Manifest;
use omnigate_recording::sealed::SealKey;
use omnigate_room::RecordingId;
use std::collections::{HashMap, HashSet};
use std::{fs, io};
use tracing::warn;

#[derive(Default)]
pub(super) struct Left {
    /// Ended before, or are to end where their captures end; their files are to be made.
    pub(super) to_finish: Vec<Job>,
    /// Their files are there, or cannot be made; whether everybody was told is not known.
    pub(super) known: Vec<Manifest>,
    /// Cut off by a crash.
    pub(super) crashed: u64,
}

/// Looks at every recording in the folder but those of which the index knows that nothing is left to be done, which may be
/// very many; and at those that had `started` as far as it knows, and crashed before their folder was there. One that cannot
/// be looked at waits for the next start and keeps no other one.
pub(super) fn recover(
    folder: &Folder,
    settled: &HashSet<RecordingId>,
    started: &[Entry],
    keys: &HashMap<String, SealKey>,
) -> io::Result<Left> {
    let mut left = Left::default();
    for manifest in started.iter().map(|entry| &entry.manifest) {
        let recording = manifest.recording_id;
        if folder.manifest(recording).is_err()
            && let Err(error) = folder.write_manifest(manifest)
        {
            warn!(%recording, %error, "a recording cannot be recovered; it waits for the next start");
        }
    }
    let unknown = |recording: &RecordingId| !settled.contains(recording);
    for recording in folder.all()?.into_iter().filter(unknown) {
        let manifest = match folder.manifest(recording) {
            Ok(manifest) => manifest,
            Err(error) => {
                // It crashed before its manifest was there: then nothing was captured either.
                warn!(%recording, %error, "a recording without a manifest is left as it is");
                continue;
            }
        };
        if let Err(error) = folder.remove_parts(recording) {
            warn!(%recording, %error, "what an earlier process has not completed cannot be removed");
        }
        if !manifest.files.is_empty() {
            let capture = folder.of(recording).join(&manifest.capture);
            let tidy = gone(fs::remove_file(capture)).and_then(|()| folder.forget_tries(recording));
            if let Err(error) = tidy {
                warn!(%recording, %error, "the capture of a finished recording cannot be removed");
            }
            left.known.push(manifest);
        } else if manifest.failure.is_some() {
            left.known.push(manifest);
        } else {
            left.crashed += u64::from(manifest.end.is_none());
            let key = manifest.capture_of.as_ref().and_then(|capture| keys.get(capture));
            let key = key.cloned();
            left.to_finish.push(Job { manifest, key });
        }
    }
    folder.remove_captures()?;
    Ok(left)
}

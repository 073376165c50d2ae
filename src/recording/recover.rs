//! What an earlier process left: recordings cut off by a crash, or ended but not finished.

use super::folder::{Folder, PART};
use omnigate_recording::capture::CaptureReader;
use omnigate_recording::manifest::{Manifest, RecordingEnd};
use omnigate_recording::{FRAME_US, Span, survey};
use omnigate_room::RecordingId;
use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io::{self, BufReader};
use tracing::{info, warn};

#[derive(Default)]
pub(super) struct Left {
    /// Ended now or before; their files are to be made.
    pub(super) to_finish: Vec<(RecordingId, Manifest)>,
    /// Their files are there; whether everybody was told is not known.
    pub(super) finished: Vec<Manifest>,
    /// Cut off by a crash.
    pub(super) crashed: u64,
}

/// Looks at every recording in the folder but those that are known to be finished, which may be very many; and at those
/// that had `started` as far as the index knows, and crashed before their folder was there.
pub(super) fn recover(
    folder: &Folder,
    finished: &HashSet<RecordingId>,
    started: &[Manifest],
) -> io::Result<Left> {
    let mut left = Left::default();
    for manifest in started {
        if folder.manifest(manifest.recording_id).is_err() {
            folder.write_manifest(manifest.recording_id, manifest)?;
        }
    }
    let unknown = |recording: &RecordingId| !finished.contains(recording);
    for recording in folder.all()?.into_iter().filter(unknown) {
        let manifest = match folder.manifest(recording) {
            Ok(manifest) => manifest,
            Err(error) => {
                // It crashed before its manifest was there: then nothing was captured either.
                warn!(%recording, %error, "a recording without a manifest is left as it is");
                continue;
            }
        };
        if !manifest.files.is_empty() {
            let _ = fs::remove_file(folder.of(recording).join(&manifest.capture));
            left.finished.push(manifest);
            continue;
        }
        match end(folder, recording, manifest) {
            Ok((manifest, crashed)) => {
                left.crashed += u64::from(crashed);
                left.to_finish.push((recording, manifest));
            }
            Err(error) => warn!(%recording, %error, "a recording cannot be recovered"),
        }
    }
    // Captures have another name in the folder of each recording that needs them.
    for entry in fs::read_dir(folder.captures())? {
        fs::remove_file(entry?.path())?;
    }
    Ok(left)
}

/// Gives a recording that has none its end: where its capture ends.
fn end(
    folder: &Folder,
    recording: RecordingId,
    mut manifest: Manifest,
) -> omnigate_recording::Result<(Manifest, bool)> {
    for entry in fs::read_dir(folder.of(recording))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == PART) {
            fs::remove_file(path)?;
        }
    }
    if manifest.end.is_some() {
        return Ok((manifest, false));
    }
    // One that crashed before its capture had a name has nothing in it.
    let capture = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.of(recording).join(&manifest.capture))?;
    let span = Span {
        start_us: manifest.start_us,
        end_us: u64::MAX,
    };
    let timeline = survey(CaptureReader::new(BufReader::new(capture))?, span)?;
    let length_us = timeline.last_us + FRAME_US;
    manifest.end = Some(RecordingEnd {
        at_us: manifest.start_us + length_us,
        ended_at: manifest.started_at + length_us / 1_000_000,
        reason: "crash".to_owned(),
    });
    folder.write_manifest(recording, &manifest)?;
    info!(%recording, seconds = length_us / 1_000_000, "a recording cut off by a crash is finished");
    Ok((manifest, true))
}

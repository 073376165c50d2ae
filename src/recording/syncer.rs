//! Makes captures durable now and then, on a thread of its own: a slow disk is not to stop the writer.

use crate::supervise::{Supervisor, test_point};
use crossbeam_channel::{Sender, TrySendError, bounded};
use std::fs::File;
use std::path::Path;
use tracing::warn;

/// Has the file system of captures synced: once for all of them, however many there are.
pub(super) struct Syncer(Sender<()>);

impl Syncer {
    pub(super) fn start(folder: &Path, supervisor: &Supervisor) -> std::io::Result<Syncer> {
        let folder = File::open(folder)?;
        let (sender, rounds) = bounded::<()>(1);
        supervisor.thread("recording-sync", move || {
            for () in rounds.iter() {
                test_point("recording-sync");
                if let Err(error) = rustix::fs::syncfs(&folder) {
                    warn!(%error, "captures cannot be synced");
                }
            }
        })?;
        Ok(Syncer(sender))
    }

    /// Syncs what was written so far; false while the last round has not begun yet.
    pub(super) fn sync(&self) -> bool {
        !matches!(self.0.try_send(()), Err(TrySendError::Full(())))
    }
}

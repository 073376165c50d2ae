//! Makes captures durable now and then, on a thread of its own: a slow disk is not to stop the writer.

use crossbeam_channel::{Sender, TrySendError, bounded};
use std::fs::File;
use tracing::warn;

/// Hands files over to be synced.
pub(super) struct Syncer(Sender<Vec<File>>);

impl Syncer {
    pub(super) fn start() -> std::io::Result<Syncer> {
        let (sender, rounds) = bounded::<Vec<File>>(1);
        std::thread::Builder::new()
            .name("recording-sync".into())
            .spawn(move || {
                for file in rounds.iter().flatten() {
                    if let Err(error) = file.sync_data() {
                        warn!(%error, "a capture cannot be synced");
                    }
                }
            })?;
        Ok(Syncer(sender))
    }

    /// Syncs what was written to these files so far; false while the last round is not done yet.
    pub(super) fn sync(&self, files: Vec<File>) -> bool {
        !matches!(self.0.try_send(files), Err(TrySendError::Full(_)))
    }
}

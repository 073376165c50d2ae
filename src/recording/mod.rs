//! Server-side recording: what is captured while people talk, and what is made of it afterwards.
//!
//! ```text
//!   rooms ── begin, end ──▶ Recorder           media plane: members of a captured room are tapped
//!                             │                        │ rings of bytes
//!                             ▼                        ▼
//!                          writer (thread): captures, sealed where recordings are encrypted
//!                             │ a recording has ended
//!                             ▼
//!                          notes (thread): manifests, in rounds
//!                             │ its end is on the disk
//!                             ▼
//!                          jobs: each service has its turn; recordings of one capture wait for each other
//!                             │
//!                             ▼
//!                          finisher (thread, nice 19): files, checksums, encryption
//!                             │ its files are there, or it is set aside
//!                             ▼
//!                          keeper (task): index and webhook in one transaction; uploads; retention; deletion
//! ```
//!
//! In the folder `recording.dir`:
//!
//! ```text
//!   captures/NAME.ogg        packets of a room as they come (omnigate_recording::capture)
//!   ID/manifest.json         whose recording it is, and where it lies in its capture
//!   ID/capture.ogg           a hard link to the capture, until its files are made
//!   ID/mix.opus …            what was made of it; the same file in all folders of recordings that share it
//!   ID/tries                 how often it was begun to make them
//!   omnigate.lock            whose the folder is (crate::store::Owner)
//! ```
//!
//! A recording that has a manifest without an end was cut off by a crash: the next start finishes it (`recover`).

mod crypt;
mod downloads;
mod error;
mod figures;
mod finisher;
mod folder;
mod index;
mod jobs;
mod keeper;
mod left;
mod notes;
mod output;
mod part;
mod quotas;
mod reading;
mod recorder;
mod recover;
mod retention;
mod sets;
mod stock;
mod syncer;
mod telling;
#[cfg(test)]
mod tests;
mod upload;
mod uploads;
mod writer;

pub(crate) use crypt::ReadSeek;
pub use crypt::{CryptError, decrypt, identity, recipient};
#[cfg(test)]
pub(crate) use downloads::Downloads;
pub(crate) use downloads::{Crowded, Download};
pub use error::RecordingError;
pub use figures::RecordingFigures;
pub use folder::{Folder, FolderError};
pub use index::{Entry, Index, Query, State};
pub(crate) use keeper::Deleted;
pub use reading::verify;
pub use recorder::{Beginning, Recorder, RecorderParts, RecordingNews};
pub(crate) use telling::path_of;

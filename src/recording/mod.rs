//! Server-side recording: what is captured while people talk, and what is made of it afterwards.
//!
//! ```text
//!   rooms ── begin, end ──▶ Recorder           media plane: members of a captured room are tapped
//!                             │                        │ rings of bytes
//!                             ▼                        ▼
//!                          writer (thread): manifests, captures, syncs
//!                             │ a recording has ended
//!                             ▼
//!                          finisher (thread, nice 19): files, checksums, encryption
//!                             │ its files are there
//!                             ▼
//!                          keeper (task): index and webhook in one transaction; upload; retention
//! ```
//!
//! In the folder `recording.dir`:
//!
//! ```text
//!   captures/NAME.ogg        packets of a room as they come (omnigate_recording::capture)
//!   ID/manifest.json         whose recording it is, and where it lies in its capture
//!   ID/capture.ogg           a hard link to the capture, until its files are made
//!   ID/mix.opus …            what was made of it
//!   omnigate.lock            whose the folder is (crate::store::Owner)
//! ```
//!
//! A recording that has a manifest without an end was cut off by a crash: the next start finishes it (`recover`).

pub(crate) mod crypt;
mod figures;
mod finisher;
mod folder;
mod index;
mod keeper;
mod recorder;
mod recover;
mod retention;
mod syncer;
mod upload;
mod writer;

pub use crypt::{CryptError, decrypt, identity};
pub use figures::RecordingFigures;
pub use folder::{Folder, FolderError};
pub use index::{Entry, Index, Query};
pub(crate) use keeper::path_of;
pub use keeper::verify;
pub use recorder::{Beginning, Recorder, RecorderParts, RecordingError, RecordingNews};

//! What the tests of these modules share.

use super::folder::Folder;
use omnigate_recording::manifest::{FileEntry, Manifest};
use omnigate_room::{RecordingId, RoomId};
use serde_json::json;
use std::path::PathBuf;

/// A finished recording with a file of this size.
pub(super) fn manifest(started_at: u64, size: u64) -> Manifest {
    let file = json!({
        "name": "mix.opus", "content": "mix", "format": "opus", "sample_rate": 8000, "channels": 1,
        "duration": 1.0, "size": size, "sha256": "",
    });
    let file: FileEntry = serde_json::from_value(file).unwrap();
    let text = json!({
        "version": 1, "recording_id": RecordingId(u128::from(started_at) << 96),
        "service_id": "demo", "room_id": RoomId(7), "room_type": "audioroom", "call_type": "audiocall",
        "session": "s", "user_id": "u", "user_name": "n", "by_policy": false, "started_at": started_at,
        "capture": "capture.ogg", "start_us": 0, "files": [file],
    });
    serde_json::from_value(text).unwrap()
}

/// A folder of recordings in a place of its own, which is to be removed.
pub(super) fn scratch(name: &str) -> (PathBuf, Folder) {
    let root = std::env::temp_dir().join(format!("omnigate-recording-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    let folder = Folder::open(&root).unwrap();
    (root, folder)
}

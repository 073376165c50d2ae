//! What is deleted because it is old, or because there is too much.

use super::index::Index;
use crate::store::Result;
use omnigate_room::RecordingId;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// The recordings that go now: those that are too old, then the oldest until the rest fits.
pub(super) async fn due(index: &Index, keep_days: u64, keep_mib: u64, now: i64) -> Result<Vec<RecordingId>> {
    let mut gone = match i64::try_from(keep_days).unwrap_or(0) {
        0 => Vec::new(),
        days => index.older(now - days * DAY).await?,
    };
    let limit = i64::try_from(keep_mib.saturating_mul(1 << 20)).unwrap_or(i64::MAX);
    if limit > 0 {
        let mut sum = 0i64;
        for (id, bytes) in index.sizes().await? {
            sum = sum.saturating_add(bytes);
            if sum > limit && !gone.contains(&id) {
                gone.push(id);
            }
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omnigate_recording::manifest::{FileEntry, Manifest};
    use omnigate_room::RoomId;

    fn manifest(started_at: u64, size: u64) -> Manifest {
        let file = serde_json::json!({
            "name": "mix.opus", "content": "mix", "format": "opus", "sample_rate": 8000, "channels": 1,
            "duration": 1.0, "size": size, "sha256": "",
        });
        let file: FileEntry = serde_json::from_value(file).unwrap();
        let text = serde_json::json!({
            "version": 1, "recording_id": RecordingId(u128::from(started_at) << 96),
            "service_id": "demo", "room_id": RoomId(7), "room_type": "audioroom", "call_type": "audiocall",
            "session": "s", "user_id": "u", "user_name": "n", "by_policy": false, "started_at": started_at,
            "capture": "capture.ogg", "start_us": 0, "files": [file],
        });
        serde_json::from_value(text).unwrap()
    }

    #[tokio::test]
    async fn the_old_go_and_then_the_oldest_of_too_many() {
        let (store, folder) = crate::store::tests::store("retention").await;
        let index = Index::new(store.clone());
        let day = 86_400;
        for n in 1..=5u64 {
            let mut transaction = store.begin().await.unwrap();
            let one = manifest(n * day, 1 << 20);
            assert!(index.finished(&mut transaction, &one).await.unwrap());
            assert!(!index.finished(&mut transaction, &one).await.unwrap(), "once");
            transaction.commit().await.unwrap();
        }
        let now = 6 * 86_400;
        let starts = |gone: Vec<RecordingId>| -> Vec<u128> {
            gone.iter().map(|id| (id.0 >> 96) / u128::from(day)).collect()
        };
        assert_eq!(starts(due(&index, 0, 0, now).await.unwrap()), [0u128; 0]);
        assert_eq!(starts(due(&index, 3, 0, now).await.unwrap()), [1, 2]);
        assert_eq!(starts(due(&index, 0, 3, now).await.unwrap()), [2, 1]);
        assert_eq!(starts(due(&index, 5, 3, now).await.unwrap()), [2, 1]);
        assert_eq!(starts(due(&index, 4, 3, now).await.unwrap()), [1, 2]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}

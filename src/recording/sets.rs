//! Who is at a set of files in the object storage: one at a time, and a deletion goes before an upload.

use crate::sync::lock;
use omnigate_room::RecordingId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

#[derive(Default)]
struct Busy {
    lock: Arc<AsyncMutex<()>>,
    give_up: Arc<Notify>,
    /// Those who are at it, or wait.
    users: usize,
}

/// The sets at which somebody is: as many as there are uploads and deletions.
#[derive(Clone, Default)]
pub(super) struct Sets(Arc<Mutex<HashMap<RecordingId, Busy>>>);

/// A place in the row for a set; gone when it is dropped.
struct Place {
    sets: Sets,
    set: RecordingId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = lock(&self.sets.0);
        if let Some(busy) = all.get_mut(&self.set) {
            busy.users -= 1;
            if busy.users == 0 {
                all.remove(&self.set);
            }
        }
    }
}

/// Whoever has this is alone at its set.
pub(super) struct Alone {
    _lock: OwnedMutexGuard<()>,
    _place: Place,
    give_up: Arc<Notify>,
}

impl Alone {
    /// Returns when somebody wants the files to be gone.
    pub(super) async fn wanted_gone(&self) {
        self.give_up.notified().await;
    }
}

impl Sets {
    /// Waits until nobody else is at the set.
    pub(super) async fn hold(&self, set: RecordingId) -> Alone {
        self.take(set, false).await
    }

    /// The same for whoever deletes it: an upload that is under way gives up.
    pub(super) async fn take_over(&self, set: RecordingId) -> Alone {
        self.take(set, true).await
    }

    async fn take(&self, set: RecordingId, over: bool) -> Alone {
        let (turn, give_up) = {
            let mut all = lock(&self.0);
            let busy = all.entry(set).or_default();
            busy.users += 1;
            if over && busy.users > 1 {
                busy.give_up.notify_one();
            }
            (busy.lock.clone(), busy.give_up.clone())
        };
        let place = Place {
            sets: self.clone(),
            set,
        };
        Alone {
            _lock: turn.lock_owned().await,
            _place: place,
            give_up,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deletion_makes_an_upload_give_up_and_nothing_is_kept_of_either() {
        let (sets, set) = (Sets::default(), RecordingId(7));
        let upload = sets.hold(set).await;
        let deletion = tokio::spawn({
            let sets = sets.clone();
            async move { drop(sets.take_over(set).await) }
        });
        upload.wanted_gone().await;
        assert!(!deletion.is_finished());
        drop(upload);
        deletion.await.unwrap();
        assert!(lock(&sets.0).is_empty());
    }
}

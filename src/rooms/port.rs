//! What the gateway asks of the rooms.

use omnigate_omnitalk::{Caller, RecordPolicy, TelephoneNotice};
use omnigate_room::{RoomId, TelephoneId};
use tokio::sync::mpsc;

/// A telephone that calls in.
#[derive(Clone)]
pub struct Calling {
    /// Its number; empty when withheld.
    pub number: String,
    /// What is recorded because of its trunk.
    pub record: RecordPolicy,
}

impl Calling {
    pub(super) fn of(&self) -> Caller<'_> {
        Caller {
            number: &self.number,
            record: self.record,
        }
    }
}

/// The way to the rooms: join a destination with a telephone's audio, get notices.
#[async_trait::async_trait]
pub trait RoomPort: Send + Sync {
    /// Notices of this call go to `notices` from now on.
    async fn register(&self, call: TelephoneId, notices: mpsc::Sender<TelephoneNotice>);
    /// Rings a user.
    async fn ring(&self, call: TelephoneId, service: String, user: String, caller: Calling);
    /// Enters a room.
    async fn admit(&self, call: TelephoneId, room: RoomId, caller: Calling);
    /// The telephone's side is over, in any state.
    async fn hung_up(&self, call: TelephoneId);
}

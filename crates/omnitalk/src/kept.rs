//! What of a room outlives the process.

use crate::room_secret::SecretHash;
use omnigate_room::RoomId;

/// A room as it is written down. Times are unix seconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptRoom {
    /// Which.
    pub id: RoomId,
    /// Its type, as the protocol writes it.
    pub room_type: String,
    /// Its subject.
    pub subject: String,
    /// What its secret is recognised by.
    pub secret: Option<SecretHash>,
    /// The user who made it; empty: the service itself.
    pub creator: String,
    /// When it is to start.
    pub start_date: u64,
    /// When it is to end.
    pub end_date: u64,
    /// When it was made.
    pub reg_date: u64,
    /// Until then it is kept although it is empty.
    pub keep_until: Option<u64>,
}

/// Why what was to be written down is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreFault;

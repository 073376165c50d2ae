//! Orders of the API to the rooms, and who waits for their answers.

use omnigate_omnitalk::Refusal;
use omnigate_room::RoomId;
use serde_json::{Map, Value};
use std::collections::HashMap;
use tokio::sync::oneshot;

/// An order.
#[derive(Debug)]
pub enum RoomOrder {
    /// Make a room of these fields, those of the protocol.
    Make(Map<String, Value>),
    /// Close a room: everybody in it goes.
    Close(RoomId),
    /// Remove the session from a room.
    Remove(RoomId, String),
}

/// Where the answer goes: the room, or why not.
pub(super) type Answer = oneshot::Sender<Result<RoomId, Refusal>>;

/// Orders that wait for the store: at most one for each request of the API that waits.
#[derive(Default)]
pub(super) struct Waiting(pub(super) HashMap<RoomId, Vec<Answer>>);

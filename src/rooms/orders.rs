//! Orders of the API to the rooms, and who waits for their answers.

use omnigate_omnitalk::{CallNumber, Refusal, TargetKind};
use omnigate_room::{CallId, RoomId};
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
    /// Mute the session in a room, or no longer.
    Mute(RoomId, String, bool),
    /// A number leads to a room; whether it is its plain one.
    Numbered(RoomId, CallNumber, bool),
    /// A number was withdrawn; the room of the answer means nothing.
    Withdrawn(TargetKind, CallNumber),
    /// Mute the telephone of a call, or no longer; the room of the answer means nothing.
    MuteCall(CallId, bool),
}

/// Where the answer goes: the room, or why not.
pub(super) type Answer = oneshot::Sender<Result<RoomId, Refusal>>;

/// Orders that wait for the store: at most one for each request of the API that waits.
#[derive(Default)]
pub(super) struct Waiting(pub(super) HashMap<RoomId, Vec<Answer>>);

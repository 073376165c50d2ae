//! What the owner of a room says about a 1:1 call: its stages, and why it is over.

use crate::ids::{CallId, RoomId};
use std::fmt;

/// Why a 1:1 call is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallOver {
    /// The caller left or hung up, also while it rang.
    CallerHungUp,
    /// The callee left.
    CalleeHungUp,
    /// The caller's connection was lost.
    CallerLost,
    /// The callee's connection was lost.
    CalleeLost,
    /// The callee declined.
    Declined,
    /// It rang, and nobody answered in time.
    NoAnswer,
    /// The callee is in another call or room.
    Busy,
    /// The callee has no session, or none that is left; a telephone that is switched off.
    Unavailable,
    /// Nobody has the telephone number that was called.
    Unassigned,
    /// The telephone network has no place for the call.
    Congestion,
    /// The telephone network does not let the call through.
    Barred,
    /// No gateway of the telephone network answers.
    Unreachable,
    /// The telephone network refuses the call for another reason.
    Rejected,
    /// The longest time that a call may take is over.
    TooLong,
    /// One who should have joined the call's room did not do so in time.
    NotJoined,
    /// Somebody's audio did not come up, or not again.
    NoAudio,
    /// One side has thrown the other one out.
    KickedOut,
    /// The server stops.
    Shutdown,
}

impl CallOver {
    /// The word of the webhook.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CallerHungUp => "caller_hung_up",
            Self::CalleeHungUp => "callee_hung_up",
            Self::CallerLost => "caller_lost",
            Self::CalleeLost => "callee_lost",
            Self::Declined => "declined",
            Self::NoAnswer => "no_answer",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Unassigned => "unassigned",
            Self::Congestion => "congestion",
            Self::Barred => "barred",
            Self::Unreachable => "unreachable",
            Self::Rejected => "rejected",
            Self::TooLong => "too_long",
            Self::NotJoined => "not_joined",
            Self::NoAudio => "no_audio",
            Self::KickedOut => "kicked_out",
            Self::Shutdown => "shutdown",
        }
    }
}

/// A stage of a 1:1 call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallStage {
    /// It rings, or waits for a session of the callee.
    Started,
    /// Both hear each other.
    Answered,
    /// It is over, answered or not; it may never have rung.
    Ended(CallOver),
}

/// A 1:1 call that has come to a stage. `Debug` shows no number.
#[derive(Clone, PartialEq, Eq)]
pub struct CallTold {
    /// Which call.
    pub id: CallId,
    /// Which stage.
    pub stage: CallStage,
    /// The service.
    pub service_id: String,
    /// The room that was made for it; `None` for a call that was refused before there was one.
    pub room: Option<RoomId>,
    /// The type that its room has, or would have had.
    pub room_type: &'static str,
    /// The user id, or number, of the caller.
    pub caller: String,
    /// The user id of the callee.
    pub callee: String,
    /// `audiocall`, `videocall` or `sipcall`.
    pub call_type: &'static str,
    /// Whether the caller is a telephone.
    pub by_telephone: bool,
    /// Unix seconds.
    pub started_at: u64,
    /// Unix seconds; `None` until it is answered.
    pub answered_at: Option<u64>,
}

impl fmt::Debug for CallTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallTold")
            .field("id", &self.id)
            .field("stage", &self.stage)
            .field("room", &self.room)
            .field("call_type", &self.call_type)
            .finish_non_exhaustive()
    }
}

//! What the owner of a room says about it to those who record it and tell of it: who takes part, what a recording is of.
//! Words are those of the signaling protocol.

use crate::ids::{CallId, ParticipantId};
use std::fmt;

/// Why somebody is gone, or a recording over (the `end_reason` of 12.6.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// `recordingStop()`; nobody is gone.
    Stop,
    /// Left, or hung up.
    Leave,
    /// The connection was lost.
    Disconnect,
    /// Kicked out.
    KickOut,
    /// The call or room is over.
    RoomClosed,
}

impl Ending {
    /// The word of the webhook.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Leave => "leave",
            Self::Disconnect => "disconnect",
            Self::KickOut => "kickout",
            Self::RoomClosed => "room_closed",
        }
    }
}

/// Where something happens, in the words of the protocol.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scene {
    /// The service.
    pub service_id: String,
    /// The room's id in its wire form.
    pub room_id: String,
    /// The room's type.
    pub room_type: &'static str,
}

/// One who takes part. `Debug` shows no name: it may be a telephone number.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// The session id; a telephone has one of the same format (12.25).
    pub session: String,
    /// The user id; of a telephone its number.
    pub user_id: String,
    /// The display name.
    pub user_name: String,
    /// How this person takes part: `audiocall`, `videocall` or `sipcall`.
    pub call_type: &'static str,
    /// The telephone call, for a telephone.
    pub telephone: Option<CallId>,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person")
            .field("session", &self.session)
            .field("call_type", &self.call_type)
            .field("telephone", &self.telephone)
            .finish_non_exhaustive()
    }
}

/// A recording that begins.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordingAbout {
    /// Where.
    pub scene: Scene,
    /// Who started it; for a recording by policy the one who was there first.
    pub person: Person,
    /// Whether the policy started it, and not the person.
    pub by_policy: bool,
    /// The 1:1 call that it is of.
    pub call: Option<CallParties>,
    /// The telephone whose stay in a room it is of.
    pub telephone: Option<CallId>,
    /// Unix seconds.
    pub started_at: u64,
    /// Who takes part at its start.
    pub members: Vec<(ParticipantId, Person)>,
}

impl fmt::Debug for RecordingAbout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingAbout")
            .field("scene", &self.scene)
            .field("person", &self.person)
            .field("by_policy", &self.by_policy)
            .finish_non_exhaustive()
    }
}

/// The two sides of a 1:1 call.
#[derive(Clone, PartialEq, Eq)]
pub struct CallParties {
    /// Which call.
    pub id: CallId,
    /// The user id, or number, of the caller.
    pub caller: String,
    /// The user id of the callee.
    pub callee: String,
    /// Which participant the caller is; everybody else is on the callee's side.
    pub caller_is: ParticipantId,
}

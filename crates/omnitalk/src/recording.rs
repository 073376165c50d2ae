//! What the hub says about recordings and about who takes part.

use crate::ids::{ParticipantId, TelephoneId};
use crate::words::RoomType;
use std::fmt;

/// Which rooms are recorded without being asked: a set of room types.
///
/// ```
/// use omnigate_omnitalk::RecordPolicy;
/// assert_eq!(RecordPolicy::parse("off"), Some(RecordPolicy::default()));
/// assert!(RecordPolicy::parse("videoroom").is_some());
/// assert!(RecordPolicy::parse("everything").is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordPolicy(u8);

impl RecordPolicy {
    /// `off`, `calls` (audiocall, videocall, sipcall), `rooms` (audioroom, videoroom, webinar), `all`, or one room type.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let kinds = |wanted: fn(&RoomType) -> bool| {
            RoomType::ALL
                .into_iter()
                .filter(wanted)
                .map(bit)
                .fold(0, |all, one| all | one)
        };
        Some(Self(match word {
            "off" => 0,
            "calls" => kinds(|kind| kind.is_call()),
            "rooms" => kinds(|kind| !kind.is_call()),
            "all" => kinds(|_| true),
            word => bit(RoomType::parse(word)?),
        }))
    }

    /// What either of them records.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn of(kind: RoomType) -> Self {
        Self(bit(kind))
    }

    pub(crate) fn records(self, kind: RoomType) -> bool {
        self.0 & bit(kind) != 0
    }
}

fn bit(kind: RoomType) -> u8 {
    1 << (kind as u8)
}

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
    pub telephone: Option<TelephoneId>,
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
    /// Unix seconds.
    pub started_at: u64,
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
    /// The user id, or number, of the caller.
    pub caller: String,
    /// The user id of the callee.
    pub callee: String,
    /// Which participant the caller is; everybody else is on the callee's side.
    pub caller_is: ParticipantId,
}

/// A stage of a 1:1 call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallStage {
    /// It rings, or waits for a session of the callee.
    Started,
    /// Both hear each other.
    Answered,
    /// It is over, answered or not.
    Ended,
}

/// A 1:1 call that has come to a stage. `Debug` shows no number.
#[derive(Clone, PartialEq, Eq)]
pub struct CallTold {
    /// Which stage.
    pub stage: CallStage,
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
            .field("stage", &self.stage)
            .field("call_type", &self.call_type)
            .finish_non_exhaustive()
    }
}

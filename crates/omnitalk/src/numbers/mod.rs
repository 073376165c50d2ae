//! Call numbers of all services (10.6, 12.23): what they are, who has which, and for whom those that have ended are kept.
//!
//! A number is a capability: whoever knows its six digits gets to its target. It may be narrowed: until when, how often, for which
//! callers. The one that an app makes with the SDK is plain.
//!
//! ```text
//!            assign                    target gone, replaced, lifetime or uses over
//!   free ─────────────▶ Live ───────────────────────────────────────────▶ Reserved ──time──▶ free
//!                       ▲  │ restart: its user has no session                 │
//!                       │  ▼                                                  │ its maker asks again
//!                       │ Awaiting ──time──▶ Reserved                         │
//!                       └─────────┴───────────────────────────────────────────┘
//! ```

mod book;

pub use book::{NumberBook, NumberChange};

use crate::masked::CallNumber;
use omnigate_room::RoomId;
use std::fmt;
use std::time::Duration;

/// What a call number leads to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LookUp {
    /// A user or a room.
    Found(Target),
    /// Nobody has had this number lately.
    Unknown,
    /// It was valid until lately.
    Expired,
    /// It is valid, and not for this caller.
    NotForCaller,
}

/// The target of a call number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The number itself.
    pub call_number: CallNumber,
    /// The service of the user or room.
    pub service_id: String,
    /// User or room.
    pub kind: TargetKind,
}

/// What kind of target. `Debug` does not show who.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetKind {
    /// A personal number (9.9): for [`Tenants::ring`](crate::Tenants::ring).
    User(String),
    /// A room number (9.10): for [`Tenants::admit`](crate::Tenants::admit).
    Room(RoomId),
}

impl fmt::Debug for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(_) => f.write_str("User(***)"),
            Self::Room(room) => f.debug_tuple("Room").field(room).finish(),
        }
    }
}

/// Why there is no number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFault {
    /// The wanted one has an owner, or is reserved for somebody else.
    InUse,
    /// None is free.
    Exhausted,
    /// The service has as many as it may have.
    Quota,
    /// Whoever asks has asked for too many that others have.
    Guessed,
    /// The directory cannot be reached, or cannot keep what it gives out.
    Unavailable,
}

/// Why what narrows a number is not changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TermsFault {
    /// The service has no such number.
    NoNumber,
    /// A target has one plain number at most, which stays plain, and no other one becomes it.
    Plain,
    /// The directory cannot keep it.
    Unavailable,
}

/// Who has made a number: the only one who may have it again while it is reserved. `Debug` does not show who.
#[derive(Clone, PartialEq, Eq)]
pub enum NumberMaker {
    /// A user of the service, whose id the app has chosen.
    User(String),
    /// The service itself, by its API.
    Service,
    /// A user whose id was drawn for one session: it does not come back.
    Nobody,
}

impl fmt::Debug for NumberMaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User(***)",
            Self::Service => "Service",
            Self::Nobody => "Nobody",
        })
    }
}

/// What narrows a number. `Debug` shows no callers.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NumberTerms {
    /// It ends then, unix seconds.
    pub expires_at: Option<u64>,
    /// Calls that it leads through yet.
    pub uses: Option<u32>,
    /// The callers that it is for, E.164 without `+`; empty: all.
    pub callers: Vec<String>,
    /// What it was made for, in words of the app; for lists.
    pub purpose: String,
}

impl NumberTerms {
    /// Whether it is a plain one, as the SDK makes it. A target has one plain number at most.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Debug for NumberTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberTerms")
            .field("expires_at", &self.expires_at)
            .field("uses", &self.uses)
            .field("callers", &self.callers.len())
            .finish_non_exhaustive()
    }
}

/// Where a number is in its life; the module draws it. Times are unix seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberState {
    /// It leads to its target.
    Live,
    /// It leads to its target, and ends unless its user asks for it again until then.
    Awaiting {
        /// The end.
        until: u64,
    },
    /// It has ended, and nobody but its maker can have it until then.
    Reserved {
        /// The end.
        until: u64,
    },
}

/// A number that is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberEntry {
    /// The number.
    pub number: CallNumber,
    /// Of which service.
    pub service_id: String,
    /// Where it leads to.
    pub kind: TargetKind,
    /// Who has made it.
    pub maker: NumberMaker,
    /// What narrows it.
    pub terms: NumberTerms,
    /// Where it is in its life.
    pub state: NumberState,
    /// When it was made, unix seconds.
    pub made_at: u64,
}

impl NumberEntry {
    /// Whether it leads to its target.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.state, NumberState::Reserved { .. })
    }
}

/// A wish for a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberOrder {
    /// Of which service.
    pub service_id: String,
    /// Where it is to lead to.
    pub kind: TargetKind,
    /// Who asks.
    pub maker: NumberMaker,
    /// The wanted one; none: the one that the target has, or any.
    pub wanted: Option<CallNumber>,
    /// What narrows it. One that is not plain is made beside those that the target has.
    pub terms: NumberTerms,
}

/// How long numbers are kept for those who had them, and how many a service may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberRules {
    /// How long an ended number is reserved for its maker.
    pub reserved: Duration,
    /// The same for makers who do not come back: so that no caller with an old number reaches a stranger.
    pub remembered: Duration,
    /// How long the number of a user without a session lives after a restart.
    pub awaiting: Duration,
}

impl Default for NumberRules {
    /// A week, 6 hours, 10 minutes.
    fn default() -> Self {
        Self {
            reserved: Duration::from_secs(7 * 86_400),
            remembered: Duration::from_secs(6 * 3600),
            awaiting: Duration::from_secs(600),
        }
    }
}

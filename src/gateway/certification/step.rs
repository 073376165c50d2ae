//! What a certification tells: steps, what came of them, and the settings that fit.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A certification of a trunk, as far as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Certification {
    /// Name of the trunk.
    pub trunk: String,
    /// How far it is.
    pub state: Progress,
    /// What it is at; none: it is over.
    pub part: Option<Part>,
    /// Unix seconds.
    pub began_at: u64,
    /// Unix seconds; none: it goes on.
    pub ended_at: Option<u64>,
    /// What has been seen, in its order.
    pub steps: Vec<Step>,
    /// Settings that fit what was seen.
    pub profile: Vec<Proposal>,
}

impl Certification {
    /// Whether all that must be right is, and it has come to its end.
    pub fn passed(&self) -> bool {
        self.state == Progress::Done && self.wrong().next().is_none()
    }

    /// What must be right and is not.
    pub fn wrong(&self) -> impl Iterator<Item = &Step> {
        let wrong = |step: &&Step| step.must && step.outcome == Outcome::Failed;
        self.steps.iter().filter(wrong)
    }
}

/// How far a certification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It goes on.
    Running,
    /// All has been done.
    Done,
    /// It was ended before that.
    Stopped,
}

/// A part of a certification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Registration, names, OPTIONS.
    Ways,
    /// The call in which all is tried.
    Call,
    /// A call with G.711 A-law alone.
    CallPcma,
    /// A call with G.711 µ-law alone.
    CallPcmu,
    /// A call that lasts.
    CallLong,
    /// A call that comes in is waited for, or is there.
    CallIn,
}

/// What has come of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Not so.
    Failed,
    /// It could not be seen.
    NotPossible,
    /// It was not tried.
    Skipped,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub id: StepId,
    /// Without it the trunk is of no use.
    pub must: bool,
    /// What has come of it.
    pub outcome: Outcome,
    /// What was seen, in words: ours without telephone numbers, and those of the carrier as they came.
    pub seen: String,
    /// Figures, each named with its unit.
    pub figures: BTreeMap<String, f64>,
}

impl Step {
    pub(super) fn new(id: StepId, must: bool, outcome: Outcome, seen: impl Into<String>) -> Step {
        Step {
            id,
            must,
            outcome,
            seen: seen.into(),
            figures: BTreeMap::new(),
        }
    }

    pub(super) fn passed(id: StepId, must: bool, seen: impl Into<String>) -> Step {
        Step::new(id, must, Outcome::Passed, seen)
    }

    pub(super) fn failed(id: StepId, must: bool, seen: impl Into<String>) -> Step {
        Step::new(id, must, Outcome::Failed, seen)
    }

    /// It could not be seen, so that nothing can be said against the trunk.
    pub(super) fn not_possible(id: StepId, seen: impl Into<String>) -> Step {
        Step::new(id, false, Outcome::NotPossible, seen)
    }

    pub(super) fn skipped(id: StepId, seen: impl Into<String>) -> Step {
        Step::new(id, false, Outcome::Skipped, seen)
    }

    pub(super) fn with(mut self, figure: &str, value: f64) -> Step {
        self.figures.insert(figure.to_owned(), value);
        self
    }
}

macro_rules! steps {
    ($( $(#[$doc:meta])* $name:ident = $title:literal, )+) => {
        /// What is looked at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum StepId {
            $( $(#[$doc])* $name, )+
        }

        impl StepId {
            /// All of them, in the order of a report.
            pub const ALL: &'static [StepId] = &[$( StepId::$name, )+];

            /// Its name for people.
            pub fn title(self) -> &'static str {
                match self {
                    $( StepId::$name => $title, )+
                }
            }
        }
    };
}

steps! {
    /// REGISTER.
    Registration = "Registration",
    /// Names of gateways in the DNS.
    Names = "Names of gateways",
    /// Gateways answer OPTIONS.
    Options = "OPTIONS",
    /// A call out is answered.
    CallOut = "Call out",
    /// How long until the telephone rings.
    PostDialDelay = "Post-dial delay",
    /// Reliable provisional responses.
    Reliable = "Reliable provisional responses (100rel)",
    /// P-Early-Media.
    PEarlyMedia = "P-Early-Media",
    /// What is heard before the answer.
    EarlyMedia = "Early media",
    /// Which responses have the session description.
    SessionDescription = "Session description",
    /// Codec and packet time.
    Codec = "Codec",
    /// G.711 A-law alone.
    G711A = "G.711 A-law alone",
    /// G.711 µ-law alone.
    G711U = "G.711 µ-law alone",
    /// Telephone events in the answer.
    TelephoneEvents = "Telephone events (RFC 4733)",
    /// Session-Expires.
    SessionTimer = "Session timer (RFC 4028)",
    /// Methods of the other side.
    Methods = "Methods",
    /// RTP in both directions.
    Media = "RTP both ways",
    /// How it sounds.
    Quality = "Speech quality",
    /// Keys to the telephone.
    KeysOut = "Keys to the telephone",
    /// Keys of the telephone that was called.
    KeysBack = "Keys of the telephone",
    /// Hold.
    Hold = "Hold",
    /// Back from hold.
    Resume = "Back from hold",
    /// The session is refreshed.
    Refresh = "Refresh of the session",
    /// A call in which nobody speaks stays.
    Silence = "Silence",
    /// BYE of ours.
    HangUp = "Hang-up by us",
    /// A call of more than half an hour.
    Long = "Call of more than 30 minutes",
    /// A call comes in.
    CallIn = "Call in",
    /// Where the dialled number stands.
    CalledNumber = "Dialled number",
    /// Where the caller's number stands.
    CallerNumber = "Caller's number",
    /// What a call in offers.
    Offer = "Offer",
    /// Extensions of a call in.
    Extensions = "Extensions asked for",
    /// RTP of a call in.
    MediaIn = "RTP both ways, call in",
    /// Keys of a caller.
    KeysIn = "Keys of the caller",
    /// Hold by the caller.
    HoldIn = "Hold by the caller",
    /// The end of a call in.
    EndIn = "End of the call in",
    /// Transfer.
    Transfer = "Transfer",
    /// G.729.
    G729 = "G.729",
    /// T.38.
    T38 = "T.38",
}

/// A setting that fits what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Key below `[[trunk]]`.
    pub key: String,
    /// Value as TOML.
    pub value: String,
    /// Why.
    pub why: String,
    /// It was seen to fit; else it is a guess, which is to be tried.
    pub sure: bool,
}

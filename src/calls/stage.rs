//! How far a call is.

use serde::{Serialize, Serializer};

/// A call's stage; the record keeps the one in which the call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// An app calls it; no gateway has said more than that it tries.
    Dialling,
    /// Answered; nothing has been said yet.
    Opening,
    /// Hears the prompt, or keys digits.
    Entering,
    /// The directory has been asked.
    LookingUp,
    /// On the way to a person or room; or the telephone that an app calls rings.
    Ringing,
    /// In a room, or with the app that has called it.
    Talking,
    /// Hears why the call ends.
    Announcing,
}

impl Stage {
    /// Its word in records and logs.
    pub fn word(self) -> &'static str {
        match self {
            Stage::Dialling => "dialling",
            Stage::Opening => "opening",
            Stage::Entering => "entering",
            Stage::LookingUp => "looking_up",
            Stage::Ringing => "ringing",
            Stage::Talking => "talking",
            Stage::Announcing => "announcing",
        }
    }

    /// The state of the call, which is coarser: a label of metrics.
    pub fn state(self) -> &'static str {
        match self {
            Stage::Opening | Stage::Entering | Stage::LookingUp => "ivr",
            Stage::Dialling => "dialling",
            Stage::Ringing => "ringing",
            Stage::Talking => "talking",
            Stage::Announcing => "ending",
        }
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

//! Numbers: which user or room a call number leads to, and who has which.
//!
//! All services share the six digits, so the numbers are nobody's hub's: whoever gives them out or looks one up asks here and
//! gets an answer later, from memory or from elsewhere.

mod embedded;
mod guesses;
mod http;
mod rows;

pub use embedded::EmbeddedDirectory;
pub use guesses::{Allowance, GuessLimits, Guesser, Guesses};
pub use http::HttpDirectory;

use omnigate_omnitalk::{
    CallNumber, LookUp, NumberEntry, NumberFault, NumberOrder, NumberTerms, TargetKind, TermsFault,
};
use omnigate_room::{CallId, RoomId};

/// Why a look-up failed. The caller hears an apology.
#[derive(Debug, thiserror::Error)]
pub enum LookUpError {
    /// No answer within the time.
    #[error("directory.url: no answer within {0} s")]
    TimeOut(u64),
    /// The directory could not be reached.
    #[error("directory.url: {0}")]
    Unreachable(#[from] reqwest::Error),
    /// It answered with something else than agreed.
    #[error("directory.url: unexpected answer {0}")]
    Unexpected(String),
    /// The numbers are in a store that has been absent since the start.
    #[error("the call numbers are not read yet: {0}")]
    NotRead(String),
}

/// Who calls a number. `Debug` does not show the caller.
#[derive(Clone, PartialEq, Eq)]
pub struct Calling {
    /// The call: it uses a number once.
    pub call: CallId,
    /// E.164 without `+`, or as the network writes it; empty when withheld.
    pub caller: String,
    /// The one service whose numbers are reached by this way; none: those of all.
    pub service: Option<String>,
}

impl std::fmt::Debug for Calling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calling")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Number to destination.
#[async_trait::async_trait]
pub trait Directory: Send + Sync {
    /// Looks `number` up.
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError>;
    /// Looks it up for somebody who calls it: one that is counted is used once more.
    async fn redeem(&self, number: CallNumber, calling: &Calling) -> Result<LookUp, LookUpError>;
}

/// Gives numbers out. Requests for one target are made one after the other.
#[async_trait::async_trait]
pub trait Numbers: Send + Sync {
    /// Gives a target the wanted number, or the one that it has, or any. `most`: how many its service may have. What is given
    /// outlives a crash.
    async fn assign(&self, order: NumberOrder, most: usize) -> Result<CallNumber, NumberFault>;
    /// The target is gone: its numbers end.
    async fn release(&self, service_id: &str, kind: &TargetKind);
    /// The numbers of a service that lead somewhere, by number; none: they are not read yet.
    async fn of_service(&self, service_id: &str) -> Option<Vec<NumberEntry>>;
    /// A number that leads somewhere, or nothing; none: they are not read yet.
    async fn of(&self, number: CallNumber) -> Option<Option<NumberEntry>>;
    /// Another number in the place of one of a service, which ends; nothing: it has no such number.
    async fn replace(&self, service_id: &str, number: CallNumber) -> Result<Option<CallNumber>, NumberFault>;
    /// Ends one number of a service; false: it has no such number.
    async fn withdraw(&self, service_id: &str, number: CallNumber) -> bool;
    /// What narrows a number of a service is this from now on.
    async fn set_terms(
        &self,
        service_id: &str,
        number: CallNumber,
        terms: NumberTerms,
    ) -> Result<(), TermsFault>;
    /// A service is gone: all its numbers end.
    async fn release_all(&self, service_id: &str);
    /// The plain numbers of all rooms, once they are read.
    async fn of_rooms(&self) -> Vec<(String, RoomId, CallNumber)>;
}

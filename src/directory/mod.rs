//! Numbers: which user or room a call number leads to, and who has which.
//!
//! All services share the six digits, so the numbers are nobody's hub's: whoever gives them out or looks one up asks here and
//! gets an answer later, from memory or from elsewhere.

mod embedded;
mod http;

pub use embedded::EmbeddedDirectory;
pub use http::HttpDirectory;

use omnigate_omnitalk::{CallNumber, LookUp, NumberFault, NumberOwner, TargetKind};

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
}

/// Number to destination.
#[async_trait::async_trait]
pub trait Directory: Send + Sync {
    /// Looks `number` up.
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError>;
}

/// Gives numbers out. Requests for one owner are made one after the other.
#[async_trait::async_trait]
pub trait Numbers: Send + Sync {
    /// Gives `owner`, of this service, the wanted number, or the one that it has, or any.
    async fn assign(
        &self,
        owner: NumberOwner,
        service: &str,
        kind: TargetKind,
        wanted: Option<CallNumber>,
    ) -> Result<CallNumber, NumberFault>;
    /// The owner is gone: its number ends.
    async fn release(&self, owner: NumberOwner);
}

//! Numbers: which user or room a call number leads to.

mod http;

pub use http::HttpDirectory;

use omnigate_omnitalk::{CallNumber, LookUp};

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
    /// The embedded directory has ended.
    #[error("the directory has ended")]
    Ended,
}

/// Number to destination.
#[async_trait::async_trait]
pub trait Directory: Send + Sync {
    /// Looks `number` up.
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError>;
}

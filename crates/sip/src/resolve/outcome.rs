//! What a lookup says, and its limits.

use super::candidate::Candidate;
use super::question::Question;
use std::time::Duration;

/// Most targets of a list; further ones are left out.
pub const MAX_TARGETS: usize = 16;
/// Most questions of one lookup; what would need more is left out.
pub const MAX_QUESTIONS: usize = 64;
/// Most candidates of one lookup.
pub const MAX_CANDIDATES: usize = 32;
/// Longest time that a result is good; also of one that needed no question.
pub const MAX_TTL: Duration = Duration::from_secs(3600);

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Ask this; there may be more to ask at the same time.
    Ask(Question),
    /// Nothing until an answer comes.
    Wait,
    /// The end.
    Done(Result<Resolved, ResolveError>),
}

/// Where to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// At least one, best first, none twice.
    pub candidates: Vec<Candidate>,
    /// How long this is good.
    pub ttl: Duration,
}

/// Why there is nowhere to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// The transport asked for is none of ours, or has no TLS though `sips:` asks for it.
    #[error("no transport of ours fits")]
    Transport,
    /// The DNS knows no address.
    #[error("no address found")]
    NotFound,
    /// The DNS did not answer, and nothing else was found.
    #[error("the DNS did not answer")]
    Failed,
    /// The records need more than [`MAX_QUESTIONS`] questions, and nothing was found before.
    #[error("more than {MAX_QUESTIONS} questions")]
    TooMany,
}

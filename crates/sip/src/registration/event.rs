//! What comes out of a registration.

use super::granted::Granted;
use crate::digest::Refused;
use crate::message::{Request, Status, Uri};
use std::time::Instant;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this in a new transaction; it has no Via.
    Send(Box<Request>),
    /// Send a keep-alive the way that the binding was made: a double CRLF over a stream.
    KeepAlive,
    /// Something happened.
    Event(Event),
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It is bound, newly or still.
    Registered(Granted),
    /// A request failed; it is tried again. What is bound stays so for its time.
    Retrying {
        /// When.
        at: Instant,
        /// Why.
        why: Setback,
    },
    /// The time of the binding is over; trying goes on.
    Lost,
    /// It will not work, and is not tried again before the next start.
    Failed(Failure),
    /// It has ended after a stop.
    Unregistered {
        /// True when the registrar has said so, or nothing was bound.
        confirmed: bool,
    },
}

/// Why a request is tried again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Setback {
    /// An answer that may be another one next time.
    #[error("the registrar answered {0}")]
    Answer(Status),
    /// No answer, or no way to send.
    #[error("no answer")]
    NoAnswer,
    /// A 2xx without our Contact, or with no time for it.
    #[error("the registrar did not bind our contact")]
    NotBound,
    /// One challenge or interval after the other.
    #[error("no end of challenges")]
    Tries,
}

/// Why it is not tried again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// 3xx: it is to be done elsewhere.
    #[error("the registrar sends us elsewhere")]
    Redirected {
        /// Where, in the order of the Contacts.
        to: Vec<Uri>,
    },
    /// 401 or 407 that cannot be answered, or not any more.
    #[error("credentials: {0}")]
    Credentials(#[source] Refused),
    /// 403: user, password or address of record are not accepted.
    #[error("the registrar forbids it")]
    Forbidden,
    /// 404: there is no such address of record.
    #[error("the registrar does not know the address")]
    NotFound,
    /// 423 without a Min-Expires that could be asked for.
    #[error("the registrar wants an interval that it does not name")]
    Interval,
    /// Any other final answer.
    #[error("the registrar answered {0}")]
    Refused(Status),
}

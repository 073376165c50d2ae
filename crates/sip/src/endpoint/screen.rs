//! Who decides about requests that begin something, and what.

use crate::hop::{Hop, Peer};
use crate::message::{Headers, Request, Status};
use std::fmt;
use std::time::Instant;

/// What is to be done with a request that begins something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Screening {
    /// Serve it.
    Take,
    /// Serve it: it is of this neighbour.
    TakeFrom(Peer),
    /// Answer it with this status and these fields, and keep nothing of it (RFC 3261 section 8.2.7).
    TurnAway(Status, Headers),
    /// Say nothing.
    Ignore,
}

/// Decides about a request that came by this way.
type Decide = dyn FnMut(Instant, &Request, &Hop) -> Screening + Send;

/// What decides.
pub(super) struct Screen(pub(super) Box<Decide>);

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

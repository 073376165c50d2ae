//! An INVITE that came and what has been said to it.

use super::reliable::Provisionals;
use crate::message::{Headers, Request};
use crate::transaction::ServerId;
use std::time::Instant;

/// The INVITE and what has been said to it.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) id: ServerId,
    pub(super) request: Box<Request>,
    pub(super) provisionals: Provisionals,
    /// A 2xx that waits for a PRACK.
    pub(super) answer: Option<(Option<Vec<u8>>, Headers)>,
    pub(super) until: Instant,
}

impl Incoming {
    pub(super) fn is(&self, id: ServerId) -> bool {
        self.id == id
    }

    pub(super) fn deadline(&self) -> Instant {
        self.provisionals
            .deadline()
            .map_or(self.until, |at| at.min(self.until))
    }

    /// True when a session description of ours waits for its PRACK.
    pub(super) fn says_session(&self) -> bool {
        self.provisionals.carries_session()
    }

    pub(super) fn into_parts(self) -> (ServerId, Box<Request>) {
        (self.id, self.request)
    }

    /// Number of the INVITE.
    pub(super) fn number(&self) -> u32 {
        self.request.headers.cseq().map_or(0, |c| c.number)
    }
}

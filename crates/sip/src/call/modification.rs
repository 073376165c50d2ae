//! A re-INVITE or UPDATE of ours on its way.

use crate::message::Method;
use crate::transaction::ClientId;
use std::time::Instant;

/// A re-INVITE or UPDATE of ours.
#[derive(Debug)]
pub(super) struct Modification {
    pub(super) method: Method,
    pub(super) offer: Option<Vec<u8>>,
    /// It only refreshes the session: nobody asked for it.
    pub(super) refresh: bool,
    pub(super) stage: Stage,
    pub(super) glares: u32,
    pub(super) least: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Sent(ClientId, u32),
    /// It met one of theirs and waits (RFC 3261 section 14.1).
    Waiting(Instant),
}

impl Modification {
    /// It was sent again, as another request.
    pub(super) fn renumber(&mut self, id: ClientId, number: u32) {
        self.stage = Stage::Sent(id, number);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting(at) => Some(at),
            Stage::Sent(..) => None,
        }
    }
}

//! What is referred, in both directions.

use crate::message::Request;
use crate::transaction::ServerId;
use std::time::Instant;

/// What is referred, in both directions.
#[derive(Debug, Default)]
pub(super) struct Referral {
    /// A REFER of theirs that waits for an answer.
    pub(super) asked: Option<(ServerId, Box<Request>, Instant)>,
    /// Their REFER that we have taken and tell about: `id` of its Event field.
    pub(super) told: Option<(u32, Instant)>,
    /// Number of our REFER whose NOTIFYs come.
    pub(super) ours: Option<u32>,
}

impl Referral {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let asked = self.asked.as_ref().map(|(.., at)| *at);
        let told = self.told.as_ref().map(|(_, at)| *at);
        [asked, told].into_iter().flatten().min()
    }
}

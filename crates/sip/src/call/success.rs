//! A 2xx of ours to an INVITE, which is repeated until its ACK comes (RFC 3261 section 13.3.1.4).

use crate::transaction::{Repeat, ServerId, Timers};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// One 2xx on its way.
#[derive(Debug)]
pub(crate) struct Success {
    pub(crate) id: ServerId,
    /// Number of the INVITE, which the ACK repeats.
    pub(crate) number: u32,
    /// It has our offer: the ACK has the answer.
    pub(crate) our_offer: bool,
    bytes: Bytes,
    repeat: Repeat,
    longest: Duration,
    end: Instant,
}

/// What the clock brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send it again.
    Repeat(Bytes),
    /// The ACK never came.
    NoAck,
    /// Nothing yet.
    Nothing,
}

impl Success {
    pub(crate) fn new(
        now: Instant,
        timers: &Timers,
        id: ServerId,
        number: u32,
        bytes: Bytes,
        our_offer: bool,
    ) -> Success {
        Success {
            id,
            number,
            our_offer,
            bytes,
            repeat: Repeat::first(now, timers),
            longest: timers.t2,
            end: now + timers.give_up(),
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.repeat.at.min(self.end)
    }

    pub(crate) fn timeout(&mut self, now: Instant) -> Due {
        if self.end <= now {
            return Due::NoAck;
        }
        if self.repeat.at > now {
            return Due::Nothing;
        }
        self.repeat = self.repeat.again(now, Some(self.longest));
        Due::Repeat(self.bytes.clone())
    }
}

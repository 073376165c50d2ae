//! Reliable provisional responses that we send (RFC 3262 section 3): one after the other, each until its PRACK.

use super::settings::PROVISIONALS;
use crate::message::{RAck, Response};
use crate::transaction::{Repeat, Timers};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Instant;

/// The provisional responses of one INVITE.
#[derive(Debug, Default)]
pub(crate) struct Provisionals {
    /// RSeq of the last one; 0 before the first.
    last: u32,
    pending: Option<Pending>,
    waiting: VecDeque<(Response, Body)>,
}

/// What a provisional response has as its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    /// Our answer to the INVITE's offer.
    Answer,
    /// Our offer, whose answer comes in the PRACK.
    Offer,
}

#[derive(Debug)]
struct Pending {
    rseq: u32,
    bytes: Bytes,
    body: Body,
    repeat: Repeat,
    end: Instant,
}

/// What the clock brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send it again.
    Repeat(Bytes),
    /// The PRACK never came.
    NoPrack,
    /// Nothing yet.
    Nothing,
}

impl Provisionals {
    /// RSeq for the next one. The first is `start` (RFC 3262 section 3: from 1 to 2^31 - 1).
    pub(crate) fn next(&mut self, start: u32) -> u32 {
        self.last = if self.last == 0 {
            start.clamp(1, (1 << 31) - 1)
        } else {
            self.last + 1
        };
        self.last
    }

    /// True while one waits for its PRACK.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// True when one that is not acknowledged yet has a body.
    pub(crate) fn carries_session(&self) -> bool {
        let of_pending = self.pending.as_ref().is_some_and(|p| p.body != Body::None);
        of_pending || self.waiting.iter().any(|(_, body)| *body != Body::None)
    }

    /// Puts one aside until the one before is acknowledged; false when there is no room.
    pub(crate) fn wait(&mut self, response: Response, body: Body) -> bool {
        let room = self.waiting.len() < PROVISIONALS;
        if room {
            self.waiting.push_back((response, body));
        }
        room
    }

    pub(crate) fn take_waiting(&mut self) -> Option<(Response, Body)> {
        self.waiting.pop_front()
    }

    /// One was sent.
    pub(crate) fn sent(&mut self, now: Instant, timers: &Timers, bytes: Bytes, body: Body) {
        self.pending = Some(Pending {
            rseq: self.last,
            bytes,
            body,
            repeat: Repeat::first(now, timers),
            end: now + timers.give_up(),
        });
    }

    /// A PRACK came: what the response that it acknowledges had as its body; `None` when it acknowledges none.
    pub(crate) fn acknowledge(&mut self, rack: &RAck, invite: u32) -> Option<Body> {
        let matches = |p: &Pending| p.rseq == rack.rseq && rack.cseq.number == invite;
        self.pending.take_if(|p| matches(p)).map(|p| p.body)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(|p| p.repeat.at.min(p.end))
    }

    pub(crate) fn timeout(&mut self, now: Instant) -> Due {
        match &mut self.pending {
            Some(p) if p.end <= now => {
                self.pending = None;
                Due::NoPrack
            }
            Some(p) if p.repeat.at <= now => {
                // RFC 3262 section 3: as the 2xx, but the interval is not limited by T2.
                p.repeat = p.repeat.again(now, None);
                Due::Repeat(p.bytes.clone())
            }
            _ => Due::Nothing,
        }
    }
}

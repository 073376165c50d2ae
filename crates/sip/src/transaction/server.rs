//! Server transactions (RFC 3261 section 17.2 with RFC 6026).
//!
//! ```text
//!  INVITE:      ┌──────────┐ 3xx-6xx  ┌─────────┐ ACK ┌─────────┐ I
//!        ──────▶│Proceeding│─────────▶│Completed│────▶│Confirmed│──▶ (gone)
//!               └──────────┘          └────┬────┘     └─────────┘
//!                    │ 2xx                 │ H: the ACK never came
//!                    ▼                     ▼
//!               ┌────────┐ L            (gone, told)
//!               │Accepted│──▶ (gone)
//!               └────────┘
//!
//!  others:      ┌──────┐ 1xx ┌──────────┐ 2xx-6xx ┌─────────┐ J
//!        ──────▶│Trying│────▶│Proceeding│────────▶│Completed│──▶ (gone)
//!               └──────┘     └──────────┘         └─────────┘
//! ```

use super::timers::{Repeat, Timers};
use crate::message::Status;
use bytes::Bytes;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No final response yet.
    Proceeding,
    /// A final response other than a 2xx to INVITE was sent.
    Completed,
    /// It was acknowledged.
    Confirmed,
    /// A 2xx to INVITE was sent: its retransmission is the dialog's.
    Accepted,
}

/// One server transaction, without its address.
#[derive(Debug)]
pub(super) struct Server {
    invite: bool,
    reliable: bool,
    state: State,
    last: Option<Bytes>,
    repeat: Option<Repeat>,
    end: Option<Instant>,
}

/// What a server transaction's clock brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send the last response again.
    Repeat(Bytes),
    /// It is over.
    Gone,
    /// It is over, and the ACK of its final response never came.
    NoAck,
    /// Nothing yet.
    Nothing,
}

impl Server {
    /// A request that nobody answers is forgotten when its sender has given up (timer F); an INVITE has the call's limit.
    pub(super) fn new(now: Instant, timers: &Timers, invite: bool, reliable: bool) -> Server {
        Server {
            invite,
            reliable,
            state: State::Proceeding,
            last: None,
            repeat: None,
            end: (!invite).then(|| now + timers.give_up()),
        }
    }

    /// True when a response of this status may still be sent.
    pub(super) fn takes(&self, status: Status) -> bool {
        match self.state {
            State::Proceeding => true,
            State::Accepted => status.is_success(),
            State::Completed | State::Confirmed => false,
        }
    }

    /// True until a final response was sent.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Proceeding
    }

    /// Takes note of a response that is sent.
    pub(super) fn respond(&mut self, now: Instant, timers: &Timers, status: Status, bytes: Bytes) {
        if !self.takes(status) {
            return;
        }
        if status.is_provisional() {
            self.last = Some(bytes);
            return;
        }
        match (self.invite, status.is_success()) {
            (true, true) => {
                self.state = State::Accepted;
                self.last = None;
                self.end = self.end.or(Some(now + timers.give_up()));
            }
            (true, false) => {
                self.state = State::Completed;
                self.last = Some(bytes);
                self.repeat = (!self.reliable).then(|| Repeat::first(now, timers));
                self.end = Some(now + timers.give_up());
            }
            (false, _) => {
                self.state = State::Completed;
                self.last = Some(bytes);
                // Timer J: on a stream nothing comes late.
                self.end = Some(if self.reliable {
                    now
                } else {
                    now + timers.give_up()
                });
            }
        }
    }

    /// The request came again: the response that goes out again, if any.
    pub(super) fn again(&self) -> Option<Bytes> {
        match self.state {
            State::Proceeding | State::Completed => self.last.clone(),
            State::Confirmed | State::Accepted => None,
        }
    }

    /// An ACK that matches came. True when it is for the dialog: the peer gave the ACK of a 2xx the branch of its INVITE.
    pub(super) fn acknowledge(&mut self, now: Instant, timers: &Timers) -> bool {
        match self.state {
            State::Completed if self.invite => {
                self.state = State::Confirmed;
                self.repeat = None;
                // Timer I.
                self.end = Some(if self.reliable { now } else { now + timers.t4 });
                false
            }
            State::Accepted => true,
            _ => false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let repeat = self.repeat.map(|r| r.at);
        [repeat, self.end].into_iter().flatten().min()
    }

    pub(super) fn timeout(&mut self, now: Instant, timers: &Timers) -> Due {
        if self.end.is_some_and(|end| end <= now) {
            return if self.invite && self.state == State::Completed {
                Due::NoAck
            } else {
                Due::Gone
            };
        }
        match (self.repeat.filter(|r| r.at <= now), &self.last) {
            (Some(repeat), Some(last)) => {
                self.repeat = Some(repeat.again(now, Some(timers.t2)));
                Due::Repeat(last.clone())
            }
            _ => Due::Nothing,
        }
    }
}

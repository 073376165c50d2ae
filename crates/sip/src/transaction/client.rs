//! Client transactions (RFC 3261 section 17.1 with RFC 6026).
//!
//! ```text
//!  INVITE:  ┌───────┐ 1xx ┌──────────┐ 3xx-6xx  ┌─────────┐ D
//!     ─────▶│Calling│────▶│Proceeding│─────────▶│Completed│──▶ (gone)     each 3xx-6xx gets an ACK
//!           └───┬───┘     └──────────┘          └─────────┘
//!               │ B            │ 2xx
//!               ▼              ▼
//!          (gone, told)   ┌────────┐ M
//!                         │Accepted│──▶ (gone)                            each 2xx is the dialog's
//!                         └────────┘
//!
//!  others:  ┌──────┐ 1xx ┌──────────┐ 2xx-6xx ┌─────────┐ K
//!     ─────▶│Trying│────▶│Proceeding│────────▶│Completed│──▶ (gone)
//!           └──┬───┘     └────┬─────┘         └─────────┘
//!              └──── F ───────┴──▶ (gone, told)
//! ```
//!
//! An INVITE that proceeds has no timer here: how long a telephone may ring is the call's to say. After a CANCEL it has one
//! (RFC 3261 section 9.1).

use super::timers::{Repeat, Timers};
use crate::message::Status;
use std::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No response yet; `Calling` or `Trying` in the RFC.
    Calling,
    Proceeding,
    Completed,
    Accepted,
}

/// One client transaction, without its request.
#[derive(Debug)]
pub(super) struct Client {
    invite: bool,
    reliable: bool,
    state: State,
    repeat: Option<Repeat>,
    end: Option<Instant>,
}

/// What becomes of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Hand it on.
    Pass,
    /// Hand it on and acknowledge it.
    PassAndAcknowledge,
    /// It came again: acknowledge it.
    Acknowledge,
    /// It came again or too late.
    Absorb,
}

/// What a client transaction's clock brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Send the request again.
    Repeat,
    /// It is over.
    Gone,
    /// It is over without a final response.
    TimedOut,
    /// Nothing yet.
    Nothing,
}

impl Client {
    pub(super) fn new(now: Instant, timers: &Timers, invite: bool, reliable: bool) -> Client {
        Client {
            invite,
            reliable,
            state: State::Calling,
            repeat: (!reliable).then(|| Repeat::first(now, timers)),
            end: Some(now + timers.give_up()),
        }
    }

    /// True while no final response has come.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Calling | State::Proceeding)
    }

    /// True once a response of any kind has come: from then on a CANCEL may be sent.
    pub(super) fn is_proceeding(&self) -> bool {
        self.state == State::Proceeding
    }

    pub(super) fn response(&mut self, now: Instant, timers: &Timers, status: Status) -> Taken {
        let absorbed = now + timers.give_up();
        match (self.state, self.invite) {
            (State::Calling | State::Proceeding, _) if status.is_provisional() => {
                if self.invite {
                    self.repeat = None;
                    if self.state == State::Calling {
                        self.end = None;
                    }
                }
                self.state = State::Proceeding;
                Taken::Pass
            }
            (State::Calling | State::Proceeding, true) => {
                self.repeat = None;
                if status.is_success() {
                    self.state = State::Accepted;
                    self.end = Some(absorbed);
                    return Taken::Pass;
                }
                self.state = State::Completed;
                self.end = Some(if self.reliable { now } else { absorbed });
                Taken::PassAndAcknowledge
            }
            (State::Calling | State::Proceeding, false) => {
                self.state = State::Completed;
                self.repeat = None;
                self.end = Some(if self.reliable { now } else { now + timers.t4 });
                Taken::Pass
            }
            (State::Accepted, _) if status.is_success() => Taken::Pass,
            (State::Completed, true) if status.code() >= 300 => Taken::Acknowledge,
            _ => Taken::Absorb,
        }
    }

    /// A CANCEL was sent: a final response comes within 64 T1, or none.
    pub(super) fn cancelled(&mut self, now: Instant, timers: &Timers) {
        if self.is_open() {
            self.end = Some(now + timers.give_up());
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let repeat = self.repeat.map(|r| r.at);
        [repeat, self.end].into_iter().flatten().min()
    }

    pub(super) fn timeout(&mut self, now: Instant, timers: &Timers) -> Due {
        if self.end.is_some_and(|end| end <= now) {
            return if self.is_open() { Due::TimedOut } else { Due::Gone };
        }
        let Some(repeat) = self.repeat.filter(|r| r.at <= now) else {
            return Due::Nothing;
        };
        // Timer A doubles without end; timer E up to T2, and is T2 once the other side has answered at all.
        let longest = (!self.invite).then_some(timers.t2);
        self.repeat = Some(match (self.invite, self.state) {
            (false, State::Proceeding) => Repeat::every(now, timers.t2),
            _ => repeat.again(now, longest),
        });
        Due::Repeat
    }
}

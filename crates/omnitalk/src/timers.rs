//! Deadlines: at most one for each kind and owner.

use crate::ids::SocketId;
use omnigate_room::{ParticipantId, RoomId, ViewerId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What a deadline is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// A socket without a session has waited long enough.
    NoSession(SocketId),
    /// The next heartbeat is due (12.2).
    Heartbeat(SocketId),
    /// The media plane owes an answer.
    Answer(SocketId),
    /// The stage of the room's call is over: ring, join, audio or aftermath time.
    Call(RoomId),
    /// The caller has offered a call and is to join its room (12.29).
    CallerJoins(RoomId),
    /// The participant of a video call publishes no video of its own: it is shown the others' (9.7).
    ShowVideo(ParticipantId),
    /// The subscription has been offered and waits for the client's answer (11.24).
    HalfOpen(ViewerId),
    /// The room has been empty for long enough (12.4).
    EmptyRoom(RoomId),
}

/// All deadlines, earliest first.
#[derive(Default)]
pub(crate) struct Timers {
    by_owner: BTreeMap<Timer, Instant>,
    by_time: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    /// Sets or moves a deadline.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.clear(timer);
        self.by_owner.insert(timer, at);
        self.by_time.insert((at, timer));
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.by_owner.remove(&timer) {
            self.by_time.remove(&(at, timer));
        }
    }

    pub(crate) fn has(&self, timer: Timer) -> bool {
        self.by_owner.contains_key(&timer)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Timer> + '_ {
        self.by_owner.keys().copied()
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes the earliest deadline that is not after `now`.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.by_time.first()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn deadlines_come_in_order_once_and_can_be_moved_and_cleared() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        timers.set(Timer::Heartbeat(SocketId(1)), at(20));
        timers.set(Timer::NoSession(SocketId(2)), at(30));
        timers.set(Timer::Heartbeat(SocketId(1)), at(40));
        timers.set(Timer::Answer(SocketId(1)), at(4));
        timers.clear(Timer::Answer(SocketId(1)));
        assert_eq!(timers.next(), Some(at(30)));
        assert_eq!(timers.due(at(29)), None);
        assert_eq!(timers.due(at(50)), Some(Timer::NoSession(SocketId(2))));
        assert_eq!(timers.due(at(50)), Some(Timer::Heartbeat(SocketId(1))));
        assert_eq!(timers.due(at(50)), None);
    }
}

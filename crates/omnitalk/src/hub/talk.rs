//! What chat may cost: a line goes to everybody in the room, so what counts is the bytes that are delivered.

use crate::ids::{ClientId, SocketId};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Meters at which those that are full are dropped.
const PRUNE: usize = 1024;
/// What may be delivered at once, in seconds of the pace.
const BURST: f64 = 8.0;

/// Whose bytes are counted together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Talker {
    Client(ClientId),
    Session(SocketId),
}

struct Meter {
    bytes: f64,
    at: Instant,
}

/// What talkers have left.
#[derive(Default)]
pub(super) struct Talk(BTreeMap<Talker, Meter>);

impl Talk {
    /// Takes so many bytes at a pace of so many a second, or says how long to wait for them. More than the burst is taken from a full
    /// meter, and paid back.
    pub(super) fn take(
        &mut self,
        who: Talker,
        bytes: usize,
        pace: u64,
        now: Instant,
    ) -> Result<(), Duration> {
        let pace = pace as f64;
        let full = pace * BURST;
        let left = |meter: &Meter| {
            let elapsed = now.saturating_duration_since(meter.at).as_secs_f64();
            (meter.bytes + elapsed * pace).min(full)
        };
        if self.0.len() >= PRUNE && !self.0.contains_key(&who) {
            self.0.retain(|_, meter| left(meter) < full);
        }
        let meter = self.0.entry(who).or_insert(Meter { bytes: full, at: now });
        let wanted = (bytes as f64).min(full);
        let has = left(meter);
        if has < wanted {
            return Err(Duration::from_secs_f64((wanted - has) / pace));
        }
        *meter = Meter {
            bytes: has - bytes as f64,
            at: now,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_until_none_is_left_and_come_back_at_the_pace() {
        let (mut talk, now, me) = (Talk::default(), Instant::now(), Talker::Session(SocketId(1)));
        assert!(talk.take(me, 800, 100, now).is_ok());
        assert_eq!(talk.take(me, 100, 100, now), Err(Duration::from_secs(1)));
        assert!(talk.take(me, 100, 100, now + Duration::from_secs(1)).is_ok());
        assert!(talk.take(Talker::Session(SocketId(2)), 100, 100, now).is_ok());
    }

    #[test]
    fn a_line_that_costs_more_than_all_is_said_and_paid_for() {
        let (mut talk, now, me) = (Talk::default(), Instant::now(), Talker::Session(SocketId(1)));
        assert!(talk.take(me, 1600, 100, now).is_ok());
        assert_eq!(talk.take(me, 1, 100, now).unwrap_err().as_secs(), 8);
    }
}

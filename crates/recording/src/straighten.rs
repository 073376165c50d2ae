//! When a packet would have come, had the network treated all alike.
//!
//! The difference between arrival and media time is the far end's clock against ours plus the delay on the way. The least
//! of it within some seconds before and after is the delay that the way cannot do without; all above is jitter. A packet
//! placed at its media time plus that least delay is where it was spoken, and a slow drift of the far end's clock is
//! followed. Live, half of this is unknown: what comes later.

use crate::capture::MediaKind;
use omnigate_rtp::playout::PayloadKind;
use std::collections::{BTreeMap, VecDeque};

/// Packets this long before and after count, microseconds.
pub(crate) const WINDOW_US: u64 = 2_000_000;
/// A timestamp that is off by more than this begins another time line, microseconds.
const JUMP_US: i64 = 1_000_000;

/// A packet, owned.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) kind: MediaKind,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,

    pub(crate) payload: Vec<u8>,
}

/// Packets of one member that may wait: over three times what comes within the window at the rate that a tap lets through.
const MOST_WAITING: usize = 2_048;

#[derive(Debug, Clone, Copy)]
struct Seen {
    arrival_us: u64,
    /// Arrival minus media time, microseconds; comparable within one time line.
    delay_us: i64,
    line: u32,
}

/// Where a packet belongs: its time line, its media time on it, and a number of its own.
type Place = (u32, i64, u64);

/// The packets of one member within the window.
#[derive(Debug, Default)]
pub(crate) struct Straightener {
    /// Times of packets that the window has not come to yet, in order of arrival, so of time lines too.
    times: VecDeque<Seen>,
    least: Least,
    /// Not handed out yet, each with its arrival.
    packets: BTreeMap<Place, (u64, Packet)>,
    line: u32,
    pushed: u64,
    last: Option<Last>,
}

/// The least delay in a window that moves forward over one time line. Each time comes in once and goes once.
#[derive(Debug, Default)]
struct Least {
    line: u32,
    /// The middle of the window; one that was late does not move it back.
    middle_us: u64,
    /// Times within the window that are less than all after them: the first is the least.
    rising: VecDeque<Seen>,
}

impl Least {
    /// Moves the window to this time of this line; the least delay in it.
    fn at(&mut self, line: u32, arrival_us: u64, times: &mut VecDeque<Seen>) -> Option<i64> {
        if self.line != line {
            (self.line, self.middle_us) = (line, arrival_us);
            self.rising.clear();
        }
        self.middle_us = self.middle_us.max(arrival_us);
        let until_us = self.middle_us.saturating_add(WINDOW_US);
        let reached = |one: &mut Seen| one.line < line || (one.line == line && one.arrival_us <= until_us);
        while let Some(one) = times.pop_front_if(reached) {
            if one.line == line {
                while self
                    .rising
                    .pop_back_if(|last| last.delay_us >= one.delay_us)
                    .is_some()
                {}
                self.rising.push_back(one);
            }
        }
        let from_us = self.middle_us.saturating_sub(WINDOW_US);
        while self.rising.pop_front_if(|one| one.arrival_us < from_us).is_some() {}
        self.rising.front().map(|one| one.delay_us)
    }
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ssrc: u32,
    clock: u32,
    timestamp: u32,
    media_us: i64,
    arrival_us: u64,
}

impl Straightener {
    /// Takes the next packet, in order of arrival. One too many of them is left out: nobody who talks sends so many.
    pub(crate) fn push(&mut self, arrival_us: u64, packet: Packet) {
        if self.packets.len() >= MOST_WAITING {
            return;
        }
        let media_us = self.media_us(arrival_us, &packet);
        self.times.push_back(Seen {
            arrival_us,
            delay_us: arrival_us as i64 - media_us,
            line: self.line,
        });
        self.pushed += 1;
        let place = (self.line, media_us, self.pushed);
        self.packets.insert(place, (arrival_us, packet));
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Packets and times that are kept.
    #[cfg(test)]
    fn waiting(&self) -> usize {
        self.packets.len() + self.times.len() + self.least.rising.len()
    }

    /// The media time of a packet on the current time line, or on a new one that begins with it.
    fn media_us(&mut self, arrival_us: u64, packet: &Packet) -> i64 {
        let rate = PayloadKind::from(packet.kind).clock_rate();
        let on_line = self
            .last
            .filter(|last| last.ssrc == packet.ssrc && last.clock == rate);
        let media_us = on_line.and_then(|last| {
            let units = packet.timestamp.wrapping_sub(last.timestamp) as i32;
            let passed = i64::from(units) * 1_000_000 / i64::from(rate);
            let late = (arrival_us as i64 - last.arrival_us as i64) - passed;
            (late.abs() <= JUMP_US).then_some(last.media_us + passed)
        });
        let media_us = media_us.unwrap_or_else(|| {
            self.line += 1;
            0
        });
        let newest = on_line.is_none_or(|last| media_us >= last.media_us || media_us == 0);
        if newest {
            self.last = Some(Last {
                ssrc: packet.ssrc,
                clock: rate,
                timestamp: packet.timestamp,
                media_us,
                arrival_us,
            });
        }
        media_us
    }

    /// The next packet that is due until `until_us`, with its time. Everything that arrived until `until_us` plus the
    /// window must have been pushed.
    pub(crate) fn pop(&mut self, until_us: u64) -> Option<(u64, Packet)> {
        let first = self.packets.first_entry()?;
        let (line, media_us, _) = *first.key();
        let arrival_us = first.get().0;
        let own = arrival_us as i64 - media_us;
        let least = self.least.at(line, arrival_us, &mut self.times);
        let due_us = u64::try_from(media_us + least.unwrap_or(own)).unwrap_or(0);
        (due_us <= until_us).then(|| (due_us, first.remove().1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u32) -> Packet {
        Packet {
            kind: MediaKind::Pcma,
            sequence: number as u16,
            timestamp: (u32::MAX - 1_000).wrapping_add(number * 160),
            ssrc: 1,
            payload: vec![0; 160],
        }
    }

    /// Arrivals in microseconds by packet number; gives when each is due.
    fn run(mut arrivals: Vec<(u64, u32)>) -> Vec<(u64, u16)> {
        arrivals.sort_unstable();
        let mut one = Straightener::default();
        let mut out = Vec::new();
        let mut next = arrivals.into_iter().peekable();
        for frame in 0..1_000u64 {
            let until = frame * 20_000;
            while let Some((arrival, number)) = next.next_if(|(arrival, _)| *arrival <= until + WINDOW_US) {
                one.push(arrival, packet(number));
            }
            while let Some((due, packet)) = one.pop(until) {
                out.push((due, packet.sequence));
            }
        }
        out
    }

    #[test]
    fn jitter_and_reordering_are_undone() {
        // Every third packet is up to 90 ms late, and so comes after its successors.
        let arrivals = (0..500).map(|n| {
            (
                50_000 + u64::from(n) * 20_000 + if n % 3 == 0 { 90_000 } else { 0 },
                n,
            )
        });
        let out = run(arrivals.collect());
        assert_eq!(out.len(), 500);
        for (n, (due, sequence)) in out.iter().enumerate() {
            assert_eq!(*sequence as usize, n);
            assert_eq!(*due, 50_000 + n as u64 * 20_000);
        }
    }

    #[test]
    fn drift_is_followed() {
        // The far end's clock is 1000 ppm slow: ten times worse than any telephone.
        let out = run((0..900).map(|n| (u64::from(n) * 20_020, n)).collect());
        for (n, (due, _)) in out.iter().enumerate() {
            assert!(due.abs_diff(n as u64 * 20_020) < 2_100, "packet {n} at {due}");
        }
    }

    #[test]
    fn a_jump_of_the_timestamps_is_another_time_line() {
        let mut one = Straightener::default();
        for n in 0..50u32 {
            let mut packet = packet(n);
            if n >= 25 {
                packet.timestamp = packet.timestamp.wrapping_add(800_000);
            }
            one.push(u64::from(n) * 20_000, packet);
        }
        for n in 0..50u64 {
            assert_eq!(one.pop(2_000_000).unwrap().0, n * 20_000);
        }
    }

    #[test]
    fn a_flood_is_put_in_order_at_once_and_never_keeps_more_than_its_bound() {
        let mut one = Straightener::default();
        let (mut out, mut most) = (0u64, 0);
        // Ten thousand packets a second for two minutes, each of another source than the one before.
        for n in 0..1_200_000u32 {
            let arrival_us = u64::from(n) * 100;
            let mut packet = packet(n);
            (packet.ssrc, packet.payload) = (n % 2, Vec::new());
            one.push(arrival_us, packet);
            most = most.max(one.waiting());
            if n % 200 == 0 {
                while one.pop(arrival_us.saturating_sub(WINDOW_US)).is_some() {
                    out += 1;
                }
            }
        }
        assert!(out > 10_000, "{out}");
        assert!(most <= 3 * MOST_WAITING, "{most}");
    }

    #[test]
    fn a_packet_costs_the_same_however_many_are_in_the_window() {
        // Two hundred a second of one source, as many as a tap lets through: every one is handed out once.
        let mut one = Straightener::default();
        let mut out = 0;
        for n in 0..100_000u32 {
            let arrival_us = u64::from(n) * 5_000;
            let mut packet = packet(0);
            (packet.sequence, packet.timestamp) = (n as u16, n * 40);
            one.push(arrival_us, packet);
            while let Some((due_us, _)) = one.pop(arrival_us.saturating_sub(WINDOW_US)) {
                assert_eq!(due_us, out * 5_000);
                out += 1;
            }
            // The window before is not kept: no older time can be the least again.
            assert!(one.least.rising.len() <= 801, "{}", one.least.rising.len());
        }
        assert!(out > 99_000);
    }
}

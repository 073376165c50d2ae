//! When a packet would have come, had the network treated all alike.
//!
//! The difference between arrival and media time is the far end's clock against ours plus the delay on the way. The least
//! of it within some seconds before and after is the delay that the way cannot do without; all above is jitter. A packet
//! placed at its media time plus that least delay is where it was spoken, and a slow drift of the far end's clock is
//! followed. Live, half of this is unknown: what comes later.

use crate::capture::MediaKind;
use omnigate_rtp::playout::PayloadKind;
use std::collections::VecDeque;

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

#[derive(Debug)]
struct Waiting {
    arrival_us: u64,
    /// Arrival minus media time, microseconds; comparable within one time line.
    delay_us: i64,
    line: u32,
}

/// The packets of one member within the window.
#[derive(Debug, Default)]
pub(crate) struct Straightener {
    /// Times of all packets of the window, the ones handed out included.
    times: VecDeque<Waiting>,
    /// Not handed out yet, by place: when it is due, known once the window after it has been read.
    packets: VecDeque<(u64, i64, u32, Packet)>,
    line: u32,
    last: Option<Last>,
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
    /// Takes the next packet, in order of arrival.
    pub(crate) fn push(&mut self, arrival_us: u64, packet: Packet) {
        let media_us = self.media_us(arrival_us, &packet);
        self.times.push_back(Waiting {
            arrival_us,
            delay_us: arrival_us as i64 - media_us,
            line: self.line,
        });
        // Nearly always the last place: only what overtook another one goes before it.
        let mut place = self.packets.len();
        while place > 0
            && self
                .packets
                .get(place - 1)
                .is_some_and(|(_, media, line, _)| *line == self.line && *media > media_us)
        {
            place -= 1;
        }
        self.packets
            .insert(place, (arrival_us, media_us, self.line, packet));
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
        let (arrival_us, media_us, line, _) = self.packets.front()?;
        let (arrival_us, media_us, line) = (*arrival_us, *media_us, *line);
        let least = self
            .times
            .iter()
            .filter(|one| one.line == line && one.arrival_us.abs_diff(arrival_us) <= WINDOW_US)
            .map(|one| one.delay_us)
            .min()
            .unwrap_or(arrival_us as i64 - media_us);
        let due_us = u64::try_from(media_us + least).unwrap_or(0);
        if due_us > until_us {
            return None;
        }
        while self
            .times
            .front()
            .is_some_and(|one| one.arrival_us + 2 * WINDOW_US < arrival_us)
        {
            self.times.pop_front();
        }
        self.packets.pop_front().map(|(.., packet)| (due_us, packet))
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
}

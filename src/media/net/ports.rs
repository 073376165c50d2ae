//! RTP port pairs: an even port for RTP, the next for RTCP (RFC 3550 section 11).
//!
//! A pair that was used rests, for packets of a dead call may still come. It rests as long as there are others: of those
//! that have rested for [`REST`], or were never used, one is chosen at random, so that a stranger cannot tell where the
//! next call will listen. When there are none, one of those that have rested longest is. So the range bounds the calls at
//! one time and not the calls a second. The next leg on a pair is told what the last one has heard, and takes none of it.

use crate::media::net::batch::BatchSocket;
use crate::media::net::sockets::Sockets;
use crate::media::net::stream::Stream;
use crossbeam_channel::{Receiver, Sender, unbounded};
use rand::RngExt;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// Rest that is enough for a pair.
pub(crate) const REST: Duration = Duration::from_secs(30);
/// When none has rested enough, one of this share of the resting pairs is taken: a quarter, those that rest longest.
const OLDEST_SHARE: usize = 4;

/// Gives out port pairs of a range.
#[derive(Debug)]
pub(crate) struct PortPool {
    /// In no order: one is chosen at random.
    rested: Vec<Pair>,
    /// The one that has rested longest comes first.
    resting: VecDeque<(Instant, Pair)>,
    /// Pairs that were given out, less those that were taken back.
    out: usize,
    /// Where leases end; at most as many wait there as there are pairs.
    ended: (Sender<Ended>, Receiver<Ended>),
    sockets: Sockets,
}

/// A pair that nobody has.
#[derive(Debug, Clone, Copy)]
struct Pair {
    port: u16,
    last: Option<Stream>,
}

/// A pair whose use has ended, and when, if that was told.
type Ended = (Pair, Option<Instant>);

/// A pair in use. It is free again when this is dropped, which must be after its sockets.
#[derive(Debug)]
pub(crate) struct PortLease {
    pair: Pair,
    ended: Option<Instant>,
    way_back: Sender<Ended>,
}

impl PortLease {
    /// The even one.
    pub(crate) fn port(&self) -> u16 {
        self.pair.port
    }

    /// Says when its use ended, and what came last.
    pub(crate) fn end(&mut self, last: Option<Stream>, now: Instant) {
        self.pair.last = last;
        self.ended = Some(now);
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        // Without the pool there is nobody who would use it again.
        let _ = self.way_back.send((self.pair, self.ended));
    }
}

/// A pair that was just given out.
pub(crate) struct Opened {
    pub(crate) lease: PortLease,
    pub(crate) rtp: BatchSocket,
    pub(crate) rtcp: BatchSocket,
    /// What was heard on it last, by another call.
    pub(crate) last: Option<Stream>,
}

impl PortPool {
    /// Pairs within `range`, with sockets from there.
    pub(crate) fn new(range: RangeInclusive<u16>, sockets: Sockets) -> PortPool {
        let rested = range
            .clone()
            .filter(|p| p % 2 == 0 && p.checked_add(1).is_some_and(|n| range.contains(&n)))
            .map(|port| Pair { port, last: None })
            .collect();
        PortPool {
            rested,
            resting: VecDeque::new(),
            out: 0,
            ended: unbounded(),
            sockets,
        }
    }

    /// Pairs in use.
    pub(crate) fn used(&self) -> usize {
        self.out.saturating_sub(self.ended.1.len())
    }

    /// Binds a pair on `bind`. Ports that another process holds are skipped.
    ///
    /// # Errors
    /// `AddrInUse` when no pair of the range can be bound now.
    pub(crate) fn open(&mut self, bind: IpAddr, now: Instant) -> io::Result<Opened> {
        self.take_back(now);
        let mut failed = Vec::new();
        let opened = loop {
            let Some(pair) = self.choose() else { break None };
            match self.bind_pair(bind, pair.port) {
                Ok(sockets) => break Some((pair, sockets)),
                Err(_) => failed.push(pair),
            }
        };
        // Whoever holds them may do so for long: they are tried again when the others are used up.
        self.resting.extend(failed.into_iter().map(|pair| (now, pair)));
        let (pair, (rtp, rtcp)) = opened.ok_or_else(|| {
            io::Error::new(io::ErrorKind::AddrInUse, "no free port pair in media.rtp_ports")
        })?;
        self.out += 1;
        let last = pair.last;
        let lease = PortLease {
            pair: Pair { last: None, ..pair },
            ended: None,
            way_back: self.ended.0.clone(),
        };
        Ok(Opened {
            lease,
            rtp,
            rtcp,
            last,
        })
    }

    /// Takes back what is not in use any more, and wakes what has rested enough.
    fn take_back(&mut self, now: Instant) {
        for (pair, ended) in self.ended.1.try_iter() {
            self.out = self.out.saturating_sub(1);
            self.resting.push_back((ended.unwrap_or(now), pair));
        }
        while let Some((since, pair)) = self.resting.front().copied() {
            if now.saturating_duration_since(since) < REST {
                break;
            }
            self.resting.pop_front();
            self.rested.push(pair);
        }
    }

    fn choose(&mut self) -> Option<Pair> {
        if !self.rested.is_empty() {
            let any = rand::rng().random_range(0..self.rested.len());
            return Some(self.rested.swap_remove(any));
        }
        let oldest = self.resting.len().div_ceil(OLDEST_SHARE);
        let any = (oldest > 0).then(|| rand::rng().random_range(0..oldest))?;
        self.resting.remove(any).map(|(_, pair)| pair)
    }

    fn bind_pair(&self, bind: IpAddr, port: u16) -> io::Result<(BatchSocket, BatchSocket)> {
        let rtp = self.sockets.udp(SocketAddr::new(bind, port))?;
        let rtcp = self.sockets.udp(SocketAddr::new(bind, port + 1))?;
        Ok((rtp, rtcp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::media::net::made::Net;
    use std::collections::HashMap;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn made(range: RangeInclusive<u16>) -> PortPool {
        PortPool::new(range, Sockets::Made(Net::default()))
    }

    fn end(opened: Opened, now: Instant) {
        let Opened { mut lease, .. } = opened;
        lease.end(None, now);
    }

    #[test]
    fn a_pair_rests_half_a_minute_while_others_are_free() {
        let now = Instant::now();
        let mut pool = made(42_101..=42_142);
        let first = pool.open(HOST, now).unwrap();
        let port = first.lease.port();
        assert_eq!((port % 2, pool.used()), (0, 1));
        end(first, now);
        assert_eq!(pool.used(), 0);
        let early = now + REST / 2;
        let others: Vec<Opened> = (0..19).map(|_| pool.open(HOST, early).unwrap()).collect();
        assert!(others.iter().all(|other| other.lease.port() != port));
        // When no other is left, a short rest is better than no call.
        assert_eq!(pool.open(HOST, early).unwrap().lease.port(), port);
    }

    #[test]
    fn without_a_free_pair_none_is_opened() {
        let now = Instant::now();
        let mut pool = made(42_100..=42_103);
        let _both = [pool.open(HOST, now).unwrap(), pool.open(HOST, now).unwrap()];
        assert!(pool.open(HOST, now).is_err());
        assert_eq!(pool.used(), 2);
    }

    #[test]
    fn five_hundred_calls_a_second_find_pairs_of_the_default_range_for_two_minutes() {
        let range = config::Media::default().rtp_ports;
        // How long a call lasts, and the shortest rest that there must be: 5000 pairs are used up in ten seconds.
        for (call, rest) in [(0, 7_000), (4_000, 4_000), (9_000, 700)] {
            let call = Duration::from_millis(call);
            let mut pool = made(range.first..=range.last);
            let mut calls: VecDeque<(Instant, Opened)> = VecDeque::new();
            let mut ended: HashMap<u16, Instant> = HashMap::new();
            let (mut now, mut shortest) = (Instant::now(), Duration::MAX);
            for _ in 0..500 * 120 {
                while calls.front().is_some_and(|(until, _)| *until <= now) {
                    let (_, opened) = calls.pop_front().unwrap();
                    ended.insert(opened.lease.port(), now);
                    end(opened, now);
                }
                let opened = pool.open(HOST, now).unwrap();
                if let Some(at) = ended.get(&opened.lease.port()) {
                    shortest = shortest.min(now - *at);
                }
                calls.push_back((now + call, opened));
                now += Duration::from_millis(2);
            }
            assert!(
                shortest >= Duration::from_millis(rest),
                "{shortest:?} with calls of {call:?}"
            );
            assert_eq!(pool.used(), calls.len());
        }
    }

    #[test]
    fn the_next_pair_cannot_be_told_from_the_last_ones() {
        let now = Instant::now();
        let mut pool = made(20_000..=29_999);
        let ports: Vec<u16> = (0..64)
            .map(|_| pool.open(HOST, now).unwrap().lease.port())
            .collect();
        let in_order = ports.windows(2).filter(|pair| pair[1] == pair[0] + 2).count();
        assert!(in_order < 4, "{ports:?}");
        assert!(ports.iter().any(|port| *port < 25_000) && ports.iter().any(|port| *port > 25_000));
    }

    #[test]
    fn the_next_call_on_a_pair_is_told_what_the_last_one_heard() {
        let now = Instant::now();
        let mut pool = made(42_100..=42_101);
        let mut first = pool.open(HOST, now).unwrap();
        assert_eq!(first.last, None);
        let heard = Stream {
            source: SocketAddr::from(([192, 0, 2, 1], 10)),
            ssrc: 7,
            sequence: 9,
            at: now,
        };
        first.lease.end(Some(heard), now);
        drop(first);
        assert_eq!(pool.open(HOST, now).unwrap().last, Some(heard));
    }

    #[test]
    fn a_pair_that_another_process_holds_is_passed_over() {
        let now = Instant::now();
        let net = Net::default();
        let _held = net.bind(SocketAddr::new(HOST, 42_103)).unwrap();
        let mut pool = PortPool::new(42_100..=42_105, Sockets::Made(net));
        let two = [pool.open(HOST, now).unwrap(), pool.open(HOST, now).unwrap()];
        assert!(two.iter().all(|opened| opened.lease.port() != 42_102));
        assert!(pool.open(HOST, now).is_err());
    }
}

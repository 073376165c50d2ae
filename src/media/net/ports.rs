//! RTP port pairs: an even port for RTP, the next for RTCP (RFC 3550 section 11).

use crate::media::net::batch::BatchSocket;
use crate::media::net::sockets::Sockets;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

/// How long a port rests before it is used again: packets of a dead call must not reach a new one.
pub(crate) const QUARANTINE: Duration = Duration::from_secs(30);

/// Gives out port pairs of a range, longest unused first.
#[derive(Debug)]
pub(crate) struct PortPool {
    free: VecDeque<u16>,
    resting: VecDeque<(Instant, u16)>,
    used: usize,
    sockets: Sockets,
}

impl PortPool {
    /// Pairs within `range`, with sockets from there.
    pub(crate) fn new(range: RangeInclusive<u16>, sockets: Sockets) -> PortPool {
        let free = range
            .clone()
            .filter(|p| p % 2 == 0 && p.checked_add(1).is_some_and(|n| range.contains(&n)))
            .collect();
        PortPool {
            free,
            resting: VecDeque::new(),
            used: 0,
            sockets,
        }
    }

    /// Pairs in use.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Binds a pair on `bind`. Ports that another process holds are skipped.
    ///
    /// # Errors
    /// `AddrInUse` when no pair of the range can be bound now.
    pub(crate) fn open(&mut self, bind: IpAddr, now: Instant) -> io::Result<(u16, BatchSocket, BatchSocket)> {
        while let Some((since, port)) = self.resting.front().copied() {
            if now.saturating_duration_since(since) < QUARANTINE {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(port);
        }
        for _ in 0..self.free.len() {
            let Some(port) = self.free.pop_front() else { break };
            match self.bind_pair(bind, port) {
                Ok((rtp, rtcp)) => {
                    self.used += 1;
                    return Ok((port, rtp, rtcp));
                }
                Err(_) => self.free.push_back(port),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "no free port pair in media.rtp_ports",
        ))
    }

    /// Takes a pair back; it rests for [`QUARANTINE`].
    pub(crate) fn close(&mut self, port: u16, now: Instant) {
        self.used = self.used.saturating_sub(1);
        self.resting.push_back((now, port));
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

    #[test]
    fn a_port_rests_half_a_minute_before_it_is_used_again() {
        let now = Instant::now();
        let mut pool = PortPool::new(42_101..=42_105, Sockets::Kernel);
        let host = IpAddr::from([127, 0, 0, 1]);
        let (first, a, b) = pool.open(host, now).unwrap();
        assert_eq!(first % 2, 0);
        let (second, ..) = pool.open(host, now).unwrap();
        assert_ne!(first, second);
        drop((a, b));
        pool.close(first, now);
        assert!(pool.open(host, now + QUARANTINE / 2).is_err());
        assert_eq!(pool.open(host, now + QUARANTINE).unwrap().0, first);
        assert_eq!(pool.used(), 2);
    }
}

//! A stream of RTP as far as it has been heard: what may come next in it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The shortest time between two packets that telephones send.
const SHORTEST_PTIME: Duration = Duration::from_millis(10);
/// Numbers ahead of the time that has passed, and behind, that are still the same stream (RFC 3550 A.1: MAX_MISORDER).
const SLACK: u16 = 100;
/// A stream's numbers are told apart no further: half of all.
const FURTHEST: u16 = u16::MAX / 2;

/// The last packet that was heard of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) source: SocketAddr,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) at: Instant,
}

impl Stream {
    /// Whether it has not been heard for this long.
    pub(crate) fn is_quiet(&self, quiet: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= quiet
    }

    /// Whether this packet is a later one of this stream: no more numbers further than could have been sent meanwhile.
    pub(crate) fn goes_on(&self, ssrc: u32, sequence: u16, now: Instant) -> bool {
        let sent = now.saturating_duration_since(self.at).as_millis() / SHORTEST_PTIME.as_millis();
        let most = u16::try_from(sent)
            .unwrap_or(FURTHEST)
            .saturating_add(SLACK)
            .min(FURTHEST);
        let ahead = sequence.wrapping_sub(self.sequence);
        self.ssrc == ssrc && (1..=most).contains(&ahead)
    }

    /// Whether this packet belongs to this stream: a later one, the same again, or one that was overtaken.
    pub(crate) fn has(&self, ssrc: u32, sequence: u16, now: Instant) -> bool {
        let overtaken = self.ssrc == ssrc && self.sequence.wrapping_sub(sequence) <= SLACK;
        overtaken || self.goes_on(ssrc, sequence, now)
    }
}

/// The same host and port; SDP knows neither scope nor flow of an IPv6 address, which a socket tells.
pub(crate) fn same(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.ip().to_canonical() == b.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_goes_on_no_faster_than_it_can_be_sent() {
        let now = Instant::now();
        let stream = Stream {
            source: SocketAddr::from(([192, 0, 2, 1], 10)),
            ssrc: 7,
            sequence: 65_530,
            at: now,
        };
        let later = now + Duration::from_secs(2);
        for (sequence, has, goes_on) in [
            (65_530, true, false),
            (65_500, true, false),
            (65_400, false, false),
            (4, true, true),
            (294, true, true),
            (295, false, false),
            (30_000, false, false),
        ] {
            assert_eq!(stream.has(7, sequence, later), has, "{sequence}");
            assert_eq!(stream.goes_on(7, sequence, later), goes_on, "{sequence}");
            assert!(!stream.has(8, sequence, later));
        }
    }
}

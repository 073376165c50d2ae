//! Symmetric RTP: where a caller behind NAT really is.
//!
//! The signalled address is believed at once. Another source is believed only inside a window after an offer or
//! answer, and only after four packets in order from it (the rule that the RTP-hijack reports of 2017 led to).
//! Then the source is pinned: packets from elsewhere are dropped until the next offer or answer.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long after an offer or answer a new source may be learned.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);
/// Packets in order that a new source needs.
pub(crate) const PROOF: u8 = 4;

/// Where RTP comes from and goes to.
#[derive(Debug, Clone)]
pub(crate) struct Latch {
    signalled: SocketAddr,
    pinned: Option<SocketAddr>,
    opened: Instant,
    candidate: Option<Candidate>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    source: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u8,
}

/// What to do with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// From the right source.
    Accept,
    /// From the right source as of now; RTP goes there from now on.
    Learned {
        /// Where RTP went before.
        from: SocketAddr,
    },
    /// From a stranger.
    Reject,
}

impl Latch {
    /// Opens the window for an address that SDP names.
    pub(crate) fn new(signalled: SocketAddr, now: Instant) -> Latch {
        Latch {
            signalled,
            pinned: None,
            opened: now,
            candidate: None,
        }
    }

    /// A new offer or answer: opens the window again. The pinned source stays until another is proven, unless
    /// the signalled address changed.
    pub(crate) fn renew(&mut self, signalled: SocketAddr, now: Instant) {
        if signalled != self.signalled {
            self.signalled = signalled;
            self.pinned = None;
        }
        self.opened = now;
        self.candidate = None;
    }

    /// Where to send.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.pinned.unwrap_or(self.signalled)
    }

    /// Judges a packet by its source.
    pub(crate) fn judge(&mut self, source: SocketAddr, ssrc: u32, sequence: u16, now: Instant) -> Verdict {
        if self.pinned == Some(source) {
            return Verdict::Accept;
        }
        // Nothing heard yet: the window stays open, or a caller behind NAT who speaks late would be lost.
        let open = self.pinned.is_none() || now.saturating_duration_since(self.opened) <= WINDOW;
        if !open {
            return Verdict::Reject;
        }
        if source == self.signalled {
            let from = self.destination();
            self.pinned = Some(source);
            self.candidate = None;
            return if from == source {
                Verdict::Accept
            } else {
                Verdict::Learned { from }
            };
        }
        let count = match self.candidate {
            Some(c) if c.source == source && c.ssrc == ssrc && c.next == sequence => c.count + 1,
            // A stranger does not displace a candidate that is proving itself.
            Some(c) if c.source != source && c.count > 1 => return Verdict::Reject,
            _ => 1,
        };
        if count < PROOF {
            self.candidate = Some(Candidate {
                source,
                ssrc,
                next: sequence.wrapping_add(1),
                count,
            });
            return Verdict::Reject;
        }
        let from = self.destination();
        self.pinned = Some(source);
        self.candidate = None;
        Verdict::Learned { from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn the_signalled_source_is_believed_at_once() {
        let now = Instant::now();
        let mut latch = Latch::new(at(10), now);
        assert_eq!(latch.judge(at(10), 1, 1, now), Verdict::Accept);
        assert_eq!(latch.destination(), at(10));
    }

    #[test]
    fn another_source_needs_four_packets_in_order() {
        let now = Instant::now();
        let mut latch = Latch::new(at(10), now);
        for seq in [1, 2, 3] {
            assert_eq!(latch.judge(at(20), 1, seq, now), Verdict::Reject);
        }
        assert_eq!(latch.judge(at(20), 1, 4, now), Verdict::Learned { from: at(10) });
        assert_eq!(latch.destination(), at(20));
        let mut gap = Latch::new(at(10), now);
        for seq in [1, 2, 4, 5, 7, 8, 9] {
            assert_eq!(gap.judge(at(20), 1, seq, now), Verdict::Reject, "{seq}");
        }
    }

    #[test]
    fn a_stranger_after_the_window_is_dropped() {
        let now = Instant::now();
        let mut latch = Latch::new(at(10), now);
        latch.judge(at(10), 1, 1, now);
        let later = now + WINDOW + Duration::from_millis(1);
        for seq in 1..20 {
            assert_eq!(latch.judge(at(66), 9, seq, later), Verdict::Reject);
        }
        assert_eq!(latch.destination(), at(10));
    }

    #[test]
    fn a_new_offer_opens_the_window_again() {
        let now = Instant::now();
        let mut latch = Latch::new(at(10), now);
        latch.judge(at(10), 1, 1, now);
        let later = now + Duration::from_secs(60);
        latch.renew(at(30), later);
        assert_eq!(latch.destination(), at(30));
        assert_eq!(latch.judge(at(30), 1, 7, later), Verdict::Accept);
    }

    #[test]
    fn a_caller_behind_nat_who_speaks_late_is_still_learned() {
        let now = Instant::now();
        let mut latch = Latch::new(at(10), now);
        let late = now + Duration::from_secs(25);
        for seq in 1..4 {
            latch.judge(at(20), 1, seq, late);
        }
        assert_eq!(latch.judge(at(20), 1, 4, late), Verdict::Learned { from: at(10) });
    }
}

//! Symmetric RTP: where a caller behind NAT really is.
//!
//! ```text
//!              packets from where SDP says             (at once, and it closes the window)
//!   signalled ◀──────────────────────────── learned
//!       │                                      ▲
//!       └── four packets in order from an ─────┘
//!           allowed host, the window open,
//!           and the stream before it quiet
//! ```
//!
//! The address in SDP always wins. Another one is learned only when its host is one that the call's trunk may send media
//! from, only after four packets in order (the rule that the RTP-hijack reports of 2017 led to), and never while a stream
//! is heard. The window is open until something is heard, and for a while after each offer or answer. Afterwards only the
//! same stream may come from elsewhere: a NAT that has forgotten it and gives it another port.

use crate::media::net::sources::MediaSources;
use crate::media::net::stream::{Stream, same};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long after an offer or answer a new source may be learned.
pub(crate) const WINDOW: Duration = Duration::from_secs(5);
/// Packets in order that a new source needs.
pub(crate) const PROOF: u8 = 4;
/// Without a packet for so long a stream is over, and another source may follow.
pub(crate) const QUIET: Duration = Duration::from_millis(500);
/// So long after its last packet more may come of a call that had the port before: a BYE is repeated for 32 s (RFC 3261
/// section 17.1.2.2), and the media of one that is lost ends with it.
pub(crate) const LATE: Duration = Duration::from_secs(32);

/// Where RTP comes from and goes to.
#[derive(Debug, Clone)]
pub(crate) struct Latch {
    signalled: SocketAddr,
    sources: MediaSources,
    /// What is taken.
    heard: Option<Stream>,
    /// What was taken until the signalled address spoke: should that have been a stranger's packet with a false address,
    /// the stream comes back.
    displaced: Option<Stream>,
    /// What the last call on this port has sent.
    late: Option<Stream>,
    opened: Instant,
    /// The signalled address has spoken since the last offer or answer.
    closed: bool,
    candidate: Option<Candidate>,
}

/// Who is proving itself.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    last: Stream,
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
    /// Opens the window for an address that SDP names. `late` is what the last call on this port has sent.
    pub(crate) fn new(
        signalled: SocketAddr,
        sources: MediaSources,
        late: Option<Stream>,
        now: Instant,
    ) -> Latch {
        Latch {
            signalled,
            sources,
            heard: None,
            displaced: None,
            late,
            opened: now,
            closed: false,
            candidate: None,
        }
    }

    /// A new offer or answer: opens the window again. The source stays until another is proven, unless the signalled
    /// address changed.
    pub(crate) fn renew(&mut self, signalled: SocketAddr, now: Instant) {
        if signalled != self.signalled {
            self.signalled = signalled;
            self.heard = None;
            self.displaced = None;
        }
        self.opened = now;
        self.closed = false;
        self.candidate = None;
    }

    /// Where to send.
    pub(crate) fn destination(&self) -> SocketAddr {
        self.heard.map_or(self.signalled, |stream| stream.source)
    }

    /// What has been taken last.
    pub(crate) fn heard(&self) -> Option<Stream> {
        self.heard
    }

    /// Whether a host may send media, or reports on it, from elsewhere than SDP says.
    pub(crate) fn allows(&self, source: SocketAddr) -> bool {
        source.ip().to_canonical() == self.signalled.ip().to_canonical() || self.sources.allow(source.ip())
    }

    /// Whether the last call on this port has sent with this SSRC, and this one does not.
    pub(crate) fn is_late(&self, source: SocketAddr, ssrc: u32, now: Instant) -> bool {
        let ours = self.heard.is_some_and(|heard| heard.ssrc == ssrc);
        !ours
            && self.late.is_some_and(|late| {
                late.ssrc == ssrc && late.source.ip() == source.ip() && !late.is_quiet(LATE, now)
            })
    }

    /// Judges a packet by its source.
    pub(crate) fn judge(&mut self, source: SocketAddr, ssrc: u32, sequence: u16, now: Instant) -> Verdict {
        let packet = Stream {
            source,
            ssrc,
            sequence,
            at: now,
        };
        // Some telephones begin each call with the same SSRC, so their numbers must go on too.
        if self.is_late(source, ssrc, now) && self.late.is_some_and(|late| late.has(ssrc, sequence, now)) {
            return Verdict::Reject;
        }
        let signalled = same(source, self.signalled);
        if self.heard.is_some_and(|heard| heard.source == source) {
            self.heard = Some(packet);
            self.closed |= signalled;
            return Verdict::Accept;
        }
        if signalled {
            let from = self.destination();
            self.displaced = self.heard.replace(packet);
            self.closed = true;
            self.candidate = None;
            return if same(from, source) {
                Verdict::Accept
            } else {
                Verdict::Learned { from }
            };
        }
        if self.may_follow(&packet) && self.is_proven(packet) {
            let from = self.destination();
            self.heard = Some(packet);
            self.displaced = None;
            self.candidate = None;
            return Verdict::Learned { from };
        }
        Verdict::Reject
    }

    /// Whether the source of this packet may prove itself.
    fn may_follow(&self, packet: &Stream) -> bool {
        if !self.allows(packet.source) {
            return false;
        }
        let Some(heard) = self.heard else {
            // Nothing heard yet: the window stays open, or a caller behind NAT who speaks late would be lost.
            return true;
        };
        let known = |s: Stream| s.goes_on(packet.ssrc, packet.sequence, packet.at);
        let open = !self.closed && packet.at.saturating_duration_since(self.opened) <= WINDOW;
        heard.is_quiet(QUIET, packet.at) && (open || known(heard) || self.displaced.is_some_and(known))
    }

    /// Counts a packet of a candidate; whether it was the last that is needed.
    fn is_proven(&mut self, packet: Stream) -> bool {
        let count = match self.candidate {
            Some(c)
                if c.last.source == packet.source
                    && c.last.ssrc == packet.ssrc
                    && c.last.sequence.wrapping_add(1) == packet.sequence =>
            {
                c.count + 1
            }
            // Who is proving itself is not displaced, as long as it goes on.
            Some(c)
                if c.last.source != packet.source && c.count > 1 && !c.last.is_quiet(QUIET, packet.at) =>
            {
                return false;
            }
            _ => 1,
        };
        self.candidate = Some(Candidate { last: packet, count });
        count >= PROOF
    }
}

#[cfg(test)]
#[path = "latch_tests.rs"]
mod tests;

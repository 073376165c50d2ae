//! Where a caller's RTCP comes from and goes to: the rules of the media's latch, for reports that come each few seconds.

use crate::media::net::latch::Latch;
use crate::media::net::stream::same;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Without a report for so long another source may follow: three times the mean between two (RFC 3550 section 6.2).
pub(crate) const QUIET: Duration = Duration::from_secs(15);

/// Where reports come from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReportLatch {
    /// Where SDP says (RFC 3605).
    signalled: Option<SocketAddr>,
    heard: Option<(SocketAddr, Instant)>,
}

impl ReportLatch {
    /// A new offer or answer.
    pub(crate) fn renew(&mut self, signalled: Option<SocketAddr>) {
        *self = ReportLatch {
            signalled,
            heard: None,
        };
    }

    /// Whether a report may come from there: from where SDP says; else from the host that sends the media, or while
    /// there is none, from one that may send it. Who is heard is not replaced.
    pub(crate) fn takes(&self, source: SocketAddr, media: &Latch, now: Instant) -> bool {
        if self.signalled.is_some_and(|signalled| same(signalled, source)) {
            return true;
        }
        let free = self
            .heard
            .is_none_or(|(heard, at)| heard == source || now.saturating_duration_since(at) >= QUIET);
        let host = match media.heard() {
            Some(stream) => stream.source.ip() == source.ip(),
            None => media.allows(source),
        };
        free && host
    }

    /// A report that was taken, and is one.
    pub(crate) fn heard(&mut self, source: SocketAddr, now: Instant) {
        self.heard = Some((source, now));
    }

    /// Where reports are sent to: to where they come from, else to where SDP says if the media goes to where SDP says,
    /// else to the port next to the media's.
    pub(crate) fn destination(&self, media: SocketAddr, signalled_media: SocketAddr) -> Option<SocketAddr> {
        let heard = self.heard.map(|(source, _)| source);
        let signalled = self.signalled.filter(|_| same(media, signalled_media));
        let neighbour = || Some(SocketAddr::new(media.ip(), media.port().checked_add(1)?));
        heard.or(signalled).or_else(neighbour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::net::sources::MediaSources;

    const MEDIA: ([u8; 4], u16) = ([192, 0, 2, 1], 10);

    fn at(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    fn media(now: Instant) -> Latch {
        let sources = MediaSources::from(std::net::IpAddr::from([192, 0, 2, 5]));
        Latch::new(SocketAddr::from(MEDIA), sources, None, now)
    }

    #[test]
    fn reports_come_from_where_sdp_says_or_from_the_host_of_the_media() {
        let now = Instant::now();
        let (mut media, mut latch) = (media(now), ReportLatch::default());
        latch.renew(Some(at(9, 11)));
        // While no media is heard, from whoever may send it.
        for (source, taken) in [
            (at(9, 11), true),
            (at(1, 77), true),
            (at(5, 77), true),
            (at(9, 12), false),
        ] {
            assert_eq!(latch.takes(source, &media, now), taken, "{source}");
        }
        media.judge(at(1, 10), 1, 1, now);
        assert!(latch.takes(at(9, 11), &media, now));
        assert!(latch.takes(at(1, 77), &media, now));
        assert!(!latch.takes(at(5, 77), &media, now));
    }

    #[test]
    fn a_source_that_reports_is_replaced_by_the_signalled_one_only() {
        let now = Instant::now();
        let (media, mut latch) = (media(now), ReportLatch::default());
        latch.renew(Some(at(1, 11)));
        latch.heard(at(1, 77), now);
        assert!(latch.takes(at(1, 77), &media, now));
        assert!(!latch.takes(at(1, 78), &media, now));
        assert!(latch.takes(at(1, 11), &media, now));
        assert!(latch.takes(at(1, 78), &media, now + QUIET));
    }

    #[test]
    fn reports_go_to_where_they_come_from_or_where_the_media_goes() {
        let mut latch = ReportLatch::default();
        latch.renew(Some(at(9, 40)));
        assert_eq!(latch.destination(at(1, 10), at(1, 10)), Some(at(9, 40)));
        assert_eq!(latch.destination(at(1, 20), at(1, 10)), Some(at(1, 21)));
        latch.heard(at(1, 77), Instant::now());
        assert_eq!(latch.destination(at(1, 10), at(1, 10)), Some(at(1, 77)));
    }
}

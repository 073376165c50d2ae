//! Who may send, and how much.

use super::strangers::Strangers;
use crate::budget::{Bucket, Pace};
use crate::sync::lock;
use ipnet::IpNet;
use omnigate_sip::{Peer, Proof};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Most sources with a bucket; idle ones are dropped first.
const MAX_SOURCES: usize = 10_000;

/// Most hosts that are expected because they are called.
const MAX_EXPECTED: usize = 1_000;

/// Admits packets by source network and rate. Unknown sources get no answer at all.
#[derive(Debug)]
pub struct SourceFilter {
    allowed: Vec<(IpNet, Arc<str>)>,
    pace: Pace,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
    /// Hosts that are called, and by which trunk: what a gateway's name has led to.
    expected: Mutex<HashMap<IpAddr, Arc<str>>>,
    strangers: Strangers,
}

/// Why a packet is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No trunk allows the source.
    Unknown,
    /// Too many packets from it; the next one is admitted after this time.
    TooMany(Duration),
}

impl SourceFilter {
    /// `allowed` are all trunks' networks with the trunks' names; `rate` packets a second and source, in a burst of twice as
    /// many.
    pub fn new(allowed: Vec<(IpNet, Arc<str>)>, rate: u32) -> SourceFilter {
        SourceFilter {
            allowed,
            pace: Pace {
                rate: f64::from(rate),
                burst: f64::from(rate) * 2.0,
            },
            buckets: Mutex::new(HashMap::new()),
            expected: Mutex::new(HashMap::new()),
            strangers: Strangers::default(),
        }
    }

    /// From here on this host, which a trunk calls, may send: its responses must be heard.
    pub fn expect(&self, host: IpAddr, trunk: &str) {
        let host = host.to_canonical();
        if self.peer(host).is_some() {
            return;
        }
        let mut expected = lock(&self.expected);
        if expected.len() >= MAX_EXPECTED {
            // Whoever it was is expected again with its next call.
            let one = expected.keys().next().copied();
            one.map(|one| expected.remove(&one));
        }
        expected.insert(host, trunk.into());
    }

    /// Something came from a source that nobody knows; whoever runs the service is told, now and then.
    pub(super) fn stranger(&self, source: IpAddr, now: Instant) {
        self.strangers.came(source.to_canonical(), &self.allowed, now);
    }

    /// True when some trunk allows the source.
    pub fn knows(&self, source: IpAddr) -> bool {
        self.peer(source).is_some()
    }

    /// Whose source it is: the first trunk that allows it.
    pub fn peer(&self, source: IpAddr) -> Option<Peer> {
        let source = source.to_canonical();
        let found = self.allowed.iter().find(|(net, _)| net.contains(&source));
        let trunk = match found {
            Some((_, trunk)) => trunk.clone(),
            None => lock(&self.expected).get(&source)?.clone(),
        };
        Some(Peer::new(trunk, Proof::Address))
    }

    /// Judges one packet; whose it is.
    ///
    /// # Errors
    /// Refused: the source is unknown, or sends too many.
    pub fn admit(&self, source: IpAddr, now: Instant) -> Result<Peer, Refused> {
        let peer = self.peer(source).ok_or(Refused::Unknown)?;
        self.pace(source, now).map_err(Refused::TooMany)?;
        Ok(peer)
    }

    /// Judges the pace of one packet, from wherever it comes; how long to wait where there were too many.
    pub(super) fn pace(&self, source: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut buckets = lock(&self.buckets);
        if buckets.len() >= MAX_SOURCES && !buckets.contains_key(&source) {
            // Full again: the source has been quiet for two seconds.
            buckets.retain(|_, b| !b.is_full(self.pace, now));
        }
        let bucket = buckets
            .entry(source)
            .or_insert_with(|| Bucket::full(self.pace, now));
        bucket.take(self.pace, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn strangers_are_refused_and_floods_are_cut() {
        let filter = SourceFilter::new(vec![("192.0.2.0/24".parse().unwrap(), "carrier".into())], 10);
        let now = Instant::now();
        let friend = IpAddr::from([192, 0, 2, 7]);
        assert_eq!(
            filter.admit(IpAddr::from([198, 51, 100, 1]), now),
            Err(Refused::Unknown)
        );
        let admitted = (0..100).filter(|_| filter.admit(friend, now).is_ok()).count();
        assert_eq!(admitted, 20);
        assert!(filter.admit(friend, now + Duration::from_millis(150)).is_ok());
        assert!(filter.admit("::ffff:192.0.2.9".parse().unwrap(), now).is_ok());
    }
}

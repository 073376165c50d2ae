//! Who may send, and how much.

use super::strangers::{Stranger, Strangers};
use crate::budget::{Bucket, Pace};
use crate::sync::lock;
use crate::trunks::TrunkNetwork;
use omnigate_sip::{Peer, Proof};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Most sources with a bucket; idle ones are dropped first.
const MAX_SOURCES: usize = 10_000;

/// Most hosts that are expected because they are called.
const MAX_EXPECTED: usize = 1_000;

/// What guests may send: each one, and all together, so that 401s to forged addresses harm nobody.
const GUEST: Pace = Pace {
    rate: 10.0,
    burst: 20.0,
};
const GUESTS: Pace = Pace {
    rate: 100.0,
    burst: 200.0,
};

/// Admits packets by source network and rate. Unknown sources get no answer at all, unless there is a trunk that may be
/// called from anywhere with a password: then they are guests.
#[derive(Debug)]
pub struct SourceFilter {
    networks: RwLock<Arc<Networks>>,
    pace: Pace,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
    /// Hosts that are called, and by which trunk: what a gateway's name has led to.
    expected: Mutex<HashMap<IpAddr, Arc<str>>>,
    strangers: Strangers,
    guests: Mutex<Guests>,
}

/// Where one may send from.
#[derive(Debug, Default)]
struct Networks {
    allowed: Vec<TrunkNetwork>,
    /// Those of trunks that are not there any more: as long as a call has the trunk.
    former: Vec<TrunkNetwork>,
    /// Others are guests.
    open: bool,
}

#[derive(Debug)]
struct Guests {
    all: Bucket,
    each: HashMap<IpAddr, Bucket>,
}

impl Guests {
    /// Judges one packet of a guest.
    fn pace(&mut self, source: IpAddr, now: Instant) -> Result<(), Duration> {
        if self.each.len() >= MAX_SOURCES && !self.each.contains_key(&source) {
            self.each.retain(|_, bucket| !bucket.is_full(GUEST, now));
            if self.each.len() >= MAX_SOURCES {
                return Err(Duration::from_secs(1));
            }
        }
        let bucket = self
            .each
            .entry(source)
            .or_insert_with(|| Bucket::full(GUEST, now));
        bucket.take(GUEST, now)?;
        self.all.take(GUESTS, now)
    }
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
    /// `allowed` are all trunks' networks; `rate` packets a second and source, in a burst of twice as many.
    pub fn new(allowed: Vec<TrunkNetwork>, rate: u32, now: Instant) -> SourceFilter {
        SourceFilter {
            networks: RwLock::new(Arc::new(Networks {
                allowed,
                ..Networks::default()
            })),
            pace: Pace::new(rate, f64::from(rate) * 2.0),
            buckets: Mutex::new(HashMap::new()),
            expected: Mutex::new(HashMap::new()),
            strangers: Strangers::default(),
            guests: Mutex::new(Guests {
                all: Bucket::full(GUESTS, now),
                each: HashMap::new(),
            }),
        }
    }

    /// From now on these networks may send, and where it is `open` others as guests, at their pace. Who has a call by a trunk that is not
    /// there any more is heard until it ends.
    pub fn set(&self, allowed: Vec<TrunkNetwork>, open: bool) {
        let before = self.networks();
        let former = before.allowed.iter().chain(&before.former);
        let former = former.filter(|one| one.trunk.strong_count() > 0);
        let networks = Networks {
            former: former.cloned().collect(),
            allowed,
            open,
        };
        *self.networks.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(networks);
    }

    fn networks(&self) -> Arc<Networks> {
        self.networks
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether guests are admitted.
    pub(super) fn is_open(&self) -> bool {
        self.networks().open
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
        self.strangers
            .came(source.to_canonical(), &self.networks().allowed, now);
    }

    /// Who has sent though no trunk allows it, the latest first.
    pub fn strangers(&self) -> Vec<Stranger> {
        self.strangers.all(&self.networks().allowed)
    }

    /// True when some trunk allows the source.
    pub fn knows(&self, source: IpAddr) -> bool {
        self.peer(source).is_some()
    }

    /// Whose source it is: the first trunk that allows it.
    pub fn peer(&self, source: IpAddr) -> Option<Peer> {
        let source = source.to_canonical();
        let networks = self.networks();
        let contains = |one: &&TrunkNetwork| one.network.contains(&source);
        let found = networks.allowed.iter().find(contains).or_else(|| {
            let mut former = networks.former.iter();
            former.find(|one| contains(one) && one.trunk.strong_count() > 0)
        });
        let trunk = match found {
            Some(found) => found.name.clone(),
            None => lock(&self.expected).get(&source)?.clone(),
        };
        Some(Peer::new(trunk, Proof::Address))
    }

    /// Judges one packet; whose it is, `None`: that of a guest.
    ///
    /// # Errors
    /// Refused: the source is unknown, or sends too many.
    pub fn admit(&self, source: IpAddr, now: Instant) -> Result<Option<Peer>, Refused> {
        let peer = self.peer(source);
        if peer.is_none() && !self.is_open() {
            return Err(Refused::Unknown);
        }
        self.pace(source, peer.is_none(), now).map_err(Refused::TooMany)?;
        Ok(peer)
    }

    /// Judges the pace of one packet, from wherever it comes; how long to wait where there were too many.
    pub(super) fn pace(&self, source: IpAddr, guest: bool, now: Instant) -> Result<(), Duration> {
        if guest {
            return lock(&self.guests).pace(source, now);
        }
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
    use crate::config::load_text;
    use crate::trunks::Trunks;
    use std::time::Duration;

    #[test]
    fn strangers_are_refused_and_floods_are_cut() {
        let now = Instant::now();
        let carrier = TrunkNetwork::named("192.0.2.0/24".parse().unwrap(), "carrier");
        let filter = SourceFilter::new(vec![carrier], 10, now);
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

    #[test]
    fn guests_have_a_pace_of_their_own_and_take_nothing_from_others() {
        let now = Instant::now();
        let filter = SourceFilter::new(Vec::new(), 10, now);
        let carrier = TrunkNetwork::named("192.0.2.0/24".parse().unwrap(), "carrier");
        filter.set(vec![carrier], true);
        let guest = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        assert_eq!(filter.admit(guest(1), now), Ok(None));
        let of_one = (0..100).filter(|_| filter.admit(guest(1), now).is_ok()).count();
        assert_eq!(of_one, 19);
        let of_all = (2..50_000)
            .filter(|n| filter.admit(guest(*n), now).is_ok())
            .count();
        assert_eq!(of_all, 180);
        assert!(lock(&filter.guests).each.len() <= MAX_SOURCES);
        assert!(filter.admit(IpAddr::from([192, 0, 2, 7]), now).unwrap().is_some());
    }

    #[test]
    fn who_has_a_call_is_heard_until_it_ends_though_the_trunk_is_gone() {
        let now = Instant::now();
        let trunks = |toml: &str| Trunks::new(&load_text(toml, []).unwrap());
        let before = trunks("[[trunk]]\nname = \"carrier\"\nallow = [\"192.0.2.0/24\"]\n");
        let filter = SourceFilter::new(before.networks(), 1000, now);
        let source = IpAddr::from([192, 0, 2, 7]);
        let call = before.all().next().cloned();
        let after = trunks("[[trunk]]\nname = \"other\"\nallow = [\"203.0.113.0/24\"]\n");
        filter.set(after.networks(), false);
        drop(before);
        let peer = filter.admit(source, now).unwrap().unwrap();
        assert_eq!(&*peer.name, "carrier");
        assert!(filter.knows(IpAddr::from([203, 0, 113, 1])));
        filter.set(after.networks(), false);
        assert!(filter.knows(source), "another change lets it talk too");
        drop(call);
        assert_eq!(filter.admit(source, now), Err(Refused::Unknown));
    }
}

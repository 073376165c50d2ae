//! Who sends though no trunk allows it. They get no answer; whoever runs the service is told.

use crate::sync::lock;
use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::warn;

/// A source is told of once in this time.
const EACH: Duration = Duration::from_secs(60);
/// Sources that are remembered; while there are so many, further ones are not told of.
const SOURCES: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<IpAddr, Instant>>);

impl Strangers {
    /// Something came from this source. Among the networks that may send, the nearest is most likely the one that was meant.
    pub(super) fn came(&self, source: IpAddr, allowed: &[(IpNet, Arc<str>)], now: Instant) {
        if !self.is_news(source, now) {
            return;
        }
        match nearest(source, allowed) {
            Some((network, trunk)) => warn!(
                %source, nearest = %trunk, %network,
                "SIP from a source that no trunk allows gets no answer; if it is the carrier's, add it to trunk.allow"
            ),
            None => warn!(%source, "SIP from a source that no trunk allows gets no answer"),
        }
    }

    fn is_news(&self, source: IpAddr, now: Instant) -> bool {
        let mut told = lock(&self.0);
        if told
            .get(&source)
            .is_some_and(|at| now.saturating_duration_since(*at) < EACH)
        {
            return false;
        }
        if told.len() >= SOURCES {
            told.retain(|_, at| now.saturating_duration_since(*at) < EACH);
        }
        let news = told.len() < SOURCES;
        if news {
            told.insert(source, now);
        }
        news
    }
}

/// The network with the longest beginning in common.
fn nearest(source: IpAddr, allowed: &[(IpNet, Arc<str>)]) -> Option<&(IpNet, Arc<str>)> {
    let common = |net: &IpNet| match (source, net.network()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some((u32::from(a) ^ u32::from(b)).leading_zeros()),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some((u128::from(a) ^ u128::from(b)).leading_zeros()),
        _ => None,
    };
    let of_family = allowed.iter().filter(|(net, _)| common(net).is_some());
    of_family.max_by_key(|(net, _)| common(net).map(|bits| bits.min(net.prefix_len().into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_of_once_a_minute_and_many_are_not_all_told_of() {
        let (strangers, now) = (Strangers::default(), Instant::now());
        let source = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(strangers.is_news(source(1), now));
        assert!(!strangers.is_news(source(1), now + EACH / 2));
        assert!(strangers.is_news(source(1), now + EACH));
        let told = (0..1_000)
            .filter(|n| strangers.is_news(source(*n), now + EACH))
            .count();
        assert_eq!(told, SOURCES - 1);
        assert!(strangers.is_news(source(2_000), now + EACH * 2));
    }

    #[test]
    fn the_nearest_network_is_named() {
        let allowed: Vec<(IpNet, Arc<str>)> = [
            ("192.0.2.0/24", "a"),
            ("198.51.100.16/28", "b"),
            ("2001:db8::/32", "c"),
        ]
        .map(|(net, trunk)| (net.parse().unwrap(), trunk.into()))
        .to_vec();
        let named = |source: &str| nearest(source.parse().unwrap(), &allowed).map(|(_, trunk)| &**trunk);
        assert_eq!(named("198.51.100.33"), Some("b"));
        assert_eq!(named("192.0.3.1"), Some("a"));
        assert_eq!(named("2001:db9::1"), Some("c"));
    }
}

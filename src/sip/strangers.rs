//! Who sends though no trunk allows it. They get no answer; whoever runs the service is told.

use super::told::Told;
use crate::clock::unix_now;
use crate::trunks::TrunkNetwork;
use ipnet::IpNet;
use serde::Serialize;
use std::net::IpAddr;
use std::time::Instant;
use tracing::warn;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strangers(Told<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Unix seconds of the last message.
    last: u64,
    messages: u64,
}

/// Somebody who sends though no trunk allows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranger {
    /// Where from.
    pub source: IpAddr,
    /// Messages, as long as it is remembered.
    pub messages: u64,
    /// Unix seconds of the last one.
    pub last_at: u64,
    /// The trunk whose networks are nearest.
    pub nearest: Option<String>,
    /// That network.
    pub network: Option<IpNet>,
}

impl Strangers {
    /// Something came from this source. Among the networks that may send, the nearest is most likely the one that was meant.
    pub(super) fn came(&self, source: IpAddr, allowed: &[TrunkNetwork], now: Instant) {
        if !self.is_news(source, now, unix_now()) {
            return;
        }
        match nearest(source, allowed) {
            Some(TrunkNetwork { network, name, .. }) => warn!(
                %source, nearest = %name, %network,
                "SIP from a source that no trunk allows gets no answer; if it is the carrier's, add it to trunk.allow"
            ),
            None => warn!(%source, "SIP from a source that no trunk allows gets no answer"),
        }
    }

    /// Those that are remembered, the latest first.
    pub(super) fn all(&self, allowed: &[TrunkNetwork]) -> Vec<Stranger> {
        let mut all = self.0.all(|source, seen| {
            let near = nearest(source, allowed);
            Stranger {
                source,
                messages: seen.messages,
                last_at: seen.last,
                nearest: near.map(|near| near.name.to_string()),
                network: near.map(|near| near.network),
            }
        });
        all.sort_by_key(|one| (std::cmp::Reverse(one.last_at), one.source));
        all
    }

    fn is_news(&self, source: IpAddr, now: Instant, unix: u64) -> bool {
        self.0.is_news(source, now, |seen| {
            seen.messages = seen.messages.saturating_add(1);
            seen.last = unix;
        })
    }
}

/// The network with the longest beginning in common.
fn nearest(source: IpAddr, allowed: &[TrunkNetwork]) -> Option<&TrunkNetwork> {
    let common = |net: &IpNet| match (source, net.network()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => Some((u32::from(a) ^ u32::from(b)).leading_zeros()),
        (IpAddr::V6(a), IpAddr::V6(b)) => Some((u128::from(a) ^ u128::from(b)).leading_zeros()),
        _ => None,
    };
    let of_family = allowed.iter().filter(|one| common(&one.network).is_some());
    of_family.max_by_key(|one| common(&one.network).map(|bits| bits.min(one.network.prefix_len().into())))
}

#[cfg(test)]
mod tests {
    use super::super::told::{EACH, SOURCES};
    use super::*;

    #[test]
    fn a_source_is_told_of_once_a_minute_and_many_are_not_all_told_of() {
        let (strangers, now) = (Strangers::default(), Instant::now());
        let source = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(strangers.is_news(source(1), now, 0));
        assert!(!strangers.is_news(source(1), now + EACH / 2, 30));
        assert!(strangers.is_news(source(1), now + EACH, 60));
        let told = (0..1_000)
            .filter(|n| strangers.is_news(source(*n), now + EACH, 60))
            .count();
        assert_eq!(told, SOURCES - 1);
        assert!(strangers.is_news(source(2_000), now + EACH * 2, 120));
        let all = strangers.all(&[]);
        assert_eq!(
            (all.len(), all[0].source, all[0].last_at),
            (1, source(2_000), 120)
        );
    }

    #[test]
    fn messages_of_a_source_are_counted_while_it_is_remembered() {
        let (strangers, now) = (Strangers::default(), Instant::now());
        let source = IpAddr::from([198, 51, 100, 33]);
        for second in 0..5 {
            strangers.is_news(source, now, second);
        }
        let allowed = [TrunkNetwork::named("198.51.100.16/28".parse().unwrap(), "b")];
        let all = strangers.all(&allowed);
        assert_eq!((all[0].messages, all[0].last_at), (5, 4));
        assert_eq!(all[0].nearest.as_deref(), Some("b"));
    }

    #[test]
    fn the_nearest_network_is_named() {
        let allowed = [
            ("192.0.2.0/24", "a"),
            ("198.51.100.16/28", "b"),
            ("2001:db8::/32", "c"),
        ]
        .map(|(net, trunk)| TrunkNetwork::named(net.parse().unwrap(), trunk));
        let named =
            |source: &str| nearest(source.parse().unwrap(), &allowed).map(|near| near.name.to_string());
        assert_eq!(named("198.51.100.33"), Some("b".to_owned()));
        assert_eq!(named("192.0.3.1"), Some("a".to_owned()));
        assert_eq!(named("2001:db9::1"), Some("c".to_owned()));
    }
}

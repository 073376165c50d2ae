//! Who sends though no trunk allows it. They get no answer; whoever runs the service is told.

use super::told::Told;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;
use tracing::warn;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Strangers(Told);

impl Strangers {
    /// Something came from this source. Among the networks that may send, the nearest is most likely the one that was meant.
    pub(super) fn came(&self, source: IpAddr, allowed: &[(IpNet, Arc<str>)], now: Instant) {
        if !self.0.is_news(source, now) {
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

//! Whose media a leg may take, although SDP names another address, and how long it goes without.

use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The hosts of one call that may send media from elsewhere than SDP says: callers behind NAT, and carriers whose media
/// comes from another host than they signal. Whoever has asked for the call by SIP is one, beside the trunk's networks.
#[derive(Debug, Clone)]
pub struct MediaSources {
    peer: IpAddr,
    networks: Arc<[IpNet]>,
    /// How long none may come; none: as long as with all.
    silence: Option<Duration>,
}

impl MediaSources {
    /// `peer` is where the call's SIP comes from, `networks` are the trunk's.
    pub fn new(peer: IpAddr, networks: Arc<[IpNet]>) -> MediaSources {
        MediaSources {
            peer: peer.to_canonical(),
            networks,
            silence: None,
        }
    }

    /// The same, of which none comes for so long at the most.
    pub fn silent_for(self, silence: Option<Duration>) -> MediaSources {
        MediaSources { silence, ..self }
    }

    pub(crate) fn silence(&self) -> Option<Duration> {
        self.silence
    }

    /// Where the call's SIP comes from.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether a host may be learned.
    pub(crate) fn allow(&self, host: IpAddr) -> bool {
        let host = host.to_canonical();
        host == self.peer || self.networks.iter().any(|net| net.contains(&host))
    }
}

/// No other host than this one.
impl From<IpAddr> for MediaSources {
    fn from(peer: IpAddr) -> MediaSources {
        MediaSources::new(peer, Arc::new([]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_and_the_networks_of_the_trunk_may_send() {
        let networks: [IpNet; 2] = [
            "203.0.113.0/28".parse().unwrap(),
            "2001:db8::/64".parse().unwrap(),
        ];
        let sources = MediaSources::new("192.0.2.1".parse().unwrap(), Arc::new(networks));
        for (host, allowed) in [
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", true),
            ("203.0.113.15", true),
            ("::ffff:203.0.113.15", true),
            ("2001:db8::7", true),
            ("192.0.2.2", false),
            ("203.0.113.16", false),
            ("2001:db9::7", false),
        ] {
            assert_eq!(sources.allow(host.parse().unwrap()), allowed, "{host}");
        }
    }
}

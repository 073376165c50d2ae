//! Whose datagram it is: by our own ufrag for connectivity checks, by path for everything else.

use omnigate_room::{PeerId, StreamId, ViewerId};
use omnigate_rtc::{Path, stun};
use std::collections::HashMap;

/// Most paths known for one peer.
const MAX_PATHS: usize = 8;

/// One WebRTC peer of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PeerKey {
    /// An app's audio.
    Audio(PeerId),
    /// A browser that publishes video.
    Stream(StreamId),
    /// A browser that views video.
    Viewer(ViewerId),
}

/// The peers of one WebRTC port.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    paths: HashMap<Path, Proven>,
    ufrags: HashMap<String, PeerKey>,
    proofs: u64,
}

/// Whose path it is, and when that was proven last, in proofs.
#[derive(Debug, Clone, Copy)]
struct Proven {
    key: PeerKey,
    at: u64,
}

impl Routes {
    pub(crate) fn add(&mut self, ufrag: &str, key: PeerKey) {
        self.ufrags.insert(ufrag.to_owned(), key);
    }

    pub(crate) fn remove(&mut self, key: PeerKey) {
        self.paths.retain(|_, p| p.key != key);
        self.ufrags.retain(|_, k| *k != key);
    }

    /// True when nobody is known.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.ufrags.is_empty()
    }

    /// The peer that the datagram names, or that sends from there.
    pub(crate) fn find(&self, source: Path, datagram: &[u8]) -> Option<PeerKey> {
        let named = stun::local_ufrag(datagram).and_then(|u| self.ufrags.get(u));
        named.or_else(|| self.paths.get(&source).map(|p| &p.key)).copied()
    }

    /// Remembers where a peer sends from, [`MAX_PATHS`] places at most: those proven last. Only what the integrity of a check
    /// has proven may come here, or a stranger who has heard of a ufrag would take them all.
    pub(crate) fn learn(&mut self, source: Path, key: PeerKey) {
        self.proofs += 1;
        let proven = Proven { key, at: self.proofs };
        let before = self.paths.insert(source, proven);
        if before.is_some_and(|p| p.key == key) {
            return;
        }
        let of_peer = || self.paths.iter().filter(|(_, p)| p.key == key);
        if of_peer().count() > MAX_PATHS
            && let Some(oldest) = of_peer().min_by_key(|(_, p)| p.at).map(|(path, _)| *path)
        {
            self.paths.remove(&oldest);
        }
    }

    /// True when a peer sends from there.
    pub(crate) fn knows(&self, source: Path) -> bool {
        self.paths.contains_key(&source)
    }

    /// Nobody sends from there any more; who did.
    pub(crate) fn forget(&mut self, source: Path) -> Option<PeerKey> {
        self.paths.remove(&source).map(|p| p.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_keeps_the_paths_that_were_proven_last() {
        let mut routes = Routes::default();
        let (one, other) = (PeerKey::Stream(StreamId(1)), PeerKey::Viewer(ViewerId(2)));
        let path = |port: u16| Path::Udp(([127, 0, 0, 1], port).into());
        let media = [0x80];
        routes.learn(path(99), other);
        for port in 0..MAX_PATHS as u16 {
            routes.learn(path(port), one);
        }
        routes.learn(path(0), one);
        routes.learn(path(50), one);
        assert_eq!(routes.find(path(50), &media), Some(one));
        assert_eq!(routes.find(path(0), &media), Some(one), "it was proven again");
        assert_eq!(routes.find(path(1), &media), None, "the oldest");
        assert_eq!(routes.find(path(99), &media), Some(other));
        assert_eq!(routes.forget(path(99)), Some(other));
        assert_eq!(routes.forget(path(99)), None);
    }
}

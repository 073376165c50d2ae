//! Whose datagram it is: by our own ufrag for connectivity checks, by path for everything else.

use omnigate_omnitalk::{ParticipantId, StreamId, ViewerId};
use omnigate_rtc::{Path, stun};
use std::collections::HashMap;

/// Most paths known for one peer.
const MAX_PATHS: usize = 8;

/// One WebRTC peer of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PeerKey {
    /// An app's audio.
    Audio(ParticipantId),
    /// A browser that publishes video.
    Stream(StreamId),
    /// A browser that views video.
    Viewer(ViewerId),
}

/// The peers of one WebRTC port.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    paths: HashMap<Path, PeerKey>,
    ufrags: HashMap<String, PeerKey>,
}

impl Routes {
    pub(crate) fn add(&mut self, ufrag: &str, key: PeerKey) {
        self.ufrags.insert(ufrag.to_owned(), key);
    }

    pub(crate) fn remove(&mut self, key: PeerKey) {
        self.paths.retain(|_, k| *k != key);
        self.ufrags.retain(|_, k| *k != key);
    }

    /// The peer, and whether the datagram names it by itself.
    pub(crate) fn find(&self, source: Path, datagram: &[u8]) -> Option<(PeerKey, bool)> {
        let named = stun::local_ufrag(datagram).and_then(|u| self.ufrags.get(u));
        match named {
            Some(key) => Some((*key, true)),
            None => self.paths.get(&source).map(|key| (*key, false)),
        }
    }

    /// Remembers where a peer that was named in a check sends from.
    pub(crate) fn learn(&mut self, source: Path, key: PeerKey) {
        let known = || self.paths.values().filter(|k| **k == key).count();
        if self.paths.get(&source) != Some(&key) && known() < MAX_PATHS {
            self.paths.insert(source, key);
        }
    }

    /// True when a peer sends from there.
    pub(crate) fn knows(&self, source: Path) -> bool {
        self.paths.contains_key(&source)
    }

    /// Nobody sends from there any more.
    pub(crate) fn forget(&mut self, source: Path) {
        self.paths.remove(&source);
    }
}

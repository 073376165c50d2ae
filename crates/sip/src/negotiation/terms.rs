//! What this side wants.

use crate::keying::KeyWay;
use crate::sdes::Secrecy;
use omnigate_audio::codec::Codec;
use std::sync::Arc;

/// What this side wants of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTerms {
    /// Codecs that may be used, the preferred one first: our order decides, not that of the other side's offer.
    pub codecs: Arc<[Codec]>,
    /// Whether media are sealed.
    pub secrecy: Secrecy,
    /// How their keys may come, the preferred way first. None: nothing is sealed.
    pub ways: Arc<[KeyWay]>,
}

impl Default for MediaTerms {
    /// G.711.
    fn default() -> MediaTerms {
        MediaTerms {
            codecs: [Codec::Pcma, Codec::Pcmu].into(),
            secrecy: Secrecy::Off,
            ways: Arc::default(),
        }
    }
}

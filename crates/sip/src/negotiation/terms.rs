//! What this side wants.

use crate::keying::KeyWay;
use crate::sdes::Secrecy;
use omnigate_audio::codec::Codec;
use std::sync::Arc;

/// Packet time used when the other side states none that we can send, milliseconds.
const DEFAULT_PTIME_MS: u32 = 20;

/// What this side wants of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaTerms {
    /// Codecs that may be used, the preferred one first: our order decides, not that of the other side's offer.
    pub codecs: Arc<[Codec]>,
    /// Whether media are sealed.
    pub secrecy: Secrecy,
    /// How their keys may come, the preferred way first. None: nothing is sealed.
    pub ways: Arc<[KeyWay]>,
    /// Packet time that our offers ask for, and that goes to those who ask for none, milliseconds: 10 to 60, a multiple of 10.
    pub packet_ms: u32,
    /// Our answers name the codec that is used and no other, for those who would change it without a word.
    pub one_codec: bool,
    /// Our offers of sealed media ask that they be sealed between us and the edge of the network (`a=3ge2ae:requested`, 3GPP
    /// TS 24.229 section 6.1.2), and not from end to end.
    pub to_the_edge: bool,
}

impl Default for MediaTerms {
    /// G.711.
    fn default() -> MediaTerms {
        MediaTerms {
            codecs: [Codec::Pcma, Codec::Pcmu].into(),
            secrecy: Secrecy::Off,
            ways: Arc::default(),
            packet_ms: DEFAULT_PTIME_MS,
            one_codec: false,
            to_the_edge: false,
        }
    }
}

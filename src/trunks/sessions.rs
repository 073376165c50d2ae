//! What a trunk says about sessions: their codecs, how they are sealed, where their media may come from.

use crate::config::{self, SrtpKeys};
use ipnet::IpNet;
use omnigate_audio::codec::Codec;
use omnigate_dtls::Identity;
use omnigate_sip::keying::KeyWay;
use omnigate_sip::sdes::Secrecy;
use omnigate_srtp::{MasterKey, Suite};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Sessions {
    /// Where they may come from though SDP names another address.
    pub(super) sources: Arc<[IpNet]>,
    /// The sources are named, and not those that may send SIP.
    pub(super) named: bool,
    /// The preferred one first.
    pub(super) codecs: Arc<[Codec]>,
    /// How long none may come; none: as long as with all trunks.
    pub(super) silence: Option<Duration>,
    pub(super) srtp: Secrecy,
    pub(super) srtp_keys: Vec<SrtpKeys>,
    /// Of keys that are said in SDP.
    pub(super) suites: Vec<Suite>,
    pub(super) packet_ms: u32,
    pub(super) one_codec: bool,
    /// How they are sealed is agreed on with the registrar.
    pub(super) mediasec: bool,
}

impl Sessions {
    pub(super) fn new(trunk: &config::Trunk) -> Sessions {
        let named = !trunk.media.is_empty();
        let sources = if named { &trunk.media } else { &trunk.allow };
        Sessions {
            sources: sources.as_slice().into(),
            named,
            codecs: trunk.codecs.iter().map(|codec| codec.0).collect(),
            silence: (trunk.rtp_timeout_seconds > 0).then(|| Duration::from_secs(trunk.rtp_timeout_seconds)),
            srtp: trunk.srtp.0,
            srtp_keys: trunk.srtp_keys.clone(),
            suites: trunk.srtp_suites.iter().map(|suite| suite.0).collect(),
            packet_ms: trunk.packet_ms,
            one_codec: trunk.one_codec,
            mediasec: trunk.mediasec,
        }
    }

    /// A way to keys of a session with this peer, made for it alone.
    pub(super) fn key_way(&self, keys: SrtpKeys, peer: IpAddr) -> Option<KeyWay> {
        match keys {
            SrtpKeys::Sdes => {
                let keys: Result<_, _> = self.suites.iter().copied().map(MasterKey::random).collect();
                keys.ok().map(KeyWay::Sdes)
            }
            SrtpKeys::Dtls => Identity::shared().map(|identity| KeyWay::Dtls {
                fingerprint: identity.fingerprint(),
                peer: Some(peer),
            }),
        }
    }

    /// The same with these codecs alone.
    pub(super) fn with_codecs(&self, codecs: &[Codec]) -> Sessions {
        Sessions {
            codecs: codecs.into(),
            ..self.clone()
        }
    }
}

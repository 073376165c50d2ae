//! What all peers of a process share.

use crate::dtls;
use crate::error::PeerError;
use std::sync::Arc;
use str0m::RtcConfig;

/// Largest SCTP message taken on the data channel, bytes.
const MAX_CHANNEL_MESSAGE: u32 = 64 * 1024;

/// Makes peers that share one certificate and one DTLS configuration.
pub struct PeerFactory {
    /// ICE-lite, RTP mode, no codec.
    pub(crate) base: RtcConfig,
}

impl PeerFactory {
    /// Makes the process's certificate.
    pub fn new() -> Result<PeerFactory, PeerError> {
        let certificate = dtls::certificate().ok_or(PeerError::Certificate)?;
        let base = RtcConfig::new()
            .set_crypto_provider(Arc::new(dtls::provider()))
            .set_dtls_cert(certificate)
            .set_rtp_mode(true)
            .set_ice_lite(true)
            .clear_codecs()
            .set_sctp_max_message_size(MAX_CHANNEL_MESSAGE)
            .set_reordering_size_audio(0)
            .set_reordering_timeout_audio(None);
        Ok(PeerFactory { base })
    }
}

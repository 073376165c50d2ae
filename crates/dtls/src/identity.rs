//! Who we are, and what we can do.

use dimpl::{Config, DtlsCertificate};
use omnigate_srtp::{Fingerprint, HashFunction};
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// So long a flight is waited for before ours is sent again; then twice as long, and so on. A second (RFC 6347 section 4.2.4.1) is
/// long for somebody who has a telephone at his ear.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A certificate with its key, signed by itself: its fingerprint is what counts.
#[derive(Clone)]
pub struct Identity {
    pub(crate) certificate: DtlsCertificate,
    pub(crate) config: Arc<Config>,
    fingerprint: Fingerprint,
}

static SHARED: OnceLock<Option<Identity>> = OnceLock::new();

impl Identity {
    /// The one of this process, made when it is first asked for; none: the machine has no randomness to give.
    pub fn shared() -> Option<&'static Identity> {
        SHARED.get_or_init(Identity::new).as_ref()
    }

    /// A new one, ECDSA of P-256.
    pub fn new() -> Option<Identity> {
        let certificate = dimpl::certificate::generate_self_signed_certificate().ok()?;
        // Who sends is known by SDP before a handshake begins, and each is bounded, so nobody has to be asked for a cookie.
        let config = Config::builder()
            .use_server_cookie(false)
            .flight_start_rto(FIRST_WAIT)
            .build()
            .ok()?;
        Some(Identity {
            fingerprint: Fingerprint::of(HashFunction::Sha256, &certificate.certificate),
            certificate,
            config: Arc::new(config),
        })
    }

    /// What SDP says of it, by SHA-256.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({}, …)", self.fingerprint)
    }
}

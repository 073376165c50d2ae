//! Why there are no keys.

use std::time::Duration;

/// How long a handshake may take.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Why a handshake has ended without keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// Whoever is there is not whom SDP speaks of.
    #[error("the other side's certificate is not that of its a=fingerprint")]
    Fingerprint,
    /// It has none, or none that could be used.
    #[error("the other side shows no certificate that can be used: it must be ECDSA, of P-256 or P-384")]
    NoCertificate,
    /// It has sent an alert, and gone no further.
    #[error(
        "the other side refuses the handshake with alert {0}; its certificate must be ECDSA, of P-256 or P-384, and its DTLS \
         1.2 with the extended master secret"
    )]
    Refused(u8),
    /// It does not speak of SRTP.
    #[error("the other side agrees on no SRTP protection profile (RFC 5764 section 4.1)")]
    NoProfile,
    /// Nothing has come of it.
    #[error("no DTLS has come from the other side within {} s", LIMIT.as_secs())]
    Silent,
    /// Something has come, but not the end of it.
    #[error("the handshake was not over within {} s", LIMIT.as_secs())]
    Unfinished,
    /// We have no certificate: the machine has no randomness to give.
    #[error("there is no certificate of our own")]
    NoIdentity,
    /// What it sends is no handshake that we can do.
    #[error("the handshake has failed: {0}")]
    Protocol(dimpl::Error),
}

impl From<dimpl::Error> for Failure {
    fn from(error: dimpl::Error) -> Failure {
        use dimpl::{CertificateError, SecurityError};
        match error {
            dimpl::Error::CertificateError(
                CertificateError::NoClientCertificateReceived | CertificateError::NoServerCertificateReceived,
            ) => Failure::NoCertificate,
            dimpl::Error::SecurityError(SecurityError::FatalAlert { description }) => {
                Failure::Refused(description)
            }
            other => Failure::Protocol(other),
        }
    }
}

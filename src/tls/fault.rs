//! Why a handshake has failed, in words that say who has to do something.

use rustls::{AlertDescription, CertificateError, Error};
use std::io;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeFault {
    /// Of the other side.
    #[error("their certificate has expired")]
    Expired,
    /// Of the other side.
    #[error("their certificate is not valid yet")]
    NotYetValid,
    /// Of the other side.
    #[error("their certificate is of an authority that is not trusted")]
    UnknownAuthority,
    /// Of the other side.
    #[error("their certificate does not name the host that was looked for")]
    WrongName,
    /// The other side has shown none that is asked for.
    #[error("they show no certificate, or none of a trunk")]
    NoCertificate,
    /// It was revoked, is for another purpose, or cannot be read.
    #[error("their certificate cannot be used")]
    BadCertificate,
    /// An alert.
    #[error("they say that our certificate has expired")]
    OursExpired,
    /// An alert.
    #[error("they do not trust the authority of our certificate")]
    OursUnknownAuthority,
    /// An alert.
    #[error("they want a certificate of ours; see trunk.tls.certificate")]
    OursMissing,
    /// An alert.
    #[error("they refuse our certificate")]
    OursRefused,
    /// Both speak TLS, and no version or cipher is common: we speak 1.2 and 1.3.
    #[error("there is no version or cipher of TLS in common")]
    NothingInCommon,
    /// What came is no TLS.
    #[error("they do not speak TLS")]
    NotTls,
    /// It was closed before its end.
    #[error("they closed the connection")]
    Closed,
    /// It had no end in time.
    #[error("it took too long")]
    TimedOut,
    /// Anything else.
    #[error("TLS failed")]
    Other,
}

impl HandshakeFault {
    /// Of an error of a stream.
    pub fn of(error: &io::Error) -> HandshakeFault {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match (inner, error.kind()) {
            (Some(error), _) => HandshakeFault::of_tls(error),
            (None, io::ErrorKind::TimedOut) => HandshakeFault::TimedOut,
            (
                None,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe,
            ) => HandshakeFault::Closed,
            _ => HandshakeFault::Other,
        }
    }

    fn of_tls(error: &Error) -> HandshakeFault {
        match error {
            Error::InvalidCertificate(fault) => HandshakeFault::of_certificate(fault),
            Error::AlertReceived(alert) => HandshakeFault::of_alert(*alert),
            Error::NoCertificatesPresented => HandshakeFault::NoCertificate,
            Error::PeerIncompatible(_) => HandshakeFault::NothingInCommon,
            Error::InvalidMessage(_) => HandshakeFault::NotTls,
            _ => HandshakeFault::Other,
        }
    }

    fn of_certificate(fault: &CertificateError) -> HandshakeFault {
        use CertificateError as C;
        match fault {
            C::Expired | C::ExpiredContext { .. } => HandshakeFault::Expired,
            C::NotValidYet | C::NotValidYetContext { .. } => HandshakeFault::NotYetValid,
            C::UnknownIssuer => HandshakeFault::UnknownAuthority,
            C::NotValidForName | C::NotValidForNameContext { .. } => HandshakeFault::WrongName,
            _ => HandshakeFault::BadCertificate,
        }
    }

    fn of_alert(alert: AlertDescription) -> HandshakeFault {
        use AlertDescription as A;
        match alert {
            A::CertificateExpired => HandshakeFault::OursExpired,
            A::UnknownCA => HandshakeFault::OursUnknownAuthority,
            A::CertificateRequired | A::NoCertificate => HandshakeFault::OursMissing,
            A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateUnknown
            | A::AccessDenied => HandshakeFault::OursRefused,
            A::HandshakeFailure | A::ProtocolVersion | A::InsufficientSecurity => {
                HandshakeFault::NothingInCommon
            }
            A::CloseNotify | A::UserCanceled => HandshakeFault::Closed,
            _ => HandshakeFault::Other,
        }
    }

    /// In a word, for figures.
    pub fn label(self) -> &'static str {
        match self {
            HandshakeFault::Expired => "expired",
            HandshakeFault::NotYetValid => "not_yet_valid",
            HandshakeFault::UnknownAuthority => "unknown_authority",
            HandshakeFault::WrongName => "wrong_name",
            HandshakeFault::NoCertificate => "no_certificate",
            HandshakeFault::BadCertificate => "bad_certificate",
            HandshakeFault::OursExpired => "ours_expired",
            HandshakeFault::OursUnknownAuthority => "ours_unknown_authority",
            HandshakeFault::OursMissing => "ours_missing",
            HandshakeFault::OursRefused => "ours_refused",
            HandshakeFault::NothingInCommon => "nothing_in_common",
            HandshakeFault::NotTls => "not_tls",
            HandshakeFault::Closed => "closed",
            HandshakeFault::TimedOut => "timed_out",
            HandshakeFault::Other => "other",
        }
    }
}

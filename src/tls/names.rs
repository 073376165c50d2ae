//! Which certificate is whose (RFC 5922): SIP domains stand in subjectAltName, as a URI or as a DNS name.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::sync::Arc;

/// Whether a certificate names this host: as `sip:` URI (RFC 5922 section 7.1), DNS name or address. A wildcard is taken
/// for one label, though RFC 5922 section 7.2 forbids it, for carriers have such certificates.
pub fn carries(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    let by_uri = match name {
        ServerName::DnsName(name) => names_uri(certificate, name.as_ref()),
        _ => false,
    };
    let parsed = || ParsedCertificate::try_from(certificate);
    by_uri || parsed().is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

fn names_uri(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let Ok(parsed) = webpki::EndEntityCert::try_from(certificate) else {
        return false;
    };
    let is_it = |uri: &str| {
        let host = uri.strip_prefix("sip:");
        host.is_some_and(|host| host.eq_ignore_ascii_case(name))
    };
    parsed.valid_uri_names().any(is_it)
}

/// Believes a server that shows a certificate of one of these authorities with the name that was looked for.
#[derive(Debug)]
pub struct NameVerifier {
    authorities: RootCertStore,
    provider: Arc<CryptoProvider>,
}

impl NameVerifier {
    /// With these authorities.
    pub fn new(authorities: RootCertStore, provider: Arc<CryptoProvider>) -> NameVerifier {
        NameVerifier {
            authorities,
            provider,
        }
    }
}

impl ServerCertVerifier for NameVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, &self.authorities, between, now, algorithms)?;
        if !carries(certificate, name) {
            return Err(CertificateError::NotValidForName.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, SanType};

    fn certificate(names: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn a_certificate_is_of_the_hosts_in_its_alternative_names_and_of_no_other() {
        let both = certificate(vec![
            SanType::DnsName("sbc.carrier.example".try_into().unwrap()),
            SanType::DnsName("*.pstn.example".try_into().unwrap()),
            SanType::URI("sip:Carrier.example".try_into().unwrap()),
            SanType::URI("sip:user@other.example".try_into().unwrap()),
            SanType::URI("https://web.example".try_into().unwrap()),
            SanType::IpAddress([192, 0, 2, 1].into()),
        ]);
        let is_of = |name: &str| carries(&both, &name.try_into().unwrap());
        for name in [
            "sbc.carrier.example",
            "SBC.carrier.example",
            "carrier.example",
            "192.0.2.1",
            "a.pstn.example",
        ] {
            assert!(is_of(name), "{name}");
        }
        for name in [
            "example",
            "a.carrier.example",
            "other.example",
            "web.example",
            "192.0.2.2",
            "a.b.pstn.example",
            "pstn.example",
        ] {
            assert!(!is_of(name), "{name}");
        }
    }
}

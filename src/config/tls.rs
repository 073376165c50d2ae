//! Certificates: `http.tls`, `sip.tls`, and those of a `[[trunk]]`.

use super::faults::Faults;
use super::section::{Check, Word, join, number_as_word, section, values, word};
use serde_json::Value;
use std::path::PathBuf;

section! {
    /// `http.tls.*`: both or neither.
    pub struct Tls {
        /// PEM file: the certificate, then those of the authorities between.
        certificate: Option<PathBuf> = None;
        /// PEM file: its private key.
        key: Option<PathBuf> = None;
    }
}

section! {
    /// `sip.tls.*`: SIP over TLS.
    pub struct SipTls {
        /// What `tls://` listeners show, PEM file: the certificate, then those of the authorities between.
        certificate: Option<PathBuf> = None;
        /// PEM file: its private key.
        key: Option<PathBuf> = None;
        /// PEM file: authorities of those whom we call, and of those who come with a certificate; `None`: those that this
        /// machine trusts, for those whom we call.
        ca: Option<PathBuf> = None;
        /// Oldest version that is spoken.
        minimum: TlsVersion = TlsVersion::V1_2;
    }
}

section! {
    /// `trunk.tls.*`: what a trunk has to do with certificates.
    pub struct TrunkTls {
        /// Names of which a caller's certificate must carry one: who shows it is this trunk, wherever it comes from, and
        /// nobody else is.
        peer: Vec<String> = Vec::new();
        /// What the certificate of its gateways and of its registrar must name; `None`: the host that is written there.
        name: Option<String> = None;
        /// PEM file: the certificate that we show when we call; `None`: that of `sip.tls`, when there is one.
        certificate: Option<PathBuf> = None;
        /// PEM file: its private key.
        key: Option<PathBuf> = None;
        /// PEM file: authorities of its gateways and registrar; `None`: `sip.tls.ca`.
        ca: Option<PathBuf> = None;
        /// Oldest version that is spoken with them; `None`: `sip.tls.minimum`.
        minimum: Option<TlsVersion> = None;
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2 (RFC 5246).
    V1_2,
    /// 1.3 (RFC 8446).
    V1_3,
}

impl Word for TlsVersion {
    fn parse(text: &str) -> Result<TlsVersion, String> {
        match text {
            "1.2" => Ok(TlsVersion::V1_2),
            "1.3" => Ok(TlsVersion::V1_3),
            _ => Err(format!("`{text}` is neither 1.2 nor 1.3")),
        }
    }
}

fn version(written: Value) -> Result<TlsVersion, String> {
    word(number_as_word(written))
}

fn some_version(written: Value) -> Result<Option<TlsVersion>, String> {
    version(written).map(Some)
}

values! { version; TlsVersion }
values! { some_version; Option<TlsVersion> }

impl Check for Tls {
    fn check(&self, path: &str, faults: &mut Faults) {
        check_pair(path, self.certificate.as_ref(), self.key.as_ref(), faults);
    }
}

impl Check for SipTls {
    fn check(&self, path: &str, faults: &mut Faults) {
        check_pair(path, self.certificate.as_ref(), self.key.as_ref(), faults);
    }
}

impl Check for TrunkTls {
    fn check(&self, path: &str, faults: &mut Faults) {
        check_pair(path, self.certificate.as_ref(), self.key.as_ref(), faults);
        let named = self.peer.iter().map(|name| ("peer", name));
        for (key, name) in named.chain(self.name.iter().map(|name| ("name", name))) {
            if rustls::pki_types::ServerName::try_from(name.as_str()).is_err() {
                faults.add(
                    &join(path, key),
                    format!("`{name}` is neither a host name, as sip.carrier.example, nor an address"),
                );
            }
        }
    }
}

fn check_pair(path: &str, certificate: Option<&PathBuf>, key: Option<&PathBuf>, faults: &mut Faults) {
    let (missing, why) = match (certificate, key) {
        (Some(_), None) => ("key", "certificate needs its private key beside it"),
        (None, Some(_)) => ("certificate", "key needs its certificate beside it"),
        _ => return,
    };
    faults.add(&join(path, missing), format!("is missing: {path}.{why}"));
}

#[cfg(test)]
mod tests {
    use super::TlsVersion;
    use crate::config::load_text;

    #[test]
    fn a_version_may_be_written_as_a_number() {
        let minimum = |written: &str| load_text(&format!("sip.tls.minimum = {written}\n"), []);
        for written in ["1.3", "\"1.3\""] {
            assert_eq!(minimum(written).unwrap().sip.tls.minimum, TlsVersion::V1_3);
        }
        let faults = minimum("1.1").unwrap_err().to_string();
        assert!(
            faults.contains("sip.tls.minimum: `1.1` is neither 1.2 nor 1.3"),
            "{faults}"
        );
    }
}

//! A certificate with its key, in PEM files.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};

/// Why TLS cannot be served or dialled; names the key at fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file with certificates, or with a key.
    #[error("{key}: {}: {fault}", path.display())]
    File {
        /// Of the configuration.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: pem::Error,
    },
    /// A certificate that cannot be that of an authority, or nothing can be verified by it.
    #[error("{key}: {}: {fault}", path.display())]
    Authority {
        /// Of the configuration.
        key: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// TLS cannot be set up.
    #[error("TLS: {0}")]
    Setup(#[from] rustls::Error),
    /// Both are good, but not for one another, or of a kind that is not supported.
    #[error("{}.key: {} with the certificate {}: {fault}", files.section, files.key.display(), files.certificate.display())]
    Pair {
        /// The two.
        files: Box<IdentityFiles>,
        /// What is wrong.
        fault: rustls::Error,
    },
}

/// Where a certificate and its key are.
#[derive(Debug, Clone)]
pub struct IdentityFiles {
    /// Section of the configuration that names them `certificate` and `key`, for faults.
    pub section: String,
    /// PEM file: the certificate, then those of the authorities between.
    pub certificate: PathBuf,
    /// PEM file: its private key.
    pub key: PathBuf,
}

/// What proves who we are.
#[derive(Debug)]
pub struct Identity {
    /// The certificate, then those of the authorities between.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

impl IdentityFiles {
    /// Both, when both are there.
    pub fn of(section: &str, certificate: Option<&PathBuf>, key: Option<&PathBuf>) -> Option<IdentityFiles> {
        let (certificate, key) = certificate.zip(key)?;
        Some(IdentityFiles {
            section: section.to_owned(),
            certificate: certificate.clone(),
            key: key.clone(),
        })
    }

    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError::File`]
    pub fn read(&self) -> Result<Identity, TlsError> {
        Ok(Identity {
            chain: certificates(&format!("{}.certificate", self.section), &self.certificate)?,
            key: PrivateKeyDer::from_pem_file(&self.key).map_err(|fault| TlsError::File {
                key: format!("{}.key", self.section),
                path: self.key.clone(),
                fault,
            })?,
        })
    }

    /// What is wrong with them together.
    pub fn pair(&self, fault: rustls::Error) -> TlsError {
        TlsError::Pair {
            files: Box::new(self.clone()),
            fault,
        }
    }

    /// The files.
    pub fn paths(&self) -> Vec<PathBuf> {
        vec![self.certificate.clone(), self.key.clone()]
    }
}

/// The certificates in a PEM file, which `key` of the configuration names; at least one.
///
/// # Errors
/// [`TlsError::File`]
pub(super) fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let some = read.and_then(|all: Vec<_>| match all.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(all),
    });
    some.map_err(|fault| TlsError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        fault,
    })
}

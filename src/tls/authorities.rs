//! Whose certificates are believed.

use super::identity::{TlsError, certificates};
use rustls::RootCertStore;
use std::path::Path;
use tracing::warn;

/// The authorities in a PEM file, which `key` of the configuration names; without one, those that this machine trusts.
///
/// # Errors
/// [`TlsError::File`], [`TlsError::Authority`]
pub fn authorities(key: &str, file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let Some(path) = file else {
        let found = rustls_native_certs::load_native_certs();
        store.add_parsable_certificates(found.certs);
        if store.is_empty() {
            warn!(faults = ?found.errors, "this machine trusts no authority: nobody can be called by TLS; set {key}");
        }
        return Ok(store);
    };
    for certificate in certificates(key, path)? {
        store.add(certificate).map_err(|fault| TlsError::Authority {
            key: key.to_owned(),
            path: path.to_owned(),
            fault: fault.to_string(),
        })?;
    }
    Ok(store)
}

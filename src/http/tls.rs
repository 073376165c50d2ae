//! What HTTPS shows its clients.

use crate::config::Tls;
use crate::tls::{IdentityFiles, TlsError, Watched, provider};
use rustls::ServerConfig;

/// What new connections get. A connection keeps what it began with.
pub type Certificates = Watched<ServerConfig>;

/// Reads the files; `None` without settings.
///
/// # Errors
/// [`TlsError`]
pub fn certificates(settings: &Tls) -> Result<Option<Certificates>, TlsError> {
    let files = IdentityFiles::of("http.tls", settings.certificate.as_ref(), settings.key.as_ref());
    let watched = |files: IdentityFiles| Certificates::new(files.paths(), move || config(&files));
    files.map(watched).transpose()
}

fn config(files: &IdentityFiles) -> Result<ServerConfig, TlsError> {
    let identity = files.read()?;
    let pair = |fault| files.pair(fault);
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(identity.chain, identity.key)
        .map_err(pair)?;
    // WebSockets over HTTP/2 (RFC 8441) are not served.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    fn write(dir: &Path, name: &str) -> Tls {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let tls = Tls {
            certificate: Some(dir.join("cert.pem")),
            key: Some(dir.join("key.pem")),
        };
        std::fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        tls
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("omnigate-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_faulty_file_is_named_by_its_key() {
        let dir = folder("faulty");
        let tls = write(&dir, "one.example");
        let fault = |tls: &Tls| certificates(tls).unwrap_err().to_string();
        let key = std::fs::read(dir.join("key.pem")).unwrap();
        write(&dir, "two.example");
        std::fs::write(dir.join("key.pem"), key).unwrap();
        let text = fault(&tls);
        assert!(
            text.starts_with("http.tls.key: ") && text.contains("cert.pem"),
            "{text}"
        );
        std::fs::write(dir.join("cert.pem"), "nothing").unwrap();
        let text = fault(&tls);
        assert!(
            text.starts_with("http.tls.certificate: ") && text.contains("cert.pem"),
            "{text}"
        );
        write(&dir, "one.example");
        std::fs::remove_file(dir.join("key.pem")).unwrap();
        let text = fault(&tls);
        assert!(
            text.starts_with("http.tls.key: ") && text.contains("key.pem"),
            "{text}"
        );
        std::fs::remove_dir_all(dir).unwrap();
    }
}

//! Certificate and key of the listener: read, checked against one another, replaced while the service runs.

use crate::config::Tls;
use crate::sync::lock;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// How often the files are looked at.
const WATCH: Duration = Duration::from_secs(60);

/// Why TLS cannot be served; names the key at fault.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error("http.tls.certificate: {}: {fault}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: pem::Error,
    },
    /// The key's file.
    #[error("http.tls.key: {}: {fault}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: pem::Error,
    },
    /// Both are good, but not for one another, or of a kind that is not supported.
    #[error("http.tls.key: {} with the certificate {}: {fault}", key.display(), certificate.display())]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        fault: rustls::Error,
    },
}

/// What new connections get. A connection keeps what it began with.
#[derive(Debug)]
pub struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    /// Of the files that were read last, good or not.
    read: Stamps,
}

/// Modification times of certificate and key.
type Stamps = [Option<SystemTime>; 2];

impl Certificates {
    /// Reads the files; `None` without settings.
    pub fn load(settings: &Tls) -> Result<Option<Certificates>, TlsError> {
        let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) else {
            return Ok(None);
        };
        let read = stamps(certificate, key);
        let config = config(certificate, key)?;
        Ok(Some(Certificates {
            certificate: certificate.clone(),
            key: key.clone(),
            current: Mutex::new(Current { config, read }),
        }))
    }

    /// For the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(lock(&self.current).config.clone())
    }

    /// Reads the files again; those at fault change nothing and are a warning.
    pub fn reload(&self) {
        let read = stamps(&self.certificate, &self.key);
        let new = config(&self.certificate, &self.key);
        let mut current = lock(&self.current);
        current.read = read;
        match new {
            Ok(config) => {
                current.config = config;
                info!(certificate = %self.certificate.display(), "new connections get the certificate just read");
            }
            Err(fault) => warn!(%fault, "the certificate stays as it was"),
        }
    }

    /// True when a file was written since it was read.
    fn changed(&self) -> bool {
        stamps(&self.certificate, &self.key) != lock(&self.current).read
    }

    /// Reloads whenever a file changes, for ever.
    pub async fn watch(self: Arc<Certificates>) {
        loop {
            tokio::time::sleep(WATCH).await;
            if self.changed() {
                self.reload();
            }
        }
    }
}

/// Taken before the files are read, so that a write in between is seen the next time.
fn stamps(certificate: &Path, key: &Path) -> Stamps {
    [certificate, key].map(|path| std::fs::metadata(path).and_then(|m| m.modified()).ok())
}

fn config(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .and_then(|chain: Vec<_>| {
            if chain.is_empty() {
                Err(pem::Error::NoItemsFound)
            } else {
                Ok(chain)
            }
        })
        .map_err(|fault| TlsError::Certificate {
            path: certificate.to_owned(),
            fault,
        })?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|fault| TlsError::Key {
        path: key.to_owned(),
        fault,
    })?;
    let pair = |fault| TlsError::Pair {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        fault,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    // WebSockets over HTTP/2 (RFC 8441) are not served.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let fault = |tls: &Tls| Certificates::load(tls).unwrap_err().to_string();
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

    #[test]
    fn files_are_read_again_once_when_they_change_even_to_faulty_ones() {
        let dir = folder("changes");
        let certificates = Certificates::load(&write(&dir, "one.example")).unwrap().unwrap();
        let first = lock(&certificates.current).config.clone();
        assert!(!certificates.changed());
        let touch = |seconds| {
            let file = std::fs::File::options()
                .write(true)
                .open(dir.join("cert.pem"))
                .unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(seconds))
                .unwrap();
        };
        std::fs::write(dir.join("cert.pem"), "nothing").unwrap();
        touch(10);
        assert!(certificates.changed());
        certificates.reload();
        assert!(!certificates.changed());
        assert!(Arc::ptr_eq(&first, &lock(&certificates.current).config));
        write(&dir, "two.example");
        touch(20);
        assert!(certificates.changed());
        certificates.reload();
        assert!(!Arc::ptr_eq(&first, &lock(&certificates.current).config));
        std::fs::remove_dir_all(dir).unwrap();
    }
}

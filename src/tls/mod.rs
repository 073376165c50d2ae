//! Certificates of TLS: read, checked against one another, replaced while the service runs. HTTPS and SIP have theirs by it.
//!
//! | file | what it knows |
//! | --- | --- |
//! | `identity` | a certificate with its key, in PEM files |
//! | `authorities` | whose certificates are believed |
//! | `names` | which certificate is whose |
//! | `fault` | why a handshake has failed, in words |
//! | `watched` | what is made of files, made anew when they change |

mod authorities;
mod fault;
mod identity;
mod names;
mod watched;

pub use authorities::authorities;
pub use fault::HandshakeFault;
pub use identity::{IdentityFiles, TlsError};
pub use names::{NameVerifier, carries};
pub use watched::{Reload, Watched, watch};

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

/// What all TLS is computed by.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

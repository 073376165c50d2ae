//! Lines of the log that other programs act on: fail2ban reads them with `config/fail2ban/omnigate.conf`, which a test holds to
//! them. Each has the address as `source`, and nothing that somebody else has written.

use std::net::IpAddr;
use tracing::warn;

/// A token of the API that opens nothing.
pub fn api_authentication_failed(source: IpAddr) {
    warn!(%source, "API authentication failed");
}

/// A Service Key that is not that of its service.
pub fn service_key_refused(source: IpAddr) {
    warn!(%source, "Service Key refused");
}

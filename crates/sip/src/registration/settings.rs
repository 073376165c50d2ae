//! Where and as whom; limits and times.

use crate::digest::Credentials;
use crate::message::Uri;
use std::fmt;
use std::time::Duration;

/// Refreshing happens at a random share of the granted time: early enough for one failed try and its repetition, and not
/// all of many clients at once.
pub const REFRESH_SHARE: (f64, f64) = (0.6, 0.8);
/// Least time between two refreshes, whatever the registrar grants.
pub const MIN_REFRESH: Duration = Duration::from_secs(5);
/// Longest time that is asked for or believed.
pub const MAX_EXPIRES: Duration = Duration::from_secs(86_400);
/// Waiting after the first failure is at most twice this, then four times and so on (RFC 5626 section 4.5).
pub const BACK_OFF_BASE: Duration = Duration::from_secs(30);
/// Longest waiting after failures (RFC 5626 section 4.5).
pub const BACK_OFF_MOST: Duration = Duration::from_secs(1800);
/// Longest Retry-After that is honoured.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// Most requests in a row without waiting: challenges and intervals that never end are a failure.
pub const MAX_TRIES: u32 = 6;
/// When nothing at all comes back, not even a failure from the transaction (which gives up after 32 s).
pub const ANSWER_LIMIT: Duration = Duration::from_secs(40);
/// Between two keep-alives over a stream when the registrar does not say (RFC 5626 section 4.4).
pub const KEEP_ALIVE_STREAM: (Duration, Duration) = (Duration::from_secs(95), Duration::from_secs(120));
/// Between two keep-alives over datagrams when the registrar does not say (RFC 5626 section 4.4).
pub const KEEP_ALIVE_DATAGRAM: (Duration, Duration) = (Duration::from_secs(24), Duration::from_secs(29));

/// What is registered, and where.
#[derive(Clone)]
pub struct Settings {
    /// Request-URI: the registrar's domain, without user.
    pub registrar: Uri,
    /// What is registered: To and From.
    pub address_of_record: Uri,
    /// Where calls are to come.
    pub contact: Uri,
    /// Time to ask for, whole seconds, at most [`MAX_EXPIRES`].
    pub expires: Duration,
    /// User and password; empty when the registrar does not ask.
    pub credentials: Vec<Credentials>,
    /// `+sip.instance`: a URN that stays the same over restarts (RFC 5626 section 4.1).
    pub instance: Option<String>,
    /// `reg-id`: number of the flow, from 1; only with an instance (RFC 5626 section 4.2).
    pub reg_id: Option<u32>,
    /// Mechanisms by which our media can be sealed, as `sdes-srtp`, for registrars that want to agree on them (RFC 3329,
    /// `mediasec`); empty: nothing is said of it.
    pub media_security: &'static [&'static str],
    /// Outbound proxies, in the order of the route.
    pub route: Vec<Uri>,
    /// User-Agent.
    pub user_agent: Option<String>,
    /// Least and longest time between two keep-alives; a Flow-Timer of the registrar goes before it. `None`: none are sent
    /// without a Flow-Timer.
    pub keep_alive: Option<(Duration, Duration)>,
}

impl Settings {
    /// An hour, without anything that may be left out.
    pub fn new(registrar: Uri, address_of_record: Uri, contact: Uri) -> Settings {
        Settings {
            registrar,
            address_of_record,
            contact,
            expires: Duration::from_secs(3600),
            credentials: Vec::new(),
            instance: None,
            reg_id: None,
            media_security: &[],
            route: Vec::new(),
            user_agent: None,
            keep_alive: None,
        }
    }

    /// Number of the flow, where it can be told from others: with an instance.
    pub(super) fn flow(&self) -> Option<(&str, u32)> {
        Some((self.instance.as_deref()?, self.reg_id?))
    }
}

impl fmt::Debug for Settings {
    /// URIs mask themselves, credentials too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("registrar", &self.registrar)
            .field("address_of_record", &self.address_of_record)
            .field("contact", &self.contact)
            .field("expires", &self.expires)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

//! What all calls of an endpoint have in common.

use std::time::Duration;

/// Settings of calls.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// Name and version, for Server and User-Agent.
    pub agent: String,
    /// User part of our Contact.
    pub user: String,
    /// Longest time that an INVITE of ours may ring.
    pub ring_limit: Duration,
    /// Session timers (RFC 4028).
    pub session: SessionSettings,
    /// Content types that an INFO may have; others get 415.
    pub info_types: Vec<String>,
}

/// Session timers (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionSettings {
    /// The interval that we ask for, seconds.
    pub interval: u32,
    /// The least interval that we take, seconds: 90 or more (RFC 4028 section 5).
    pub least: u32,
}

impl Default for CallSettings {
    fn default() -> CallSettings {
        CallSettings {
            agent: concat!("omnigate-sip/", env!("CARGO_PKG_VERSION")).into(),
            user: "omnigate".into(),
            ring_limit: Duration::from_secs(180),
            session: SessionSettings::default(),
            info_types: vec!["application/dtmf-relay".into(), "application/dtmf".into()],
        }
    }
}

impl Default for SessionSettings {
    fn default() -> SessionSettings {
        SessionSettings {
            interval: 1800,
            least: 90,
        }
    }
}

/// Methods that an endpoint understands, for Allow.
pub(crate) const ALLOW: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY";
/// Extensions that it has, for Supported.
pub(crate) const SUPPORTED: &str = "100rel, timer, replaces";
/// Those as a list.
pub(crate) const EXTENSIONS: [&str; 3] = ["100rel", "timer", "replaces"];
/// How long an offer may wait for the answer of the one who drives.
pub(crate) const OFFER_LIMIT: Duration = Duration::from_secs(10);
/// Most provisional responses that wait for the PRACK of the one before.
pub(crate) const PROVISIONALS: usize = 8;
/// Most early dialogs of one INVITE of ours; a fork beyond is not followed.
pub(crate) const FORKS: usize = 16;

//! What the process is given before anything runs: whose its files are, and how many descriptors there may be.

use crate::config::Settings;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use tracing::{info, warn};

/// Descriptors beside those that settings tell: log, database, recordings, webhooks, media threads.
const OTHERS: u64 = 256;

/// From here on files are their owner's alone: recordings, the database and its lock, tokens.
pub(super) fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Raises the limit of open files as far as it goes. Returns it; `None`: there is none.
pub(super) fn raise_descriptors(settings: &Settings) -> Option<u64> {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    let limit = match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => before.maximum,
        Err(error) => {
            warn!(%error, "the limit of open files stays as it is");
            before.current
        }
    };
    let limit = limit?;
    let needed = needed(settings);
    if limit < needed {
        warn!(
            limit,
            needed,
            "file descriptors may run out: raise the limit (LimitNOFILE of the unit, ulimit -Hn), or lower sip.calls, \
             http.limits.total_connections or sip.connections; HTTP connections are refused first"
        );
    } else {
        info!(limit, needed, "file descriptors");
    }
    Some(limit)
}

/// What the settings allow at one time: two sockets a call, one a connection.
fn needed(settings: &Settings) -> u64 {
    let ports = &settings.media.rtp_ports;
    let ports = u64::from(ports.last.saturating_sub(ports.first)) + 1;
    let calls = ports.min(2 * settings.sip.calls as u64);
    let connections = u64::from(settings.http.limits.total_connections);
    calls + connections + settings.sip.connections as u64 + OTHERS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    #[test]
    fn what_is_needed_follows_from_calls_ports_and_connections() {
        let needed = |toml: &str| needed(&load_text(toml, []).unwrap());
        assert_eq!(needed(""), 2 * 2000 + 20_000 + 256 + OTHERS);
        assert_eq!(
            needed("media.rtp_ports = \"20000-20099\"\nhttp.limits.total_connections = 10\n"),
            100 + 10 + 256 + OTHERS
        );
    }

    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let limit = raise_descriptors(&Settings::default());
        let now = getrlimit(Resource::Nofile);
        assert_eq!((now.current, limit), (now.maximum, now.maximum));
    }
}

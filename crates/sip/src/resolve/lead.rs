//! What a lookup still has to follow.

use super::candidate::Candidate;
use crate::message::Transport;

/// One place in the list of preference.
#[derive(Debug)]
pub(super) enum Lead {
    Naptr { domain: String, secure: bool },
    Srv { way: Way, name: String, group: usize },
    Host { way: Way, name: String, port: u16 },
    Known(Candidate),
}

/// What stays the same from a lead to those that follow from it.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) transport: Transport,
    pub(super) server_name: String,
}

/// SRV questions of which any may have an answer; the name itself is asked for when none has.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) open: usize,
    pub(super) found: bool,
    pub(super) instead: Option<(Way, String)>,
}

/// The name that has the SRV records of a transport; WebSockets have none (RFC 7118 section 8).
pub(super) fn srv_name(transport: Transport, domain: &str) -> Option<String> {
    match transport {
        Transport::Udp => Some(format!("_sip._udp.{domain}")),
        Transport::Tcp => Some(format!("_sip._tcp.{domain}")),
        Transport::Tls => Some(format!("_sips._tcp.{domain}")),
        Transport::Ws | Transport::Wss => None,
    }
}

pub(super) fn normal(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

//! What is tried first.

use super::question::{Naptr, Srv};
use crate::message::Transport;
use crate::random::Random;
use std::net::IpAddr;

/// Most records of one answer that are looked at, the best ones.
pub const MAX_RECORDS: usize = 16;

/// Which address families are used, and which one first. Both are tried in turn, so that a family without a way out costs
/// one try and not all of them (RFC 7984 section 5, RFC 8305 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both, IPv4 first.
    V4First,
    /// Both, IPv6 first.
    V6First,
}

impl Families {
    pub(super) fn v4(self) -> bool {
        self != Families::V6
    }

    pub(super) fn v6(self) -> bool {
        self != Families::V4
    }

    pub(super) fn allows(self, address: IpAddr) -> bool {
        if address.is_ipv4() { self.v4() } else { self.v6() }
    }

    /// Addresses of both families in turn.
    pub(super) fn sorted(self, v4: &[IpAddr], v6: &[IpAddr]) -> Vec<IpAddr> {
        let (first, second) = match self {
            Families::V6 | Families::V6First => (v6, v4),
            Families::V4 | Families::V4First => (v4, v6),
        };
        let most = first.len().max(second.len()).min(MAX_RECORDS);
        let turns = (0..most).flat_map(|i| [first.get(i), second.get(i)]);
        let mut out: Vec<IpAddr> = turns.flatten().copied().collect();
        out.retain(|a| self.allows(*a));
        out
    }
}

/// The service of a NAPTR record that we can use.
pub(super) fn service(record: &Naptr) -> Option<Transport> {
    let services = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
    ];
    let found = services
        .into_iter()
        .find(|(name, _)| record.service.eq_ignore_ascii_case(name))?;
    record.regexp.is_empty().then_some(found.1)
}

/// NAPTR records by order, then preference.
pub(super) fn naptr(records: &[Naptr]) -> Vec<&Naptr> {
    let mut out: Vec<&Naptr> = records.iter().filter(|r| service(r).is_some()).collect();
    out.sort_by_key(|r| (r.order, r.preference));
    out.truncate(MAX_RECORDS);
    out
}

/// SRV records by priority; within one by chance, in proportion to their weights (RFC 2782).
pub(super) fn srv(records: &[Srv], random: &mut Random) -> Vec<Srv> {
    let mut rest: Vec<&Srv> = records.iter().collect();
    // Weight 0 stands first, so that it has a small chance of being chosen.
    rest.sort_by_key(|r| (r.priority, r.weight));
    rest.truncate(MAX_RECORDS);
    let mut out = Vec::with_capacity(rest.len());
    while let Some(priority) = rest.first().map(|r| r.priority) {
        let same = rest.iter().take_while(|r| r.priority == priority);
        let sum: u64 = same.clone().map(|r| u64::from(r.weight)).sum();
        let chosen = random.number() % (sum + 1);
        let mut running = 0;
        let reached = same.map(|r| {
            running += u64::from(r.weight);
            running
        });
        let at = reached.take_while(|sum| *sum < chosen).count();
        out.push(rest.remove(at).clone());
    }
    out
}

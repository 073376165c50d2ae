//! What came out, and failover from one to the next.

use crate::message::Transport;
use std::collections::HashSet;
use std::net::SocketAddr;

/// A place that a request can be sent to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// Transport.
    pub transport: Transport,
    /// Address.
    pub address: SocketAddr,
    /// What the other side's certificate must name: the host that was looked for, never one that the DNS brought
    /// (RFC 5922 section 4).
    pub server_name: String,
}

/// Candidates in their order. Each way, that is transport and address, is given out once, also when later lookups bring it
/// again: a call that fails over never comes back to where it failed.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    waiting: std::collections::VecDeque<Candidate>,
    tried: HashSet<(Transport, SocketAddr)>,
}

impl Candidates {
    /// Starts with these.
    pub fn new(list: impl IntoIterator<Item = Candidate>) -> Candidates {
        let mut out = Candidates::default();
        out.extend(list);
        out
    }

    /// Marks a way as tried, though it was not given out here.
    pub fn note_tried(&mut self, transport: Transport, address: SocketAddr) {
        self.tried.insert((transport, address));
    }

    /// How many ways were given out or noted.
    pub fn tried(&self) -> usize {
        self.tried.len()
    }
}

impl Extend<Candidate> for Candidates {
    fn extend<T: IntoIterator<Item = Candidate>>(&mut self, list: T) {
        self.waiting.extend(list);
    }
}

impl Iterator for Candidates {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        loop {
            let next = self.waiting.pop_front()?;
            if self.tried.insert((next.transport, next.address)) {
                return Some(next);
            }
        }
    }
}

//! What came out lately, for as long as the DNS says.

use super::candidate::Candidate;
use super::outcome::{MAX_TTL, ResolveError, Resolved};
use super::target::Target;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Most targets kept; when there are more, the one that ends first goes.
pub const MAX_ENTRIES: usize = 1024;
/// How long it is kept that there is nothing (RFC 2308 section 5 allows more; a number that was just set up should work soon).
pub const NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// Results of lookups by their targets. Entries keep their order, so one draw of SRV weights serves as long as its records
/// are good.
#[derive(Debug, Default)]
pub struct Cache {
    entries: HashMap<Box<[Target]>, Entry>,
}

#[derive(Debug)]
struct Entry {
    result: Result<Vec<Candidate>, ResolveError>,
    until: Instant,
}

impl Cache {
    /// What was found for these targets, while it is good.
    pub fn get(&self, targets: &[Target], now: Instant) -> Option<Result<&[Candidate], ResolveError>> {
        let entry = self.entries.get(targets).filter(|e| now < e.until)?;
        Some(match &entry.result {
            Ok(list) => Ok(list),
            Err(e) => Err(*e),
        })
    }

    /// Keeps a result: candidates for their time, that there is nothing for [`NEGATIVE_TTL`]. That the DNS did not answer is
    /// not kept.
    pub fn put(&mut self, targets: &[Target], result: &Result<Resolved, ResolveError>, now: Instant) {
        let (result, ttl) = match result {
            Ok(resolved) => (Ok(resolved.candidates.clone()), resolved.ttl.min(MAX_TTL)),
            Err(ResolveError::Failed) => return,
            Err(e) => (Err(*e), NEGATIVE_TTL),
        };
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(targets) {
            self.entries.retain(|_, e| now < e.until);
        }
        if self.entries.len() >= MAX_ENTRIES && !self.entries.contains_key(targets) {
            let first = self.entries.iter().min_by_key(|(_, e)| e.until);
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                self.entries.remove(&key);
            }
        }
        let until = now + ttl;
        self.entries.insert(targets.into(), Entry { result, until });
    }

    /// Forgets a target whose candidates all failed, so that the DNS is asked again.
    pub fn forget(&mut self, targets: &[Target]) {
        self.entries.remove(targets);
    }

    /// Number of targets kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

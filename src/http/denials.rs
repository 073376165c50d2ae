//! How many denials are noted in the audit log.

use crate::budget::{Bucket, Pace};
use crate::sync::lock;
use std::sync::Mutex;
use std::time::Instant;

/// Denials that are noted in the audit log: who floods us with them shall not flood it too. Each is counted and logged.
const DENIALS: Pace = Pace {
    rate: 1.0,
    burst: 100.0,
};

/// The budget of denials in the audit log.
#[derive(Debug)]
pub struct Denials(Mutex<Bucket>);

impl Default for Denials {
    fn default() -> Denials {
        Denials(Mutex::new(Bucket::full(DENIALS, Instant::now())))
    }
}

impl Denials {
    /// Whether one more is noted.
    pub(super) fn take(&self) -> bool {
        lock(&self.0).take(DENIALS, Instant::now()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_denials_does_not_flood_the_audit_log() {
        let denials = Denials::default();
        let noted = (0..10_000).filter(|_| denials.take()).count();
        assert!((100..=110).contains(&noted), "{noted}");
    }
}

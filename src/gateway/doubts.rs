//! Calls that come in and that nobody has acknowledged yet: whoever forges INVITEs is not there, and must not take all places.

use crate::sync::lock;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Of one trunk so many may be in doubt whatever `sip.calls` is: a burst of calls is no attack.
const FEW: usize = 50;

/// How many calls of each trunk are in doubt.
#[derive(Debug)]
pub(super) struct Doubts {
    of_trunks: Mutex<HashMap<String, usize>>,
    most: usize,
}

/// A call in doubt; dropping it ends the doubt.
#[derive(Debug)]
pub(super) struct Doubt {
    doubts: Arc<Doubts>,
    trunk: String,
}

impl Doubts {
    /// A quarter of all places for each trunk.
    pub(super) fn new(places: usize) -> Arc<Doubts> {
        Arc::new(Doubts {
            of_trunks: Mutex::default(),
            most: FEW.max(places / 4),
        })
    }

    /// One more call of this trunk; none when too many are in doubt.
    pub(super) fn begin(self: &Arc<Doubts>, trunk: &str) -> Option<Doubt> {
        let mut of_trunks = lock(&self.of_trunks);
        let count = of_trunks.entry(trunk.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Doubt {
            doubts: self.clone(),
            trunk: trunk.to_owned(),
        })
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        let mut of_trunks = lock(&self.doubts.of_trunks);
        if let Some(count) = of_trunks.get_mut(&self.trunk) {
            *count -= 1;
            if *count == 0 {
                of_trunks.remove(&self.trunk);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_has_a_quarter_of_all_places_in_doubt_and_gets_them_back() {
        let doubts = Doubts::new(400);
        let all: Vec<_> = (0..100).map(|_| doubts.begin("flood").unwrap()).collect();
        assert!(doubts.begin("flood").is_none());
        assert!(doubts.begin("other").is_some());
        drop(all);
        assert!(doubts.begin("flood").is_some());
        let few = Doubts::new(8);
        let all: Vec<_> = (0..FEW).map(|_| few.begin("few").unwrap()).collect();
        assert!(few.begin("few").is_none() && all.len() == FEW);
    }
}

//! Places that sources take, of which there are so many for all and for each.

use crate::sync::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// See the module.
#[derive(Debug)]
pub(super) struct Places {
    /// Of all, of those that nobody knows, and of one source.
    most: usize,
    most_strangers: usize,
    most_each: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// One of them, as long as it lives.
#[derive(Debug)]
pub(super) struct Place {
    all: Arc<Places>,
    source: IpAddr,
}

impl Places {
    pub(super) fn new(most: usize, most_strangers: usize, most_each: usize) -> Arc<Places> {
        Arc::new(Places {
            most,
            most_strangers,
            most_each,
            taken: Mutex::default(),
        })
    }

    /// Takes one; `None`: there are too many.
    pub(super) fn take(self: &Arc<Self>, source: IpAddr, known: bool) -> Option<Place> {
        let mut taken = lock(&self.taken);
        let most = if known { self.most } else { self.most_strangers };
        if taken.values().sum::<usize>() >= most {
            return None;
        }
        let of_source = taken.entry(source).or_default();
        if *of_source >= self.most_each {
            return None;
        }
        *of_source += 1;
        Some(Place {
            all: self.clone(),
            source,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.all.taken);
        if let Some(of_source) = taken.get_mut(&self.source) {
            *of_source -= 1;
            if *of_source == 0 {
                taken.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_a_bound_of_all_of_strangers_and_of_each_source() {
        let places = Places::new(64, 32, 8);
        let take = |n: u8, known| places.take(IpAddr::from([192, 0, 2, n]), known);
        let of_one: Vec<_> = (0..20).filter_map(|_| take(1, true)).collect();
        assert_eq!(of_one.len(), 8);
        let of_strangers: Vec<_> = (2..200).filter_map(|n| take(n, false)).collect();
        assert_eq!(of_one.len() + of_strangers.len(), 32);
        let of_others: Vec<_> = (2..200).filter_map(|n| take(n, true)).collect();
        assert_eq!(of_one.len() + of_strangers.len() + of_others.len(), 64);
        drop(of_one);
        assert!(take(1, true).is_some());
        drop((of_strangers, of_others));
        assert!(lock(&places.taken).is_empty());
    }
}

//! What whoever runs the service is told once a minute and source, however often it happens.

use crate::sync::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A source is told of once in this time.
const EACH: Duration = Duration::from_secs(60);
/// Sources that are remembered; while there are so many, further ones are not told of.
const SOURCES: usize = 256;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<IpAddr, Instant>>);

impl Told {
    /// Whether this source is to be told of, now.
    pub(super) fn is_news(&self, source: IpAddr, now: Instant) -> bool {
        let mut told = lock(&self.0);
        if told
            .get(&source)
            .is_some_and(|at| now.saturating_duration_since(*at) < EACH)
        {
            return false;
        }
        if told.len() >= SOURCES {
            told.retain(|_, at| now.saturating_duration_since(*at) < EACH);
        }
        let news = told.len() < SOURCES;
        if news {
            told.insert(source, now);
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_of_once_a_minute_and_many_are_not_all_told_of() {
        let (told, now) = (Told::default(), Instant::now());
        let source = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(told.is_news(source(1), now));
        assert!(!told.is_news(source(1), now + EACH / 2));
        assert!(told.is_news(source(1), now + EACH));
        let many = (0..1_000)
            .filter(|n| told.is_news(source(*n), now + EACH))
            .count();
        assert_eq!(many, SOURCES - 1);
        assert!(told.is_news(source(2_000), now + EACH * 2));
    }
}

//! What whoever runs the service is told once a minute and source, however often it happens.

use crate::sync::lock;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// A source is told of once in this time.
pub(super) const EACH: Duration = Duration::from_secs(60);
/// Sources that are remembered; while there are so many, further ones are not told of.
pub(super) const SOURCES: usize = 256;

/// See the module. What is noted of a source beside it is `T`.
#[derive(Debug, Default)]
pub(super) struct Told<T = ()>(Mutex<HashMap<IpAddr, (Instant, T)>>);

impl<T: Default> Told<T> {
    /// Whether this source is to be told of, now; `note` is made of it as long as it is remembered.
    pub(super) fn is_news(&self, source: IpAddr, now: Instant, note: impl FnOnce(&mut T)) -> bool {
        let mut told = lock(&self.0);
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= EACH;
        if let Some((at, noted)) = told.get_mut(&source) {
            note(noted);
            let news = is_old(at);
            if news {
                *at = now;
            }
            return news;
        }
        if told.len() >= SOURCES {
            told.retain(|_, (at, _)| !is_old(at));
        }
        let news = told.len() < SOURCES;
        if news {
            let mut noted = T::default();
            note(&mut noted);
            told.insert(source, (now, noted));
        }
        news
    }

    /// What is noted of each source.
    pub(super) fn all<R>(&self, show: impl Fn(IpAddr, &T) -> R) -> Vec<R> {
        let told = lock(&self.0);
        told.iter()
            .map(|(source, (_, noted))| show(*source, noted))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_told_of_once_a_minute_and_many_are_not_all_told_of() {
        let (told, now) = (Told::<()>::default(), Instant::now());
        let source = |n: u32| IpAddr::from(n.to_be_bytes());
        assert!(told.is_news(source(1), now, |()| ()));
        assert!(!told.is_news(source(1), now + EACH / 2, |()| ()));
        assert!(told.is_news(source(1), now + EACH, |()| ()));
        let many = (0..1_000)
            .filter(|n| told.is_news(source(*n), now + EACH, |()| ()))
            .count();
        assert_eq!(many, SOURCES - 1);
        assert!(told.is_news(source(2_000), now + EACH * 2, |()| ()));
    }
}

//! Who reads files at the moment: a bounded number, and of each service a part of it, so nobody's downloads keep others out.

use super::figures::RecordingFigures;
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// Downloads at once, of all services and of one.
const MOST: usize = 64;
const MOST_OF_ONE: usize = 16;
/// Whoever takes nothing for so long gives up the place.
const STALLED: Duration = Duration::from_secs(120);
/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(15);

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    /// Too many of this service.
    #[error(
        "{MOST_OF_ONE} files of this service's recordings are read at once; try again when one of them is through"
    )]
    Service,
    /// Too many of all.
    #[error("{MOST} files of recordings are read at once; try again when one of them is through")]
    All,
}

#[derive(Default)]
struct Busy {
    all: usize,
    by_service: HashMap<String, usize>,
}

/// The places.
#[derive(Clone)]
pub(crate) struct Downloads {
    busy: Arc<Mutex<Busy>>,
    figures: Arc<RecordingFigures>,
}

/// A place that was taken, given back when it is dropped.
struct Place {
    downloads: Downloads,
    service: String,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = lock(&self.downloads.busy);
        busy.all -= 1;
        if let Some(count) = busy.by_service.get_mut(&self.service) {
            *count -= 1;
            if *count == 0 {
                busy.by_service.remove(&self.service);
            }
        }
        self.downloads.figures.downloads.store(busy.all as u64, Relaxed);
    }
}

struct Used {
    place: Option<Place>,
    since: Instant,
}

/// One download.
pub(crate) struct Download {
    used: Arc<Mutex<Used>>,
    watch: Option<AbortHandle>,
}

impl Drop for Download {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl Downloads {
    pub(crate) fn new(figures: Arc<RecordingFigures>) -> Downloads {
        Downloads {
            busy: Arc::default(),
            figures,
        }
    }

    /// A place for a file of this service.
    pub(crate) fn begin(&self, service: &str) -> Result<Download, Crowded> {
        let place = self.take(service).inspect_err(|_| {
            self.figures.downloads_refused.fetch_add(1, Relaxed);
        })?;
        let used = Arc::new(Mutex::new(Used {
            place: Some(place),
            since: Instant::now(),
        }));
        let watch = tokio::spawn(watch(Arc::downgrade(&used), STALLED, LOOK));
        Ok(Download {
            used,
            watch: Some(watch.abort_handle()),
        })
    }

    fn take(&self, service: &str) -> Result<Place, Crowded> {
        let mut busy = lock(&self.busy);
        if busy
            .by_service
            .get(service)
            .is_some_and(|count| *count >= MOST_OF_ONE)
        {
            return Err(Crowded::Service);
        }
        if busy.all >= MOST {
            return Err(Crowded::All);
        }
        busy.all += 1;
        *busy.by_service.entry(service.to_owned()).or_default() += 1;
        self.figures.downloads.store(busy.all as u64, Relaxed);
        Ok(Place {
            downloads: self.clone(),
            service: service.to_owned(),
        })
    }
}

impl Download {
    /// The client takes more; false when it has taken nothing for so long that its place is gone.
    pub(crate) fn goes_on(&self) -> bool {
        let mut used = lock(&self.used);
        used.since = Instant::now();
        used.place.is_some()
    }
}

/// Gives a place back that nobody uses.
async fn watch(used: Weak<Mutex<Used>>, stalled: Duration, look: Duration) {
    loop {
        tokio::time::sleep(look).await;
        let Some(used) = used.upgrade() else { return };
        let gone = {
            let mut used = lock(&used);
            if used.since.elapsed() < stalled {
                continue;
            }
            used.place.take()
        };
        drop(gone);
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_service_takes_its_part_and_others_have_theirs() {
        let figures = Arc::new(RecordingFigures::default());
        let downloads = Downloads::new(figures.clone());
        let mut all: Vec<Download> = (0..MOST_OF_ONE)
            .map(|_| downloads.begin("flood").unwrap())
            .collect();
        assert_eq!(downloads.begin("flood").err(), Some(Crowded::Service));
        for n in 0..MOST - MOST_OF_ONE {
            all.push(downloads.begin(&format!("other-{}", n / 4)).unwrap());
        }
        assert_eq!(downloads.begin("late").err(), Some(Crowded::All));
        assert_eq!(figures.downloads_refused.load(Relaxed), 2);
        drop(all.remove(0));
        assert!(downloads.begin("flood").is_ok());
        drop(all);
        assert_eq!(figures.downloads.load(Relaxed), 0);
        assert!(lock(&downloads.busy).by_service.is_empty());
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_loses_its_place() {
        let downloads = Downloads::new(Arc::default());
        let place = downloads.take("demo").unwrap();
        let used = Arc::new(Mutex::new(Used {
            place: Some(place),
            since: Instant::now(),
        }));
        let download = Download {
            used: used.clone(),
            watch: None,
        };
        assert!(download.goes_on());
        watch(
            Arc::downgrade(&used),
            Duration::from_millis(20),
            Duration::from_millis(5),
        )
        .await;
        assert!(!download.goes_on());
        assert_eq!(lock(&downloads.busy).all, 0);
    }
}

//! Nothing dies unseen: every thread and lasting task runs under a supervisor.
//!
//! A part that can begin anew from what others hold is started again, and its loss is told ([`Supervisor::restarting`]).
//! One that cannot (the hub, a media thread, the writer of captures: what they knew is gone) ends the process with a status
//! other than zero and a line that names it ([`Supervisor::task`], [`Supervisor::thread`]); the service manager then starts
//! a whole one.

use futures_util::FutureExt;
use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tracing::{Instrument, error};

/// A part that is started again more often than this within [`WINDOW`] is broken for good.
const MOST_RESTARTS: usize = 5;
/// See [`MOST_RESTARTS`].
const WINDOW: Duration = Duration::from_secs(60);
/// The cause of an end is told within this time.
const CAUSE: Duration = Duration::from_millis(500);
/// Pause before a part is started again.
const PAUSE: Duration = Duration::from_millis(200);

/// A part of the service has ended for good. `Display` says which and why.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` has ended: {why}; without it nothing works, so the service ends")]
pub struct Death {
    /// Which.
    pub name: String,
    /// Why: the words of the panic.
    pub why: String,
    panicked: bool,
}

/// Runs parts and reports those that end.
#[derive(Debug, Clone)]
pub struct Supervisor {
    /// At most one a part.
    deaths: mpsc::UnboundedSender<Death>,
    stopping: Arc<AtomicBool>,
}

/// The first part that ends for good.
#[derive(Debug)]
pub struct Deaths(mpsc::UnboundedReceiver<Death>);

impl Deaths {
    /// Waits for one; for ever while all live. One that only returned may have lost another one that it needs: the cause
    /// is told then.
    pub async fn next(&mut self) -> Death {
        let Some(first) = self.0.recv().await else {
            return std::future::pending().await;
        };
        if first.panicked {
            return first;
        }
        let cause = async {
            while let Some(death) = self.0.recv().await {
                if death.panicked {
                    return Some(death);
                }
            }
            None
        };
        let found = tokio::time::timeout(CAUSE, cause).await;
        found.ok().flatten().unwrap_or(first)
    }
}

impl Supervisor {
    /// A supervisor without parts, and where their deaths come out.
    pub fn new() -> (Supervisor, Deaths) {
        let (deaths, receiver) = mpsc::unbounded_channel();
        let supervisor = Supervisor {
            deaths,
            stopping: Arc::default(),
        };
        (supervisor, Deaths(receiver))
    }

    /// The service stops: parts may end from now on.
    pub fn stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// A thread whose end is the end of the service.
    ///
    /// # Errors
    /// That of the system when there is no thread to be had.
    pub fn thread(
        &self,
        name: impl Into<String>,
        run: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<JoinHandle<()>> {
        let (this, name) = (self.clone(), name.into());
        std::thread::Builder::new().name(name.clone()).spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(run));
            this.over(name, ended.err().as_deref());
        })
    }

    /// A task whose end is the end of the service.
    pub fn task(
        &self,
        name: &'static str,
        run: impl Future<Output = ()> + Send + 'static,
    ) -> tokio::task::JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let ended = AssertUnwindSafe(run).catch_unwind().await;
            this.over(name.to_owned(), ended.err().as_deref());
        })
    }

    /// A task that begins anew after a panic, as it keeps nothing that others do not have. One that panics again and again
    /// ends the service. One that returns has done its work.
    pub fn restarting<F>(
        &self,
        name: &'static str,
        mut make: impl FnMut() -> F + Send + 'static,
    ) -> tokio::task::JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let this = self.clone();
        let run = async move {
            let mut ends: VecDeque<Instant> = VecDeque::new();
            loop {
                let Err(panic) = AssertUnwindSafe(make()).catch_unwind().await else {
                    return;
                };
                let now = Instant::now();
                ends.retain(|end| now.saturating_duration_since(*end) < WINDOW);
                ends.push_back(now);
                if ends.len() > MOST_RESTARTS {
                    return this.over(name.to_owned(), Some(&*panic));
                }
                error!(
                    part = name,
                    why = words(&*panic),
                    "a part has ended; it is started again"
                );
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::spawn(run.in_current_span())
    }

    fn over(&self, name: String, panic: Option<&(dyn Any + Send)>) {
        if self.stopping.load(Relaxed) {
            return;
        }
        let death = Death {
            name,
            why: panic.map_or("it returned", words).to_owned(),
            panicked: panic.is_some(),
        };
        let _ = self.deaths.send(death);
    }
}

/// The words of a panic.
pub(crate) fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without words")
}

/// Panics when a test wants this part to: in builds with debug assertions alone, and when the variable
/// `OMNIGATE_TEST_PANIC` names the part and the file named by `OMNIGATE_TEST_PANIC_NOW` exists, which is taken away.
#[inline]
pub(crate) fn test_point(_part: &str) {
    #[cfg(debug_assertions)]
    {
        use std::sync::OnceLock;
        static WISH: OnceLock<Option<(String, String)>> = OnceLock::new();
        let wish = WISH.get_or_init(|| {
            let part = std::env::var("OMNIGATE_TEST_PANIC").ok()?;
            Some((part, std::env::var("OMNIGATE_TEST_PANIC_NOW").ok()?))
        });
        if let Some((part, now)) = wish
            && part == _part
            && std::fs::remove_file(now).is_ok()
        {
            std::panic::panic_any(format!("a test wants `{part}` to panic"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn a_part_that_panics_is_named_with_its_words() {
        let (supervisor, mut deaths) = Supervisor::new();
        supervisor.task("hub", async { panic!("of a test") });
        let death = deaths.next().await;
        assert_eq!((death.name.as_str(), death.why.as_str()), ("hub", "of a test"));
        supervisor.thread("media-0", || {}).unwrap();
        assert_eq!(deaths.next().await.why, "it returned");
    }

    #[tokio::test]
    async fn the_cause_of_an_end_is_told_and_not_what_follows_from_it() {
        let (supervisor, mut deaths) = Supervisor::new();
        supervisor.over("follower".to_owned(), None);
        supervisor.over("cause".to_owned(), Some(&"of a test"));
        assert_eq!(deaths.next().await.name, "cause");
    }

    #[tokio::test]
    async fn nobody_is_told_of_parts_that_end_when_the_service_stops() {
        let (supervisor, mut deaths) = Supervisor::new();
        supervisor.stopping();
        supervisor.task("hub", async {}).await.unwrap();
        assert!(deaths.0.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_part_that_may_begin_anew_does_so_until_it_is_broken_for_good() {
        let (supervisor, mut deaths) = Supervisor::new();
        let starts = Arc::new(AtomicUsize::new(0));
        let counted = starts.clone();
        supervisor.restarting("deliverer", move || {
            counted.fetch_add(1, Relaxed);
            async { panic!("again") }
        });
        assert_eq!(deaths.next().await.name, "deliverer");
        assert_eq!(starts.load(Relaxed), MOST_RESTARTS + 1);
    }
}

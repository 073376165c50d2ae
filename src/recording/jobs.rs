//! Recordings that wait for their files, so that each service has its turn, and recordings of one capture share their files.
//!
//! ```text
//!   ended ──▶ group of its capture ──▶ due ──▶ taken ──▶ made, or failed
//!                  ▲  others join until then      │
//!                  └── later: no room, or a fault ┘
//! ```
//!
//! A group is due when no other recording of its capture runs, or [`SHARE`] after its first one ended. The queue needs no bound
//! of its own: it holds recordings that ended, each once.

use super::figures::RecordingFigures;
use crate::sync::lock;
use omnigate_recording::manifest::Manifest;
use omnigate_recording::sealed::SealKey;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long recordings of one capture wait for each other after the first one's end.
const SHARE: Duration = Duration::from_secs(60);
/// Without work it is looked this often whether anybody is left to bring some.
const IDLE: Duration = Duration::from_secs(60);

/// A recording that has ended, or was cut off by a crash.
pub(super) struct Job {
    pub(super) manifest: Manifest,
    /// Of a sealed capture.
    pub(super) key: Option<SealKey>,
}

/// Recordings of one capture that are finished together.
pub(super) struct Group {
    pub(super) jobs: Vec<Job>,
    /// Free bytes that were missing when it was tried last.
    pub(super) wants: Option<u64>,
    capture: Option<String>,
    service: String,
    since: Instant,
    not_before: Instant,
    /// It was taken once: nobody joins it any more.
    closed: bool,
}

#[derive(Default)]
struct Queue {
    /// By service.
    groups: BTreeMap<String, Vec<Group>>,
    /// Recordings that run, by capture.
    running: HashMap<String, usize>,
    /// The service that had its turn last.
    last: String,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    added: Condvar,
    figures: Arc<RecordingFigures>,
}

/// Where recordings are brought to, and taken from.
#[derive(Clone)]
pub(super) struct Jobs(Arc<Shared>);

impl Jobs {
    pub(super) fn new(figures: Arc<RecordingFigures>) -> Jobs {
        Jobs(Arc::new(Shared {
            figures,
            ..Shared::default()
        }))
    }

    /// A recording of this capture runs: those that end before it may wait for it.
    pub(super) fn begun(&self, capture: Option<&str>) {
        if let Some(capture) = capture {
            *lock(&self.0.queue).running.entry(capture.to_owned()).or_default() += 1;
        }
    }

    /// It never ran.
    pub(super) fn never(&self, capture: Option<&str>) {
        lock(&self.0.queue).over(capture);
        self.0.added.notify_one();
    }

    /// A recording has ended.
    pub(super) fn add(&self, job: Job) {
        self.0.figures.waiting.fetch_add(1, Relaxed);
        let mut queue = lock(&self.0.queue);
        queue.over(job.manifest.capture_of.as_deref());
        queue.add(job, Instant::now());
        self.0.added.notify_one();
    }

    /// Recordings of an earlier process, or that are tried again: none of their captures goes on.
    pub(super) fn add_all(&self, jobs: Vec<Job>) {
        self.0.figures.waiting.fetch_add(jobs.len() as u64, Relaxed);
        let (mut queue, now) = (lock(&self.0.queue), Instant::now());
        jobs.into_iter().for_each(|job| queue.add(job, now));
        self.0.added.notify_one();
    }

    /// It is tried again after a pause.
    pub(super) fn later(&self, mut group: Group, pause: Duration) {
        group.not_before = Instant::now() + pause;
        let mut queue = lock(&self.0.queue);
        queue.groups.entry(group.service.clone()).or_default().push(group);
    }

    /// Everything is due now.
    #[cfg(test)]
    pub(super) fn hurry(&self) {
        let now = Instant::now();
        let mut queue = lock(&self.0.queue);
        queue
            .groups
            .values_mut()
            .flatten()
            .for_each(|group| group.not_before = now);
    }

    /// So many recordings do not wait any more.
    pub(super) fn done(&self, count: usize) {
        self.0.figures.waiting.fetch_sub(count as u64, Relaxed);
    }

    /// The next group, of the next service that has one, as soon as there is one; `None` when nobody brings any.
    pub(super) fn take(&self) -> Option<Group> {
        let mut queue = lock(&self.0.queue);
        loop {
            let now = Instant::now();
            if let Some(group) = queue.take(now) {
                return Some(group);
            }
            if Arc::strong_count(&self.0) == 1 && queue.groups.is_empty() {
                return None;
            }
            let wait = queue
                .next_due()
                .map_or(IDLE, |due| due.saturating_duration_since(now));
            let waited = self.0.added.wait_timeout(queue, wait.min(IDLE));
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Queue {
    fn over(&mut self, capture: Option<&str>) {
        let Some(capture) = capture else { return };
        if let Some(running) = self.running.get_mut(capture) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(capture);
            }
        }
    }

    fn add(&mut self, job: Job, now: Instant) {
        let (service, capture) = (job.manifest.service_id.clone(), job.manifest.capture_of.clone());
        let groups = self.groups.entry(service.clone()).or_default();
        let joins = |group: &&mut Group| capture.is_some() && group.capture == capture && !group.closed;
        match groups.iter_mut().find(joins) {
            Some(group) => group.jobs.push(job),
            None => groups.push(Group {
                jobs: vec![job],
                wants: None,
                capture,
                service,
                since: now,
                not_before: now,
                closed: false,
            }),
        }
    }

    /// When a group is due.
    fn due(&self, group: &Group) -> Instant {
        let runs = |capture: &String| self.running.contains_key(capture);
        match &group.capture {
            Some(capture) if !group.closed && runs(capture) => group.since + SHARE,
            _ => group.not_before,
        }
    }

    fn next_due(&self) -> Option<Instant> {
        self.groups.values().flatten().map(|group| self.due(group)).min()
    }

    fn take(&mut self, now: Instant) -> Option<Group> {
        let after = self.groups.keys().filter(|service| **service > self.last);
        let before = self.groups.keys().filter(|service| **service <= self.last);
        let found = after.chain(before).find_map(|service| {
            let groups = self.groups.get(service)?;
            let place = groups.iter().position(|group| self.due(group) <= now)?;
            Some((service.clone(), place))
        });
        let (service, place) = found?;
        let groups = self.groups.get_mut(&service)?;
        let mut group = groups.remove(place);
        if groups.is_empty() {
            self.groups.remove(&service);
        }
        self.last = service;
        group.closed = true;
        Some(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::tests::manifest;

    fn job(service: &str, capture: &str, number: u32) -> Job {
        let mut manifest = manifest(u64::from(number), 1);
        manifest.service_id = service.to_owned();
        manifest.capture_of = Some(capture.to_owned());
        Job { manifest, key: None }
    }

    fn starts(group: &Group) -> Vec<u64> {
        group.jobs.iter().map(|job| job.manifest.started_at).collect()
    }

    #[test]
    fn a_flood_of_one_service_holds_up_another_for_one_recording_at_most() {
        let jobs = Jobs::new(Arc::default());
        jobs.add_all((0..1_000).map(|n| job("flood", &format!("f{n}"), n)).collect());
        jobs.add_all((0..3).map(|n| job("quiet", &format!("q{n}"), n)).collect());
        let turns: Vec<String> = (0..8).map(|_| jobs.take().unwrap().service).collect();
        assert_eq!(turns.iter().filter(|service| *service == "quiet").count(), 3);
        assert_eq!(turns[..6], ["flood", "quiet", "flood", "quiet", "flood", "quiet"]);
        assert_eq!(turns[6..], ["flood", "flood"]);
    }

    #[test]
    fn recordings_of_one_capture_wait_for_each_other_and_those_of_others_do_not() {
        let mut queue = Queue::default();
        let now = Instant::now();
        queue.running.insert("a".to_owned(), 2);
        queue.over(Some("a"));
        queue.add(job("demo", "a", 1), now);
        assert!(queue.take(now).is_none(), "another one runs");
        queue.add(job("demo", "b", 2), now);
        assert_eq!(starts(&queue.take(now).unwrap()), [2], "alone: at once");
        queue.over(Some("a"));
        queue.add(job("demo", "a", 3), now);
        assert_eq!(starts(&queue.take(now).unwrap()), [1, 3]);
        assert!(queue.take(now + 10 * SHARE).is_none());
    }

    #[test]
    fn whoever_ends_long_before_the_others_waits_a_minute_and_no_longer() {
        let mut queue = Queue::default();
        let now = Instant::now();
        queue.running.insert("a".to_owned(), 1);
        queue.add(job("demo", "a", 1), now);
        assert!(queue.take(now + SHARE - Duration::from_millis(1)).is_none());
        let group = queue.take(now + SHARE).unwrap();
        queue.add(job("demo", "a", 2), now + SHARE);
        assert_eq!(starts(&group), [1]);
        assert_eq!(
            queue.next_due(),
            Some(now + 2 * SHARE),
            "the next minute begins with the next end"
        );
    }

    #[test]
    fn what_is_put_back_comes_when_its_pause_is_over_and_keeps_nobody() {
        let jobs = Jobs::new(Arc::default());
        jobs.add_all(vec![job("demo", "a", 1), job("demo", "b", 2)]);
        let first = jobs.take().unwrap();
        jobs.later(first, Duration::from_millis(80));
        assert_eq!(starts(&jobs.take().unwrap()), [2]);
        let since = Instant::now();
        assert_eq!(starts(&jobs.take().unwrap()), [1]);
        assert!(since.elapsed() >= Duration::from_millis(50));
    }
}

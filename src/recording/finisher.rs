//! The thread that makes files of captures, at the lowest priority: whoever talks comes first.
//!
//! Recordings of one capture that overlap are made into one set of files, from the first one's start to the last one's end.
//! Each try is noted on the disk before it begins, so that a capture that ends the process does so [`MOST_TRIES`] times at
//! most; then its recordings are set aside. A full disk is no fault of theirs: they wait. Neither is a service that stops.

use super::crypt::Recipients;
use super::figures::RecordingFigures;
use super::folder::{Folder, gone};
use super::jobs::{Group, Job, Jobs};
use super::output::{FinishError, Output, Plan};
use crate::clock::unix_now;
use crate::config::Content;
use crate::supervise::{Supervisor, test_point, words};
use crate::sync::lock;
use omnigate_audio::mix::Limiter;
use omnigate_recording::capture::CaptureReader;
use omnigate_recording::file::Format;
use omnigate_recording::manifest::{Failure, FileEntry, Manifest, RecordingEnd, Timeline};
use omnigate_recording::sealed::Unsealer;
use omnigate_recording::{FRAME_US, Peaks, Replay, Span, survey, survey_each};
use omnigate_room::RecordingId;
use std::fs::{self, OpenOptions};
use std::io::{self, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tracing::{error, info, warn};

/// Telephones alone are recorded at this rate, Hz.
const NARROW_HZ: u32 = 8_000;
/// And everybody else at this one.
const WIDE_HZ: u32 = 48_000;
/// Pause before another try at a recording whose files could not be made.
const AGAIN: Duration = Duration::from_secs(60);
/// And before it is looked whether the disk has room for them.
const FULL: Duration = Duration::from_secs(10);
/// So often it is tried to make a recording's files.
pub(super) const MOST_TRIES: u32 = 3;
/// The least priority of all.
const NICE: i32 = 19;

pub(super) struct Finisher {
    pub(super) folder: Folder,
    pub(super) content: Content,
    pub(super) format: Format,
    pub(super) webhook_format: Format,
    pub(super) recipients: Recipients,
    /// Free bytes that are left to captures while any runs.
    pub(super) reserve: u64,
    pub(super) trying: Trying,
    pub(super) figures: Arc<RecordingFigures>,
}

/// What became of recordings.
#[derive(Debug)]
pub(super) enum Made {
    /// Their files are there.
    Finished(Vec<Manifest>),
    /// Their files cannot be made.
    Failed(Vec<Manifest>),
}

/// The recordings whose files are being made at the moment.
#[derive(Clone, Default)]
pub(super) struct Trying(Arc<Mutex<Vec<RecordingId>>>);

impl Trying {
    /// The process ends as it should, in the middle of a try: that is no fault of theirs.
    pub(super) fn take_back(&self, folder: &Folder) {
        for recording in lock(&self.0).drain(..) {
            let tries = folder.tries(recording);
            if tries > 0
                && let Err(error) = folder.note_tries(recording, tries - 1)
            {
                warn!(%recording, %error, "a try at a recording cannot be taken back");
            }
        }
    }

    fn begin(&self, jobs: &[Job]) {
        *lock(&self.0) = jobs.iter().map(|job| job.manifest.recording_id).collect();
    }

    fn end(&self) {
        lock(&self.0).clear();
    }
}

/// A capture that is being read, sealed or not.
trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

impl Finisher {
    /// Starts the thread, which takes `jobs`; what becomes of them.
    pub(super) fn start(self, jobs: Jobs, supervisor: &Supervisor) -> io::Result<UnboundedReceiver<Made>> {
        // One entry a recording that has ended: as many as there are jobs.
        let (finished, made) = mpsc::unbounded_channel();
        supervisor.thread("recording-finish", move || {
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            while let Some(group) = jobs.take() {
                if !self.try_group(group, &jobs, &finished) {
                    return;
                }
            }
        })?;
        Ok(made)
    }

    /// False when nobody wants to know any more.
    fn try_group(&self, mut group: Group, jobs: &Jobs, finished: &UnboundedSender<Made>) -> bool {
        if group.wants.is_some_and(|bytes| !self.has_room(bytes)) {
            jobs.later(group, FULL);
            return true;
        }
        // Noted before: whatever happens now has happened so often.
        if let Err(error) = self.note_tries(&group.jobs, 1) {
            warn!(%error, "recordings wait: the disk does not take what is noted of a try");
            jobs.later(group, FULL);
            return true;
        }
        let spent = |job: &mut Job| self.folder.tries(job.manifest.recording_id) > MOST_TRIES;
        let given_up: Vec<Job> = group.jobs.extract_if(.., spent).collect();
        let mut told = self.give_up(given_up, "making its files has ended the process", jobs, finished);
        let (mut left, mut pause) = (Vec::new(), AGAIN);
        group.wants = None;
        self.trying.begin(&group.jobs);
        for cluster in clusters(std::mem::take(&mut group.jobs)) {
            match self.make_or_survive(&cluster) {
                Ok(manifests) => {
                    jobs.done(manifests.len());
                    self.figures.finished.fetch_add(manifests.len() as u64, Relaxed);
                    told &= finished.send(Made::Finished(manifests)).is_ok();
                }
                Err(error) if error.is_full() => {
                    self.no_room(&cluster, &error);
                    group.wants = error.wants().or(group.wants);
                    pause = FULL;
                    left.extend(cluster);
                }
                Err(error) if self.again(&cluster, &error) => left.extend(cluster),
                Err(error) => told &= self.give_up(cluster, &error.to_string(), jobs, finished),
            }
        }
        self.trying.end();
        if !left.is_empty() {
            group.jobs = left;
            jobs.later(group, pause);
        }
        told
    }

    /// The disk was full: that was no try.
    fn no_room(&self, cluster: &[Job], error: &FinishError) {
        self.figures.room_waits.fetch_add(1, Relaxed);
        warn!(recordings = cluster.len(), %error, "recordings wait: the disk is full");
        if let Err(error) = self.note_tries(cluster, -1) {
            warn!(%error, "a try at a recording cannot be taken back");
        }
    }

    /// Files cannot be made: whether it is tried again.
    fn again(&self, cluster: &[Job], error: &FinishError) -> bool {
        self.figures.finish_failures.fetch_add(1, Relaxed);
        let tries = cluster
            .iter()
            .map(|job| self.folder.tries(job.manifest.recording_id));
        let again = tries.max().unwrap_or(0) < MOST_TRIES && !matches!(error, FinishError::NoKey);
        let recording = cluster.first().map(|job| job.manifest.recording_id);
        error!(?recording, %error, again, "a recording's files cannot be made");
        again
    }

    /// Notes one try more, or less, of each.
    fn note_tries(&self, jobs: &[Job], more: i32) -> io::Result<()> {
        for job in jobs {
            let recording = job.manifest.recording_id;
            let tries = self.folder.tries(recording).saturating_add_signed(more);
            self.folder.note_tries(recording, tries)?;
        }
        self.folder.sync()
    }

    /// Sets recordings aside; false when nobody wants to know any more.
    fn give_up(&self, all: Vec<Job>, reason: &str, jobs: &Jobs, finished: &UnboundedSender<Made>) -> bool {
        if all.is_empty() {
            return true;
        }
        let failed = |job: Job| {
            let tries = self.folder.tries(job.manifest.recording_id).min(MOST_TRIES);
            let failure = Failure {
                reason: reason.to_owned(),
                tries,
                at: unix_now(),
            };
            Manifest {
                failure: Some(failure),
                ..job.manifest
            }
        };
        let manifests: Vec<Manifest> = all.into_iter().map(failed).collect();
        for manifest in &manifests {
            let recording = manifest.recording_id;
            error!(%recording, reason, "a recording is set aside; `omnigate recording retry` tries again");
            let _ = self.folder.remove_parts(recording);
        }
        for (recording, error) in self.folder.write_manifests(&manifests.iter().collect::<Vec<_>>()) {
            warn!(%recording, %error, "a manifest cannot be written");
        }
        jobs.done(manifests.len());
        self.figures.failed.fetch_add(manifests.len() as u64, Relaxed);
        finished.send(Made::Failed(manifests)).is_ok()
    }

    fn has_room(&self, bytes: u64) -> bool {
        let reserve = if self.figures.active.load(Relaxed) > 0 {
            self.reserve
        } else {
            0
        };
        // What the disk does not tell it may have.
        self.folder
            .free()
            .is_ok_and(|free| free >= bytes.saturating_add(reserve))
    }

    /// A bug in one recording does not keep the others from being finished.
    fn make_or_survive(&self, cluster: &[Job]) -> Result<Vec<Manifest>, FinishError> {
        let make = AssertUnwindSafe(|| {
            test_point("recording-finish-one");
            self.make(cluster)
        });
        catch_unwind(make).unwrap_or_else(|panic| Err(FinishError::Bug(words(&*panic).to_owned())))
    }

    /// One set of files for recordings that overlap, the first of which begins first.
    fn make(&self, cluster: &[Job]) -> Result<Vec<Manifest>, FinishError> {
        let started = Instant::now();
        let mut manifests = self.with_ends(cluster)?;
        let Some(job) = cluster.first() else {
            return Ok(manifests);
        };
        let set = job.manifest.recording_id;
        let union = union(&manifests);
        let spans: Vec<Span> = manifests.iter().map(Manifest::span).chain([union]).collect();
        let mut timelines = survey_each(self.capture(job)?, &spans)?;
        let whole = timelines.pop().unwrap_or_default();
        let (files, peaks) = self.files(job, &manifests, union, &whole)?;
        let shared = manifests.len() > 1;
        let parts = manifests.iter_mut().zip(timelines).zip(peaks);
        for ((manifest, timeline), peaks) in parts {
            manifest.files = files
                .iter()
                .map(|file| part_of(file, manifest.span(), union))
                .collect();
            manifest.peaks = peaks;
            manifest.timeline = Some(timeline);
            manifest.file_set = shared.then_some(set);
            if manifest.recording_id != set {
                self.link(set, manifest)?;
            }
        }
        let written = self.folder.write_manifests(&manifests.iter().collect::<Vec<_>>());
        if let Some((_, error)) = written.into_iter().next() {
            return Err(error.into());
        }
        for manifest in &manifests {
            let (recording, folder) = (manifest.recording_id, self.folder.of(manifest.recording_id));
            gone(fs::remove_file(folder.join(&manifest.capture)))?;
            self.folder.forget_tries(recording)?;
            info!(%recording, seconds = union.frames() as f64 / 50.0, files = files.len(), took = ?started.elapsed(),
                "recording finished");
        }
        self.figures
            .finished_seconds
            .fetch_add(union.frames() / 50, Relaxed);
        self.figures
            .finish_milliseconds
            .fetch_add(started.elapsed().as_millis() as u64, Relaxed);
        Ok(manifests)
    }

    /// Replays the capture once, into all files; what they are, and the waveform of each recording's part.
    fn files(
        &self,
        job: &Job,
        manifests: &[Manifest],
        union: Span,
        timeline: &Timeline,
    ) -> Result<(Vec<FileEntry>, Vec<Vec<u8>>), FinishError> {
        let wide = timeline.members.values().any(|member| member.wide);
        let rate_hz = if wide { WIDE_HZ } else { NARROW_HZ };
        let caller = manifests.iter().find_map(|manifest| manifest.caller_member);
        let formats = (self.format, self.webhook_format);
        let caller = caller.map(|caller| caller.0);
        let plans = Plan::all(self.content, formats, rate_hz, caller, &timeline.members);
        let (duration, sealed) = (union.frames() as f64 / 50.0, !self.recipients.is_empty());
        let room = Plan::room(&plans, duration, sealed);
        if !self.has_room(room) {
            return Err(FinishError::NoRoom(room));
        }
        let folder = self.folder.of(job.manifest.recording_id);
        let output = |plan| Output::new(&folder, plan, sealed);
        let mut outputs = plans.into_iter().map(output).collect::<Result<Vec<_>, _>>()?;
        let mut replay = Replay::new(self.capture(job)?, union, rate_hz);
        let mut peaks: Vec<(Span, Peaks)> = manifests
            .iter()
            .map(|manifest| (manifest.span(), Peaks::default()))
            .collect();
        let (mut limiter, mut mix) = (Limiter::new(), vec![0; rate_hz as usize / 50]);
        let mut at_us = union.start_us;
        while replay.advance()? {
            replay.mix(&mut limiter, &mut mix);
            let heard = |span: &Span| (span.start_us..span.end_us).contains(&(at_us + FRAME_US / 2));
            for (_, peaks) in peaks
                .iter_mut()
                .filter(|(span, _)| manifests.len() == 1 || heard(span))
            {
                peaks.push(&mix);
            }
            for output in &mut outputs {
                output.write(&mut replay, &mix)?;
            }
            at_us += FRAME_US;
        }
        let files = outputs
            .into_iter()
            .map(|output| output.finish(duration, &self.recipients))
            .collect::<Result<_, _>>()?;
        Ok((
            files,
            peaks.into_iter().map(|(_, peaks)| peaks.finish()).collect(),
        ))
    }

    /// Gives the files of a set a second name in another recording's folder.
    fn link(&self, set: RecordingId, manifest: &Manifest) -> io::Result<()> {
        let (from, to) = (self.folder.of(set), self.folder.of(manifest.recording_id));
        for file in &manifest.files {
            let name = stored_name(file);
            gone(fs::remove_file(to.join(&name)))?;
            fs::hard_link(from.join(&name), to.join(&name))?;
        }
        Ok(())
    }

    /// The capture of a recording.
    fn capture(&self, job: &Job) -> Result<CaptureReader<Box<dyn Source>>, FinishError> {
        let folder = self.folder.of(job.manifest.recording_id);
        // One that crashed before its capture had a name has nothing in it.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(job.manifest.end.is_none())
            .truncate(false)
            .open(folder.join(&job.manifest.capture))?;
        let plain = BufReader::new(file);
        let source: Box<dyn Source> = match (job.manifest.sealed, &job.key) {
            (false, _) => Box::new(plain),
            (true, Some(key)) => Box::new(BufReader::new(Unsealer::new(plain, key)?)),
            (true, None) => return Err(FinishError::NoKey),
        };
        Ok(CaptureReader::new(source)?)
    }

    /// The manifests; whichever was cut off by a crash ends where its capture ends.
    fn with_ends(&self, cluster: &[Job]) -> Result<Vec<Manifest>, FinishError> {
        let mut manifests = Vec::new();
        for job in cluster {
            let mut manifest = job.manifest.clone();
            if manifest.end.is_none() {
                let span = Span {
                    start_us: manifest.start_us,
                    end_us: u64::MAX,
                };
                let length_us = survey(self.capture(job)?, span)?.last_us + FRAME_US;
                manifest.end = Some(RecordingEnd {
                    at_us: manifest.start_us.saturating_add(length_us),
                    ended_at: manifest.started_at + length_us / 1_000_000,
                    reason: "crash".to_owned(),
                });
                let recording = manifest.recording_id;
                info!(%recording, seconds = length_us / 1_000_000, "a recording cut off by a crash is finished");
            }
            manifests.push(manifest);
        }
        Ok(manifests)
    }
}

/// From the first start to the last end.
fn union(manifests: &[Manifest]) -> Span {
    let spans = || manifests.iter().map(Manifest::span);
    Span {
        start_us: spans().map(|span| span.start_us).min().unwrap_or(0),
        end_us: spans().map(|span| span.end_us).max().unwrap_or(0),
    }
}

/// A file of a set as one of its recordings has it.
fn part_of(file: &FileEntry, own: Span, union: Span) -> FileEntry {
    let offset = (own.start_us - union.start_us) as f64 / 1e6;
    let duration = (own.frames() as f64 / 50.0).min(file.duration - offset);
    FileEntry {
        offset,
        duration: (duration * 1e6).round() / 1e6,
        ..file.clone()
    }
}

/// Name of a file in folder and object storage.
pub(super) fn stored_name(file: &FileEntry) -> String {
    if file.encrypted {
        format!("{}.{}", file.name, super::crypt::EXTENSION)
    } else {
        file.name.clone()
    }
}

/// Recordings of one capture, those together that overlap: nobody's file has a part that none of its recordings asked for.
/// What was cut off by a crash lasts until the end of the capture.
fn clusters(mut jobs: Vec<Job>) -> Vec<Vec<Job>> {
    let end = |job: &Job| job.manifest.end.as_ref().map_or(u64::MAX, |end| end.at_us);
    jobs.sort_by_key(|job| (job.manifest.start_us, job.manifest.recording_id));
    let mut all: Vec<Vec<Job>> = Vec::new();
    let mut until_us = 0;
    for job in jobs {
        let (start_us, end_us) = (job.manifest.start_us, end(&job));
        match all.last_mut() {
            Some(last) if start_us < until_us && job.manifest.capture_of.is_some() => last.push(job),
            _ => {
                until_us = 0;
                all.push(vec![job]);
            }
        }
        until_us = until_us.max(end_us);
    }
    all
}

#[cfg(test)]
mod tests;

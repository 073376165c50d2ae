//! Counters of recording, for metrics.

use crate::observe::Page;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the start, and gauges.
#[derive(Debug, Default)]
pub struct RecordingFigures {
    /// Recordings started.
    pub started: AtomicU64,
    /// Recordings whose files were made.
    pub finished: AtomicU64,
    /// Recordings cut off by a crash and finished at a start.
    pub recovered: AtomicU64,
    /// Recordings refused or cut short because the disk was full or broken.
    pub disk_failures: AtomicU64,
    /// Recordings whose files could not be made.
    pub finish_failures: AtomicU64,
    /// Recordings that were set aside.
    pub failed: AtomicU64,
    /// Tries at files for which the disk had no room.
    pub room_waits: AtomicU64,
    /// Downloads that were refused because there were too many at once.
    pub downloads_refused: AtomicU64,
    /// Bytes fetched from the object storage for downloads.
    pub fetched_bytes: AtomicU64,
    /// Downloads at the moment.
    pub downloads: AtomicU64,
    /// Bytes captured.
    pub captured_bytes: AtomicU64,
    /// Seconds of sound made into files, and milliseconds that took.
    pub finished_seconds: AtomicU64,
    /// See above.
    pub finish_milliseconds: AtomicU64,
    /// Most bytes that waited in all rings together.
    pub queue_high_water: AtomicU64,
    /// Recordings that run and are on the disk: a crash does not lose them.
    pub active: AtomicU64,
    /// Recordings that wait for their files.
    pub waiting: AtomicU64,
    /// Files uploaded.
    pub uploaded: AtomicU64,
    /// Uploads that failed.
    pub upload_failures: AtomicU64,
}

impl RecordingFigures {
    /// Writes them on the metrics page.
    pub fn tell(&self, page: &mut Page) {
        self.tell_captures(page);
        self.tell_files(page);
        self.tell_downloads(page);
    }

    fn tell_downloads(&self, page: &mut Page) {
        page.gauge(
            "recording_downloads",
            self.downloads.load(Relaxed),
            "Files of recordings that are read by clients",
        );
        page.counter(
            "recording_fetched_bytes",
            self.fetched_bytes.load(Relaxed),
            "Bytes fetched from the object storage for downloads",
        );
        page.counter(
            "recording_downloads_refused",
            self.downloads_refused.load(Relaxed),
            "Downloads refused because there were too many at once",
        );
    }

    fn tell_captures(&self, page: &mut Page) {
        page.counter(
            "recordings_started",
            self.started.load(Relaxed),
            "Recordings started",
        );
        page.counter(
            "recording_disk_failures",
            self.disk_failures.load(Relaxed),
            "Recordings refused or cut short by the disk",
        );
        page.counter(
            "recording_captured_bytes",
            self.captured_bytes.load(Relaxed),
            "Bytes captured",
        );
        page.gauge(
            "recordings_active",
            self.active.load(Relaxed),
            "Recordings that run and are on the disk",
        );
        page.gauge(
            "recording_queue_high_water_bytes",
            self.queue_high_water.load(Relaxed),
            "Most bytes that waited for the writer of captures",
        );
    }

    fn tell_files(&self, page: &mut Page) {
        page.gauge(
            "recordings_waiting",
            self.waiting.load(Relaxed),
            "Recordings that wait for their files",
        );
        page.counter(
            "recordings_finished",
            self.finished.load(Relaxed),
            "Recordings whose files were made",
        );
        page.counter(
            "recordings_recovered",
            self.recovered.load(Relaxed),
            "Recordings cut off by a crash and recovered at a start",
        );
        page.counter(
            "recording_finish_failures",
            self.finish_failures.load(Relaxed),
            "Failed tries at making a recording's files",
        );
        page.counter(
            "recordings_failed",
            self.failed.load(Relaxed),
            "Recordings that were set aside as their files could not be made",
        );
        page.counter(
            "recording_room_waits",
            self.room_waits.load(Relaxed),
            "Tries at a recording's files for which the disk had no room",
        );
        page.counter(
            "recording_finished_seconds",
            self.finished_seconds.load(Relaxed),
            "Seconds of sound made into files",
        );
        page.counter(
            "recording_finish_milliseconds",
            self.finish_milliseconds.load(Relaxed),
            "Milliseconds that making files took",
        );
        page.counter(
            "recordings_uploaded",
            self.uploaded.load(Relaxed),
            "Recordings uploaded",
        );
        page.counter(
            "recording_upload_failures",
            self.upload_failures.load(Relaxed),
            "Failed tries at an upload",
        );
    }
}

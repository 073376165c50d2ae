//! Counters of recording, for metrics.

use std::sync::atomic::AtomicU64;

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
    /// Bytes captured.
    pub captured_bytes: AtomicU64,
    /// Seconds of sound made into files, and milliseconds that took.
    pub finished_seconds: AtomicU64,
    /// See above.
    pub finish_milliseconds: AtomicU64,
    /// Most bytes that waited in all rings together.
    pub queue_high_water: AtomicU64,
    /// Recordings that wait for their files.
    pub waiting: AtomicU64,
    /// Files uploaded.
    pub uploaded: AtomicU64,
    /// Uploads that failed.
    pub upload_failures: AtomicU64,
}

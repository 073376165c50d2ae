//! Figures of recording and webhooks on the metrics page.

use super::metrics::family;
use crate::recording::RecordingFigures;
use crate::webhook::WebhookFigures;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Puts them before the end of a rendered page.
pub fn recording_figures(page: &mut String, recording: &RecordingFigures, webhooks: &WebhookFigures) {
    let end = page.strip_suffix("# EOF\n").map(str::len);
    page.truncate(end.unwrap_or(page.len()));
    let counters: [(&str, &AtomicU64, &str); 13] = [
        ("recordings_started", &recording.started, "Recordings started"),
        (
            "recordings_finished",
            &recording.finished,
            "Recordings whose files were made",
        ),
        (
            "recordings_recovered",
            &recording.recovered,
            "Recordings cut off by a crash and recovered at a start",
        ),
        (
            "recording_disk_failures",
            &recording.disk_failures,
            "Recordings refused or cut short by the disk",
        ),
        (
            "recording_finish_failures",
            &recording.finish_failures,
            "Failed tries at making a recording's files",
        ),
        (
            "recording_captured_bytes",
            &recording.captured_bytes,
            "Bytes captured",
        ),
        (
            "recording_finished_seconds",
            &recording.finished_seconds,
            "Seconds of sound made into files",
        ),
        (
            "recording_finish_milliseconds",
            &recording.finish_milliseconds,
            "Milliseconds that making files took",
        ),
        ("recordings_uploaded", &recording.uploaded, "Recordings uploaded"),
        (
            "recording_upload_failures",
            &recording.upload_failures,
            "Failed tries at an upload",
        ),
        ("webhooks_delivered", &webhooks.delivered, "Webhooks delivered"),
        ("webhooks_failed", &webhooks.failed, "Failed tries at a webhook"),
        ("webhooks_given_up", &webhooks.given_up, "Webhooks given up"),
    ];
    for (name, value, help) in counters {
        family(page, name, "counter", "_total", value.load(Relaxed), help);
    }
    let gauges: [(&str, &AtomicU64, &str); 4] = [
        (
            "recordings_waiting",
            &recording.waiting,
            "Recordings that wait for their files",
        ),
        (
            "recording_queue_high_water_bytes",
            &recording.queue_high_water,
            "Most bytes that waited for the writer of captures",
        ),
        ("webhooks_pending", &webhooks.pending, "Webhooks that wait"),
        (
            "webhook_targets_open",
            &webhooks.targets_open,
            "Webhook targets that are left alone because they failed",
        ),
    ];
    for (name, value, help) in gauges {
        family(page, name, "gauge", "", value.load(Relaxed), help);
    }
    page.push_str("# EOF\n");
}

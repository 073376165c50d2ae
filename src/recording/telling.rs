//! What a service is told of its recordings.

use crate::config::Recording;
use crate::webhook::WebhookEvent;
use omnigate_recording::file::Format;
use omnigate_recording::manifest::{FileEntry, Manifest};
use omnigate_room::RecordingId;
use serde_json::{Value, json};

/// The route of a file.
pub(crate) fn path_of(recording: RecordingId, name: &str) -> String {
    format!("/api/v1/recordings/{recording}/files/{name}")
}

/// Makes the events of recordings.
pub(super) struct Telling {
    public_url: String,
    /// Of the file that the event names.
    format: Format,
    /// Encrypted files are served as they are: nothing here can decrypt them.
    as_they_are: bool,
}

impl Telling {
    pub(super) fn new(public_url: String, settings: &Recording) -> Telling {
        Telling {
            public_url,
            format: settings.webhook_format,
            as_they_are: settings.key.is_none(),
        }
    }

    /// The event of 12.6.1.
    pub(super) fn completed(&self, manifest: &Manifest) -> WebhookEvent {
        let format = self.format.name();
        let main = manifest
            .files
            .iter()
            .find(|file| file.format == format && file.content != "participant");
        let mut body = about(manifest);
        body["duration"] = main.map_or(0.0, |file| file.duration).into();
        body["files"] = manifest
            .files
            .iter()
            .map(|file| self.described(manifest, file))
            .collect();
        if let Some(main) = main.or(manifest.files.first()) {
            body["file"] = self.described(manifest, main);
        }
        WebhookEvent {
            service_id: manifest.service_id.clone(),
            name: "recording_completed",
            subject: manifest.recording_id.to_string(),
            body,
        }
    }

    fn described(&self, manifest: &Manifest, file: &FileEntry) -> Value {
        // Signed when it is sent: a link lives from then on.
        let url = format!(
            "{}{}",
            self.public_url,
            path_of(manifest.recording_id, &file.name)
        );
        let mut described = json!({
            "url": url, "format": file.format, "sample_rate": file.sample_rate, "channels": file.channels,
            "size": file.size, "sha256": file.sha256, "content": file.content, "duration": file.duration,
        });
        if manifest.file_set.is_some() {
            described["offset"] = file.offset.into();
        }
        if file.encrypted && self.as_they_are {
            described["encrypted"] = true.into();
        }
        described
    }

    /// Its files cannot be made.
    pub(super) fn failed(&self, manifest: &Manifest) -> WebhookEvent {
        let mut body = about(manifest);
        if let Some(failure) = &manifest.failure {
            body["reason"] = failure.reason.as_str().into();
            body["tries"] = failure.tries.into();
        }
        WebhookEvent {
            service_id: manifest.service_id.clone(),
            name: "recording_failed",
            subject: manifest.recording_id.to_string(),
            body,
        }
    }
}

/// Whose recording it is, and from when to when.
fn about(manifest: &Manifest) -> Value {
    let (ended_at, reason) = manifest.end.as_ref().map_or((manifest.started_at, ""), |end| {
        (end.ended_at, end.reason.as_str())
    });
    let mut body = json!({
        "recording_id": manifest.recording_id,
        "room_id": manifest.room_id, "room_type": manifest.room_type, "call_type": manifest.call_type,
        "session": manifest.session, "user_id": manifest.user_id, "user_name": manifest.user_name,
        "started_at": manifest.started_at, "ended_at": ended_at, "end_reason": reason,
    });
    if let (Some(caller), Some(callee)) = (&manifest.caller, &manifest.callee) {
        body["caller"] = caller.as_str().into();
        body["callee"] = callee.as_str().into();
    }
    if let Some(call) = manifest.call_id {
        body["call_id"] = call.to_string().into();
    }
    body
}

//! `[recording]`: what is recorded, what is made of it, where it goes.

use super::faults::Faults;
use super::section::{Check, Word, section, shown, values, web_address, word};
use omnigate_recording::file::Format;
use omnigate_room::Secret;
use serde::Deserialize;
use std::path::PathBuf;

section! {
    /// `recording.*`
    pub struct Recording {
        /// Where recordings are kept.
        dir: PathBuf = "data/recordings".into();
        /// What the files hold.
        content: Content = Content::Mix;
        /// Format of the files that are kept.
        format: Format = Format::Opus;
        /// Format of the file that the webhook names; made beside the others when it is another one.
        webhook_format: Format = Format::Wav;
        /// Says to all that they are recorded, and to each who comes.
        announce: bool = false;
        /// A beep each so many seconds; 0: none.
        beep_seconds: u64 = 0, within 0..=3600;
        /// Nothing is recorded with less free space than this, MiB.
        min_free_mib: u64 = 1024, within 1..=1 << 30;
        /// Recordings older than this are deleted, days; 0: never.
        keep_days: u64 = 0, within 0..=36_500;
        /// The oldest recordings are deleted when all take more than this, MiB; 0: no limit.
        keep_mib: u64 = 0;
        /// An age identity (`AGE-SECRET-KEY-1…`): files are kept encrypted.
        key: Option<Secret> = None;
        /// An age recipient (`age1…`): files are kept encrypted to it, too.
        recipient: Option<String> = None;
        /// Object storage.
        upload: Upload = Upload::default();
    }
}

impl Check for Recording {
    fn check(&self, _: &str, faults: &mut Faults) {
        if let Some(key) = &self.key
            && key.expose().parse::<age::x25519::Identity>().is_err()
        {
            faults.add(
                "recording.key",
                "is no age identity: AGE-SECRET-KEY-1…, as age-keygen makes it",
            );
        }
        if let Some(recipient) = &self.recipient
            && recipient.parse::<age::x25519::Recipient>().is_err()
        {
            let hint = if recipient.starts_with("AGE-SECRET-KEY-") {
                "is a secret key; here stands its recipient, age1…, and the key belongs into recording.key, or far away"
            } else {
                "is no age recipient: age1…, as age-keygen -y prints it"
            };
            faults.add("recording.recipient", hint);
        }
    }
}

section! {
    /// `recording.upload.*`: a bucket of an S3-compatible object storage.
    pub struct Upload {
        /// `s3://BUCKET` or `s3://BUCKET/PREFIX`; none: recordings stay here.
        url: Option<String> = None;
        /// Address of the storage; none: that of AWS.
        endpoint: Option<String> = None;
        /// Region.
        region: Option<String> = None;
        /// Access key id.
        access_key: Option<Secret> = None;
        /// Secret access key.
        secret_key: Option<Secret> = None;
        /// Deletes the files here once the storage has confirmed them.
        remove_local: bool = false;
    }
}

impl Check for Upload {
    fn check(&self, path: &str, faults: &mut Faults) {
        web_address(self.endpoint.as_ref(), "recording.upload.endpoint", faults);
        let bucket = |url: &String| {
            url.strip_prefix("s3://")
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        };
        if let Some(url) = self.url.as_ref().filter(|url| !bucket(url)) {
            faults.add(
                "recording.upload.url",
                format!("`{url}` is not s3://BUCKET or s3://BUCKET/PREFIX"),
            );
        }
        if self.access_key.is_some() != self.secret_key.is_some() {
            faults.add(path, "access_key and secret_key: one of them is missing");
        }
    }
}

/// What the files of a recording hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// What everybody hears, in one channel.
    Mix,
    /// Of 1:1 calls: caller left, callee right. Of rooms: the mix.
    Sides,
    /// The mix, and a file a participant.
    Participants,
}

values! { shown; Content }
values! { word; Format }

impl Word for Format {
    fn parse(name: &str) -> Result<Format, String> {
        Format::parse(name).ok_or_else(|| format!("`{name}` is not opus, wav or flac"))
    }
}

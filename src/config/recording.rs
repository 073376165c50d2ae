//! `recording.*`, `webhook.*` and `service.webhook.*`: what is recorded, what is made of it, who is told.

use super::secret::Secret;
use super::settings::one_or_many;
use ipnet::IpNet;
use omnigate_omnitalk::RecordPolicy;
use omnigate_recording::file::Format;
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// `recording.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Recording {
    /// Where recordings are kept.
    pub dir: PathBuf,
    /// What the files hold.
    pub content: Content,
    /// Format of the files that are kept.
    #[serde(deserialize_with = "format")]
    pub format: Format,
    /// Format of the file that the webhook names; made beside the others when it is another one.
    #[serde(deserialize_with = "format")]
    pub webhook_format: Format,
    /// Says to all that they are recorded, and to each who comes.
    pub announce: bool,
    /// A beep each so many seconds; 0: none.
    pub beep_seconds: u64,
    /// Nothing is recorded with less free space than this, MiB.
    pub min_free_mib: u64,
    /// Recordings older than this are deleted, days; 0: never.
    pub keep_days: u64,
    /// The oldest recordings are deleted when all take more than this, MiB; 0: no limit.
    pub keep_mib: u64,
    /// An age identity (`AGE-SECRET-KEY-1…`): files are kept encrypted.
    pub key: Option<Secret>,
    /// Object storage.
    pub upload: Upload,
}

impl Default for Recording {
    fn default() -> Recording {
        Recording {
            dir: "data/recordings".into(),
            content: Content::Mix,
            format: Format::Opus,
            webhook_format: Format::Wav,
            announce: false,
            beep_seconds: 0,
            min_free_mib: 1024,
            keep_days: 0,
            keep_mib: 0,
            key: None,
            upload: Upload::default(),
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

/// `recording.upload.*`: a bucket of an S3-compatible object storage.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Upload {
    /// `s3://BUCKET` or `s3://BUCKET/PREFIX`; none: recordings stay here.
    pub url: Option<String>,
    /// Address of the storage; none: that of AWS.
    pub endpoint: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Access key id.
    pub access_key: Option<Secret>,
    /// Secret access key.
    pub secret_key: Option<Secret>,
    /// Deletes the files here once the storage has confirmed them.
    pub remove_local: bool,
}

/// `webhook.*`: for all services.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct WebhookRules {
    /// Private, loopback and link-local networks that webhooks may go to all the same.
    #[serde(deserialize_with = "one_or_many")]
    pub allow_private: Vec<IpNet>,
    /// How long a delivery is tried, days.
    pub days: u64,
}

impl Default for WebhookRules {
    fn default() -> WebhookRules {
        WebhookRules {
            allow_private: Vec::new(),
            days: 3,
        }
    }
}

/// `service.webhook.*`
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Webhook {
    /// Target.
    pub url: Option<String>,
    /// Signature secret: any text, or `whsec_` and base64.
    pub secret: Option<Secret>,
    /// The secret before, during rotation: what is sent carries the signatures of both.
    pub previous_secret: Option<Secret>,
    /// Which events are sent.
    #[serde(deserialize_with = "events")]
    pub events: Vec<String>,
}

impl Default for Webhook {
    fn default() -> Webhook {
        Webhook {
            url: None,
            secret: None,
            previous_secret: None,
            events: vec!["recording_completed".to_owned()],
        }
    }
}

/// The events that there are.
pub const EVENTS: [&str; 6] = [
    "recording_completed",
    "call_started",
    "call_answered",
    "call_ended",
    "participant_joined",
    "participant_left",
];

fn events<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
    let given: Vec<String> = one_or_many(d)?;
    match given.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        Some(event) => Err(serde::de::Error::custom(format!(
            "`{event}` is no event; there are {}",
            EVENTS.join(", ")
        ))),
        None => Ok(given),
    }
}

fn format<'de, D: Deserializer<'de>>(d: D) -> Result<Format, D::Error> {
    let name = String::deserialize(d)?;
    Format::parse(&name).ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not opus, wav or flac")))
}

/// `off`, `calls`, `rooms`, `all`, room types, or a list of them.
pub(super) fn policy<'de, D: Deserializer<'de>>(d: D) -> Result<RecordPolicy, D::Error> {
    let words: Vec<String> = one_or_many(d)?;
    words.iter().try_fold(RecordPolicy::default(), |all, word| {
        let one = RecordPolicy::parse(word).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{word}` is not off, calls, rooms, all or a room type (audiocall, videocall, sipcall, audioroom, \
                 videoroom, webinar)"
            ))
        })?;
        Ok(all.or(one))
    })
}

/// What a single value does not tell.
pub(super) fn check(settings: &super::Settings, fault: &mut impl FnMut(&str, String)) {
    for (i, service) in settings.service.iter().enumerate() {
        let webhook = &service.webhook;
        if webhook.url.is_some()
            && webhook
                .secret
                .as_ref()
                .is_none_or(|secret| secret.expose().is_empty())
        {
            fault(
                &format!("service[{i}].webhook.secret"),
                "is missing: what is posted to webhook.url is signed with it".to_owned(),
            );
        }
    }
    let url = &settings.http.public_url;
    if url
        .as_ref()
        .is_some_and(|url| url.trim_end_matches('/').matches('/').count() != 2)
    {
        fault(
            "http.public_url",
            "has a path; it is scheme and host, as https://rooms.example.com".to_owned(),
        );
    }
    let recording = &settings.recording;
    if let Some(key) = &recording.key
        && key.expose().parse::<age::x25519::Identity>().is_err()
    {
        fault(
            "recording.key",
            "is no age identity: AGE-SECRET-KEY-1…, as age-keygen makes it".to_owned(),
        );
    }
    let upload = &recording.upload;
    if let Some(url) = &upload.url
        && url
            .strip_prefix("s3://")
            .is_none_or(|rest| rest.is_empty() || rest.starts_with('/'))
    {
        fault(
            "recording.upload.url",
            format!("`{url}` is not s3://BUCKET or s3://BUCKET/PREFIX"),
        );
    }
    if upload.access_key.is_some() != upload.secret_key.is_some() {
        fault(
            "recording.upload",
            "access_key and secret_key: one of them is missing".to_owned(),
        );
    }
    let store = &settings.store.url;
    if !["sqlite://", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| store.starts_with(scheme))
    {
        fault(
            "store.url",
            "does not start with sqlite:// or postgres://".to_owned(),
        );
    }
}

//! `[[service]]`

use super::faults::Faults;
use super::outbound::is_destination;
use super::section::{Check, join, section, sections, values, web_address, words};
use omnigate_number::{Country, PhoneNumber};
use omnigate_omnitalk::{HostsOnly, RecordPolicy};
use omnigate_room::Secret;
use serde_json::Value;

/// Service ID and Service Key of the built-in service, for trying out. Everybody knows them.
pub(super) const BUILT_IN: &str = "demo";

section! {
    /// One `[[service]]`.
    pub struct Service {
        /// Service ID of the SDK.
        id: String = BUILT_IN.into();
        /// Service Key of the SDK.
        key: Option<Secret> = Some(Secret::new(BUILT_IN));
        /// The key before, during rotation: sessions with either are taken.
        previous_key: Option<Secret> = None;
        /// Refuse sessions without a key (services of mobile apps).
        key_required: bool = false;
        /// What is recorded without being asked.
        record: RecordPolicy = RecordPolicy::default();
        /// The number that its calls to telephones show; one of a trunk's `callers`.
        caller: Option<String> = None;
        /// Whoever is called is not shown it (Privacy: id, RFC 3325 section 9.3); the network is.
        withhold_number: bool = false;
        /// Numbers that it may call; empty: those of the trunk's own country.
        destinations: Vec<String> = Vec::new();
        /// Calls to telephones at once.
        calls: u32 = 20;
        /// Minutes of its calls to telephones a day (UTC), counted from the answer.
        minutes_a_day: u64 = 600;
        /// Whether anything of it is recorded, by policy or when somebody asks.
        recording: bool = true;
        /// What only the host of a room may do, the user who made it: `kick`, `record`, `destroy`.
        hosts_only: HostsOnly = HostsOnly::default();
        /// What it may have at one time.
        quota: ServiceQuota = ServiceQuota::default();
        /// Where events are posted.
        webhook: Webhook = Webhook::default();
    }
}
sections! { Service }

section! {
    /// `service.quota.*`: what a service may have at one time.
    pub struct ServiceQuota {
        /// Sessions.
        sessions: u32 = 10_000, within 1..=1_000_000;
        /// Rooms, those of calls included.
        rooms: u32 = 10_000, within 1..=1_000_000;
        /// Participants of all rooms together, telephones included.
        participants: u32 = 10_000, within 1..=1_000_000;
        /// Calls: 1:1 calls, and telephones in other rooms.
        calls: u32 = 2_000, within 1..=1_000_000;
        /// Call numbers of users and rooms.
        numbers: u32 = 10_000, within 0..=500_000;
        /// Recordings that run.
        recordings: u32 = 500, within 0..=100_000;
        /// Files of recordings, MiB; 0: no limit of its own.
        storage_mib: u64 = 0;
        /// Webhooks that wait for their delivery.
        webhooks: u64 = 100_000, within 1..=10_000_000;
    }
}

impl Check for ServiceQuota {}

values! { hosts_only; HostsOnly }

/// Words of a list.
fn hosts_only(written: Value) -> Result<HostsOnly, String> {
    let all: Vec<String> = words(written)?;
    let mut rights = HostsOnly::default();
    for word in all {
        match word.as_str() {
            "kick" => rights.kick = true,
            "record" => rights.record = true,
            "destroy" => rights.destroy = true,
            _ => return Err(format!("`{word}` is not kick, record or destroy")),
        }
    }
    Ok(rights)
}

impl Check for Service {
    fn check(&self, path: &str, faults: &mut Faults) {
        if self.id.is_empty() {
            faults.add(&join(path, "id"), "is empty");
        }
        check_outbound(self, path, faults);
    }
}

/// What is wrong with its calls to telephones.
fn check_outbound(service: &Service, path: &str, faults: &mut Faults) {
    let number = |text: &String| PhoneNumber::parse(text, Country::korea());
    if service
        .caller
        .as_ref()
        .is_some_and(|caller| number(caller).is_none())
    {
        faults.add(
            &join(path, "caller"),
            "is not a telephone number, as 070-1234-5678",
        );
    }
    let none = |text: &String| !is_destination(text, Country::korea());
    if service.destinations.iter().any(none) {
        faults.add(
            &join(path, "destinations"),
            "an entry is neither a telephone number nor a beginning, as +82* or +1212*, nor *",
        );
    }
}

section! {
    /// `service.webhook.*`
    pub struct Webhook {
        /// Target.
        url: Option<String> = None;
        /// Signature secret: any text, or `whsec_` and base64.
        secret: Option<Secret> = None;
        /// The secret before, during rotation: what is sent carries the signatures of both.
        previous_secret: Option<Secret> = None;
        /// Which events are sent.
        events: Vec<String> = vec!["recording_completed".to_owned()];
    }
}

impl Check for Webhook {
    fn check(&self, path: &str, faults: &mut Faults) {
        web_address(self.url.as_ref(), &join(path, "url"), faults);
        let signed = self
            .secret
            .as_ref()
            .is_some_and(|secret| !secret.expose().is_empty());
        if self.url.is_some() && !signed {
            faults.add(
                &join(path, "secret"),
                "is missing: what is posted to webhook.url is signed with it",
            );
        }
        if let Some(event) = self.events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
            let known = EVENTS.join(", ");
            faults.add(
                &join(path, "events"),
                format!("`{event}` is no event; there are {known}"),
            );
        }
    }
}

/// The events that there are.
pub const EVENTS: [&str; 7] = [
    "recording_completed",
    "recording_failed",
    "call_started",
    "call_answered",
    "call_ended",
    "participant_joined",
    "participant_left",
];

values! { policy; RecordPolicy }

/// `off`, `calls`, `rooms`, `all`, room types, or a list of them.
fn policy(written: Value) -> Result<RecordPolicy, String> {
    let words: Vec<String> = words(written)?;
    words.iter().try_fold(RecordPolicy::default(), |all, word| {
        let one = RecordPolicy::parse(word).ok_or_else(|| {
            format!(
                "`{word}` is not off, calls, rooms, all or a room type (audiocall, videocall, sipcall, audioroom, \
                 videoroom, webinar)"
            )
        })?;
        Ok(all.or(one))
    })
}

//! What the parts are told of the settings.

use crate::config::Settings;
use crate::directory::GuessLimits;
use crate::gateway::{Phrase, Prompts};
use crate::media::{Announcement, MediaSettings};
use omnigate_omnitalk::{HubSettings, NumberRules, Share, TurnSettings};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// What is said to recorded rooms, if anything.
pub(super) fn announcement(settings: &Settings, prompts: &Prompts) -> Option<Announcement> {
    let recording = &settings.recording;
    let announcement = Announcement {
        prompts: if recording.announce {
            prompts.of(settings.ivr.language, &[Phrase::Recorded])
        } else {
            Vec::new()
        },
        beep_each: (recording.beep_seconds > 0).then(|| Duration::from_secs(recording.beep_seconds)),
    };
    let silent = announcement.prompts.is_empty() && announcement.beep_each.is_none();
    (!silent).then_some(announcement)
}

/// Where others reach this server: as configured, or as far as one can tell.
pub(super) fn public_url(settings: &Settings) -> String {
    if let Some(url) = &settings.http.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = if settings.http.tls.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let mut listen = settings.http.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(own_address());
    }
    format!("{scheme}://{listen}")
}

pub(super) fn media_settings(settings: &Settings, advertise: IpAddr) -> MediaSettings {
    let given = &settings.media.advertise;
    MediaSettings {
        bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        advertise: if given.is_empty() {
            vec![advertise]
        } else {
            given.clone()
        },
        rtp_ports: settings.media.rtp_ports.first..=settings.media.rtp_ports.last,
        webrtc_port: settings.media.webrtc_port,
        webrtc_tcp: settings.media.webrtc_tcp,
        shards: settings.media.threads(),
        silence_timeout: Duration::from_secs(settings.media.rtp_timeout_seconds),
        video_codecs: settings.media.video_codecs.clone(),
    }
}

fn share(client: u32, session: u32) -> Share {
    Share {
        client: client as usize,
        session: session as usize,
    }
}

/// What all hubs have in common.
pub(super) fn hub_settings(settings: &Settings) -> HubSettings {
    HubSettings {
        heartbeat: Duration::from_secs(settings.rooms.heartbeat_seconds),
        ring_time: Duration::from_secs(settings.ivr.ring_seconds),
        empty_room: Duration::from_secs(settings.rooms.empty_seconds),
        longest_keep: Duration::from_secs(settings.rooms.kept_days * 86_400),
        room_share: share(settings.rooms.per_client, settings.rooms.per_session),
        number_share: share(settings.numbers.per_client, settings.numbers.per_session),
        chat_bytes: settings.rooms.chat_kib_per_second << 10,
        wrong_secrets: settings.rooms.wrong_secrets,
        wrong_secrets_per_room: settings.rooms.wrong_secrets_per_room,
        secret_bar: Duration::from_secs(settings.rooms.secret_bar_seconds),
        turn: settings.turn.secret.as_ref().map(|secret| TurnSettings {
            secret: secret.clone(),
            lifetime: Duration::from_secs(settings.turn.lifetime_seconds),
        }),
        ..HubSettings::default()
    }
}

/// How often somebody may be wrong about call numbers.
pub(super) fn guess_limits(settings: &Settings) -> GuessLimits {
    GuessLimits {
        per_caller: settings.ivr.wrong_per_caller,
        per_client: settings.numbers.wrong_per_client,
        per_number: settings.ivr.wrong_per_number,
    }
}

/// How long call numbers are kept for those who had them.
pub(super) fn number_rules(settings: &Settings) -> NumberRules {
    NumberRules {
        reserved: Duration::from_secs(settings.numbers.reserved_seconds),
        awaiting: Duration::from_secs(settings.rooms.empty_seconds),
        ..NumberRules::default()
    }
}

/// First non-loopback IPv4 address, else 127.0.0.1.
pub(super) fn own_address() -> IpAddr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    all.iter()
        .map(|i| i.ip())
        .find(|ip| ip.is_ipv4() && !ip.is_loopback())
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

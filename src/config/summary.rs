//! What will run, in a few lines for people. Secrets and telephone numbers are not shown.

use super::recording::{Content, Recording};
use super::service::Service;
use super::settings::Settings;
use super::trunk::Trunk;
use omnigate_omnitalk::NUMBERS;
use url::Url;

/// One line a listener, trunk, service and so on.
pub fn summary(settings: &Settings) -> Vec<String> {
    let mut lines = vec![http(settings), sip(settings), media(settings)];
    lines.extend(settings.trunk.iter().map(trunk));
    lines.extend(settings.service.iter().map(service));
    lines.push(directory(settings));
    lines.push(guessing(settings));
    lines.push(recording(&settings.recording));
    lines.push(line("store", &[shown_url(settings.store.url.expose())]));
    lines.extend(settings.service.iter().filter_map(webhook));
    lines
}

/// How far guessing call numbers gets, with as many in use as a small service has.
fn guessing(settings: &Settings) -> String {
    const LIVE: u64 = 100;
    let (ivr, numbers) = (&settings.ivr, &settings.numbers);
    let entries = NUMBERS / LIVE;
    line(
        "guessing",
        &[
            format!(
                "with {LIVE} numbers in use, {entries} wrong entries on the mean until one leads somewhere"
            ),
            format!(
                "an hour: {} of a caller, {} of a client of the signaling, {} on a called number before it gives one try a call",
                ivr.wrong_per_caller, numbers.wrong_per_client, ivr.wrong_per_number
            ),
        ],
    )
}

fn line(what: &str, parts: &[String]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    format!("  {what:<10} {}", parts.join("; "))
}

fn list<T: ToString>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// Without a user's name and password.
fn shown_url(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return "***".to_owned();
    };
    let named = !parsed.username().is_empty() || parsed.password().is_some();
    if named && (parsed.set_username("***").is_err() || parsed.set_password(None).is_err()) {
        return "***".to_owned();
    }
    // PostgreSQL takes passwords there as well.
    if parsed.query().is_some() && !url.starts_with("sqlite:") {
        parsed.set_query(Some("***"));
    }
    parsed.to_string()
}

fn http(settings: &Settings) -> String {
    let http = &settings.http;
    let scheme = if http.tls.certificate.is_some() {
        "https"
    } else {
        "http"
    };
    let origins = match http.origins.is_empty() {
        true => "pages of any origin".to_owned(),
        false => format!("pages of {}", list(&http.origins)),
    };
    let api = match settings.api.token {
        Some(_) => "API with api.token",
        None => "API with tokens made by command",
    };
    line(
        "http",
        &[format!("{scheme}://{}", http.listen), origins, api.to_owned()],
    )
}

fn sip(settings: &Settings) -> String {
    let advertise = match settings.sip.advertise {
        Some(address) => format!("known as {address}"),
        None => "known by its first address".to_owned(),
    };
    line(
        "sip",
        &[
            list(&settings.sip.listen),
            advertise,
            format!("{} calls", settings.sip.calls),
        ],
    )
}

fn media(settings: &Settings) -> String {
    let media = &settings.media;
    let threads = media.threads();
    let rtp = format!("RTP {}-{}", media.rtp_ports.first, media.rtp_ports.last);
    let transport = if media.webrtc_tcp { "UDP and TCP" } else { "UDP" };
    let webrtc = match media.webrtc_port {
        0 => format!("WebRTC on {threads} free ports, {transport}"),
        first => format!("WebRTC {first}-{}, {transport}", usize::from(first) + threads - 1),
    };
    let advertise = match media.advertise.is_empty() {
        true => String::new(),
        false => format!("known as {}", list(&media.advertise)),
    };
    line(
        "media",
        &[
            rtp,
            webrtc,
            format!("{threads} threads"),
            list(&media.video_codecs),
            advertise,
        ],
    )
}

fn trunk(trunk: &Trunk) -> String {
    let numbers = match trunk.numbers.len() {
        0 => "any number".to_owned(),
        1 => "1 number or range".to_owned(),
        n => format!("{n} numbers or ranges"),
    };
    let mut source = match trunk.allow.is_empty() {
        true => String::new(),
        false => format!("from {}", list(&trunk.allow)),
    };
    let certified = !trunk.tls.peer.is_empty();
    if certified {
        source = format!("by a certificate of {}", list(&trunk.tls.peer));
    } else if !trunk.users.is_empty() {
        let anywhere = if source.is_empty() {
            "from anywhere"
        } else {
            &source
        };
        source = format!("{anywhere} with one of {} passwords", trunk.users.len());
    }
    if !trunk.register.registrar.is_empty() {
        let and = if source.is_empty() { "" } else { ", and " };
        let registrars = list(&trunk.register.registrar);
        source += &format!("{and}from {registrars}, where it registers");
    }
    let profile = trunk.profile.as_ref().map(|name| format!("as {name}"));
    let service = trunk.service.as_ref().map(|id| format!("for service {id}"));
    let out = match (trunk.gateways.len(), trunk.destinations.len()) {
        (0, _) | (_, 0) => "no calls out".to_owned(),
        (_, n) => format!("calls out to {n} numbers or ranges by {}", list(&trunk.gateways)),
    };
    line(
        "trunk",
        &[
            trunk.name.clone(),
            profile.unwrap_or_default(),
            source,
            numbers,
            trunk.country.to_uppercase(),
            service.unwrap_or_default(),
            out,
        ],
    )
}

fn service(service: &Service) -> String {
    let key = match (&service.key, service.key_required) {
        (None, _) => "without a key",
        (Some(_), false) => "key ***",
        (Some(_), true) => "key *** required",
    };
    line("service", &[service.id.clone(), key.to_owned()])
}

fn directory(settings: &Settings) -> String {
    let directory = &settings.directory;
    let token = directory.token.as_ref().map(|_| "token ***".to_owned());
    let url = directory
        .url
        .as_deref()
        .map_or("this process".to_owned(), shown_url);
    line("directory", &[url, token.unwrap_or_default()])
}

fn recording(recording: &Recording) -> String {
    let content = match recording.content {
        Content::Mix => "mix",
        Content::Sides => "sides",
        Content::Participants => "participants",
    };
    let upload = recording
        .upload
        .url
        .as_ref()
        .map(|url| format!("uploaded to {url}"));
    let keep = match (recording.keep_days, recording.keep_mib) {
        (0, 0) => "kept for ever".to_owned(),
        (days, 0) => format!("kept {days} days"),
        (0, mib) => format!("kept up to {mib} MiB"),
        (days, mib) => format!("kept {days} days, up to {mib} MiB"),
    };
    line(
        "recording",
        &[
            recording.dir.display().to_string(),
            format!("{content} as {}", recording.format.name()),
            if recording.key.is_some() || recording.recipient.is_some() {
                "encrypted".to_owned()
            } else {
                String::new()
            },
            keep,
            upload.unwrap_or_default(),
        ],
    )
}

fn webhook(service: &Service) -> Option<String> {
    let url = shown_url(service.webhook.url.as_ref()?);
    Some(line(
        "webhook",
        &[
            format!("{} to {url}", service.id),
            list(&service.webhook.events),
            "secret ***".to_owned(),
        ],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    const ALL: &str = r#"
        http.listen = "0.0.0.0:443"
        http.tls.certificate = "c.pem"
        http.tls.key = "k.pem"
        sip.listen = "udp://192.0.2.1:5060"
        media.shards = 2
        directory.url = "https://user:hush@numbers.example.com"
        directory.token = "hush"
        api.token = "hush"
        turn.secret = "hush"
        recording.keep_days = 30
        recording.upload.url = "s3://calls"
        recording.upload.access_key = "hush"
        recording.upload.secret_key = "hush"
        store.url = "postgres://gate:hush@db.example.com/gate?sslkey=hush"
        [[profile]]
        name = "quirks"
        [[trunk]]
        name = "carrier"
        profile = "quirks"
        allow = ["198.51.100.16/28"]
        numbers = ["070-1234-5678", "0701235*"]
        [[service]]
        id = "shop"
        key = "hush"
        webhook.url = "https://hook:hush@example.com/told"
        webhook.secret = "hush"
    "#;

    #[test]
    fn what_will_run_is_told_and_no_secret_or_number() {
        let lines = summary(&load_text(ALL, []).unwrap()).join("\n");
        for part in [
            "https://0.0.0.0:443",
            "API with api.token",
            "udp://192.0.2.1:5060",
            "RTP 20000-29999",
            "WebRTC 40000-40001, UDP and TCP",
            "carrier; as quirks; from 198.51.100.16/28; 2 numbers or ranges; KR; no calls out",
            "shop; key ***",
            "https://***@numbers.example.com/; token ***",
            "data/recordings; mix as opus; kept 30 days; uploaded to s3://calls",
            "postgres://***@db.example.com/gate?***",
            "shop to https://***@example.com/told; recording_completed; secret ***",
        ] {
            assert!(lines.contains(part), "{part} is not in\n{lines}");
        }
        assert!(!lines.contains("hush") && !lines.contains("1234"), "{lines}");
    }

    #[test]
    fn the_defaults_have_no_webhook_and_an_sqlite_store() {
        let lines = summary(&Settings::default());
        assert!(
            lines
                .iter()
                .any(|line| line.ends_with("sqlite://data/omnigate.db")),
            "{lines:?}"
        );
        assert!(!lines.iter().any(|line| line.contains("webhook")), "{lines:?}");
    }
}

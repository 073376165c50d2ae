//! Reading the layers and checking the result.

use super::faults::{Fault, Faults};
use super::settings::Settings;
use omnigate_sip::{Country, PhoneNumber};
use serde_json::Value;
use std::path::Path;

/// Every key, for nearest-name hints. `[]` stands for an entry of a list.
const KEYS: &[&str] = &[
    "http.listen",
    "http.tls.certificate",
    "http.tls.key",
    "http.public_url",
    "http.origins",
    "http.trusted_proxies",
    "http.limits.connections",
    "http.limits.total_connections",
    "http.limits.connections_per_second",
    "http.limits.connections_burst",
    "http.limits.sessions_per_minute",
    "http.limits.requests_per_second",
    "http.limits.requests_burst",
    "http.limits.loopback",
    "sip.listen",
    "sip.advertise",
    "sip.packets_per_second",
    "sip.connections",
    "sip.calls",
    "media.advertise",
    "media.rtp_ports",
    "media.webrtc_port",
    "media.webrtc_tcp",
    "media.shards",
    "media.rtp_timeout_seconds",
    "media.video_codecs",
    "trunk[].name",
    "trunk[].allow",
    "trunk[].numbers",
    "trunk[].country",
    "trunk[].language",
    "trunk[].service",
    "trunk[].record",
    "service[].id",
    "service[].key",
    "service[].key_required",
    "service[].record",
    "service[].webhook.url",
    "service[].webhook.secret",
    "service[].webhook.previous_secret",
    "service[].webhook.events",
    "ivr.language",
    "ivr.prompts",
    "ivr.first_digit_seconds",
    "ivr.inter_digit_seconds",
    "ivr.tries",
    "ivr.ring_seconds",
    "ivr.wrong_per_caller",
    "ivr.wrong_per_number",
    "directory.url",
    "directory.token",
    "recording.dir",
    "recording.content",
    "recording.format",
    "recording.webhook_format",
    "recording.announce",
    "recording.beep_seconds",
    "recording.min_free_mib",
    "recording.keep_days",
    "recording.keep_mib",
    "recording.key",
    "recording.upload.url",
    "recording.upload.endpoint",
    "recording.upload.region",
    "recording.upload.access_key",
    "recording.upload.secret_key",
    "recording.upload.remove_local",
    "webhook.allow_private",
    "webhook.days",
    "store.url",
    "api.token",
    "turn.secret",
    "turn.lifetime_seconds",
    "rooms.empty_seconds",
    "rooms.heartbeat_seconds",
    "rooms.wrong_secrets",
    "rooms.wrong_secrets_per_room",
    "rooms.secret_bar_seconds",
    "log.level",
    "log.format",
    "shutdown.drain_seconds",
];

/// Keys whose value may be a table of its own (`{ file = … }`).
const SECRETS: &[&str] = &[
    "service[].key",
    "service[].webhook.secret",
    "service[].webhook.previous_secret",
    "recording.key",
    "recording.upload.access_key",
    "recording.upload.secret_key",
    "directory.token",
    "api.token",
    "turn.secret",
];

/// Reads `path` (or `OMNIGATE_CONFIG`, or nothing) and the environment.
pub fn load(path: Option<&Path>) -> Result<Settings, Faults> {
    let named = std::env::var_os("OMNIGATE_CONFIG").map(std::path::PathBuf::from);
    let text = match path.or(named.as_deref()) {
        Some(path) => std::fs::read_to_string(path).map_err(|e| {
            Faults(vec![Fault {
                key: path.display().to_string(),
                message: format!("cannot be read: {e}"),
            }])
        })?,
        None => String::new(),
    };
    load_text(&text, std::env::vars())
}

/// The same from a text and variables.
pub fn load_text(toml: &str, env: impl IntoIterator<Item = (String, String)>) -> Result<Settings, Faults> {
    let variables: std::collections::HashMap<String, String> = env
        .into_iter()
        .filter(|(k, _)| k.starts_with("OMNIGATE__"))
        .collect();
    let environment = config::Environment::with_prefix("OMNIGATE")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("sip.listen")
        .source(Some(variables));
    let layered = config::Config::builder()
        .add_source(config::File::from_str(toml, config::FileFormat::Toml))
        .add_source(environment)
        .build()
        .and_then(config::Config::try_deserialize::<Value>)
        .map_err(|e| {
            Faults(vec![Fault {
                key: "configuration".into(),
                message: e.to_string(),
            }])
        })?;
    let mut faults = Vec::new();
    unknown_keys(&layered, "", &mut faults);
    let settings = typed(layered, &mut faults);
    check(&settings, &mut faults);
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(Faults(faults))
    }
}

fn unknown_keys(value: &Value, path: &str, faults: &mut Vec<Fault>) {
    let general = generalised(path);
    if KEYS.contains(&general.as_str()) {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let key = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                unknown_keys(inner, &key, faults);
            }
        }
        Value::Array(all) if KEYS.iter().any(|k| k.starts_with(&format!("{general}[]"))) => {
            for (i, inner) in all.iter().enumerate() {
                unknown_keys(inner, &format!("{path}[{i}]"), faults);
            }
        }
        Value::Null => {}
        other => {
            let nearest = KEYS
                .iter()
                .map(|k| (strsim::damerau_levenshtein(k, &general), *k))
                .min()
                .filter(|(distance, k)| *distance <= k.len() / 2)
                .map(|(_, k)| format!("; did you mean `{k}`?"))
                .unwrap_or_default();
            faults.push(Fault {
                key: path.to_owned(),
                message: format!("unknown key (value {other}){nearest}"),
            });
        }
    }
}

/// `trunk[0].name` to `trunk[].name`.
fn generalised(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => {
                inside = true;
                out.push('[');
            }
            ']' => {
                inside = false;
                out.push(']');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// Each section by itself, so that every section's fault is found.
fn typed(layered: Value, faults: &mut Vec<Fault>) -> Settings {
    let Value::Object(sections) = layered else {
        return Settings::default();
    };
    let mut good = serde_json::Map::new();
    for (name, value) in sections {
        let mut alone = serde_json::Map::new();
        alone.insert(name.clone(), value.clone());
        match serde_path_to_error::deserialize::<_, Settings>(Value::Object(alone)) {
            Ok(_) => {
                good.insert(name, value);
            }
            Err(e) => {
                let key = e.path().to_string();
                let secret = SECRETS.contains(&generalised(&key).as_str());
                let shown = if secret {
                    String::new()
                } else {
                    shown_value(&value, &key)
                };
                faults.push(Fault {
                    key,
                    message: format!("{shown}{}", e.inner()),
                });
            }
        }
    }
    serde_json::from_value(Value::Object(good)).unwrap_or_default()
}

/// The value at fault, for the message.
fn shown_value(section: &Value, key: &str) -> String {
    let pointer: String = key
        .split_once(['.', '['])
        .map(|(head, _)| key[head.len()..].replace(['.', '['], "/").replace(']', ""))
        .unwrap_or_default();
    match section.pointer(&pointer) {
        Some(v @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => format!("value {v}: "),
        _ => String::new(),
    }
}

fn check(s: &Settings, faults: &mut Vec<Fault>) {
    let mut fault = |key: &str, message: String| {
        faults.push(Fault {
            key: key.to_owned(),
            message,
        })
    };
    if s.sip.listen.is_empty() {
        fault(
            "sip.listen",
            "is empty; name at least one, as \"udp://0.0.0.0:5060\"".into(),
        );
    }
    if s.trunk.is_empty() {
        fault("trunk", "no trunk: nobody can call in; add [[trunk]]".into());
    }
    for (i, t) in s.trunk.iter().enumerate() {
        match Country::find(&t.country) {
            None => fault(
                &format!("trunk[{i}].country"),
                format!("`{}` is not known; known are KR, US, JP, GB, DE, FR", t.country),
            ),
            Some(country) => {
                for n in &t.numbers {
                    if PhoneNumber::parse(n.trim_end_matches('*'), country).is_none() {
                        fault(
                            &format!("trunk[{i}].numbers"),
                            "an entry is not a telephone number, as 070-1234-5678 or 0701234*".into(),
                        );
                    }
                }
            }
        }
        if t.allow.is_empty() {
            fault(
                &format!("trunk[{i}].allow"),
                "is empty: nobody could call; name networks, as [\"203.0.113.0/28\"]".into(),
            );
        }
        if let Some(service) = &t.service
            && !s.service.iter().any(|known| known.id == *service)
        {
            fault(
                &format!("trunk[{i}].service"),
                format!("`{service}` is no [[service]] id"),
            );
        }
        if s.trunk.iter().take(i).any(|other| other.name == t.name) {
            fault(&format!("trunk[{i}].name"), format!("`{}` occurs twice", t.name));
        }
    }
    if s.media.video_codecs.is_empty() {
        fault(
            "media.video_codecs",
            "is empty; name at least one of vp8, h264, vp9".into(),
        );
    }
    for (i, service) in s.service.iter().enumerate() {
        if service.id.is_empty() {
            fault(&format!("service[{i}].id"), "is empty".into());
        }
    }
    let limits = &s.http.limits;
    let ranges: [(&str, u64, u64, u64); 23] = [
        ("ivr.first_digit_seconds", s.ivr.first_digit_seconds, 1, 120),
        ("ivr.inter_digit_seconds", s.ivr.inter_digit_seconds, 1, 60),
        ("ivr.tries", u64::from(s.ivr.tries), 1, 10),
        ("ivr.ring_seconds", s.ivr.ring_seconds, 1, 600),
        ("media.shards", s.media.shards as u64, 0, 256),
        (
            "media.rtp_timeout_seconds",
            s.media.rtp_timeout_seconds,
            1,
            86_400,
        ),
        ("rooms.heartbeat_seconds", s.rooms.heartbeat_seconds, 1, 3600),
        (
            "sip.packets_per_second",
            u64::from(s.sip.packets_per_second),
            1,
            1_000_000,
        ),
        ("http.limits.connections", limits.connections.into(), 1, 1_000_000),
        (
            "http.limits.total_connections",
            limits.total_connections.into(),
            1,
            1_000_000,
        ),
        (
            "http.limits.connections_per_second",
            limits.connections_per_second.into(),
            1,
            1_000_000,
        ),
        (
            "http.limits.connections_burst",
            limits.connections_burst.into(),
            1,
            1_000_000,
        ),
        (
            "http.limits.sessions_per_minute",
            limits.sessions_per_minute.into(),
            1,
            1_000_000,
        ),
        (
            "http.limits.requests_per_second",
            limits.requests_per_second.into(),
            1,
            1_000_000,
        ),
        (
            "http.limits.requests_burst",
            limits.requests_burst.into(),
            1,
            1_000_000,
        ),
        ("recording.beep_seconds", s.recording.beep_seconds, 0, 3600),
        ("recording.keep_days", s.recording.keep_days, 0, 36_500),
        ("recording.min_free_mib", s.recording.min_free_mib, 1, 1 << 30),
        ("webhook.days", s.webhook.days, 1, 30),
        ("turn.lifetime_seconds", s.turn.lifetime_seconds, 1, 31_536_000),
        ("rooms.wrong_secrets", s.rooms.wrong_secrets.into(), 1, 1_000_000),
        (
            "rooms.wrong_secrets_per_room",
            s.rooms.wrong_secrets_per_room.into(),
            1,
            1_000_000,
        ),
        ("rooms.secret_bar_seconds", s.rooms.secret_bar_seconds, 1, 86_400),
    ];
    for (key, value, low, high) in ranges {
        if !(low..=high).contains(&value) {
            fault(key, format!("{value} is not within {low} to {high}"));
        }
    }
    match (&s.http.tls.certificate, &s.http.tls.key) {
        (Some(_), None) => fault(
            "http.tls.key",
            "is missing: http.tls.certificate needs its private key beside it".into(),
        ),
        (None, Some(_)) => fault(
            "http.tls.certificate",
            "is missing: http.tls.key needs its certificate beside it".into(),
        ),
        _ => {}
    }
    if s.turn
        .secret
        .as_ref()
        .is_some_and(|secret| secret.expose().is_empty())
    {
        fault(
            "turn.secret",
            "is empty; it is the TURN server's static-auth-secret".into(),
        );
    }
    let mut web_address = |key: &str, url: &Option<String>| {
        if let Some(url) = url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            fault(key, format!("`{url}` does not start with http:// or https://"));
        }
    };
    web_address("directory.url", &s.directory.url);
    web_address("http.public_url", &s.http.public_url);
    web_address("recording.upload.endpoint", &s.recording.upload.endpoint);
    for (i, service) in s.service.iter().enumerate() {
        web_address(&format!("service[{i}].webhook.url"), &service.webhook.url);
    }
    super::recording::check(s, &mut fault);
    if let Some(folder) = &s.ivr.prompts
        && !folder.is_dir()
    {
        fault("ivr.prompts", format!("`{}` is not a folder", folder.display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Language, SipTransport};

    fn faults(toml: &str) -> Vec<String> {
        load_text(toml, [])
            .unwrap_err()
            .0
            .iter()
            .map(Fault::to_string)
            .collect()
    }

    #[test]
    fn the_defaults_are_those_that_the_documentation_promises() {
        let s = load_text("", []).unwrap();
        assert_eq!(s.http.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(s.sip.listen.len(), 2);
        assert_eq!(s.trunk[0].name, "local");
        assert_eq!(s.service[0].id, "demo");
        assert_eq!(
            (
                s.ivr.first_digit_seconds,
                s.ivr.inter_digit_seconds,
                s.ivr.tries,
                s.ivr.ring_seconds
            ),
            (10, 5, 3, 60)
        );
        assert_eq!(s.media.webrtc_port, 40_000);
        assert!(s.media.webrtc_tcp);
    }

    #[test]
    fn a_variable_wins_over_the_file() {
        let env = [
            ("OMNIGATE__IVR__TRIES".to_owned(), "5".to_owned()),
            (
                "OMNIGATE__SIP__LISTEN".to_owned(),
                "udp://127.0.0.1:7000,tcp://127.0.0.1:7001".to_owned(),
            ),
            ("OMNIGATE__SERVICE".to_owned() + "X", String::new()),
        ];
        let s = load_text("[ivr]\ntries = 2\nlanguage = \"en\"", env[..2].to_vec()).unwrap();
        assert_eq!(s.ivr.tries, 5);
        assert_eq!(s.ivr.language, Language::En);
        assert_eq!(s.sip.listen[1].transport, SipTransport::Tcp);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_value_and_the_nearest_one() {
        let all = faults("[ivr]\ntires = 3\n[[trunk]]\nname = \"a\"\nalow = [\"10.0.0.0/8\"]\n");
        assert!(
            all.iter()
                .any(|f| f.contains("ivr.tires") && f.contains('3') && f.contains("`ivr.tries`")),
            "{all:?}"
        );
        assert!(
            all.iter()
                .any(|f| f.contains("trunk[0].alow") && f.contains("`trunk[].allow`")),
            "{all:?}"
        );
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let all =
            faults("[ivr]\nlanguage = \"fr\"\n[media]\nrtp_ports = \"9\"\n[http]\nlisten = \"nowhere\"\n");
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(
            all.iter()
                .any(|f| f.starts_with("ivr.language") && f.contains("fr"))
        );
        assert!(
            all.iter()
                .any(|f| f.starts_with("media.rtp_ports") && f.contains("20000-29999"))
        );
        assert!(
            all.iter()
                .any(|f| f.starts_with("http.listen") && f.contains("nowhere"))
        );
    }

    #[test]
    fn a_secret_comes_from_a_file_and_never_shows() {
        let dir = std::env::temp_dir().join(format!("omnigate-secret-{}", std::process::id()));
        std::fs::write(&dir, "hush\n").unwrap();
        let s = load_text(&format!("[api]\ntoken = {{ file = \"{}\" }}", dir.display()), []).unwrap();
        assert_eq!(s.api.token.as_ref().unwrap().expose(), "hush");
        assert!(!format!("{s:?}").contains("hush"));
        std::fs::remove_file(dir).unwrap();
        assert!(faults("[api]\ntoken = { env = \"OMNIGATE_NO_SUCH\" }")[0].contains("OMNIGATE_NO_SUCH"));
    }

    #[test]
    fn video_codecs_are_an_ordered_list_and_an_unknown_one_has_its_nearest_named() {
        use omnigate_rtc::VideoCodec::{H264, Vp8};
        let order = |toml: &str| load_text(toml, []).unwrap().media.video_codecs;
        assert_eq!(order("[media]\nvideo_codecs = [\"h264\", \"vp8\"]"), [H264, Vp8]);
        assert_eq!(order("[media]\nvideo_codecs = \"h264,vp8\""), [H264, Vp8]);
        assert_eq!(order("").len(), 3);
        let all = faults("[media]\nvideo_codecs = [\"vp8\", \"H.264\"]");
        assert!(
            all[0].starts_with("media.video_codecs")
                && all[0].contains("`H.264`")
                && all[0].contains("`h264`?"),
            "{all:?}"
        );
        assert!(faults("[media]\nvideo_codecs = []")[0].starts_with("media.video_codecs"));
    }

    #[test]
    fn half_of_a_key_pair_names_the_missing_half() {
        assert!(faults("[http.tls]\ncertificate = \"a.pem\"")[0].starts_with("http.tls.key: is missing"));
        assert!(faults("[http.tls]\nkey = \"a.pem\"")[0].starts_with("http.tls.certificate: is missing"));
    }

    #[test]
    fn an_origin_that_is_none_is_shown_and_explained() {
        let all = faults("[http]\norigins = [\"https://good.example\", \"good.example\"]");
        assert!(
            all[0].starts_with("http.origins")
                && all[0].contains("`good.example`")
                && all[0].contains("https://"),
            "{all:?}"
        );
        let env = [(
            "OMNIGATE__HTTP__ORIGINS".to_owned(),
            "https://a.example, https://*.b.example".to_owned(),
        )];
        assert_eq!(load_text("", env).unwrap().http.origins.len(), 2);
    }

    #[test]
    fn the_turn_secret_never_shows() {
        let s = load_text("[turn]\nsecret = \"hush\"", []).unwrap();
        assert!(!format!("{s:?}").contains("hush"));
        assert!(faults("[turn]\nsecret = \"\"")[0].starts_with("turn.secret: is empty"));
    }

    #[test]
    fn values_out_of_range_say_the_range() {
        assert!(faults("[ivr]\ntries = 0")[0].contains("1 to 10"));
        assert!(
            faults("[[trunk]]\ncountry = \"XX\"")
                .iter()
                .any(|f| f.contains("trunk[0].country"))
        );
    }
}

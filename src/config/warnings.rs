//! What is allowed, and will hurt.

use super::faults::{Fault, Faults};
use super::service::BUILT_IN;
use super::settings::Settings;
use super::trunk::Trunk;
use super::{keys_in_clear, ports, trunk};
use omnigate_number::{Country, PhoneNumber};
use tracing::warn;

/// A token of fewer characters can be guessed.
const GUESSED: usize = 20;

/// What will hurt, by its key.
pub fn warnings(settings: &Settings) -> Vec<Fault> {
    let mut warnings = Faults::default();
    known_keys(settings, &mut warnings);
    weak_token(settings, &mut warnings);
    open_figures(settings, &mut warnings);
    look_ups(settings, &mut warnings);
    trunk::warn(&settings.trunk, &mut warnings);
    keys_in_clear::warn(&settings.trunk, &settings.sip.listen, &mut warnings);
    calls_out(settings, &mut warnings);
    ports::warn(settings, &mut warnings);
    warnings.0
}

/// The same into the log.
pub fn log_warnings(settings: &Settings) {
    for Fault { key, message } in warnings(settings) {
        warn!(key, "{message}");
    }
}

/// The built-in key is in every copy of the documentation.
fn known_keys(settings: &Settings, warnings: &mut Faults) {
    let Some(real) = settings.trunk.iter().find(|trunk| trunk.is_real()) else {
        return;
    };
    for (i, service) in settings.service.iter().enumerate() {
        if service.key.as_ref().is_some_and(|key| key.expose() == BUILT_IN) {
            warnings.add(
                &format!("service[{i}].key"),
                format!(
                    "`{}` has the built-in key, which everybody knows, and trunk `{}` brings calls from outside; set \
                     a key of your own",
                    service.id, real.name
                ),
            );
        }
    }
}

/// Whoever can guess the token is an admin.
fn weak_token(settings: &Settings, warnings: &mut Faults) {
    for (key, token) in [
        ("api.token", &settings.api.token),
        ("metrics.token", &settings.metrics.token),
    ] {
        if token.as_ref().is_some_and(|token| token.expose().len() < GUESSED) {
            warnings.add(
                key,
                format!(
                    "is shorter than {GUESSED} characters, and can be guessed; take a random one, as of `openssl rand \
                     -hex 24`"
                ),
            );
        }
    }
}

/// Another omnigate answers nobody without a token.
fn look_ups(settings: &Settings, warnings: &mut Faults) {
    if settings.directory.url.is_some() && settings.directory.token.is_none() {
        warnings.add(
            "directory.token",
            "is not set, and the omnigate at directory.url answers nobody without a token; make one there with `omnigate \
             token add directory`",
        );
    }
}

/// Figures tell who watches them how many call when.
fn open_figures(settings: &Settings, warnings: &mut Faults) {
    let public = |listen: std::net::SocketAddr| !listen.ip().to_canonical().is_loopback();
    if settings.metrics.token.is_some() {
        return;
    }
    match settings.metrics.listen {
        None if public(settings.http.listen) => warnings.add(
            "metrics.token",
            format!(
                "is not set, and http.listen ({}) is open to others, who can see /metrics; set it, or metrics.listen",
                settings.http.listen
            ),
        ),
        Some(listen) if public(listen) => warnings.add(
            "metrics.token",
            format!("is not set, and metrics.listen ({listen}) is open to others"),
        ),
        _ => {}
    }
}

/// Calls out that will all be refused.
fn calls_out(settings: &Settings, warnings: &mut Faults) {
    for (i, trunk) in settings.trunk.iter().enumerate() {
        if !trunk.gateways.is_empty() && trunk.destinations.is_empty() {
            warnings.add(
                &format!("trunk[{i}].destinations"),
                "is empty: there are gateways, and nothing may be called by them",
            );
        }
    }
    let callers = |trunk: &Trunk| -> Vec<PhoneNumber> {
        let country = Country::find(&trunk.country).unwrap_or(Country::korea());
        let numbers = trunk.callers.iter().filter_map(|one| one.number.as_deref());
        numbers
            .filter_map(|one| PhoneNumber::parse(one, country))
            .collect()
    };
    let all: Vec<PhoneNumber> = settings.trunk.iter().flat_map(callers).collect();
    for (i, service) in settings.service.iter().enumerate() {
        let number = service.caller.as_deref();
        let number = number.and_then(|one| PhoneNumber::parse(one, Country::korea()));
        if number.is_some_and(|number| !all.contains(&number)) {
            warnings.add(
                &format!("service[{i}].caller"),
                "is among no trunk's callers: all calls of this service to telephones are refused",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    /// Keys of the warnings, and the warnings.
    fn warned(toml: &str) -> (Vec<String>, String) {
        // The media threads are as many as the machine has cores otherwise.
        let settings = load_text(&format!("media.shards = 4\n{toml}"), []).unwrap();
        let all = warnings(&settings);
        let text: Vec<String> = all.iter().map(Fault::to_string).collect();
        (
            all.into_iter().map(|warning| warning.key).collect(),
            text.join("\n"),
        )
    }

    fn keys(toml: &str) -> Vec<String> {
        warned(toml).0
    }

    const CARRIER: &str = "[[trunk]]\nname = \"carrier\"\nallow = \"198.51.100.16/28\"\n";
    const OWN: &str = "[[service]]\nid = \"shop\"\nkey = \"own\"\n";

    #[test]
    fn the_defaults_hurt_nobody() {
        assert_eq!(warned("").1, "");
    }

    #[test]
    fn the_built_in_key_beside_a_real_trunk_is_warned_of_whatever_the_service_is_called() {
        let (found, text) = warned(CARRIER);
        assert_eq!(found, ["service[0].key"]);
        assert!(text.contains("`demo`") && text.contains("`carrier`"), "{text}");
        // A service without a key of its own has the built-in one.
        assert_eq!(
            keys(&format!("{CARRIER}[[service]]\nid = \"shop\"\n")),
            ["service[0].key"]
        );
        assert!(keys(&format!("{CARRIER}{OWN}")).is_empty());
        assert!(keys("[[trunk]]\nallow = [\"127.0.0.1/32\", \"::1/128\"]\n").is_empty());
    }

    #[test]
    fn figures_that_everybody_can_see_are_warned_of() {
        assert_eq!(keys("http.listen = \"0.0.0.0:8080\"\n"), ["metrics.token"]);
        assert_eq!(keys("http.listen = \"[::]:8080\"\n"), ["metrics.token"]);
        assert_eq!(keys("metrics.listen = \"0.0.0.0:9100\"\n"), ["metrics.token"]);
        assert!(keys("http.listen = \"[::1]:8080\"\n").is_empty());
        for set in [
            "metrics.listen = \"127.0.0.1:9100\"",
            "metrics.token = \"0123456789abcdef0123\"",
        ] {
            assert!(keys(&format!("http.listen = \"0.0.0.0:8080\"\n{set}\n")).is_empty());
        }
    }

    #[test]
    fn look_ups_that_will_be_refused_are_warned_of() {
        let url = "directory.url = \"http://127.0.0.1:8081\"\n";
        assert_eq!(keys(url), ["directory.token"]);
        assert!(keys(&format!("{url}directory.token = \"0123456789abcdef0123\"\n")).is_empty());
    }

    #[test]
    fn a_token_that_can_be_guessed_is_warned_of() {
        let (found, text) = warned("api.token = \"hush\"\nmetrics.token = \"hush\"\n");
        assert_eq!(found, ["api.token", "metrics.token"]);
        assert!(!text.contains("hush"));
        assert!(keys("api.token = \"0123456789abcdef0123\"\n").is_empty());
    }

    #[test]
    fn a_trunk_that_is_open_to_everybody_is_warned_of() {
        for net in ["0.0.0.0/0", "::/0"] {
            let toml = format!("[[trunk]]\nallow = [\"10.0.0.0/8\", \"{net}\"]\n{OWN}");
            let (found, text) = warned(&toml);
            assert_eq!(found, ["trunk[0].allow"]);
            assert!(text.contains(net), "{text}");
        }
    }

    #[test]
    fn media_from_everybody_is_warned_of() {
        let (found, text) =
            warned("[[trunk]]\nname = \"a\"\nallow = [\"203.0.113.0/28\"]\nmedia = [\"0.0.0.0/0\"]\n");
        assert!(found.contains(&"trunk[0].media".to_owned()), "{text}");
    }

    #[test]
    fn trunks_that_take_the_same_call_are_warned_of() {
        let two = |first: &str, second: &str| {
            keys(&format!(
                "[[trunk]]\nname = \"a\"\n{first}\n[[trunk]]\nname = \"b\"\n{second}\n{OWN}"
            ))
        };
        let net = "allow = \"10.0.0.0/8\"";
        let inner = "allow = [\"192.0.2.0/24\", \"10.1.0.0/16\"]";
        assert_eq!(two(net, inner), ["trunk[1]"]);
        assert_eq!(two(inner, net), ["trunk[1]"]);
        let numbers = |net: &str, numbers: &str| format!("{net}\nnumbers = {numbers}");
        assert_eq!(
            two(
                &numbers(net, "[\"0701234*\"]"),
                &numbers(inner, "[\"+82 70 1234 5678\"]")
            ),
            ["trunk[1]"]
        );
        assert!(two(&numbers(net, "[\"0701234*\"]"), &numbers(inner, "[\"0701235*\"]")).is_empty());
        assert!(two(net, "allow = \"192.0.2.0/24\"").is_empty());
    }

    #[test]
    fn ports_that_two_want_are_warned_of() {
        let (found, text) = warned("media.rtp_ports = \"39990-40001\"\n");
        assert_eq!(found, ["media.webrtc_port"]);
        assert!(
            text.contains("UDP ports 40000 to 40001") && text.contains("media.rtp_ports"),
            "{text}"
        );
        assert_eq!(keys("http.listen = \"127.0.0.1:40003\"\n"), ["media.webrtc_port"]);
        assert!(keys("http.listen = \"127.0.0.1:40004\"\n").is_empty());
        assert!(keys("http.listen = \"127.0.0.1:40003\"\nmedia.webrtc_tcp = false\n").is_empty());
        assert_eq!(
            keys("sip.listen = \"udp://192.0.2.1:20000\"\n"),
            ["media.rtp_ports"]
        );
        assert!(keys("sip.listen = \"tcp://192.0.2.1:20000\"\n").is_empty());
        assert_eq!(keys("media.webrtc_port = 65534\n"), ["media.webrtc_port"]);
    }

    #[test]
    fn one_port_for_two_listeners_is_warned_of() {
        let listen = |all: &str| {
            keys(&format!(
                "http.listen = \"127.0.0.1:5070\"\nsip.listen = [{all}]\n"
            ))
        };
        assert_eq!(listen("\"tcp://0.0.0.0:5070\""), ["sip.listen"]);
        assert_eq!(
            listen("\"udp://0.0.0.0:5060\", \"udp://127.0.0.1:5060\""),
            ["sip.listen"]
        );
        assert_eq!(
            listen("\"udp://[::]:5060\", \"udp://127.0.0.1:5060\""),
            ["sip.listen"]
        );
        assert!(listen("\"udp://0.0.0.0:5070\"").is_empty());
        assert!(listen("\"udp://127.0.0.1:5060\", \"udp://127.0.0.2:5060\"").is_empty());
        assert!(listen("\"udp://127.0.0.1:0\", \"udp://127.0.0.1:0\"").is_empty());
    }
}

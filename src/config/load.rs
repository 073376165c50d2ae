//! Reading the configuration: defaults, file, environment.

use super::faults::Faults;
use super::settings::Settings;
use super::written::Written;
use std::path::Path;

/// Reads `path` (or `OMNIGATE_CONFIG`, or nothing) and the environment.
pub fn load(path: Option<&Path>) -> Result<Settings, Faults> {
    Written::load(path)?.settings()
}

/// The same from a text and variables.
pub fn load_text(toml: &str, env: impl IntoIterator<Item = (String, String)>) -> Result<Settings, Faults> {
    Written::parse(toml, env)?.settings()
}

/// As [`load`]; what has faults has its default instead.
pub fn examine(path: Option<&Path>) -> (Settings, Faults) {
    Written::load(path).map_or_else(
        |faults| (Settings::default(), faults),
        |written| written.examine(),
    )
}

#[cfg(test)]
pub(super) fn examine_text(
    toml: &str,
    env: impl IntoIterator<Item = (String, String)>,
) -> (Settings, Faults) {
    let written = Written::parse(toml, env);
    written.map_or_else(
        |faults| (Settings::default(), faults),
        |written| written.examine(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::faults::Fault;
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
    fn an_unknown_key_is_named_with_the_nearest_one_and_without_its_value() {
        let all = faults(
            "[ivr]\ntires = 77\n[[trunk]]\nname = \"a\"\nalow = [\"10.0.0.0/8\"]\n[api]\ntokn = \"hush\"\n[recording]\nkay = { file = \"hush\" }\n",
        );
        assert!(
            all.iter()
                .any(|f| f.starts_with("ivr.tires") && f.contains("`ivr.tries`")),
            "{all:?}"
        );
        assert!(
            all.iter()
                .any(|f| f.starts_with("api.tokn") && f.contains("`api.token`")),
            "{all:?}"
        );
        assert!(
            !all.iter()
                .any(|f| f.contains("77") || f.contains("10.0") || f.contains("hush")),
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
    fn types_and_ranges_of_one_section_are_reported_together_and_nothing_that_only_follows() {
        let all = faults(
            "[ivr]\ntries = \"many\"\nring_seconds = 0\nlanguage = \"fr\"\n[rooms]\nheartbeat_seconds = 0\n\
             [http.tls]\ncertificate = 5\nkey = \"key.pem\"\n[[service]]\nid = 5\n[[trunk]]\nservice = \"shop\"\n\
             numbers = [7012345678]\ncountry = \"XX\"\n",
        );
        let keys: Vec<&str> = all.iter().filter_map(|f| f.split(": ").next()).collect();
        let wanted = [
            "http.tls.certificate",
            "trunk[0].numbers",
            "trunk[0].country",
            "service[0].id",
            "ivr.language",
            "ivr.tries",
            "ivr.ring_seconds",
            "rooms.heartbeat_seconds",
        ];
        assert_eq!(keys, wanted, "{all:?}");
        assert!(!all.iter().any(|f| f.contains("7012345678")), "{all:?}");
    }

    #[test]
    fn what_is_no_section_says_how_one_is_written_and_not_what_it_holds() {
        let all = faults("api = \"hush\"\ntrunk = \"hush\"\n");
        assert!(
            all[0].starts_with("trunk: ") && all[0].contains("[[trunk]]"),
            "{all:?}"
        );
        assert!(all[1].starts_with("api: ") && all[1].contains("[api]"), "{all:?}");
        assert!(!all.concat().contains("hush"));
    }

    #[test]
    fn a_line_that_is_no_toml_is_told_by_its_place_and_not_by_what_it_holds() {
        for toml in [
            "[ivr]\ntries = 3\n[api]\ntoken = hush hush\n",
            "[api]\ntoken = \"hush",
            "[api]\ntoken = \"hush\" hush\n",
            "api = { token = \"hush\"",
            "[api]\ntoken = \"hush\"\ntoken = \"hush\"\n",
        ] {
            let all = faults(toml);
            assert!(!all.concat().contains("hush"), "{all:?}");
            assert!(all[0].starts_with("configuration: "), "{all:?}");
            assert!(all[0].contains("line "), "{all:?}");
        }
    }

    #[test]
    fn an_empty_secret_is_refused_by_its_key_wherever_it_stands() {
        let all = faults(
            "[api]\ntoken = \"\"\n[metrics]\ntoken = \" \"\n[directory]\ntoken = \"\"\n[turn]\nsecret = \"\"\n[store]\nurl = \"\"\n\
             [recording]\nkey = \"\"\nupload.secret_key = \"\"\n\
             [[service]]\nkey = \"\"\nwebhook.secret = \"\"\nwebhook.previous_secret = \"\"\n\
             [[trunk]]\npassword = \"\"\nregister.password = \"\"\nusers = [{ user = \"a\", password = \"\" }]\n",
        );
        for key in [
            "api.token",
            "metrics.token",
            "directory.token",
            "turn.secret",
            "store.url",
            "recording.key",
            "service[0].key",
            "service[0].webhook.secret",
            "service[0].webhook.previous_secret",
            "trunk[0].password",
            "trunk[0].register.password",
            "trunk[0].users",
        ] {
            let fault = all.iter().find(|fault| fault.starts_with(key));
            let fault = fault.unwrap_or_else(|| panic!("{key} is not refused: {all:#?}"));
            assert!(fault.contains("empty"), "{fault}");
        }
    }

    #[test]
    fn a_secret_of_a_wrong_type_is_not_shown() {
        let all = faults("[api]\ntoken = [\"hush\"]\n[[service]]\nkey = { fil = \"hush\" }\n");
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(
            !all.concat().contains("hush") && all.concat().contains("{ env = "),
            "{all:?}"
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

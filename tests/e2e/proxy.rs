//! Who is who behind a reverse proxy. The test is the proxy: it says what one would say for its clients.

use crate::app::App;
use crate::harness::{Service, http_get};
use serde_json::{Value, json};

const TRUSTED: &str = "http.trusted_proxies = [\"127.0.0.0/8\"]\n";
const ONE: &str = "198.51.100.7";
const OTHER: &str = "198.51.100.8";

#[test]
fn nobody_gets_into_the_api_without_a_token_from_wherever_and_by_whatever_proxy() {
    for settings in ["", TRUSTED] {
        let service = Service::start(settings);
        let status = |headers: &[(&str, &str)]| http_get(service.http, "/api/v1/calls", headers).0;
        assert_eq!(status(&[]), 401, "not even this machine");
        let bearer = service.bearer();
        assert_eq!(service.get("/api/v1/recordings/1/file").0, 404);
        for header in [
            ("X-Forwarded-For", ONE),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-For", "not an address"),
            ("X-Forwarded-For", ""),
            ("Forwarded", "for=198.51.100.7"),
            ("Forwarded", "for=127.0.0.1"),
            ("Forwarded", "for=\""),
        ] {
            assert_eq!(status(&[header]), 401, "{settings}{header:?}");
            assert_eq!(status(&[header, ("Authorization", &bearer)]), 200);
            let file = "/api/v1/recordings/1/file";
            assert_eq!(
                http_get(service.http, file, &[header]).0,
                401,
                "{file} {header:?}"
            );
        }
    }
    let service = Service::start(&format!("{TRUSTED}api.token = \"right\"\n"));
    let headers = [("X-Forwarded-For", ONE), ("Authorization", "Bearer right")];
    assert_eq!(http_get(service.http, "/api/v1/calls", &headers).0, 200);
}

#[test]
fn each_client_behind_a_trusted_proxy_has_its_own_limits() {
    let service = Service::start(&format!(
        "{TRUSTED}http.limits.connections = 2\nhttp.limits.sessions_per_minute = 3\n"
    ));
    let from = |client: &str| App::sign_in_from(&service, "ann", client);
    let _first = from(ONE).unwrap();
    let second = from(&format!("{OTHER}, {ONE}")).unwrap();
    assert_eq!(from(ONE).err(), Some(429), "two are open");
    assert_eq!(
        http_get(service.http, "/healthz", &[("X-Forwarded-For", ONE)]).0,
        429
    );
    assert!(from(OTHER).is_ok());
    drop(second);
    let is_free = || http_get(service.http, "/healthz", &[("X-Forwarded-For", ONE)]).0 == 200;
    service.until("its place is free", is_free);
    drop(from(ONE).unwrap());
    service.until("its place is free again", is_free);
    assert_eq!(from(ONE).err(), Some(429), "three within a minute");
    assert!(from(OTHER).is_ok());

    let service = Service::start("http.limits.sessions_per_minute = 1\nhttp.limits.loopback = true\n");
    assert!(App::sign_in_from(&service, "ann", ONE).is_ok());
    let other = App::sign_in_from(&service, "ann", OTHER);
    assert_eq!(other.err(), Some(429), "nobody trusts this proxy");
}

#[test]
fn new_sessions_of_one_client_give_no_new_tries_at_a_rooms_secret() {
    let service = Service::start(&format!(
        "{TRUSTED}rooms.wrong_secrets = 4\nrooms.secret_bar_seconds = 5\nhttp.limits.sessions_per_minute = 10000\n"
    ));
    let mut ann = App::sign_in(&service, "ann");
    let made = ann.request(
        "CREATE_ROOM",
        json!({"room_type": "audioroom", "secret": "424242"}),
    );
    let join = |client: &str, secret: &str| -> Value {
        let mut app = App::sign_in_from(&service, "guest", client).unwrap();
        app.request("JOIN_ROOM", json!({"room_id": made["room_id"], "secret": secret}))
    };
    for _ in 0..4 {
        let answer = join(ONE, "000000");
        assert!(answer["reason"].as_str().unwrap().contains("wrong"), "{answer}");
    }
    let barred = join(ONE, "424242");
    assert!(
        barred["reason"].as_str().unwrap().contains("Too many"),
        "{barred}"
    );
    assert_eq!(join(OTHER, "424242")["result"], "success");
    service.until("the bar has ended", || join(ONE, "424242")["result"] == "success");
}

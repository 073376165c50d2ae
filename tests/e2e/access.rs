//! Who may ask the API: tokens, their scopes, the first start, names and origins; and what of it is in the audit log.

use crate::app::App;
use crate::harness::{Service, conforms, fetch, http_delete, http_get, http_post};
use crate::recordings::dial;
use crate::recordings_kept::omnigate;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

fn with(service: &Service, token: &str, path: &str) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let (status, body) = http_get(service.http, path, &[("Authorization", &bearer)]);
    conforms("get", path, status, &body);
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// What a command has printed; it must have succeeded.
fn said(output: &Output) -> String {
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{why}");
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .trim()
        .to_owned()
}

const TWO: &str = "[[service]]\nid = \"demo\"\nkey = \"demo\"\n[[service]]\nid = \"shop\"\nkey = \"shop\"\n";

/// A token made by the command.
fn add(service: &Service, arguments: &[&str]) -> Value {
    let server = format!("http://{}", service.http);
    let all = [
        &["token", "add", "for tests", "--json", "--server", &server],
        arguments,
    ]
    .concat();
    serde_json::from_str(&said(&omnigate(service, &all))).unwrap()
}

fn text(token: &Value) -> &str {
    token["token"].as_str().unwrap()
}

#[test]
fn the_first_start_makes_a_token_for_its_owner_that_the_log_does_not_show_and_the_commands_find() {
    let service = Service::start("");
    let file = service.dir.join("data/api-token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = service.token();
    let log = service.log();
    assert!(log.contains("api-token") && !log.contains(&token));
    let (status, body) = http_get(service.http, "/api/v1/calls", &[]);
    assert_eq!(status, 401, "this machine without a token");
    conforms("get", "/api/v1/calls", status, &body);
    assert!(body.contains("api-token"), "{body}");
    assert_eq!(with(&service, &token, "/api/v1/calls").0, 200);
    // What a restart finds holds.
    let service = service.kill_and_restart();
    assert_eq!(service.token(), token);
    let server = format!("http://{}", service.http);
    let status = omnigate(&service, &["trunk", "status", "--server", &server]);
    assert!(said(&status).contains("local"));
    // Taken back by taking the file away.
    std::fs::remove_file(&file).unwrap();
    service.until("the token opens nothing", || {
        with(&service, &token, "/api/v1/calls").0 == 401
    });
    let refused = omnigate(&service, &["token", "list", "--server", &server]);
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && why.contains("data/api-token") && why.contains("OMNIGATE_TOKEN"),
        "{why}"
    );
    let service = service.kill_and_restart();
    assert!(!service.token().is_empty() && service.token() != token);
}

#[test]
fn tokens_are_made_listed_used_and_taken_back_by_command_and_the_audit_log_tells() {
    let service = Service::start(TWO);
    let server = format!("http://{}", service.http);
    let made = add(
        &service,
        &["--scope", "read,calls", "--service", "shop", "--expires", "1d"],
    );
    let (id, token) = (made["id"].as_str().unwrap(), text(&made));
    assert!(token.starts_with(&format!("omt_{id}_")), "{made}");
    assert_eq!(made["scopes"], json!(["read", "calls"]));
    let (status, list) = with(&service, &service.token(), "/api/v1/tokens");
    assert_eq!((status, list["tokens"].as_array().unwrap().len()), (200, 2));
    assert_eq!(list["tokens"][1]["source"], "file");
    assert!(!list.to_string().contains(token.rsplit('_').next().unwrap()));
    assert_eq!(with(&service, token, "/api/v1/calls").0, 200);
    assert_eq!(with(&service, token, "/api/v1/calls").0, 200);
    for path in [
        "/api/v1/tokens",
        "/api/v1/trunks",
        "/api/v1/audit",
        "/api/v1/recordings",
    ] {
        assert_eq!(with(&service, token, path).0, 403, "{path}");
    }
    let shown = said(&omnigate(&service, &["token", "show", id, "--server", &server]));
    assert!(
        shown.contains("read,calls") && shown.contains("shop") && !shown.contains("used -"),
        "{shown}"
    );
    // What was made before a restart holds after it.
    let service = service.kill_and_restart();
    let server = format!("http://{}", service.http);
    assert_eq!(with(&service, token, "/api/v1/calls").0, 200);
    said(&omnigate(&service, &["token", "remove", id, "--server", &server]));
    assert_eq!(with(&service, token, "/api/v1/calls").0, 401);
    let (status, gone) = with(&service, &service.token(), &format!("/api/v1/tokens/{id}"));
    assert_eq!((status, &gone["state"]), (200, &json!("revoked")));
    let bearer = service.bearer();
    let delete = |id: &str| {
        let path = format!("/api/v1/tokens/{id}");
        http_delete(service.http, &path, &[("Authorization", &bearer)]).0
    };
    assert_eq!((delete(id), delete("nobody")), (404, 404));
    let of = |what: &str| {
        let arguments = ["audit", "--json", "--what", what, "--server", &server];
        let lines = said(&omnigate(&service, &arguments));
        let all = lines.lines().map(|line| serde_json::from_str(line).unwrap());
        all.collect::<Vec<Value>>()
    };
    service.until("all is written", || of("token_remove").len() == 3);
    let added = &of("token_add")[0];
    assert_eq!(
        (
            &added["subject"],
            &added["who"],
            &added["service_id"],
            &added["from"]
        ),
        (
            &json!(id),
            &json!({"kind": "token", "id": "file"}),
            &json!("shop"),
            &json!("127.0.0.1")
        )
    );
    assert!(!of("token_first_use").is_empty());
    let denied = of("denied");
    assert_eq!(denied.len(), 5, "{denied:?}");
    assert!(denied.iter().all(|one| one["result"] == "denied"));
    assert_eq!(of("token_remove")[2]["result"], "ok");
    assert_eq!(of("service_start").len(), 2);
    assert_eq!(added["detail"]["scopes"], json!(["read", "calls"]));
    let audit = said(&omnigate(&service, &["audit", "--who", id, "--server", &server]));
    assert!(audit.contains("token_first_use"), "{audit}");
    // The one of the first start, by itself: it is the last thing that it opens.
    said(&omnigate(
        &service,
        &["token", "remove", "file", "--server", &server],
    ));
    assert!(!service.dir.join("data/api-token").exists());
}

#[test]
fn the_token_of_the_configuration_is_shown_as_its_and_taken_back_there_alone() {
    let service = Service::start("api.token = \"of the configuration\"\n");
    assert!(!service.dir.join("data/api-token").exists());
    let (status, list) = with(&service, "of the configuration", "/api/v1/tokens");
    assert_eq!(
        (
            status,
            &list["tokens"][0]["source"],
            list["tokens"].as_array().unwrap().len()
        ),
        (200, &json!("configuration"), 1)
    );
    assert!(!list.to_string().contains("of the configuration"));
    let bearer = [("Authorization", "Bearer of the configuration")];
    let (status, why) = http_delete(service.http, "/api/v1/tokens/configuration", &bearer);
    conforms("delete", "/api/v1/tokens/configuration", status, &why);
    assert!(status == 409 && why.contains("api.token"), "{why}");
}

#[test]
fn what_is_wrong_with_a_wanted_token_is_said_by_its_field() {
    let service = Service::start(TWO);
    for (body, status, word) in [
        ("{", 400, "JSON"),
        (r#"{"name": "a", "scopes": ["read"], "more": 1}"#, 422, "more"),
        (r#"{"name": "", "scopes": ["admin"]}"#, 422, "name: "),
        (r#"{"name": "a", "scopes": []}"#, 422, "scopes: "),
        (r#"{"name": "a", "scopes": ["reed"]}"#, 422, "reed"),
        (r#"{"name": "a", "scopes": ["read"]}"#, 422, "service_id: "),
        (
            r#"{"name": "a", "scopes": ["admin"], "service_id": "shop"}"#,
            422,
            "scopes: ",
        ),
        (
            r#"{"name": "a", "scopes": ["read"], "service_id": "bank"}"#,
            422,
            "service_id: ",
        ),
        (
            r#"{"name": "a", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}"#,
            422,
            "expires_at: ",
        ),
        (
            r#"{"name": "a", "scopes": ["admin"], "expires_at": "soon"}"#,
            422,
            "expires_at: ",
        ),
    ] {
        let (found, answer) = service.post("/api/v1/tokens", body);
        let status = if word == "more" { found } else { status };
        assert_eq!(found, status, "{body}: {answer}");
        conforms("post", "/api/v1/tokens", found, &answer);
        assert!(answer.contains(word), "{body}: {answer}");
    }
}

#[test]
fn a_services_token_sees_what_is_its_services_and_the_rest_is_not_there() {
    let service = Service::start(&format!("recording.min_free_mib = 1\n{TWO}"));
    let all = ["--scope", "read,rooms,calls,recordings", "--service"];
    let ours = add(&service, &[&all[..], &["demo"]].concat());
    let theirs = add(&service, &[&all[..], &["shop"]].concat());
    let mut app = App::sign_in(&service, "ann");
    let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
    let number = app.request("MAKE_SIPNUM", json!({"room_id": room}))["call_number"].clone();
    app.request("JOIN_ROOM", json!({"room_id": room}));
    let record = |app: &mut App, action: &str| {
        let answer = app.request("RECORDING", json!({"action": action, "track": "audio"}));
        assert_eq!(answer["result"], "success", "{answer}");
    };
    record(&mut app, "start");
    let phone = dial(&service, number.as_str().unwrap(), "01099998888", 440.0);
    let calls = |token: &Value| with(&service, text(token), "/api/v1/calls").1["calls"].clone();
    service.until("the call is our service's", || {
        calls(&ours)[0]["service"] == "demo"
    });
    assert_eq!(calls(&theirs), json!([]));
    phone.hang_up();
    let number = format!("/api/v1/call-numbers/{}", number.as_str().unwrap());
    assert_eq!(with(&service, text(&ours), &number).0, 200);
    assert_eq!(with(&service, text(&theirs), &number).0, 404);
    let mut id = String::new();
    service.until("it is recorded", || {
        let (_, list) = with(&service, text(&ours), "/api/v1/recordings");
        id = list["recordings"][0]["recording_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        !id.is_empty()
    });
    record(&mut app, "stop");
    let one = format!("/api/v1/recordings/{id}");
    assert_eq!(with(&service, text(&ours), &one).0, 200);
    let (status, list) = with(&service, text(&theirs), "/api/v1/recordings?limit=5");
    assert_eq!((status, &list["recordings"]), (200, &json!([])));
    assert_eq!(
        with(&service, text(&theirs), "/api/v1/recordings?service_id=demo").0,
        403
    );
    let bearer = format!("Bearer {}", text(&theirs));
    let headers = [("Authorization", bearer.as_str())];
    for path in [
        one.clone(),
        format!("{one}/file"),
        format!("{one}/files/mix.opus"),
    ] {
        assert_eq!(http_get(service.http, &path, &headers).0, 404, "{path}");
    }
    assert_eq!(http_delete(service.http, &one, &headers).0, 404);
    assert_eq!(
        http_post(service.http, &format!("{one}/pause"), "", &headers).0,
        404
    );
    assert_eq!(
        with(&service, text(&theirs), "/api/v1/calls").1["calls"],
        json!([])
    );
}

/// The whole answer to an admin's request for this host.
fn ask(service: &Service, host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(service.http).unwrap();
    let bearer = service.bearer();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {bearer}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_request_for_a_name_that_somebody_made_lead_here_is_refused_with_the_setting() {
    let service = Service::start("");
    let to = |host: &str, path: &str| ask(&service, host, path);
    for path in ["/", "/api/v1/calls", "/ws", "/metrics"] {
        let answer = to("evil.example:8080", path);
        assert!(
            answer.starts_with("HTTP/1.1 421 ") && answer.contains("http.hosts"),
            "{path}: {answer}"
        );
    }
    assert!(to("evil.example", "/healthz").starts_with("HTTP/1.1 200"));
    assert!(to("localhost:1", "/api/v1/calls").starts_with("HTTP/1.1 200"));
    assert_eq!(service.metric("omnigate_http_refused_total{kind=\"host\"}"), 4.0);
    let service = Service::start(
        "http.public_url = \"https://rooms.example.com\"\nhttp.hosts = \"*.inside.example\"\n",
    );
    for host in ["rooms.example.com", "gate.inside.example"] {
        let answer = ask(&service, host, "/api/v1/calls");
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
    assert!(ask(&service, "evil.example", "/").starts_with("HTTP/1.1 421"));
}

#[test]
fn pages_of_other_origins_use_the_api_when_theirs_is_set_and_are_refused_otherwise() {
    let service = Service::start("http.api_origins = [\"https://app.example.com\"]\n");
    let bearer = service.bearer();
    let ask = |origin: &str| {
        let headers = [("Origin", origin), ("Authorization", bearer.as_str())];
        fetch(service.http, "/api/v1/calls", &headers)
    };
    let (status, head, _) = ask("https://app.example.com");
    let head = head.to_ascii_lowercase();
    assert_eq!(status, 200);
    assert!(
        head.contains("access-control-allow-origin: https://app.example.com\r\n")
            && head.contains("vary: origin")
            && !head.contains("allow-credentials"),
        "{head}"
    );
    let (status, head, body) = ask("https://evil.example");
    assert_eq!(status, 403, "{}", String::from_utf8_lossy(&body));
    assert!(!head.to_ascii_lowercase().contains("access-control"), "{head}");
    assert_eq!(ask(&format!("http://{}", service.http)).0, 200, "our own page");
    let preflight = |origin: &str| {
        let headers = [("Origin", origin), ("Access-Control-Request-Method", "DELETE")];
        crate::harness::exchange(service.http, "OPTIONS", "/api/v1/recordings/1", &headers)
    };
    let (status, head, _) = preflight("https://app.example.com");
    assert_eq!(status, 204);
    let head = head.to_ascii_lowercase();
    assert!(
        head.contains("access-control-allow-methods: ") && head.contains("authorization"),
        "{head}"
    );
    assert_eq!(preflight("https://evil.example").0, 403);
}

/// Paths of the description, with something in the place of each parameter.
fn described() -> impl Iterator<Item = String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let paths: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  /")?.strip_suffix(':'))
        .map(|path| {
            let part = |part: &str| {
                if part.starts_with('{') {
                    "1".to_owned()
                } else {
                    part.to_owned()
                }
            };
            let parts: Vec<String> = path.split('/').map(part).collect();
            format!("/{}", parts.join("/"))
        })
        .collect();
    paths.into_iter()
}

#[test]
fn every_answer_says_what_a_browser_may_do_with_it() {
    let service = Service::start("");
    let head = |path: &str| {
        let (status, head, _) = service.fetch(path, &[]);
        (status, head.to_ascii_lowercase())
    };
    let pages = ["/", "/page/app.js", "/omnitalk.d.ts", "/nowhere"];
    // Every route that is described, and one that is not.
    let api: Vec<String> = described()
        .filter(|path| path.starts_with("/api/"))
        .chain(["/api/v1/nowhere".to_owned()])
        .collect();
    assert!(api.len() > 15, "{api:?}");
    let others = ["/metrics", "/healthz", "/readyz"].map(str::to_owned);
    for path in pages.map(str::to_owned).iter().chain(&api).chain(&others) {
        let (_, head) = head(path);
        for line in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(head.contains(line), "{path}: {line} is not in {head}");
        }
    }
    for path in pages {
        let (_, head) = head(path);
        for line in [
            "object-src 'none'",
            "cross-origin-opener-policy: same-origin",
            "permissions-policy: microphone=(self), camera=(self), display-capture=(self)",
        ] {
            assert!(head.contains(line), "{path}: {line} is not in {head}");
        }
    }
    for path in &api {
        let (_, head) = head(path);
        assert!(head.contains("cache-control: no-store"), "{path}: {head}");
        let (status, _, _) = fetch(service.http, path, &[]);
        let closed = [401, 404, 405].contains(&status);
        assert!(closed, "{path} answers {status} without a token");
    }
    // Refusals too.
    let (status, head, _) = fetch(service.http, "/api/v1/calls", &[]);
    assert_eq!(status, 401);
    assert!(
        head.to_ascii_lowercase().contains("www-authenticate: bearer"),
        "{head}"
    );
}

#[test]
fn figures_are_for_those_with_their_token_or_on_a_listener_of_their_own() {
    let service = Service::start("metrics.token = \"of the figures, and long\"\n");
    let ask = |bearer: &str| {
        let headers = [("Authorization", bearer)];
        http_get(service.http, "/metrics", &headers).0
    };
    assert_eq!(http_get(service.http, "/metrics", &[]).0, 401);
    assert_eq!(ask("Bearer wrong"), 401);
    assert_eq!(ask("Bearer of the figures, and long"), 200);
    assert_eq!(ask(&service.bearer()), 200, "an admin");
    drop(service);
    let service = Service::start("metrics.listen = \"127.0.0.1:29109\"\n");
    let own = "127.0.0.1:29109".parse().unwrap();
    assert_eq!(http_get(service.http, "/metrics", &[]).0, 404);
    let (status, page) = http_get(own, "/metrics", &[]);
    assert!(
        status == 200 && page.contains("omnigate_signaling_sockets"),
        "{page}"
    );
    assert_eq!(http_get(own, "/api/v1/calls", &[]).0, 404);
}

#[test]
fn a_client_that_asks_too_often_hears_429() {
    let service = Service::start("[http.limits]\nloopback = true\nhttp_per_second = 1\nhttp_burst = 40\n");
    let status = |n: u8| {
        let mut stream = crate::listener::from([127, 0, 0, n], service.http);
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answers: Vec<String> = (0..50).map(|_| status(2)).collect();
    let refused = answers
        .iter()
        .filter(|one| one.starts_with("HTTP/1.1 429"))
        .count();
    assert!((5..=10).contains(&refused), "{refused}");
    let refusal = answers.last().unwrap().to_ascii_lowercase();
    assert!(
        refusal.contains("retry-after: ") && refusal.contains("problem+json"),
        "{refusal}"
    );
    assert!(status(3).starts_with("HTTP/1.1 200"), "others are heard");
}

#[test]
fn the_page_of_figures_is_made_once_a_second_but_for_admins_who_want_it_anew() {
    let service = Service::start("");
    let sockets = |page: &str| {
        let line = page
            .lines()
            .find(|line| line.starts_with("omnigate_signaling_sockets "));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    let plain = || sockets(&http_get(service.http, "/metrics", &[]).1);
    assert_eq!(plain(), "0");
    let _app = App::sign_in(&service, "ann");
    let stale = (0..20).map(|_| plain()).filter(|seen| seen == "0").count();
    assert!(stale > 0, "each of twenty was made anew");
    assert_eq!(sockets(&service.figures().1), "1");
    service.until("a second is over", || plain() == "1");
}

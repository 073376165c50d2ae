//! The API answers as its description says, whatever it is asked: schemathesis reads the description and makes the requests, those
//! that fit and those that do not.

use crate::harness::{Service, conforms, exchange, http_body, request};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOKEN: &str = "a-token-for-descriptions-1234";

/// What schemathesis judges, one behind the other.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance,\
                      ignored_auth";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn description() -> PathBuf {
    root().join("docs/openapi.yaml")
}

/// The token is none that schemathesis can take back.
fn service() -> Service {
    Service::start(&format!(
        "api.token = \"{TOKEN}\"\n[[service]]\nid = \"demo\"\nkey = \"demo\"\n"
    ))
}

/// Whether the service answers as this description says, and what was said of it.
fn judged(service: &Service, description: &Path, arguments: &[&str]) -> (bool, String) {
    let python = root().join(".test/venv/bin");
    let out = Command::new(python.join("schemathesis"))
        .current_dir(&service.dir)
        .arg("run")
        .arg(description)
        .args(["--url", &format!("http://{}", service.http)])
        .args(["-H", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", CHECKS, "--no-color", "--warnings", "off"])
        // The same requests each time, and no more than fit into some seconds.
        .args(["--seed", "1", "--generation-database", "none", "--no-shrink"])
        .args(["--suppress-health-check", "all", "--request-timeout", "20"])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let why = String::from_utf8_lossy(&out.stderr);
    (out.status.success(), format!("{said}{why}"))
}

#[test]
fn the_api_answers_as_its_description_says_whatever_it_is_asked() {
    let service = service();
    let (good, said) = judged(&service, &description(), &["--max-examples", "10"]);
    assert!(good, "{said}");
    // It has asked, and has got somewhere.
    assert!(said.contains("Tested: "), "{said}");
    for what in ["room_create", "room_destroy", "token_add", "trunk_add"] {
        service.until(&format!("{what} is in the audit log"), || {
            let (_, audit) = audit(&service, what);
            let mut all = audit["entries"].as_array().unwrap().iter();
            all.any(|entry| entry["result"] == "ok")
        });
    }
}

fn audit(service: &Service, what: &str) -> (u16, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let path = format!("/api/v1/audit?limit=1000&what={what}");
    let (status, body) = request(service.http, "GET", &path, &[("Authorization", &bearer)]);
    (status, serde_json::from_slice(&body).unwrap())
}

#[test]
fn a_description_that_says_something_else_is_found_out() {
    let service = service();
    let text = std::fs::read_to_string(description()).unwrap();
    for (says, said_instead) in [
        // A field that there is not.
        ("required: [rooms, next]", "required: [rooms, next, last]"),
        // A status that is not told of.
        (
            "'422': { $ref: '#/components/responses/Problem' }",
            "'499': { $ref: '#/components/responses/Problem' }",
        ),
        // A rule that does not hold.
        ("pattern: '^[ -~]+$'", "pattern: '^[a-z]+$'"),
    ] {
        assert!(text.contains(says), "{says}");
        let wrong = service.dir.join("wrong.yaml");
        std::fs::write(&wrong, text.replace(says, said_instead)).unwrap();
        let arguments = ["--include-path", "/api/v1/rooms", "--max-examples", "20"];
        let (good, said) = judged(&service, &wrong, &arguments);
        assert!(!good && said.contains("FAILURES"), "{said_instead}: {said}");
    }
}

#[test]
fn every_refusal_below_the_api_is_a_problem() {
    let service = service();
    let bearer = format!("Bearer {TOKEN}");
    let auth = ("Authorization", bearer.as_str());
    let problem = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let (status, head, body) = exchange(service.http, method, path, headers);
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("content-type: application/problem+json"),
            "{method} {path}: {head}"
        );
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], status, "{body}");
        (status, head)
    };
    for path in [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/rooms",
        "/api/%FF",
    ] {
        assert_eq!(problem("GET", path, &[auth]).0, 404, "{path}");
        assert_eq!(problem("TRACE", path, &[auth]).0, 404, "{path}");
    }
    let (status, head) = problem("PUT", "/api/v1/rooms", &[auth]);
    assert!(status == 405 && head.contains("allow: get,head,post"), "{head}");
    assert_eq!(problem("GET", "/api/v1/rooms/%FF", &[auth]).0, 400);
    assert_eq!(problem("DELETE", "/api/v1/tokens/%FF%FE", &[auth]).0, 400);
    assert_eq!(
        problem("POST", "/api/v1/rooms", &[auth, ("Content-Type", "text/plain")]).0,
        415
    );
    assert_eq!(problem("POST", "/api/v1/rooms", &[auth]).0, 415);
    assert_eq!(
        problem("GET", "/api/v1/calls?limit=99999999999999999999", &[auth]).0,
        400
    );
    for (body, expected) in [
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        ("\u{0}", 400),
        (&"x".repeat(3 << 20), 413),
    ] {
        let (status, answer) = http_body(service.http, "POST", "/api/v1/rooms", body, &[auth]);
        conforms("post", "/api/v1/rooms", status, &answer);
        assert_eq!(status, expected, "{answer}");
    }
}

#[test]
fn the_description_is_served_to_everybody_who_has_it_not_yet() {
    let service = service();
    let (status, head, body) = exchange(service.http, "GET", "/openapi.yaml", &[]);
    assert_eq!(status, 200);
    assert_eq!(body, std::fs::read(description()).unwrap());
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(name));
        line.unwrap()[name.len()..].trim().to_owned()
    };
    assert_eq!(header("content-type:"), "application/yaml");
    assert_eq!(header("cache-control:"), "no-cache");
    let tag = header("etag:");
    let (status, _, body) = exchange(service.http, "GET", "/openapi.yaml", &[("If-None-Match", &tag)]);
    assert_eq!((status, body.len()), (304, 0));
}

/// A room is asked for with this key.
fn make(service: &Service, key: &str, subject: &str) -> (u16, String) {
    let body = json!({ "room_type": "webinar", "service_id": "demo", "subject": subject });
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Idempotency-Key", key)];
    let (status, answer) = http_body(service.http, "POST", "/api/v1/rooms", &body.to_string(), &headers);
    conforms("post", "/api/v1/rooms", status, &answer);
    (status, answer)
}

#[test]
fn what_is_asked_for_twice_with_one_key_is_made_and_noted_once() {
    let service = service();
    let first = make(&service, "visit-1", "a visit");
    assert_eq!(first.0, 201, "{}", first.1);
    assert_eq!(make(&service, "visit-1", "a visit"), first);
    assert_eq!(make(&service, "visit-1", "another").0, 422);
    assert_eq!(make(&service, &"x".repeat(256), "a visit").0, 400);
    let bearer = format!("Bearer {TOKEN}");
    let rooms = |service: &Service| {
        let list = request(
            service.http,
            "GET",
            "/api/v1/rooms?service_id=demo",
            &[("Authorization", &bearer)],
        );
        let list: Value = serde_json::from_slice(&list.1).unwrap();
        list["rooms"].as_array().unwrap().len()
    };
    assert_eq!(rooms(&service), 1);
    service.until("it is noted", || {
        !audit(&service, "room_create").1["entries"]
            .as_array()
            .unwrap()
            .is_empty()
    });
    // At once, by many: one makes it, and whoever is refused meanwhile gets it by asking again.
    let answers: Vec<(u16, String)> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| make(&service, "visit-2", "another visit")))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(
        answers.iter().all(|(status, _)| [201, 409].contains(status)),
        "{answers:?}"
    );
    let second = make(&service, "visit-2", "another visit");
    let made: Vec<_> = answers.iter().filter(|(status, _)| *status == 201).collect();
    assert!(
        !made.is_empty() && made.iter().all(|one| **one == second),
        "{answers:?}"
    );
    assert_eq!(rooms(&service), 2);
    let noted = || {
        audit(&service, "room_create").1["entries"]
            .as_array()
            .unwrap()
            .len()
    };
    service.until("both are noted", || noted() >= 2);
    assert_eq!(noted(), 2);
    // Answers may hold secrets that are shown once, so nothing of them is in the store.
    let service = service.kill_and_restart();
    assert_eq!(make(&service, "visit-1", "a visit").0, 201);
    assert_eq!(rooms(&service), 3);
}

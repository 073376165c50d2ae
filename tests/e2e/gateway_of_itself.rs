//! One omnigate looks numbers up at another; the API; the notify socket.

use crate::app::App;
use crate::harness::{Service, http_get};
use serde_json::{Value, json};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

#[test]
fn a_number_is_looked_up_at_another_omnigate() {
    let home = Service::start("api.token = \"hush\"\n");
    let mut owner = App::sign_in(&home, "bob");
    let number = owner.personal_number();
    let remote = format!(
        "directory.url = \"http://{}\"\ndirectory.token = \"hush\"\n",
        home.http
    );
    let edge = Service::start(&remote);
    // The same person is signed in at the edge too, where the call arrives.
    let mut app = App::sign_in(&edge, "bob");
    let phone = edge.phone("07012345678", &["--digits", &number, "--for", "20"]);
    app.wait_for("WS_RINGING_NOTI");
    phone.hang_up();
    app.wait_for("WS_LEAVE_NOTI");
}

#[test]
fn a_directory_that_does_not_answer_gives_an_apology() {
    let edge = Service::start("directory.url = \"http://127.0.0.1:9\"\nivr.language = \"en\"\n");
    let report = edge
        .phone("07012345678", &["--digits", "123456", "--for", "30"])
        .report();
    assert!(
        report["reason"].as_str().unwrap().contains("look_up_failed"),
        "{report}"
    );
}

#[test]
fn the_look_up_route_knows_numbers_tokens_and_faults() {
    let service = Service::start("api.token = \"hush\"\n");
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let path = format!("/api/v1/call-numbers/{number}");
    assert_eq!(http_get(service.http, &path, &[]).0, 401);
    assert_eq!(
        http_get(service.http, &path, &[("Authorization", "Bearer wrong")]).0,
        401
    );
    let auth = [("Authorization", "Bearer hush")];
    let (status, body) = http_get(service.http, &path, &auth);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["target"], json!({"kind": "user", "id": "bob"}));
    assert_eq!(http_get(service.http, "/api/v1/call-numbers/12", &auth).0, 400);
    let unknown = if number == "100000" { "100001" } else { "100000" };
    assert_eq!(
        http_get(service.http, &format!("/api/v1/call-numbers/{unknown}"), &auth).0,
        404
    );
    app.request("LEAVE", json!({}));
    service.until("the number has ended", || {
        http_get(service.http, &path, &auth).0 == 410
    });
}

#[test]
fn the_service_manager_is_told_of_start_life_and_end() {
    let path = std::env::temp_dir().join(format!("omnigate-notify-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let env = [
        ("NOTIFY_SOCKET", path.display().to_string()),
        ("WATCHDOG_USEC", "200000".to_owned()),
    ];
    let mut service = Service::start_with("", &env);
    let heard = |wanted: &str| {
        let mut buffer = [0; 256];
        for _ in 0..50 {
            let n = socket.recv(&mut buffer).unwrap();
            if String::from_utf8_lossy(&buffer[..n]).contains(wanted) {
                return true;
            }
        }
        false
    };
    assert!(heard("READY=1"));
    assert!(heard("WATCHDOG=1"));
    service.signal("TERM");
    assert!(heard("STOPPING=1"));
    assert_eq!(service.wait(Duration::from_secs(10)), Some(0));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn metrics_and_health_answer() {
    let service = Service::start("");
    assert_eq!(service.get("/healthz").0, 200);
    assert_eq!(service.get("/readyz").0, 200);
    let (status, text) = service.get("/metrics");
    assert_eq!(status, 200);
    for name in [
        "omnigate_invites_total",
        "omnigate_media_tick_lateness_seconds_bucket",
        "omnigate_signaling_sessions",
    ] {
        assert!(text.contains(name), "{name}");
    }
    assert!(text.ends_with("# EOF\n"));
}

//! Services and trunks that are made, changed and removed while the service runs, by command, API and SIGHUP; and what goes on meanwhile.

use crate::app::App;
use crate::harness::{Service, conforms, http_body};
use crate::recordings_kept::omnigate;
use crate::softphone::Softphone;
use serde_json::{Value, json};
use std::process::Output;

/// A command to the running service.
fn command(service: &Service, arguments: &[&str]) -> Output {
    let server = format!("http://{}", service.http);
    omnigate(service, &[arguments, &["--server", &server]].concat())
}

/// What it has printed; it must have succeeded.
fn said(service: &Service, arguments: &[&str]) -> String {
    let output = command(service, arguments);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {why}\n{}", service.log());
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What it has complained of; it must have failed.
fn refused(service: &Service, arguments: &[&str]) -> String {
    let output = command(service, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn api(service: &Service, method: &str, route: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = http_body(
        service.http,
        method,
        path,
        &body.to_string(),
        &[("Authorization", &service.bearer())],
    );
    conforms(&method.to_lowercase(), route, status, &answer);
    (status, serde_json::from_str(&answer).unwrap_or_default())
}

#[test]
fn a_service_is_made_changed_and_removed_while_others_go_on() {
    let service = Service::start("");
    let mut other = App::sign_in(&service, "other");
    let room = other.request("CREATE_ROOM", json!({ "room_type": "audioroom" }));
    let key = said(
        &service,
        &["service", "add", "shop", "quota.rooms=1", "record=off"],
    );
    assert!(key.starts_with("omk_") && !service.log().contains(&key));
    let mut alice = App::sign_in_as(&service, ("shop", &key), "alice").unwrap();
    assert!(App::sign_in_as(&service, ("shop", "demo"), "bob").is_err());
    let make = |app: &mut App| app.request("CREATE_ROOM", json!({ "room_type": "audioroom" }));
    let kept = make(&mut alice);
    assert_eq!(kept["result"], "success", "{kept}");
    let full = make(&mut alice)["reason"].to_string();
    assert!(full.contains("service.quota.rooms"), "{full}");
    said(&service, &["service", "set", "shop", "quota.rooms=2"]);
    assert_eq!(
        make(&mut alice)["result"],
        "success",
        "the same session has more at once"
    );

    // Keys: the old one holds for a while, or not at all.
    let second = said(&service, &["service", "key", "rotate", "shop"]);
    for key in [&key, &second] {
        App::sign_in_as(&service, ("shop", key), "bob").unwrap();
    }
    let third = said(&service, &["service", "key", "rotate", "shop", "--keep", "0"]);
    assert!(App::sign_in_as(&service, ("shop", &second), "bob").is_err());
    App::sign_in_as(&service, ("shop", &third), "bob").unwrap();
    assert_eq!(alice.request("ROOM_LIST", json!({}))["result"], "success");

    // Nothing is shown that opens anything, and the file of the store does not have it either.
    let (_, shown) = api(
        &service,
        "GET",
        "/api/v1/services/{id}",
        "/api/v1/services/shop",
        &Value::Null,
    );
    assert_eq!(
        (
            &shown["source"],
            &shown["settings"]["quota"]["rooms"],
            &shown["use"]["rooms"]["used"]
        ),
        (&json!("store"), &json!(2), &json!(2)),
        "{shown}"
    );
    let stored = std::fs::read(service.dir.join("data/omnigate.db")).unwrap();
    let wal = std::fs::read(service.dir.join("data/omnigate.db-wal")).unwrap_or_default();
    for key in [&key, &second, &third] {
        assert!(!shown.to_string().contains(key.as_str()));
        let held = |bytes: &[u8]| bytes.windows(key.len()).any(|some| some == key.as_bytes());
        assert!(!held(&stored) && !held(&wal));
    }

    // It outlives a crash, with its room.
    let service = service.kill_and_restart();
    let mut alice = App::sign_in_as(&service, ("shop", &third), "alice").unwrap();
    let joined = alice.request("JOIN_ROOM", json!({ "room_id": kept["room_id"] }));
    assert_eq!(joined["result"], "success", "{joined}");
    let mut other = App::sign_in(&service, "other");

    // It goes with all that it had, and nobody else loses anything.
    let why = refused(&service, &["service", "remove", "shop"]);
    assert!(why.contains("--yes"), "{why}");
    said(&service, &["service", "remove", "shop", "--yes"]);
    alice.wait_closed();
    assert!(App::sign_in_as(&service, ("shop", &third), "alice").is_err());
    let joined = other.request("JOIN_ROOM", json!({ "room_id": room["room_id"] }));
    assert_eq!(joined["result"], "success", "{joined}");
    let key = said(&service, &["service", "add", "shop"]);
    let mut alice = App::sign_in_as(&service, ("shop", &key), "alice").unwrap();
    let gone = alice.request("JOIN_ROOM", json!({ "room_id": kept["room_id"] }));
    assert_eq!(gone["result"], "failed", "its rooms were gone");
    for what in ["service_add", "service_set", "service_key_add", "service_remove"] {
        service.until(&format!("{what} is in the audit log"), || {
            let (_, audit) = service.get(&format!("/api/v1/audit?what={what}"));
            audit.contains("\"shop\"")
        });
    }
}

#[test]
fn what_does_not_fit_is_refused_with_its_key_and_what_is_the_files_stays_the_files() {
    let service = Service::start("");
    let add = |wish: Value| api(&service, "POST", "/api/v1/services", "/api/v1/services", &wish);
    for (wish, status, says) in [
        (
            json!({ "id": "shop", "quota": { "rooms": 0 } }),
            422,
            "quota.rooms: 0 is not within",
        ),
        (
            json!({ "id": "shop", "recod": 1 }),
            422,
            "recod: unknown key; did you mean `service[].record",
        ),
        (json!({ "id": "shop", "key": "short" }), 422, "key: 16"),
        (json!({ "id": "a/b" }), 422, "id: 1 to 64"),
        (json!({}), 422, "id: 1 to 64"),
        (
            json!({ "id": "shop", "webhook": { "url": "http://x.example" } }),
            422,
            "webhook.secret: is missing",
        ),
        (json!({ "id": "demo" }), 409, "already"),
    ] {
        let (answered, why) = add(wish.clone());
        let detail = why["detail"].as_str().unwrap_or_default();
        assert!(
            answered == status && detail.contains(says),
            "{wish}: {answered} {why}"
        );
    }
    assert!(App::sign_in_as(&service, ("shop", "short"), "a").is_err());
    let (route, demo) = ("/api/v1/services/{id}", "/api/v1/services/demo");
    assert_eq!(api(&service, "PATCH", route, demo, &json!({ "calls": 1 })).0, 409);
    assert_eq!(api(&service, "DELETE", route, demo, &Value::Null).0, 409);
    let why = refused(&service, &["service", "key", "rotate", "demo"]);
    assert!(why.contains("SIGHUP"), "{why}");
    let list = said(&service, &["service", "list"]);
    assert!(list.contains("demo") && list.contains("from file"), "{list}");
    // A key that apps have already is brought along; only its hash is kept.
    let (status, made) = add(json!({ "id": "shop", "key": "brought along from elsewhere" }));
    assert!(status == 201 && made.get("key").is_none(), "{made}");
    App::sign_in_as(&service, ("shop", "brought along from elsewhere"), "a").unwrap();
    let (status, why) = api(
        &service,
        "DELETE",
        "/api/v1/services/{id}/keys/{key}",
        "/api/v1/services/shop/keys/none",
        &Value::Null,
    );
    assert_eq!(status, 404, "{why}");
}

/// Nobody may call in but by a trunk that is made later.
const LINE: &str = "07012345678";
const NO_TRUNK: &str = "[[trunk]]\nname = \"elsewhere\"\nallow = [\"192.0.2.0/24\"]\n";

#[test]
fn a_trunk_is_made_and_removed_and_its_calls_go_on() {
    let service = Service::start(NO_TRUNK);
    let mut app = App::sign_in(&service, "alice");
    let number = app.personal_number();
    let phone = |from: &str| service.phone(LINE, &["--from", from, "--digits", &number, "--for", "3"]);
    assert_ne!(phone("01011110000").report()["status"], 200);
    said(&service, &["trunk", "add", "lab", "allow=127.0.0.0/8"]);
    let mut softphone = Softphone::dial(&service, "01011112222", LINE, 440.0);
    service.until("it comes by the new trunk", || {
        service
            .calls()
            .iter()
            .any(|call| call["trunk"] == "lab" && call["state"] != "ended")
    });
    // Another setting, then no such trunk: who talks goes on talking, holds and comes back, and hangs up by itself.
    said(
        &service,
        &["trunk", "set", "lab", "record=off", "numbers=07012345678"],
    );
    said(&service, &["trunk", "remove", "lab"]);
    assert_ne!(
        phone("01011113333").report()["status"],
        200,
        "nobody else gets in"
    );
    softphone.hold(true);
    softphone.hold(false);
    softphone.press(&number);
    app.wait_for("WS_RINGING_NOTI");
    softphone.hang_up();
    service.until("the call has ended", || {
        service.calls().iter().all(|call| call["state"] == "ended")
    });
    let ended = service
        .calls()
        .into_iter()
        .find(|call| call["trunk"] == "lab")
        .unwrap();
    assert_eq!(ended["reason"], "caller_hung_up", "{ended}");
    let list = said(&service, &["trunk", "list"]);
    assert!(list.contains("elsewhere") && !list.contains("lab"), "{list}");
}

#[test]
fn a_sighup_takes_what_has_changed_and_says_what_must_wait() {
    let shop = "[[service]]\nid = \"demo\"\nkey = \"demo\"\n[[service]]\nid = \"shop\"\nkey = \"first\"\n";
    let service = Service::start(shop);
    let config = service.dir.join("omnigate.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    let mut lines = 0;
    let mut reload = |text: &str| {
        std::fs::write(&config, text).unwrap();
        service.signal("HUP");
        let mut said = String::new();
        // It is told at the end, whatever came of it.
        service.until("it is read", || {
            let (_, audit) = service.get("/api/v1/audit?what=configuration_reload");
            said = service.log();
            let seen =
                audit.matches("configuration_reload").count() + said.matches("nothing has changed").count();
            seen > lines
        });
        let (_, audit) = service.get("/api/v1/audit?what=configuration_reload");
        lines = audit.matches("configuration_reload").count() + said.matches("nothing has changed").count();
        said
    };
    let mut alice = App::sign_in_as(&service, ("shop", "first"), "alice").unwrap();
    let room = alice.request("CREATE_ROOM", json!({ "room_type": "audioroom" }));

    let log = reload(&before.replace("key = \"first\"", "key = \"second\"\nprevious_key = \"first\""));
    assert!(log.contains("SIGHUP: has changed"), "{log}");
    App::sign_in_as(&service, ("shop", "second"), "bob").unwrap();
    App::sign_in_as(&service, ("shop", "first"), "bob").unwrap();
    assert_eq!(alice.request("ROOM_LIST", json!({}))["result"], "success");

    // What cannot change now is named; the rest is taken all the same.
    let other = before.replace("key = \"first\"", "key = \"third\"") + "[ivr]\ntries = 2\n";
    let log = reload(&other);
    assert!(log.contains("ivr.tries") && log.contains("next start"), "{log}");
    App::sign_in_as(&service, ("shop", "third"), "bob").unwrap();
    assert!(App::sign_in_as(&service, ("shop", "first"), "bob").is_err());

    // A file with a fault changes nothing.
    let log = reload(&before.replace(
        "[[service]]\nid = \"shop\"",
        "[[service]]\nid = \"shop\"\ncalls = \"many\"",
    ));
    assert!(log.contains("service[1].calls"), "{log}");
    App::sign_in_as(&service, ("shop", "third"), "bob").unwrap();

    // A service that is gone takes its sessions along, and has its rooms again when it comes back.
    let without = before
        .split("[[service]]\nid = \"shop\"")
        .next()
        .unwrap()
        .to_owned();
    reload(&without);
    alice.wait_closed();
    assert!(App::sign_in_as(&service, ("shop", "third"), "alice").is_err());
    reload(&before);
    let mut alice = App::sign_in_as(&service, ("shop", "first"), "alice").unwrap();
    service.until("its room is back", || {
        let joined = alice.request("JOIN_ROOM", json!({ "room_id": room["room_id"] }));
        joined["result"] == "success"
    });
}

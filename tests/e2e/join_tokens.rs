//! Guests who come by a join token: into one room, by our client's signaling and by the page.

use crate::api_rooms::{checked, token};
use crate::app::App;
use crate::browser::Browser;
use crate::harness::{Service, http_body};
use serde_json::{Value, json};

const ROUTE: &str = "/api/v1/rooms/{id}/tokens";

/// A room with a secret that the service has made, and the bearer that may make tokens.
fn room(service: &Service) -> (String, String) {
    let bearer = token(service, "demo", &["read", "rooms"]);
    let wish = json!({ "room_type": "audioroom", "subject": "visit", "secret": "123456" });
    let headers = [("Authorization", bearer.as_str())];
    let (status, room) = http_body(service.http, "POST", "/api/v1/rooms", &wish.to_string(), &headers);
    assert_eq!(status, 201, "{room}");
    let room: Value = serde_json::from_str(&room).unwrap();
    (room["room_id"].as_str().unwrap().to_owned(), bearer)
}

fn make(service: &Service, bearer: &str, room: &str, wish: &Value) -> (u16, Value) {
    let at = format!("/api/v1/rooms/{room}/tokens");
    let headers = [("Authorization", bearer)];
    checked(
        "post",
        ROUTE,
        http_body(service.http, "POST", &at, &wish.to_string(), &headers),
    )
}

#[test]
fn a_guest_enters_one_room_and_does_nothing_else() {
    let service = Service::start("");
    let (id, bearer) = room(&service);
    let guest = json!({ "user_id": "guest-7", "user_name": "손님" });
    let (status, made) = make(&service, &bearer, &id, &guest);
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap().to_owned();
    for (wrong, field) in [
        (json!({ "user_id": "" }), "user_id"),
        (
            json!({ "user_id": "a", "expires_in_seconds": 0 }),
            "expires_in_seconds",
        ),
    ] {
        let (status, why) = make(&service, &bearer, &id, &wrong);
        assert!(
            status == 422 && why["detail"].as_str().unwrap().contains(field),
            "{why}"
        );
    }

    // A token holds over a crash; who has it needs neither key nor secret.
    let service = service.kill_and_restart();
    let mut app = App::sign_in_by(&service, "demo", &token).unwrap();
    assert_eq!(app.welcome["user_id"], "guest-7");
    for (command, fields) in [
        ("CREATE_ROOM", json!({ "room_type": "audioroom" })),
        ("MAKE_SIPNUM", json!({})),
        ("ROOM_LIST", json!({})),
        (
            "OFFER_CALL",
            json!({ "call_type": "audiocall", "caller": "guest-7", "callee": "bob" }),
        ),
        (
            "JOIN_ROOM",
            json!({ "room_id": "00000000-0000-0000-0000-000000000000" }),
        ),
    ] {
        assert_eq!(app.request(command, fields)["result"], "failed", "{command}");
    }
    let mut host = App::sign_in(&service, "host");
    host.request("JOIN_ROOM", json!({ "room_id": id, "secret": "123456" }));
    let joined = app.request("JOIN_ROOM", json!({ "room_id": id }));
    assert_eq!(joined["result"], "success", "{joined}");
    let people = host.request("PARTI_LIST", json!({ "room_id": id }));
    assert!(people.to_string().contains("손님"), "{people}");
    let kick = |app: &mut App, session: &str| app.request("KICKOUT", json!({ "target": session }));
    let (own, theirs) = (host.session.clone(), app.session.clone());
    assert_eq!(kick(&mut app, &own)["result"], "failed", "no host");

    // Nobody rings a guest, and nobody enters by what is not ours, or is another service's.
    let mut caller = App::sign_in(&service, "caller");
    let offered = caller.request(
        "OFFER_CALL",
        json!({ "call_type": "audiocall", "caller": "caller", "callee": "guest-7" }),
    );
    assert_eq!(offered["result"], "failed", "{offered}");
    for forged in ["omj_x.y", "", &token[..token.len() - 1]] {
        if !forged.is_empty() {
            assert!(App::sign_in_by(&service, "demo", forged).is_err(), "{forged}");
        }
    }
    let (_, made) = make(
        &service,
        &bearer,
        &id,
        &json!({ "user_id": "two", "rights": ["host"] }),
    );
    let mut second = App::sign_in_by(&service, "demo", made["token"].as_str().unwrap()).unwrap();
    second.request("JOIN_ROOM", json!({ "room_id": id }));
    let kicked = kick(&mut second, &theirs);
    assert_eq!(kicked["result"], "success", "{kicked}");
    app.wait_closed();
    let log = service.log();
    assert!(!log.contains(&token), "the token is in the log");
}

#[test]
fn the_page_takes_an_invitation() {
    let browser = Browser::take();
    let service = Service::start("");
    let (id, bearer) = room(&service);
    let (_, made) = make(
        &service,
        &bearer,
        &id,
        &json!({ "user_id": "guest", "user_name": "Ann" }),
    );
    let token = made["token"].as_str().unwrap();
    let mut bob = App::sign_in(&service, "bob");
    bob.request("JOIN_ROOM", json!({ "room_id": id, "secret": "123456" }));
    let tab = browser.open(&format!("http://{}/#join={token}", service.http));
    tab.evaluate(include_str!("rig/hands.js"));
    tab.evaluate(
        "await click('sign-in');
        await until('the room is listed', () => words('rooms').includes('visit'));
        await click('join');
        await until('inside', () => words('live-state') === 'Connected');",
    );
    assert_eq!(bob.wait_for("WS_CALL_CONNECTED_NOTI")["user_name"], "Ann");
}

//! A service's own servers deal with calls and call numbers, by the API: telephones that are called into a room, muted, hung up; numbers
//! as capabilities.

use crate::api_rooms::{checked, token};
use crate::app::App;
use crate::audio::level_at;
use crate::exchange::Exchange;
use crate::harness::{Service, http_body, http_get};
use crate::recordings::dial;
use serde_json::{Value, json};
use std::time::Duration;

/// The API as this bearer.
struct Api<'a> {
    service: &'a Service,
    bearer: String,
}

impl Api<'_> {
    fn ask(&self, method: &str, route: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = [("Authorization", self.bearer.as_str())];
        let answer = match method {
            "GET" => http_get(self.service.http, path, &headers),
            _ => http_body(self.service.http, method, path, &body.to_string(), &headers),
        };
        checked(&method.to_lowercase(), route, answer)
    }

    fn post(&self, route: &str, body: Value) -> (u16, Value) {
        self.ask("POST", route, route, &body)
    }

    fn room(&self) -> String {
        let (status, room) = self.post("/api/v1/rooms", json!({ "room_type": "audioroom" }));
        assert_eq!(status, 201, "{room}");
        room["room_id"].as_str().unwrap().to_owned()
    }
}

/// How long somebody listens.
const LISTENING: Duration = Duration::from_secs(2);
const NUMBER: &str = "/api/v1/numbers/{number}";
const NUMBERS: &str = "/api/v1/numbers";
const CALLS: &str = "/api/v1/calls";

#[test]
fn a_telephone_is_called_into_a_room_muted_and_hung_up() {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(""));
    let api = Api {
        service: &service,
        bearer: token(&service, "demo", &["read", "rooms", "calls"]),
    };
    let room = api.room();
    let mut alice = App::sign_in(&service, "alice");
    assert_eq!(
        alice.request("JOIN_ROOM", json!({ "room_id": room }))["result"],
        "success"
    );
    let (status, why) = api.post(CALLS, json!({ "room_id": room, "to": "112" }));
    assert_eq!(status, 403, "{why}");
    let (status, why) = api.post(CALLS, json!({ "room_id": room, "to": "nobody" }));
    assert_eq!(status, 422, "{why}");
    let (status, called) = api.post(CALLS, json!({ "room_id": room, "to": "02-123-4567" }));
    assert_eq!(status, 202, "{called}");
    let call = called["call_id"].as_str().unwrap().to_owned();
    let mut there = exchange.rings();
    there.respond(180, "");
    let people = || {
        let at = format!("/api/v1/rooms/{room}/participants");
        let (_, people) = api.ask("GET", "/api/v1/rooms/{id}/participants", &at, &Value::Null);
        people["participants"].as_array().unwrap().clone()
    };
    assert_eq!(people().len(), 1, "who has not answered is not in the room");
    there.answers();
    alice.wait_for("WS_CALL_CONNECTED_NOTI");
    let telephone = people().into_iter().find(|one| one["call_id"] == *call).unwrap();
    assert_eq!(telephone["user_id"], "021234567");

    // Muted by its call, no longer by its place in the room; the others are told.
    let at = |what: &str| format!("/api/v1/calls/{call}/{what}");
    assert_eq!(
        api.ask("POST", "/api/v1/calls/{id}/mute", &at("mute"), &Value::Null)
            .0,
        204
    );
    assert_eq!(alice.wait_for("WS_MUTE_NOTI")["session"], telephone["session"]);
    assert!(people().iter().any(|one| one["audio_mute"] == true));
    there.says(440.0);
    let (_, number) = api.post(NUMBERS, json!({ "room_id": room }));
    let number = number["call_number"].as_str().unwrap().to_owned();
    let mut heard = |from: &str| {
        let phone = dial(&service, &number, from, 880.0);
        alice.wait_for("WS_CALL_CONNECTED_NOTI");
        std::thread::sleep(LISTENING);
        phone.hang_up();
        assert_eq!(phone.report()["status"], 200);
        alice.wait_for("WS_LEAVE_NOTI");
        let pcm = omnigate_audio::wav::read(service.dir.join(format!("{from}-hears.wav")), 8_000).unwrap();
        // Before its last second it heard the prompt.
        level_at(&pcm[pcm.len().saturating_sub(8_000)..], 8_000, 440.0)
    };
    let muted = heard("01077776666");
    let session = telephone["session"].as_str().unwrap();
    let unmute = format!("/api/v1/rooms/{room}/participants/{session}/unmute");
    let route = "/api/v1/rooms/{id}/participants/{session}/unmute";
    assert_eq!(api.ask("POST", route, &unmute, &Value::Null).0, 204);
    let open = heard("01077775555");
    assert!(
        open > -35.0 && muted < -60.0,
        "heard at {open} dB, and muted at {muted} dB"
    );
    alice.wait_for("WS_UNMUTE_NOTI");

    // Another service has nothing to say about it.
    let other = Api {
        service: &service,
        bearer: token(&service, "demo", &["read"]),
    };
    let hangup = "/api/v1/calls/{id}/hangup";
    assert_eq!(other.ask("POST", hangup, &at("hangup"), &Value::Null).0, 403);
    assert_eq!(api.ask("POST", hangup, &at("hangup"), &Value::Null).0, 202);
    alice.wait_for("WS_LEAVE_NOTI");
    assert_eq!(service.last_reason(), "ended");
    assert_eq!(api.ask("POST", hangup, &at("hangup"), &Value::Null).0, 409);
    for what in ["call_dial", "call_mute", "participant_unmute", "call_hang_up"] {
        assert!(
            service
                .get(&format!("/api/v1/audit?what={what}"))
                .1
                .contains("\"ok\""),
            "{what}"
        );
    }
}

#[test]
fn a_number_is_a_capability_that_a_service_makes_changes_replaces_and_withdraws() {
    let service = Service::start("ivr.language = \"en\"\nivr.tries = 1\n");
    let api = Api {
        service: &service,
        bearer: token(&service, "demo", &["read", "rooms"]),
    };
    let room = api.room();
    let (status, plain) = api.post(NUMBERS, json!({ "room_id": room }));
    assert_eq!((status, &plain["plain"]), (201, &json!(true)), "{plain}");
    assert_eq!(
        api.post(NUMBERS, json!({ "room_id": room })).1["call_number"],
        plain["call_number"]
    );
    let shown = |room: &str| {
        let at = format!("/api/v1/rooms/{room}");
        api.ask("GET", "/api/v1/rooms/{id}", &at, &Value::Null).1["call_number"].clone()
    };
    assert_eq!(shown(&room), plain["call_number"], "the room knows its number");

    // One for one caller and one call, beside it.
    let wish = json!({
        "room_id": room, "uses": 1, "callers": ["010-9999-8888"], "purpose": "visit", "expires_at": "2099-12-31T23:59:59Z",
    });
    let (status, visit) = api.post(NUMBERS, wish);
    assert_eq!(
        (status, &visit["callers"]),
        (201, &json!(["821099998888"])),
        "{visit}"
    );
    let number = visit["call_number"].as_str().unwrap().to_owned();
    let mut alice = App::sign_in(&service, "alice");
    alice.request("JOIN_ROOM", json!({ "room_id": room }));
    let stranger = dial(&service, &number, "01011112222", 440.0);
    assert_eq!(stranger.report()["status"], 200);
    assert_eq!(service.last_reason(), "wrong_number", "it is not for this caller");
    let visitor = dial(&service, &number, "01099998888", 440.0);
    alice.wait_for("WS_CALL_CONNECTED_NOTI");
    visitor.hang_up();
    alice.wait_for("WS_LEAVE_NOTI");
    let at = format!("{NUMBERS}/{number}");
    assert_eq!(api.ask("GET", NUMBER, &at, &Value::Null).0, 404, "it is used up");

    // Changed and replaced: the plain one stays plain.
    let (_, long) = api.post(NUMBERS, json!({ "room_id": room, "uses": 5 }));
    let at = format!("{NUMBERS}/{}", long["call_number"].as_str().unwrap());
    let (status, set) = api.ask("PATCH", NUMBER, &at, &json!({ "uses": 2, "purpose": "less" }));
    assert_eq!((status, &set["uses"]), (200, &json!(2)), "{set}");
    assert_eq!(api.ask("PATCH", NUMBER, &at, &json!({})).0, 409);
    assert_eq!(api.ask("PATCH", NUMBER, &at, &json!({ "use": 3 })).0, 400);
    let replace = "/api/v1/numbers/{number}/replace";
    let (status, fresh) = api.ask("POST", replace, &format!("{at}/replace"), &Value::Null);
    assert_eq!((status, &fresh["uses"]), (201, &json!(2)), "{fresh}");
    assert_ne!(fresh["call_number"], long["call_number"]);
    assert_eq!(api.ask("GET", NUMBER, &at, &Value::Null).0, 404);
    let old = plain["call_number"].as_str().unwrap();
    let (_, renewed) = api.ask("POST", replace, &format!("{NUMBERS}/{old}/replace"), &Value::Null);
    assert_eq!(
        (shown(&room), &renewed["plain"]),
        (renewed["call_number"].clone(), &json!(true))
    );
    let service = {
        let (_, list) = api.ask(
            "GET",
            NUMBERS,
            &format!("{NUMBERS}?room_id={room}&limit=1"),
            &Value::Null,
        );
        let next = list["next"].as_str().unwrap();
        let more = format!("{NUMBERS}?room_id={room}&before={next}");
        let (_, rest) = api.ask("GET", NUMBERS, &more, &Value::Null);
        assert_eq!(
            (
                list["numbers"].as_array().unwrap().len(),
                rest["numbers"].as_array().unwrap().len()
            ),
            (1, 1)
        );
        assert_eq!(rest["next"], Value::Null);
        let bearer = api.bearer.clone();
        let service = service.kill_and_restart();
        let api = Api {
            service: &service,
            bearer,
        };
        // All of that outlives a crash.
        let (_, list) = api.ask("GET", NUMBERS, NUMBERS, &Value::Null);
        assert_eq!(list["numbers"].as_array().unwrap().len(), 2, "{list}");
        let at = format!("{NUMBERS}/{}", renewed["call_number"].as_str().unwrap());
        assert_eq!(api.ask("DELETE", NUMBER, &at, &Value::Null).0, 204);
        let room = format!("/api/v1/rooms/{room}");
        let (_, shown) = api.ask("GET", "/api/v1/rooms/{id}", &room, &Value::Null);
        assert_eq!(shown["call_number"], Value::Null);
        for (wish, field) in [
            (json!({}), "room_id"),
            (json!({ "user_id": "bob", "uses": 0 }), "uses"),
            (json!({ "user_id": "bob", "callers": ["x"] }), "callers"),
            (json!({ "user_id": "bob", "number": "12" }), "number"),
            (
                json!({ "user_id": "bob", "expires_at": "2020-01-01T00:00:00Z" }),
                "expires_at",
            ),
        ] {
            let (status, why) = api.post(NUMBERS, wish);
            assert!(
                status == 422 && why["detail"].as_str().unwrap().contains(field),
                "{why}"
            );
        }
        // A user's number rings the user.
        let (_, bob) = api.post(NUMBERS, json!({ "user_id": "bob", "uses": 3 }));
        let mut app = App::sign_in(&service, "bob");
        let phone = dial(
            &service,
            bob["call_number"].as_str().unwrap(),
            "01011112222",
            440.0,
        );
        app.wait_for("WS_RINGING_NOTI");
        phone.hang_up();
        drop(app);
        service
    };
    let audit = service.get("/api/v1/audit?what=number_make").1;
    assert!(
        audit.contains("\"ok\"") && !audit.contains(number.as_str()),
        "numbers are secrets: {audit}"
    );
}

//! A service's own servers make rooms, look into them and close them, by the API.

use crate::app::App;
use crate::harness::{Service, conforms, http_delete, http_get, http_post};
use serde_json::{Value, json};

/// An answer of the API, which the description allows.
pub fn checked(method: &str, route: &str, (status, body): (u16, String)) -> (u16, Value) {
    conforms(method, route, status, &body);
    (status, serde_json::from_str(&body).unwrap_or_default())
}

const ROOMS: &str = "/api/v1/rooms";
const RECORDINGS: &str = "/api/v1/recordings";
const ROOM: &str = "/api/v1/rooms/{id}";
const PARTICIPANTS: &str = "/api/v1/rooms/{id}/participants";
const PARTICIPANT: &str = "/api/v1/rooms/{id}/participants/{session}";

/// A token of a service, as a header.
pub fn token(service: &Service, of: &str, scopes: &[&str]) -> String {
    let body = json!({ "name": "test", "service_id": of, "scopes": scopes });
    let (status, made) = service.post("/api/v1/tokens", &body.to_string());
    assert_eq!(status, 201, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    format!("Bearer {}", made["token"].as_str().unwrap())
}

#[test]
fn a_service_makes_a_room_and_lets_apps_and_telephones_in_and_out_of_it() {
    let service = Service::start(
        "ivr.language = \"en\"\n[[service]]\nid = \"demo\"\nkey = \"demo\"\n[[service]]\nid = \"other\"",
    );
    let bearer = token(&service, "demo", &["read", "rooms"]);
    let bearer = [("Authorization", bearer.as_str())];
    let post = |body: Value| {
        checked(
            "post",
            ROOMS,
            http_post(service.http, ROOMS, &body.to_string(), &bearer),
        )
    };
    let (status, room) = post(json!({
        "room_type": "audioroom", "subject": "visit", "secret": "123456", "start_date": "2099-12-31T10:00:00+09:00",
        "end_date": "2099-12-31T02:00:00Z",
    }));
    assert_eq!(
        (status, &room["service_id"], &room["secret"]),
        (201, &json!("demo"), &json!(true)),
        "{room}"
    );
    assert_eq!(
        (&room["start_date"], &room["creator"]),
        (&json!("2099-12-31T01:00:00Z"), &Value::Null)
    );
    let id = room["room_id"].as_str().unwrap().to_owned();
    for (wrong, field) in [
        (json!({ "room_type": "party" }), "room_type"),
        (
            json!({ "room_type": "webinar", "start_date": "tomorrow" }),
            "start_date",
        ),
        (json!({ "room_type": "webinar", "secret": "1234567" }), "secret"),
        (
            json!({ "room_type": "webinar", "service_id": "other" }),
            "service_id",
        ),
    ] {
        let (status, why) = post(wrong);
        assert_eq!(status, 422, "{why}");
        assert!(why["detail"].as_str().unwrap().contains(field), "{why}");
    }

    // It is there after a crash, and apps enter it.
    let service = service.kill_and_restart();
    let get = |route: &str, path: &str| checked("get", route, http_get(service.http, path, &bearer));
    let at = format!("{ROOMS}/{id}");
    assert_eq!(get(ROOM, &at).1, room);
    let mut alice = App::sign_in(&service, "alice");
    let joined = alice.request("JOIN_ROOM", json!({ "room_id": id, "secret": 123_456 }));
    assert_eq!(joined["result"], "success", "{joined}");
    let (_, seen) = get(PARTICIPANTS, &format!("{at}/participants"));
    assert_eq!(
        (
            &seen["participants"][0]["user_id"],
            seen["participants"].as_array().unwrap().len()
        ),
        (&json!("alice"), 1)
    );
    let session = seen["participants"][0]["session"].as_str().unwrap();
    let remove = |session: &str| {
        let path = format!("{at}/participants/{session}");
        checked("delete", PARTICIPANT, http_delete(service.http, &path, &bearer)).0
    };
    assert_eq!((remove("nobody"), remove(session)), (404, 204));
    assert_eq!(alice.wait_closed(), Some(4000));

    // Another service does not see it; a token without the scope may not close it.
    let stranger = token(&service, "other", &["read", "rooms"]);
    let stranger = [("Authorization", stranger.as_str())];
    assert_eq!(http_get(service.http, &at, &stranger).0, 404);
    assert_eq!(http_delete(service.http, &at, &stranger).0, 404);
    let reader = token(&service, "demo", &["read"]);
    assert_eq!(
        http_delete(service.http, &at, &[("Authorization", reader.as_str())]).0,
        403
    );
    let (_, list) = get(ROOMS, ROOMS);
    assert_eq!(list["rooms"].as_array().unwrap().len(), 1);
    assert_eq!(
        checked("get", ROOMS, service.get(ROOMS)).0,
        422,
        "an admin names the service"
    );
    for list in [ROOMS, RECORDINGS] {
        let why = service.get(&format!("{list}?service_id=demo&limit=many"));
        assert_eq!(checked("get", list, why).0, 400, "a problem, as all refusals are");
    }
    let (_, list) = checked("get", ROOMS, service.get("/api/v1/rooms?service_id=other"));
    assert_eq!(list["rooms"], json!([]));

    let mut bob = App::sign_in(&service, "bob");
    bob.request("JOIN_ROOM", json!({ "room_id": id, "secret": "123456" }));
    assert_eq!(
        checked("delete", ROOM, http_delete(service.http, &at, &bearer)).0,
        204
    );
    assert_eq!(bob.wait_closed(), Some(4000));
    assert_eq!(get(ROOM, &at).0, 404);
    let service = service.kill_and_restart();
    assert_eq!(checked("get", ROOM, service.get(&at)).0, 404, "it is not back");
    for (what, detail) in [
        ("room_create", Value::Null),
        ("participant_remove", json!({ "session": session })),
        ("room_destroy", Value::Null),
    ] {
        let (status, audit) = service.get(&format!("/api/v1/audit?what={what}"));
        assert_eq!(status, 200, "{audit}");
        let audit: Value = serde_json::from_str(&audit).unwrap();
        let done = |entry: &&Value| entry["result"] == "ok" && entry["who"].to_string().contains("token");
        let entry = audit["entries"].as_array().unwrap().iter().find(done);
        let entry = entry.unwrap_or_else(|| panic!("{what}: {audit}"));
        assert_eq!(
            (&entry["subject"], &entry["service_id"], &entry["detail"]),
            (&json!(id), &json!("demo"), &detail),
            "{what}"
        );
    }
}

#[test]
fn a_list_goes_on_with_its_next_page_although_rooms_are_closed_meanwhile() {
    let service = Service::start("[[service]]\nid = \"demo\"\nkey = \"demo\"");
    let made: Vec<String> = (0..5)
        .map(|_| {
            // One that is kept over a restart although nobody has been in it.
            let body =
                json!({ "room_type": "webinar", "service_id": "demo", "end_date": "2099-12-31T10:00:00Z" });
            let (status, room) = checked("post", ROOMS, service.post(ROOMS, &body.to_string()));
            assert_eq!(status, 201, "{room}");
            room["room_id"].as_str().unwrap().to_owned()
        })
        .collect();
    let page = |service: &Service, before: &str| {
        let path = format!("{ROOMS}?service_id=demo&limit=2{before}");
        let (status, page) = checked("get", ROOMS, service.get(&path));
        assert_eq!(status, 200, "{page}");
        let rooms = page["rooms"].as_array().unwrap().iter();
        let ids: Vec<String> = rooms
            .map(|room| room["room_id"].as_str().unwrap().to_owned())
            .collect();
        (ids, page["next"].as_str().map(|next| format!("&before={next}")))
    };
    let (first, next) = page(&service, "");
    assert_eq!(first, [made[4].clone(), made[3].clone()]);
    assert_eq!(
        page(&service, &format!("&before={}", made[3])).0,
        [made[2].clone(), made[1].clone()]
    );
    assert_eq!(service.delete(&format!("{ROOMS}/{}", made[3])).0, 204);
    let (second, next) = page(&service, &next.unwrap());
    assert_eq!(second, [made[2].clone(), made[1].clone()]);
    // Over a restart, too, as long as the last room of the page is there.
    let service = service.kill_and_restart();
    let (third, next) = page(&service, &next.unwrap());
    assert_eq!((third, next), (vec![made[0].clone()], None));
}

#[test]
fn what_is_changed_is_noted_whatever_part_of_it_is_asked_for() {
    let service = Service::start("[[service]]\nid = \"demo\"\nkey = \"demo\"");
    let bearer = service.bearer();
    let body = json!({ "room_type": "webinar", "service_id": "demo" }).to_string();
    let headers = [("Authorization", bearer.as_str()), ("Range", "bytes=1-")];
    assert_eq!(http_post(service.http, ROOMS, &body, &headers).0, 201);
    service.until("it is noted", || {
        service.get("/api/v1/audit?what=room_create").1.contains("\"ok\"")
    });
}

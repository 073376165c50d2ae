//! Rooms and call numbers are there after the service was killed, and whose they were.

use crate::app::App;
use crate::harness::Service;
use crate::receiver::Receiver;
use crate::recordings_faults::SmallDisk;
use crate::recordings_kept::Postgres;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn ok(answer: Value) -> Value {
    assert_eq!(answer["result"], "success", "{answer}");
    answer
}

/// The number of a target, which is the user without a room.
fn number(app: &mut App, fields: Value) -> String {
    let answer = ok(app.request("MAKE_SIPNUM", fields));
    answer["call_number"].as_str().unwrap().to_owned()
}

fn leads_to(service: &Service, number: &str) -> (u16, Value) {
    let (status, body) = service.get(&format!("/api/v1/call-numbers/{number}"));
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn a_killed_service_has_its_rooms_and_numbers_again_and_calls_reach_them() {
    let service = Service::start("ivr.language = \"en\"");
    let mut alice = App::sign_in(&service, "alice");
    let room = json!({ "room_type": "audioroom", "subject": "weekly", "secret": "012345" });
    let room = ok(alice.request("CREATE_ROOM", room))["room_id"].clone();
    let gone = ok(alice.request("CREATE_ROOM", json!({ "room_type": "audioroom" })))["room_id"].clone();
    let of_room = number(&mut alice, json!({ "room_id": room }));
    let of_gone = number(&mut alice, json!({ "room_id": gone }));
    ok(alice.request("DESTROY_ROOM", json!({ "room_id": gone })));
    let personal = alice.personal_number();

    let service = service.kill_and_restart();
    let (status, target) = leads_to(&service, &of_room);
    assert_eq!((status, &target["target"]["id"]), (200, &room), "{target}");
    assert_eq!(leads_to(&service, &personal).0, 200, "she may come back");
    assert_eq!(leads_to(&service, &of_gone).0, 410);
    let mut mallory = App::sign_in(&service, "mallory");
    for taken in [&of_room, &of_gone, &personal] {
        let answer = mallory.request("MAKE_SIPNUM", json!({ "call_number": taken }));
        assert_eq!(answer["result"], "failed", "{taken} went to somebody else");
    }
    let mut alice = App::sign_in(&service, "alice");
    assert_eq!(alice.personal_number(), personal);
    let list = ok(alice.request("ROOM_LIST", json!({})));
    assert_eq!(
        (&list["count"], &list["list"][0]["sip_number"]),
        (&json!(1), &json!(of_room))
    );
    assert_eq!(
        (&list["list"][0]["subject"], &list["list"][0]["secret"]),
        (&json!("weekly"), &json!(true))
    );
    let wrong = mallory.request("JOIN_ROOM", json!({ "room_id": room, "secret": "123456" }));
    assert_eq!(wrong["result"], "failed");
    ok(alice.request("JOIN_ROOM", json!({ "room_id": room, "secret": 12345 })));
    let phone = service.phone("070-1234-5678", &["--digits", &of_room, "--for", "30"]);
    alice.wait_for("WS_CALL_CONNECTED_NOTI");
    phone.hang_up();
    let hash = std::fs::read(service.dir.join("data/omnigate.db")).unwrap();
    let holds = |text: &[u8]| hash.windows(text.len()).any(|part| part == text);
    assert!(!holds(b"012345"), "the secret is not in the store");
}

#[test]
fn a_room_of_another_day_is_there_on_its_day_and_an_empty_one_goes_in_time() {
    let service = Service::start("rooms.empty_seconds = 2");
    let mut app = App::sign_in(&service, "alice");
    let make = |app: &mut App, fields: Value| ok(app.request("CREATE_ROOM", fields))["room_id"].clone();
    let later = unix() + 3600;
    let dated = make(
        &mut app,
        json!({ "room_type": "webinar", "start_date": later, "end_date": later + 60 }),
    );
    let plain = make(&mut app, json!({ "room_type": "audioroom" }));
    let service = service.kill_and_restart();
    let mut app = App::sign_in(&service, "alice");
    let rooms = |app: &mut App| ok(app.request("ROOM_LIST", json!({})))["list"].clone();
    let both = rooms(&mut app);
    assert_eq!((&both[0]["room_id"], &both[1]["room_id"]), (&dated, &plain));
    service.until_within("the empty room goes", Duration::from_secs(20), || {
        rooms(&mut app).as_array().unwrap().len() == 1
    });
    let service = service.kill_and_restart();
    let mut app = App::sign_in(&service, "alice");
    assert_eq!(rooms(&mut app)[0]["room_id"], dated);
    // Killed before it was struck out it goes again.
    service.until_within("the empty room is gone", Duration::from_secs(20), || {
        rooms(&mut app).as_array().unwrap().len() == 1
    });
}

#[test]
fn a_service_that_stops_in_order_has_its_rooms_and_numbers_again() {
    let mut service = Service::start("shutdown.drain_seconds = 1");
    let mut alice = App::sign_in(&service, "alice");
    let room = ok(alice.request("CREATE_ROOM", json!({ "room_type": "audioroom" })))["room_id"].clone();
    let (of_room, personal) = (
        number(&mut alice, json!({ "room_id": room })),
        alice.personal_number(),
    );
    service.signal("TERM");
    assert_eq!(service.wait(Duration::from_secs(20)), Some(0));
    let service = service.kill_and_restart();
    assert_eq!(leads_to(&service, &of_room).0, 200);
    assert_eq!(leads_to(&service, &personal).0, 200);
    let mut alice = App::sign_in(&service, "alice");
    assert_eq!(alice.personal_number(), personal);
}

/// The keys of a service that can be called, and says why it refuses.
fn log_says(service: &Service, text: &str) -> bool {
    service.log().contains(text)
}

/// The reason of a room that is refused.
fn refused(app: &mut App) -> String {
    let answer = app.request("CREATE_ROOM", json!({ "room_type": "audioroom" }));
    assert_eq!(answer["result"], "failed", "{answer}");
    answer["reason"].as_str().unwrap().to_owned()
}

#[test]
fn without_its_database_a_service_starts_says_what_it_refuses_and_goes_on_when_it_is_there() {
    let postgres = Postgres::start("absent");
    let receiver = Receiver::start();
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let service = Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\nstore.url = \"{}\"\n{settings}",
        postgres.url()
    ));
    let mut alice = App::sign_in(&service, "alice");
    let room = ok(alice.request("CREATE_ROOM", json!({ "room_type": "audioroom" })))["room_id"].clone();
    let of_room = number(&mut alice, json!({ "room_id": room }));
    drop(alice);
    postgres.stop();
    let service = service.kill_and_restart();
    assert!(log_says(&service, "the database is absent"), "{}", service.log());
    // Telephones are answered: the number is not known yet, which is an apology and no wrong number.
    let phone = service.phone("070-1234-5678", &["--digits", &of_room, "--for", "20"]);
    service.until("the caller hears that it cannot be looked up", || {
        service.metric("omnigate_lookups_total{kind=\"failed\"}") >= 1.0
    });
    phone.hang_up();
    let mut alice = App::sign_in(&service, "alice");
    assert!(refused(&mut alice).contains("database"));
    let join = alice.request("JOIN_ROOM", json!({ "room_id": room }));
    assert!(join["reason"].as_str().unwrap().contains("database"), "{join}");

    postgres.start_again();
    service.until_within("the room is there", Duration::from_secs(40), || {
        alice.request("ROOM_LIST", json!({}))["count"] == 1
    });
    assert_eq!(leads_to(&service, &of_room).0, 200);
    ok(alice.request("JOIN_ROOM", json!({ "room_id": room })));
    let phone = service.phone("070-1234-5678", &["--digits", &of_room, "--for", "30"]);
    alice.wait_for("WS_CALL_CONNECTED_NOTI");
    // Stopped in the middle of a call, for a while: the call goes on, and what happens is told afterwards.
    postgres.stop();
    let mut bob = App::sign_in(&service, "bob");
    service.until("it is noticed", || refused(&mut bob).contains("database"));
    phone.hang_up();
    alice.wait_for("WS_LEAVE_NOTI");
    postgres.start_again();
    let told = receiver.wait_for(1)[0].json();
    assert_eq!(told["event"], "recording_completed", "{told}");
    service.until_within("rooms are made again", Duration::from_secs(40), || {
        bob.request("CREATE_ROOM", json!({ "room_type": "audioroom" }))["result"] == "success"
    });
}

#[test]
fn on_a_full_disk_a_service_starts_and_calls_and_goes_on_when_there_is_room() {
    let disk = SmallDisk::new("full", 4);
    let filler = disk.path().join("filler");
    let settings = format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\nrecording.dir = \"{0}/recordings\"\nstore.url = \"sqlite://{0}/omnigate.db\"\n",
        disk.path().display()
    );
    std::fs::write(&filler, vec![0; 5 << 20]).unwrap_err();
    let service = Service::start(&settings);
    assert!(log_says(&service, "the database is absent"), "{}", service.log());
    let mut alice = App::sign_in(&service, "alice");
    assert!(refused(&mut alice).contains("database"));
    let phone = service.phone("070-1234-5678", &["--digits", "123456", "--for", "20"]);
    service.until("a caller is answered", || {
        service.metric("omnigate_lookups_total{kind=\"failed\"}") >= 1.0
    });
    phone.hang_up();
    std::fs::remove_file(&filler).unwrap();
    service.until_within("rooms are made", Duration::from_secs(40), || {
        alice.request("CREATE_ROOM", json!({ "room_type": "audioroom" }))["result"] == "success"
    });
}

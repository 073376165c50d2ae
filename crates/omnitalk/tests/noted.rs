//! What the audit log is told of sessions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::World;
use serde_json::json;

#[test]
fn what_changes_something_for_others_is_noted_with_its_outcome_and_without_numbers() {
    let mut world = World::new();
    world.connect(9);
    world.ask(
        9,
        "WS_SESSION_REQ",
        json!({ "service_id": "SVC1", "service_key": "wrong" }),
    );
    let alice = world.login(1, "alice");
    let bob = world.login(2, "bob");
    let room = world.create(1, json!({ "secret": "123456" }));
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": "987654" }));
    world.fails(
        2,
        "WS_JOIN_ROOM_REQ",
        json!({ "room_id": room, "secret": "654321" }),
    );
    world.ok(
        1,
        "WS_JOIN_ROOM_REQ",
        json!({ "room_id": room, "secret": "123456" }),
    );
    world.ok(
        2,
        "WS_JOIN_ROOM_REQ",
        json!({ "room_id": room, "secret": "123456" }),
    );
    world.ok(2, "WS_PARTI_LIST_REQ", json!({}));
    world.ok(2, "WS_KICKOUT_REQ", json!({ "target": alice }));
    assert_eq!(
        world.noted,
        [
            "session_start  service-invalid".to_owned(),
            "session_start  ok".to_owned(),
            "session_start  ok".to_owned(),
            format!("room_create {room} ok"),
            "number_make  ok".to_owned(),
            format!("room_join {room} secret-wrong"),
            format!("room_join {room} ok"),
            format!("room_join {room} ok"),
            format!("participant_remove {alice} ok"),
        ]
    );
    assert!(
        !world
            .noted
            .iter()
            .any(|line| line.contains("987654") || line.contains(&bob))
    );
}

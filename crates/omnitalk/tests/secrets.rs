//! Room secrets cannot be guessed quickly; TURN credentials are those that a TURN server computes too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{START, World, settings};
use omnigate_omnitalk::{HubSettings, Secret, TurnSettings};
use serde_json::{Value, json};
use std::time::Duration;

fn guess(room: &str, secret: u32) -> Value {
    json!({ "room_id": room, "secret": secret })
}

#[test]
fn after_ten_wrong_secrets_a_session_is_barred_for_a_minute() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "mallory");
    let room = world.create(1, json!({ "secret": "123456" }));
    let open = world.create(1, json!({}));
    let other = world.create(1, json!({ "secret": "654321" }));
    for wrong in 0..10 {
        let reason = world.fails(2, "WS_JOIN_ROOM_REQ", guess(&room, wrong));
        assert!(reason.contains("wrong"), "{reason}");
    }
    for (room, right) in [(&room, 123_456), (&other, 654_321)] {
        let reason = world.fails(2, "WS_JOIN_ROOM_REQ", guess(room, right));
        assert!(reason.contains("60 seconds"), "{reason}");
    }
    world.ok(1, "WS_JOIN_ROOM_REQ", guess(&room, 123_456));
    world.wait_for(Duration::from_millis(59_500));
    assert!(
        world
            .fails(2, "WS_JOIN_ROOM_REQ", guess(&room, 123_456))
            .contains("1 seconds")
    );
    world.wait_for(Duration::from_millis(500));
    world.ok(2, "WS_JOIN_ROOM_REQ", guess(&room, 123_456));
    // Where no secret is asked for, nothing can be guessed.
    world.login(3, "eve");
    for wrong in 0..10 {
        world.fails(3, "WS_JOIN_ROOM_REQ", guess(&room, wrong));
    }
    world.join(3, &open);
}

/// A client that signs in anew for each guess; the reason of the last one.
fn guess_from(world: &mut World, client: u128, sockets: std::ops::Range<u64>, room: &str) -> String {
    let mut reason = String::new();
    for socket in sockets {
        world.connect_from(socket, client);
        world.sign_in(socket, "mallory");
        reason = world.fails(socket, "WS_JOIN_ROOM_REQ", guess(room, 1));
        world.ok(socket, "WS_LEAVE_REQ", json!({}));
    }
    reason
}

#[test]
fn a_new_session_of_the_same_client_gives_no_new_tries() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({ "secret": "123456" }));
    assert!(guess_from(&mut world, 7, 10..20, &room).contains("wrong"));
    assert!(guess_from(&mut world, 7, 20..21, &room).contains("60 seconds"));
    assert!(
        guess_from(&mut world, 8, 21..22, &room).contains("wrong"),
        "another client"
    );
    world.connect_from(30, 7);
    world.sign_in(30, "bob");
    world.fails(30, "WS_JOIN_ROOM_REQ", guess(&room, 123_456));
    world.wait(60);
    world.ok(30, "WS_JOIN_ROOM_REQ", guess(&room, 123_456));
}

#[test]
fn wrong_secrets_are_forgotten_after_the_time_of_the_bar() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({ "secret": "123456" }));
    for round in 0..3 {
        let sockets = 10 * round + 10..10 * round + 19;
        assert!(
            guess_from(&mut world, 7, sockets, &room).contains("wrong"),
            "{round}"
        );
        world.wait(60);
    }
}

#[test]
fn a_room_that_many_clients_guess_at_leaves_each_a_single_try_and_admits_who_is_right() {
    let mut world = World::with(HubSettings {
        wrong_secrets_per_room: 20,
        ..settings()
    });
    world.login(1, "alice");
    let room = world.create(1, json!({ "secret": "123456" }));
    let other = world.create(1, json!({ "secret": "654321" }));
    for client in 0..10 {
        let first = 100 + 10 * u64::try_from(client).unwrap();
        assert!(guess_from(&mut world, client, first..first + 2, &room).contains("wrong"));
    }
    assert!(guess_from(&mut world, 50, 300..301, &room).contains("wrong"));
    assert!(guess_from(&mut world, 50, 301..302, &room).contains("60 seconds"));
    assert!(
        guess_from(&mut world, 51, 302..304, &other).contains("wrong"),
        "another room"
    );
    world.login(2, "bob");
    world.ok(2, "WS_JOIN_ROOM_REQ", guess(&room, 123_456));
    world.wait(60);
    assert!(
        guess_from(&mut world, 50, 310..312, &room).contains("wrong"),
        "it is over"
    );
}

#[test]
fn the_count_begins_again_after_the_bar() {
    let mut world = World::with(HubSettings {
        wrong_secrets: 2,
        secret_bar: Duration::from_secs(5),
        ..settings()
    });
    world.login(1, "alice");
    world.login(2, "mallory");
    let room = world.create(1, json!({ "secret": "123456" }));
    for _ in 0..3 {
        for wrong in 0..2 {
            assert!(
                world
                    .fails(2, "WS_JOIN_ROOM_REQ", guess(&room, wrong))
                    .contains("wrong")
            );
        }
        assert!(
            world
                .fails(2, "WS_JOIN_ROOM_REQ", guess(&room, 2))
                .contains("5 seconds")
        );
        world.wait(5);
    }
}

#[test]
fn a_join_without_a_secret_is_no_guess_and_a_barred_session_still_answers_calls() {
    let mut world = World::with(HubSettings {
        wrong_secrets: 1,
        ..settings()
    });
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({ "secret": "123456" }));
    for _ in 0..20 {
        let reason = world.fails(2, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
        assert!(reason.contains("missing"), "{reason}");
    }
    world.fails(2, "WS_JOIN_ROOM_REQ", guess(&room, 1));
    world.ring(1, "bob", "0101");
    let call = world.ok(2, "WS_ANSWER_CALL_REQ", json!({}))["room_id"].clone();
    world.join(2, call.as_str().unwrap());
}

#[test]
fn turn_credentials_are_those_of_the_turn_rest_api() {
    let turn = TurnSettings {
        secret: Secret::new("north sea"),
        lifetime: Duration::from_secs(86_400),
    };
    assert!(!format!("{turn:?}").contains("north"));
    let mut world = World::with(HubSettings {
        turn: Some(turn),
        ..settings()
    });
    world.connect(1);
    let fields = json!({ "service_id": "SVC1", "sdk": "JS", "ver": "2.1.3", "user_id": "alice" });
    let response = world.ok(1, "WS_SESSION_REQ", fields);
    assert_eq!(START, 1_700_000_000);
    assert_eq!(response["turn_id"], "1700086400:alice");
    // base64(hmac.new(b"north sea", b"1700086400:alice", "sha1").digest()), computed with Python.
    assert_eq!(response["turn_secret"], "D3e/0eo2PRfVtV3mDFOcaRZnQA8=");
}

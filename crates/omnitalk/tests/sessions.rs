//! Sessions, heartbeat, order, malformed input, numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{World, limited, settings};
use omnigate_omnitalk::{CallNumber, Effect, Figures, LookUp, Quota, RoomId, SocketId, TargetKind};
use serde_json::{Value, json};

fn hello(service: &str, key: Option<&str>) -> Value {
    let mut fields = json!({ "service_id": service, "sdk": "JS", "ver": "2.1.3", "heartbeat": true });
    if let Some(key) = key {
        fields["service_key"] = key.into();
    }
    fields
}

fn look_up(world: &World, number: &Value) -> LookUp {
    let number = CallNumber::parse(number.as_str().unwrap()).unwrap();
    world.numbers.look_up(number, world.now.unix)
}

#[test]
fn a_wrong_key_always_fails_and_a_missing_one_only_where_it_is_required() {
    for (service, key, valid) in [
        ("SVC1", Some("KEY1"), true),
        ("SVC1", None, true),
        ("SVC1", Some(""), true),
        ("SVC1", Some("KEY2"), false),
        ("APPS", Some("KEY2"), true),
        ("APPS", None, false),
        ("APPS", Some("nope"), false),
        ("OPEN", None, true),
        ("OPEN", Some("old key"), true),
        ("NOPE", None, false),
    ] {
        let mut world = World::new();
        world.connect(1);
        let response = world.ask(1, "WS_SESSION_REQ", hello(service, key));
        assert_eq!(response["result"] == "success", valid, "{service} {key:?}");
        assert_eq!(
            world.closed.contains_key(&1),
            !valid,
            "a failed session closes the socket"
        );
        if !valid {
            assert_eq!(response["session"], "");
        }
    }
}

#[test]
fn a_user_without_an_id_gets_ten_letters() {
    let mut world = World::new();
    world.connect(1);
    let response = world.ok(1, "WS_SESSION_REQ", hello("SVC1", None));
    let user = response["user_id"].as_str().unwrap();
    assert!(
        user.len() == 10 && user.bytes().all(|byte| byte.is_ascii_alphabetic()),
        "{user}"
    );
    assert_ne!(response["turn_id"], "");
    assert_ne!(response["turn_secret"], "");
}

#[test]
fn a_user_id_longer_than_64_units_fails_and_names_the_field() {
    let mut world = World::new();
    world.connect(1);
    let mut fields = hello("SVC1", None);
    fields["user_id"] = "가".repeat(65).into();
    let reason = world.fails(1, "WS_SESSION_REQ", fields);
    assert!(reason.contains("user_id") && reason.contains("64"), "{reason}");
}

#[test]
fn a_second_session_request_fails_and_closes() {
    let mut world = World::new();
    let session = world.login(1, "alice");
    let response = world.ask(1, "WS_SESSION_REQ", hello("SVC1", None));
    assert_eq!(response["result"], "failed");
    assert_eq!(response["session"], session.as_str());
    assert_eq!(world.closed[&1], 4002);
    assert_eq!(world.hub.figures(), Figures::default());
}

#[test]
fn nothing_works_before_the_session_or_with_another_ones() {
    let mut world = World::new();
    world.connect(1);
    assert!(
        world
            .fails(1, "WS_CREATE_ROOM_REQ", json!({}))
            .contains("WS_SESSION_REQ")
    );
    assert!(
        world
            .fails(1, "WS_LEAVE_REQ", json!({}))
            .contains("WS_SESSION_REQ")
    );
    let alice = world.login(2, "alice");
    world.login(3, "bob");
    for wrong in [json!(alice), json!(""), json!(7), Value::Null] {
        let fields = json!({ "room_type": "audioroom", "session": wrong });
        assert!(world.fails(3, "WS_CREATE_ROOM_REQ", fields).contains("session"));
    }
}

#[test]
fn a_socket_that_never_asks_for_a_session_is_closed() {
    let mut world = World::new();
    world.connect(1);
    world.wait(29);
    assert!(world.closed.is_empty());
    world.wait(1);
    assert_eq!(world.closed[&1], 4002);
}

#[test]
fn the_server_takes_only_as_many_sessions_as_it_may() {
    let quota = Quota {
        sessions: 1,
        ..Quota::default()
    };
    let mut world = World::with_services(limited(quota), settings());
    world.login(1, "alice");
    world.connect(2);
    world.fails(2, "WS_SESSION_REQ", hello("SVC1", None));
    world.disconnect(1);
    world.login(3, "bob");
}

#[test]
fn three_unanswered_heartbeats_close_the_connection() {
    let mut world = World::new();
    world.connect(1);
    world.ok(1, "WS_SESSION_REQ", hello("SVC1", None));
    world.wait(79);
    assert_eq!(world.cmds(1), ["WS_HEARTBEAT_REQ"; 3]);
    assert!(world.closed.is_empty());
    world.wait(1);
    assert_eq!(world.closed[&1], 4001);
}

#[test]
fn any_frame_counts_as_life() {
    let mut world = World::new();
    world.connect(1);
    world.ok(1, "WS_SESSION_REQ", hello("SVC1", None));
    for frame in [
        "not json",
        r#"{"cmd":"WS_TRICKLE"}"#,
        r#"{"cmd":"WS_HEARTBEAT_RSP"}"#,
    ] {
        world.wait(65);
        world.raw(1, frame);
    }
    world.wait(60);
    assert!(world.closed.is_empty());
}

#[test]
fn a_client_that_announces_no_heartbeat_gets_none() {
    let mut world = World::new();
    world.login(1, "alice");
    world.wait(1000);
    assert!(world.cmds(1).is_empty() && world.closed.is_empty());
}

#[test]
fn twenty_malformed_frames_in_a_row_close_the_socket_and_a_good_one_starts_again() {
    let mut world = World::new();
    world.login(1, "alice");
    for _ in 0..19 {
        world.raw(1, "{");
    }
    world.raw(1, r#"{"cmd":"WS_TRICKLE"}"#);
    for _ in 0..19 {
        world.raw(1, r#"{"cmd":"HELLO"}"#);
    }
    assert!(world.closed.is_empty() && world.drain(1).is_empty());
    world.raw(1, "[]");
    assert_eq!(world.closed[&1], 4002);
    assert_eq!(world.hub.figures().malformed, 39);
}

#[test]
fn an_unknown_request_gets_its_failed_response() {
    let mut world = World::new();
    let session = world.login(1, "alice");
    let response = world.ask(1, "WS_TELEPORT_REQ", json!({}));
    assert_eq!(response["cmd"], "WS_TELEPORT_RSP");
    assert_eq!(response["result"], "failed");
    assert_eq!(response["session"], session.as_str());
}

#[test]
fn one_way_messages_are_never_answered() {
    let mut world = World::new();
    let session = world.login(1, "alice");
    for cmd in [
        "WS_HEARTBEAT_RSP",
        "WS_TRICKLE",
        "WS_SUBSCRIBE_COMP",
        "WS_RESOLUTION_RPT",
    ] {
        world.send(1, &json!({ "cmd": cmd, "session": session, "candidate": 7 }));
        world.send(1, &json!({ "cmd": cmd }));
    }
    assert!(world.drain(1).is_empty());
}

#[test]
fn a_transaction_is_echoed_exactly_also_in_failures() {
    let mut world = World::new();
    world.login(1, "alice");
    for transaction in [json!("481516"), json!(""), json!(7), json!({ "odd": [1] })] {
        let fields = json!({ "action": "send", "message": "hi", "transaction": transaction });
        let response = world.ask(1, "WS_MESSAGE_REQ", fields);
        assert_eq!(response["result"], "failed");
        assert_eq!(response["transaction"], transaction);
    }
}

#[test]
fn requests_behind_a_slow_publish_wait_and_are_answered_in_order() {
    let mut world = World::new();
    world.answers = false;
    let session = world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    let publish = json!({ "cmd": "WS_PUBLISH_REQ", "session": session, "track": "audio",
        "jsep": { "type": "offer", "sdp": "v=0" } });
    world.send(1, &publish);
    world.send(1, &json!({ "cmd": "WS_PARTI_LIST_REQ", "session": session }));
    world.send(1, &json!({ "cmd": "WS_TRICKLE", "session": session }));
    world.send(1, &publish);
    world.send(1, &json!({ "cmd": "WS_LEAVE_REQ", "session": session }));
    assert!(world.drain(1).is_empty());
    let effects = world
        .hub
        .peer_answered(world.peers[&1], Ok("v=0".to_owned()), world.now);
    world.apply(Some(1), effects);
    let told = world.drain(1);
    let got: Vec<_> = told
        .iter()
        .map(|m| (m["cmd"].as_str().unwrap(), m["result"].as_str().unwrap()))
        .collect();
    assert_eq!(
        got,
        [
            ("WS_PUBLISH_RSP", "success"),
            ("WS_PARTI_LIST_RSP", "success"),
            ("WS_PUBLISH_RSP", "failed"),
            ("WS_LEAVE_RSP", "success"),
        ]
    );
    assert_eq!(world.closed[&1], 1000);
    assert!(world.open_peers.is_empty());
}

#[test]
fn the_queue_behind_a_publish_is_bounded() {
    let mut world = World::new();
    world.answers = false;
    let session = world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    world.send(
        1,
        &json!({ "cmd": "WS_PUBLISH_REQ", "session": session, "track": "audio",
        "jsep": { "type": "offer", "sdp": "v=0" } }),
    );
    for _ in 0..64 {
        world.send(1, &json!({ "cmd": "WS_PARTI_LIST_REQ", "session": session }));
    }
    assert!(world.closed.is_empty());
    world.send(1, &json!({ "cmd": "WS_PARTI_LIST_REQ", "session": session }));
    assert_eq!(world.closed[&1], 4002);
    assert!(world.open_peers.is_empty());
}

#[test]
fn leave_is_answered_in_every_state_and_closes_with_1000() {
    let mut world = World::new();
    world.login(1, "alice");
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    world.login(2, "bob");
    let room = world.create(2, json!({}));
    world.enter(2, &room);
    assert_eq!(
        world.ok(2, "WS_LEAVE_REQ", json!({ "room_id": room }))["room_id"],
        room.as_str()
    );
    assert_eq!((world.closed[&1], world.closed[&2]), (1000, 1000));
    // Whatever comes after is not heard.
    world.raw(1, r#"{"cmd":"WS_LEAVE_REQ"}"#);
    world.disconnect(1);
}

#[test]
fn a_personal_number_lives_as_long_as_its_session() {
    let mut world = World::new();
    world.login(1, "alice");
    let response = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}));
    assert!(response.get("room_id").is_none());
    let number = response["call_number"].clone();
    let LookUp::Found(target) = look_up(&world, &number) else {
        panic!("not found")
    };
    assert_eq!(
        (target.service_id.as_str(), target.kind),
        ("SVC1", TargetKind::User("alice".to_owned()))
    );
    world.disconnect(1);
    assert_eq!(look_up(&world, &number), LookUp::Expired);
    world.wait(6 * 3600);
    assert_eq!(look_up(&world, &number), LookUp::Unknown);
}

#[test]
fn a_repeated_number_request_keeps_the_number_and_another_number_replaces_it() {
    let mut world = World::new();
    world.login(1, "alice");
    let first = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"].clone();
    assert_eq!(
        world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": null }))["call_number"],
        first
    );
    let second = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": 12345 }));
    assert_eq!(second["call_number"], "012345");
    assert_eq!(look_up(&world, &first), LookUp::Expired);
    assert!(matches!(look_up(&world, &json!("012345")), LookUp::Found(_)));
    assert_eq!(world.hub.figures().numbers, 1);
}

#[test]
fn a_number_in_use_or_of_another_shape_fails() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": "111111" }));
    let reason = world.fails(2, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": "111111" }));
    assert!(reason.contains("in use"), "{reason}");
    let reason = world.fails(2, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": "1111" }));
    assert!(
        reason.contains("call_number") && reason.contains("six digits"),
        "{reason}"
    );
}

#[test]
fn a_room_number_ends_with_its_room() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    let response = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }));
    let number = response["call_number"].clone();
    assert_eq!(response["room_id"], room.as_str());
    let LookUp::Found(target) = look_up(&world, &number) else {
        panic!("not found")
    };
    assert_eq!(target.kind, TargetKind::Room(RoomId::parse(&room).unwrap()));
    world.ok(1, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
    assert_eq!(look_up(&world, &number), LookUp::Expired);
    assert!(
        world
            .fails(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }))
            .contains("room_id")
    );
}

#[test]
fn the_session_list_shows_the_others_of_the_service_and_who_is_busy() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    world.login(3, "carol");
    world.connect(4);
    world.ok(4, "WS_SESSION_REQ", hello("OPEN", None));
    let room = world.create(2, json!({ "room_type": "videoroom" }));
    world.ok(
        2,
        "WS_JOIN_ROOM_REQ",
        json!({ "room_id": room, "user_name": "Bob" }),
    );
    let response = world.ok(1, "WS_SESSION_LIST_REQ", json!({}));
    assert_eq!(
        response["list"],
        json!([
            { "user_id": "bob", "user_name": "Bob", "call_type": "videocall", "state": "busy" },
            { "user_id": "carol", "user_name": "carol", "call_type": "unknown", "state": "active" },
        ])
    );
    world.ring(1, "carol", "0101");
    let response = world.ok(1, "WS_SESSION_LIST_REQ", json!({}));
    assert_eq!(response["list"][1]["state"], "busy");
    assert_eq!(response["list"][1]["call_type"], "sipcall");
}

#[test]
fn a_page_has_ten_entries_and_one_beyond_the_end_is_empty() {
    let mut world = World::new();
    for who in 1..=12 {
        world.login(who, "user");
    }
    for (page, entries) in [(1, 10), (2, 1), (3, 0), (1_000_000_000_000_u64, 0)] {
        let response = world.ok(1, "WS_SESSION_LIST_REQ", json!({ "page": page }));
        assert_eq!(response["page"], page);
        assert_eq!(response["count"], 11);
        assert_eq!(response["list"].as_array().unwrap().len(), entries);
    }
}

#[test]
fn shutdown_closes_everything_with_1001() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    world.login(3, "carol");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    world.enter(2, &room);
    world.admit(1, &room, "0101");
    world.ring(2, "carol", "0102");
    let effects = world.hub.close_all(world.now);
    world.apply(None, effects);
    assert!(world.closed.values().all(|code| *code == 1001) && world.closed.len() == 3);
    assert!(world.open_peers.is_empty());
    assert_eq!(format!("{:?}", world.notice(1).unwrap()), "Ended(Shutdown)");
    assert_eq!(format!("{:?}", world.notice(2).unwrap()), "Ended(Shutdown)");
    assert_eq!(world.hub.figures(), Figures::default());
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn debug_output_shows_neither_messages_nor_numbers() {
    let mut world = World::new();
    world.login(1, "alice");
    let effects = world.hub.ring(
        omnigate_omnitalk::CallId(1),
        "SVC1",
        "alice",
        "01099998888",
        world.now,
    );
    let shown = format!("{effects:?} {:?} {:?}", world.hub, SocketId(1));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Send { .. })));
    assert!(!shown.contains("9999"), "{shown}");
}

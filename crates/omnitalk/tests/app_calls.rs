//! Calls from one app to another: offered, ringing, answered. `app_call_ends` has the ways in which they end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::app_calls::{call, left, nothing_but_sessions, offer, ringing, talking};
use common::{World, limited, settings};
use omnigate_omnitalk::Quota;
use serde_json::json;

#[test]
fn the_caller_hears_ringback_and_the_callee_rings() {
    let mut world = World::new();
    let alice = world.login(1, "alice");
    world.login(2, "bob");
    let room = call(&mut world, "bob");
    let told = world.drain(1).remove(0);
    assert_eq!(told["cmd"], "WS_RINGBACK_NOTI");
    assert_eq!(told["session"], alice, "its own session (12.24)");
    let told = world.drain(2).remove(0);
    for (field, value) in [
        ("cmd", "WS_RINGING_NOTI"),
        ("session", &alice),
        ("user_id", "alice"),
        ("caller", "alice"),
        ("callee", "bob"),
        ("room_id", &room),
        ("room_type", "audiocall"),
        ("call_type", "audiocall"),
        ("track", "audio"),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
}

#[test]
fn nobody_calls_in_another_ones_name() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let mut fields = offer("bob");
    fields["caller"] = "the bank".into();
    world.ok(1, "WS_OFFER_CALL_REQ", fields);
    assert_eq!(world.drain(2)[0]["caller"], "alice");
}

#[test]
fn each_side_is_told_of_the_other_when_both_are_up() {
    let (mut world, room) = ringing(&[2]);
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.join(2, &room);
    world.publish(2);
    assert!(world.drain(1).is_empty() && world.drain(2).is_empty());
    world.up(2);
    let (alice, bob) = (world.sessions[&1].clone(), world.sessions[&2].clone());
    for (who, other) in [(1, &bob), (2, &alice)] {
        let told = world.drain(who);
        assert_eq!(told.len(), 1);
        assert_eq!(
            (&told[0]["cmd"], &told[0]["session"]),
            (&json!("WS_CALL_CONNECTED_NOTI"), &json!(other))
        );
    }
}

#[test]
fn a_caller_whose_audio_comes_last_completes_the_call() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = call(&mut world, "bob");
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(2, &room);
    world.drain(1);
    world.drain(2);
    world.join(1, &room);
    world.publish(1);
    assert!(world.drain(2).is_empty());
    world.up(1);
    assert_eq!(world.cmds(1), ["WS_CALL_CONNECTED_NOTI"]);
    assert_eq!(world.cmds(2), ["WS_CALL_CONNECTED_NOTI"]);
}

#[test]
fn the_first_of_several_devices_wins_and_the_others_are_cancelled() {
    let (mut world, room) = ringing(&[2, 3, 4]);
    let alice = world.sessions[&1].clone();
    assert_eq!(world.ok(3, "WS_ANSWER_CALL_REQ", offer("bob"))["room_id"], room);
    for other in [2, 4] {
        let told = world.drain(other);
        assert_eq!(told.len(), 1);
        assert_eq!(
            (&told[0]["cmd"], &told[0]["session"]),
            (&json!("WS_CANCEL_NOTI"), &json!(alice))
        );
        world.fails(other, "WS_ANSWER_CALL_REQ", offer("bob"));
        world.fails(other, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    }
    world.enter(3, &room);
    assert_eq!(world.cmds(1), ["WS_CALL_CONNECTED_NOTI"]);
}

#[test]
fn a_call_to_a_user_without_a_session_waits_for_one() {
    let (mut world, room) = ringing(&[]);
    world.wait(30);
    world.login(2, "bob");
    let told = world.drain(2);
    assert_eq!(
        (told.len(), &told[0]["cmd"]),
        (1, &json!("WS_RINGING_NOTI")),
        "after the session's response"
    );
    world.login(3, "bob");
    assert_eq!(world.cmds(3), ["WS_RINGING_NOTI"]);
    assert_eq!(world.ok(2, "WS_ANSWER_CALL_REQ", offer("bob"))["room_id"], room);
    assert_eq!(world.cmds(3), ["WS_CANCEL_NOTI"]);
    world.login(4, "bob");
    assert!(world.drain(4).is_empty(), "it has been answered");
}

#[test]
fn a_user_who_never_comes_is_told_of_with_a_session_all_the_same() {
    let (mut world, _) = ringing(&[]);
    world.wait(60);
    assert_ne!(left(&mut world, 1, "bob"), world.sessions[&1]);
    world.wait(5);
    nothing_but_sessions(&world, 0);
}

#[test]
fn a_callee_whose_socket_dies_may_come_back_and_answer() {
    let (mut world, room) = ringing(&[2]);
    world.disconnect(2);
    assert!(world.drain(1).is_empty());
    world.login(3, "bob");
    assert_eq!(world.cmds(3), ["WS_RINGING_NOTI"]);
    world.ok(3, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(3, &room);
    assert_eq!(world.cmds(1), ["WS_CALL_CONNECTED_NOTI"]);
}

#[test]
fn a_busy_callee_fails_the_offer_and_nothing_rings() {
    let (mut world, _) = ringing(&[2]);
    world.login(3, "carol");
    let mut fields = offer("bob");
    fields["caller"] = "carol".into();
    assert!(
        world
            .fails(3, "WS_OFFER_CALL_REQ", fields.clone())
            .contains("busy"),
        "it rings"
    );
    fields["callee"] = "alice".into();
    assert!(
        world.fails(3, "WS_OFFER_CALL_REQ", fields).contains("busy"),
        "in a call"
    );
    assert!(world.drain(1).is_empty() && world.drain(2).is_empty());
    assert_eq!(world.hub.figures().rooms, 1);
    world.login(4, "bob");
    world.drain(4);
    world.ok(4, "WS_REJECT_CALL_REQ", json!({}));
    world.ok(
        3,
        "WS_OFFER_CALL_REQ",
        json!({ "call_type": "audiocall", "callee": "bob" }),
    );
    assert_eq!(world.cmds(4), ["WS_RINGING_NOTI"], "one idle device is enough");
    assert!(world.drain(2).is_empty());
}

#[test]
fn a_second_call_to_a_user_without_a_session_is_busy() {
    let (mut world, _) = ringing(&[]);
    world.login(3, "carol");
    assert!(world.fails(3, "WS_OFFER_CALL_REQ", offer("bob")).contains("busy"));
}

#[test]
fn nobody_calls_themselves_or_answers_themselves() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "alice");
    assert!(
        world
            .fails(1, "WS_OFFER_CALL_REQ", offer("alice"))
            .contains("callee")
    );
    assert!(world.drain(2).is_empty());
    let (mut world, _) = ringing(&[2]);
    let own = json!({ "call_type": "audiocall", "caller": "bob" });
    assert!(world.fails(2, "WS_ANSWER_CALL_REQ", own).contains("caller"));
}

#[test]
fn users_of_another_service_are_not_reached() {
    let mut world = World::new();
    world.login(1, "alice");
    world.connect(2);
    world.ok(
        2,
        "WS_SESSION_REQ",
        json!({ "service_id": "OPEN", "user_id": "bob" }),
    );
    call(&mut world, "bob");
    assert!(
        world.drain(2).is_empty(),
        "the call waits for a bob of this service"
    );
}

#[test]
fn a_bad_offer_names_the_field() {
    let mut world = World::new();
    world.login(1, "alice");
    for (fields, field) in [
        (json!({ "callee": "bob" }), "call_type"),
        (json!({ "call_type": "audioroom", "callee": "bob" }), "call_type"),
        (json!({ "call_type": "audiocall" }), "callee"),
        (
            json!({ "call_type": "audiocall", "callee": "b".repeat(129) }),
            "callee",
        ),
    ] {
        let reason = world.fails(1, "WS_OFFER_CALL_REQ", fields);
        assert!(reason.contains(field), "{reason}");
    }
    nothing_but_sessions(&world, 1);
}

#[test]
fn an_offer_beyond_the_most_rooms_fails_and_leaves_nothing() {
    let quota = Quota {
        rooms: 0,
        ..Quota::default()
    };
    let mut world = World::with_services(limited(quota), settings());
    world.login(1, "alice");
    world.login(2, "bob");
    world.fails(1, "WS_OFFER_CALL_REQ", offer("bob"));
    assert!(world.drain(1).is_empty() && world.drain(2).is_empty());
    nothing_but_sessions(&world, 2);
}

#[test]
fn the_call_type_of_an_answer_must_be_the_calls() {
    let (mut world, _) = ringing(&[2]);
    let wrong = json!({ "call_type": "videocall", "caller": "alice" });
    assert!(world.fails(2, "WS_ANSWER_CALL_REQ", wrong).contains("call_type"));
    world.ok(2, "WS_ACCEPT_CALL_REQ", offer("bob"));
}

#[test]
fn a_call_room_is_not_listed_and_admits_nobody_else() {
    let (mut world, room) = talking();
    world.login(3, "carol");
    assert_eq!(world.ok(3, "WS_ROOM_LIST_REQ", json!({}))["count"], 0);
    for cmd in ["WS_JOIN_ROOM_REQ", "WS_DESTROY_ROOM_REQ", "WS_MAKE_SIPNUM_REQ"] {
        world.fails(3, cmd, json!({ "room_id": room }));
    }
}

#[test]
fn sessions_in_a_call_are_listed_as_busy() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    world.login(3, "carol");
    world.ok(
        1,
        "WS_OFFER_CALL_REQ",
        json!({ "call_type": "videocall", "callee": "bob" }),
    );
    let list = world.ok(3, "WS_SESSION_LIST_REQ", json!({}));
    for entry in list["list"].as_array().unwrap() {
        assert_eq!(
            (&entry["state"], &entry["call_type"]),
            (&json!("busy"), &json!("videocall"))
        );
    }
}

#[test]
fn a_telephone_does_not_reach_a_user_who_calls() {
    let mut world = World::new();
    world.login(1, "alice");
    call(&mut world, "bob");
    assert_eq!(
        format!("{:?}", world.ring(1, "alice", "0101").unwrap()),
        "Refused(Busy)"
    );
}

#[test]
fn chat_and_mute_work_in_a_call() {
    let (mut world, _) = talking();
    world.ok(
        1,
        "WS_MESSAGE_REQ",
        json!({ "action": "send", "message": "hi", "transaction": "1" }),
    );
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "audio" }));
    assert_eq!(world.cmds(2), ["WS_MESSAGE_NOTI", "WS_MUTE_NOTI"]);
    let list = world.ok(2, "WS_PARTI_LIST_REQ", json!({}));
    assert_eq!(
        (&list["count"], &list["list"][0]["call_type"]),
        (&json!(1), &json!("audiocall"))
    );
}

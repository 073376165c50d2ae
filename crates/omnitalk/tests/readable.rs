//! Every message that this server can send, in success and failure, passes the strict reader's checklist.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use common::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REQUESTS: [&str; 26] = [
    "SESSION",
    "MAKE_SIPNUM",
    "SESSION_LIST",
    "CREATE_ROOM",
    "DESTROY_ROOM",
    "ROOM_LIST",
    "JOIN_ROOM",
    "PARTI_LIST",
    "PUBLISH_LIST",
    "SCREEN_LIST",
    "PUBLISH",
    "SCREEN_SHARE",
    "SCREEN_UNSHARE",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "OFFER_CALL",
    "ANSWER_CALL",
    "ACCEPT_CALL",
    "REJECT_CALL",
    "MUTE",
    "UNMUTE",
    "MESSAGE",
    "RESOLUTION",
    "RECORDING",
    "KICKOUT",
    "LEAVE",
];

/// What this server does not do: their only responses are failures.
const NEVER_GRANTED: [&str; 1] = ["RECORDING"];

/// Every field of section 6.
const FIELDS: [&str; 28] = [
    "service_id",
    "service_key",
    "user_id",
    "heartbeat",
    "call_number",
    "room_id",
    "room_type",
    "subject",
    "secret",
    "start_date",
    "end_date",
    "page",
    "user_name",
    "track",
    "jsep",
    "resolution",
    "subscribe",
    "call_type",
    "caller",
    "callee",
    "record",
    "action",
    "transaction",
    "message",
    "to_user",
    "target",
    "sdk",
    "ver",
];

fn inside(world: &mut World, who: u64) -> String {
    let user = format!("user{who}");
    world.login(who, &user);
    let room = world.create(who, json!({}));
    world.enter(who, &room);
    room
}

/// One conversation in which everything that can succeed does.
fn everything_that_succeeds(world: &mut World) {
    world.connect(1);
    let hello = json!({ "service_id": "SVC1", "sdk": "JS", "ver": "2.1.3", "heartbeat": true });
    let response = world.ok(1, "WS_SESSION_REQ", hello);
    world
        .sessions
        .insert(1, response["session"].as_str().unwrap().to_owned());
    world.wait(20);
    world.raw(1, r#"{"cmd":"WS_HEARTBEAT_RSP"}"#);
    let room = world.create(1, json!({ "subject": "all", "secret": "1" }));
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }));
    world.ok(1, "WS_ROOM_LIST_REQ", json!({}));
    world.ok(1, "WS_SESSION_LIST_REQ", json!({}));
    let spare = world.create(1, json!({}));
    world.ok(1, "WS_DESTROY_ROOM_REQ", json!({ "room_id": spare }));
    for who in [1, 2, 3] {
        if who > 1 {
            world.login(who, "user");
        }
        world.ok(who, "WS_JOIN_ROOM_REQ", json!({ "room_id": room, "secret": 1 }));
        world.publish(who);
        world.up(who);
    }
    world.admit(1, &room, "0101");
    for cmd in ["WS_PARTI_LIST_REQ", "WS_PUBLISH_LIST_REQ", "WS_SCREEN_LIST_REQ"] {
        world.ok(1, cmd, json!({}));
    }
    for cmd in ["WS_MUTE_REQ", "WS_UNMUTE_REQ"] {
        world.ok(1, cmd, json!({ "track": "audio" }));
    }
    world.ok(1, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": "whoever" }));
    let second = world.sessions[&2].clone();
    for action in ["send", "whisper", "list"] {
        let fields = json!({ "action": action, "transaction": "1", "message": "hi", "to_user": second });
        world.ok(1, "WS_MESSAGE_REQ", fields);
    }
    world.ok(1, "WS_KICKOUT_REQ", json!({ "target": second }));
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    for who in [4, 5] {
        world.login(who, "callee");
    }
    world.ring(2, "callee", "0102");
    world.ok(4, "WS_REJECT_CALL_REQ", json!({}));
    world.ok(5, "WS_ACCEPT_CALL_REQ", json!({}));
    world.hang_up(2);
    world.ring(3, "callee", "0103");
    world.ok(4, "WS_ANSWER_CALL_REQ", json!({}));
    everything_with_video(world);
}

/// Two apps in a video call, and in a video room with cameras, a screen and subscriptions.
fn everything_with_video(world: &mut World) {
    let caller = world.login(11, "caller");
    world.login(12, "called");
    let call = json!({ "call_type": "videocall", "caller": "caller", "callee": "called", "record": false });
    let room = world.ok(11, "WS_OFFER_CALL_REQ", call)["room_id"].clone();
    world.ok(12, "WS_ANSWER_CALL_REQ", json!({}));
    for who in [11, 12] {
        world.enter(who, room.as_str().unwrap());
        world.camera(who);
    }
    world.subscribe(12, &caller);
    world.complete(12, &caller);
    world.login(13, "anna");
    let room = world.create(13, json!({ "room_type": "videoroom" }));
    world.login(14, "ben");
    for who in [13, 14] {
        world.enter(who, &room);
    }
    world.camera(13);
    let screen = world.screen(13);
    for cmd in ["WS_PUBLISH_LIST_REQ", "WS_SCREEN_LIST_REQ"] {
        assert_eq!(world.ok(14, cmd, json!({}))["count"], 1);
    }
    world.subscribe(14, &screen);
    world.ok(13, "WS_RESOLUTION_REQ", json!({ "resolution": 230_400 }));
    world.ok(13, "WS_SCREEN_UNSHARE_REQ", json!({}));
    world.ok(14, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": screen }));
}

/// Every request, in every state of the asking session, with every field missing, empty, of a wrong type, too long.
fn everything_that_fails(world: &mut World) {
    let long = "가".repeat(3000);
    let odd = [json!(null), json!(""), json!(-1), json!({ "a": [] }), json!(long)];
    let mut who = 100;
    for name in REQUESTS {
        for value in &odd {
            for state in ["no session", "idle", "rung", "inside"] {
                who += 1;
                match state {
                    "no session" => world.connect(who),
                    "inside" => {
                        inside(world, who);
                    }
                    _ => {
                        let user = format!("user{who}");
                        world.login(who, &user);
                        if state == "rung" {
                            world.ring(who, &user, "0101");
                        }
                    }
                }
                let mut fields: Value = FIELDS
                    .iter()
                    .map(|field| ((*field).to_owned(), value.clone()))
                    .collect::<serde_json::Map<_, _>>()
                    .into();
                // These two are the client's own texts, echoed as they are.
                fields["transaction"] = "7".into();
                fields["subscribe"] = "8".into();
                let response = world.ask(who, &format!("WS_{name}_REQ"), fields);
                if name == "MESSAGE" {
                    assert_eq!(response["transaction"], "7");
                }
                if name.ends_with("SUBSCRIBE") {
                    assert_eq!(response["subscribe"], "8");
                }
                world.disconnect(who);
                world.drain(who);
            }
        }
    }
}

#[test]
fn every_message_in_success_and_failure_passes_the_strict_checklist() {
    let mut world = World::new();
    everything_that_succeeds(&mut world);
    everything_that_fails(&mut world);
    let mut expected: BTreeSet<String> = [
        "WS_HEARTBEAT_REQ",
        "WS_RINGING_NOTI",
        "WS_RINGBACK_NOTI",
        "WS_CALL_CONNECTED_NOTI",
        "WS_BROADCAST_NOTI",
        "WS_SCREEN_SHARE_NOTI",
        "WS_SCREEN_UNSHARE_NOTI",
        "WS_MUTE_NOTI",
        "WS_UNMUTE_NOTI",
        "WS_KICKOUT_NOTI",
        "WS_LEAVE_NOTI",
        "WS_CANCEL_NOTI",
        "WS_MESSAGE_NOTI send",
        "WS_MESSAGE_NOTI whisper",
        "WS_MESSAGE_NOTI join",
        "WS_MESSAGE_NOTI leave",
    ]
    .map(str::to_owned)
    .into();
    for name in REQUESTS {
        expected.insert(format!("WS_{name}_RSP failed"));
        if !NEVER_GRANTED.contains(&name) {
            expected.insert(format!("WS_{name}_RSP success"));
        }
    }
    assert_eq!(world.kinds, expected);
}

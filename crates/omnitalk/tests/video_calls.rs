//! Video calls: the order of broadcasts (9.7). The browser SDK subscribes by itself as soon as it is told of a video,
//! and shows it only if its own join has completed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{Video, World, video_offer};
use serde_json::{Value, json};
use std::time::Duration;

/// Alice (1) has called Bob (2), and is in the room with audio and video.
fn called() -> (World, String) {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let fields = json!({ "call_type": "videocall", "caller": "alice", "callee": "bob", "record": false });
    let response = world.ok(1, "WS_OFFER_CALL_REQ", fields);
    let room = response["room_id"].as_str().unwrap().to_owned();
    let told = world.drain(2).remove(0);
    for (field, value) in [
        ("room_type", "videocall"),
        ("call_type", "videocall"),
        ("track", "video"),
    ] {
        assert_eq!(told[field], value, "{field}");
    }
    assert_eq!(world.join(1, &room)["room_type"], "videocall");
    world.publish(1);
    world.camera(1);
    world.up(1);
    assert_eq!(world.cmds(1), ["WS_RINGBACK_NOTI"]);
    (world, room)
}

/// As above, and Bob has answered and his audio is up.
fn answered() -> World {
    let (mut world, room) = called();
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(2, &room);
    for who in [1, 2] {
        assert_eq!(world.cmds(who), ["WS_CALL_CONNECTED_NOTI"], "no video yet");
    }
    world
}

fn broadcasts(told: &[Value]) -> Vec<&str> {
    let of = |message: &&Value| message["cmd"] == "WS_BROADCAST_NOTI";
    told.iter()
        .filter(of)
        .map(|message| message["user_id"].as_str().unwrap())
        .collect()
}

#[test]
fn the_callers_video_is_held_back_until_the_callees_own_video_was_answered() {
    let mut world = answered();
    world.camera(2);
    let told = world.drain(2);
    assert_eq!(broadcasts(&told), ["alice"]);
    assert_eq!(told[0]["room_type"], "videocall");
    assert_eq!(broadcasts(&world.drain(1)), ["bob"]);
    for (who, other) in [(1, 2), (2, 1)] {
        let session = world.sessions[&other].clone();
        world.subscribe(who, &session);
        world.complete(who, &session);
    }
    assert!(world.viewers.values().all(|(_, answer)| answer.is_some()));
    world.wait(60);
    assert!(
        broadcasts(&world.drain(1)).is_empty() && broadcasts(&world.drain(2)).is_empty(),
        "once"
    );
    world.hub.audit().unwrap();
}

#[test]
fn the_response_comes_before_the_broadcast() {
    let mut world = answered();
    let mut publish = video_offer("video");
    publish["cmd"] = "WS_PUBLISH_REQ".into();
    publish["session"] = world.sessions[&2].clone().into();
    world.send(2, &publish);
    assert_eq!(world.cmds(2), ["WS_PUBLISH_RSP", "WS_BROADCAST_NOTI"]);
}

#[test]
fn a_side_without_a_camera_is_told_two_seconds_after_its_audio() {
    let mut world = answered();
    world.wait_for(Duration::from_millis(1999));
    assert!(world.drain(2).is_empty());
    world.wait_for(Duration::from_millis(1));
    assert_eq!(broadcasts(&world.drain(2)), ["alice"]);
    world.camera(2);
    assert!(world.drain(2).is_empty(), "not twice");
    assert_eq!(broadcasts(&world.drain(1)), ["bob"]);
}

#[test]
fn a_callers_camera_that_comes_late_is_told_at_once_to_a_side_that_is_ready() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let fields = json!({ "call_type": "videocall", "callee": "bob" });
    let room = world.ok(1, "WS_OFFER_CALL_REQ", fields)["room_id"].clone();
    world.enter(1, room.as_str().unwrap());
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(2, room.as_str().unwrap());
    world.drain(1);
    world.drain(2);
    world.camera(2);
    assert!(
        world.drain(1).is_empty() && world.drain(2).is_empty(),
        "the caller is not ready yet"
    );
    world.camera(1);
    assert_eq!(broadcasts(&world.drain(1)), ["bob"]);
    assert_eq!(broadcasts(&world.drain(2)), ["alice"]);
}

#[test]
fn a_video_that_is_being_answered_after_two_seconds_still_decides() {
    let mut world = answered();
    world.answers = false;
    let mut publish = video_offer("video");
    publish["cmd"] = "WS_PUBLISH_REQ".into();
    publish["session"] = world.sessions[&2].clone().into();
    world.wait(1);
    world.send(2, &publish);
    world.wait(2);
    assert!(world.drain(2).is_empty());
    let stream = world.published[&2];
    world.answer_video(Some(2), Video::Stream(stream), Err("no codec".to_owned()));
    assert_eq!(
        world.cmds(2),
        ["WS_PUBLISH_RSP", "WS_BROADCAST_NOTI"],
        "also when there is none"
    );
}

#[test]
fn the_order_holds_in_a_video_call_room_that_was_made_by_hand() {
    let mut world = World::new();
    for (who, user) in [(1, "alice"), (2, "bob"), (3, "carol")] {
        world.login(who, user);
    }
    let room = world.create(1, json!({ "room_type": "videocall" }));
    for who in [1, 2, 3] {
        world.enter(who, &room);
        world.camera(who);
    }
    assert_eq!(broadcasts(&world.drain(1)), ["bob", "carol"]);
    assert_eq!(broadcasts(&world.drain(2)), ["alice", "carol"]);
    assert_eq!(broadcasts(&world.drain(3)), ["alice", "bob"]);
}

#[test]
fn a_hang_up_ends_all_video_of_the_call() {
    let mut world = answered();
    world.camera(2);
    for (who, other) in [(1, 2), (2, 1)] {
        let session = world.sessions[&other].clone();
        world.subscribe(who, &session);
    }
    world.drain(2);
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!((world.streams.len(), world.viewers.len()), (1, 0));
    assert_eq!(world.cmds(2), ["WS_LEAVE_NOTI"]);
    world.wait(5);
    assert!(world.streams.is_empty() && world.open_peers.is_empty());
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn an_unanswered_subscription_of_a_side_without_a_view_is_dropped() {
    let mut world = answered();
    world.wait(2);
    let alice = world.sessions[&1].clone();
    world.subscribe(2, &alice);
    world.wait(30);
    assert!(world.viewers.is_empty());
    assert!(world.closed.is_empty());
}

#[test]
fn screens_are_not_shared_in_calls() {
    let mut world = answered();
    let reason = world.fails(1, "WS_SCREEN_SHARE_REQ", video_offer("video"));
    assert!(reason.contains("videocall"), "{reason}");
}

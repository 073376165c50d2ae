//! Shared screens (8.5, 9.16).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{Video, World, video_offer};
use serde_json::json;

/// Alice (1) and Bob (2) in a video room, and the screen that Alice shares; what they were told so far is read.
fn sharing() -> (World, String, String) {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({ "room_type": "videoroom" }));
    for who in [1, 2] {
        assert_eq!(world.join(who, &room)["screen"], false);
        world.publish(who);
        world.up(who);
    }
    world.drain(1);
    world.drain(2);
    let screen = world.screen(1);
    (world, room, screen)
}

#[test]
fn a_screen_has_a_session_of_its_own_that_the_others_are_told() {
    let (mut world, room, screen) = sharing();
    assert!(!world.sessions.values().any(|session| *session == screen));
    assert!(world.drain(1).is_empty());
    let told = world.drain(2);
    assert_eq!(told.len(), 1);
    for (field, value) in [
        ("cmd", "WS_SCREEN_SHARE_NOTI"),
        ("session", &screen),
        ("user_id", "alice"),
        ("room_id", &room),
        ("room_type", "videoroom"),
        ("call_type", "videocall"),
    ] {
        assert_eq!(told[0][field], value, "{field}");
    }
    let list = world.ok(2, "WS_SCREEN_LIST_REQ", json!({}));
    assert_eq!(
        (
            &list["count"],
            &list["list"][0]["session"],
            &list["list"][0]["user_id"]
        ),
        (&json!(1), &json!(screen), &json!("alice"))
    );
    assert_eq!(world.ok(1, "WS_SCREEN_LIST_REQ", json!({}))["count"], 0);
    assert_eq!(world.ok(2, "WS_PUBLISH_LIST_REQ", json!({}))["count"], 0);
    world.login(3, "carol");
    assert_eq!(world.join(3, &room)["screen"], true);
}

#[test]
fn camera_and_screen_of_one_user_are_subscribed_to_apart() {
    let (mut world, _, screen) = sharing();
    let shared = world.published[&1];
    let camera = world.camera(1);
    let alice = world.sessions[&1].clone();
    for (name, stream, is_screen) in [(&screen, shared, true), (&alice, camera, false)] {
        let response = world.ok(2, "WS_SUBSCRIBE_REQ", json!({ "subscribe": name }));
        assert_eq!(
            (&response["subscribe"], &response["screen"]),
            (&json!(name), &json!(is_screen))
        );
        assert_eq!(world.viewers[&world.watching[&2]].0, stream);
        world.complete(2, name);
    }
    assert_eq!(world.viewers.len(), 2);
    world.fails(1, "WS_SUBSCRIBE_REQ", json!({ "subscribe": screen }));
}

#[test]
fn a_screen_session_is_no_participant() {
    let (mut world, _, screen) = sharing();
    world.fails(2, "WS_KICKOUT_REQ", json!({ "target": screen }));
    let whisper = json!({ "action": "whisper", "message": "psst", "to_user": screen, "transaction": "1" });
    world.fails(2, "WS_MESSAGE_REQ", whisper);
    assert_eq!(world.ok(2, "WS_PARTI_LIST_REQ", json!({}))["count"], 1);
}

#[test]
fn only_one_screen_is_shared_in_a_room() {
    let (mut world, _, _) = sharing();
    for who in [1, 2] {
        let reason = world.fails(who, "WS_SCREEN_SHARE_REQ", video_offer("video"));
        assert!(reason.contains("already"), "{reason}");
    }
    world.ok(1, "WS_SCREEN_UNSHARE_REQ", json!({}));
    world.screen(2);
}

#[test]
fn the_end_of_a_share_is_told_and_unsubscribing_from_it_succeeds() {
    let (mut world, _, screen) = sharing();
    world.subscribe(2, &screen);
    world.complete(2, &screen);
    world.drain(2);
    let response = world.ok(1, "WS_SCREEN_UNSHARE_REQ", json!({}));
    assert_eq!(response["session"], world.sessions[&1]);
    assert!(world.streams.is_empty() && world.viewers.is_empty());
    let told = world.drain(2);
    assert_eq!(
        (told.len(), &told[0]["cmd"], &told[0]["session"]),
        (1, &json!("WS_SCREEN_UNSHARE_NOTI"), &json!(screen))
    );
    world.ok(2, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": screen }));
    world.fails(2, "WS_SUBSCRIBE_REQ", json!({ "subscribe": screen }));
    world.ok(1, "WS_SCREEN_UNSHARE_REQ", json!({}));
    assert!(world.drain(2).is_empty(), "nothing was shared any more");
}

#[test]
fn nobody_ends_the_share_of_another() {
    let (mut world, _, _) = sharing();
    world.ok(2, "WS_SCREEN_UNSHARE_REQ", json!({}));
    assert_eq!(world.streams.len(), 1);
    assert_eq!(world.ok(2, "WS_SCREEN_LIST_REQ", json!({}))["count"], 1);
}

#[test]
fn a_sharer_who_goes_takes_the_screen_along() {
    let (mut world, room, screen) = sharing();
    world.drain(2);
    world.disconnect(1);
    let told = world.drain(2);
    assert_eq!(
        (&told[0]["cmd"], &told[0]["session"]),
        (&json!("WS_SCREEN_UNSHARE_NOTI"), &json!(screen))
    );
    assert_eq!(told[1]["cmd"], "WS_LEAVE_NOTI");
    assert!(world.streams.is_empty());
    world.login(3, "carol");
    assert_eq!(world.join(3, &room)["screen"], false);
    world.hub.audit().unwrap();
}

#[test]
fn a_screen_whose_transport_is_lost_has_ended() {
    let (mut world, _, screen) = sharing();
    world.subscribe(2, &screen);
    world.drain(2);
    world.lose_video(Video::Stream(world.published[&1]));
    assert_eq!(world.cmds(2), ["WS_SCREEN_UNSHARE_NOTI"]);
    assert!(world.viewers.is_empty());
    world.screen(1);
}

#[test]
fn video_mute_is_about_the_camera_alone() {
    let (mut world, _, _) = sharing();
    let shared = world.published[&1];
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "video" }));
    assert!(!world.streams[&shared]);
}

#[test]
fn a_share_that_the_media_plane_refuses_leaves_the_room_free() {
    let (mut world, _, _) = sharing();
    world.ok(1, "WS_SCREEN_UNSHARE_REQ", json!({}));
    world.drain(2);
    world.answers = false;
    let mut share = video_offer("video");
    share["cmd"] = "WS_SCREEN_SHARE_REQ".into();
    share["session"] = world.sessions[&1].clone().into();
    world.send(1, &share);
    assert_eq!(world.ok(2, "WS_SCREEN_LIST_REQ", json!({}))["count"], 0);
    world.fails(2, "WS_SCREEN_SHARE_REQ", video_offer("video"));
    world.answer_video(
        Some(1),
        Video::Stream(world.published[&1]),
        Err("no codec".to_owned()),
    );
    assert_eq!(world.drain(1)[0]["result"], "failed");
    world.send(1, &share);
    world.disconnect(1);
    assert!(world.streams.is_empty());
    assert_eq!(
        world.cmds(2),
        ["WS_LEAVE_NOTI", "WS_MESSAGE_NOTI"],
        "nobody was told of a screen"
    );
    world.hub.audit().unwrap();
}

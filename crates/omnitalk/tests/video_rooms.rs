//! Cameras and subscriptions in video rooms and webinars.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{Video, World, video_offer};
use omnigate_omnitalk::{Figures, StreamId};
use serde_json::{Value, json};

/// Alice (1), Bob (2) and Carol (3) with audio in a video room; what they were told so far is read.
fn room_of(kind: &str) -> (World, String) {
    let mut world = World::new();
    for (who, user) in [(1, "alice"), (2, "bob"), (3, "carol")] {
        world.login(who, user);
    }
    let room = world.create(1, json!({ "room_type": kind }));
    for who in [1, 2, 3] {
        world.enter(who, &room);
    }
    forget(&mut world);
    (world, room)
}

fn forget(world: &mut World) {
    for who in [1, 2, 3] {
        world.drain(who);
    }
}

/// As above, and Alice publishes a camera that Bob watches.
fn watching() -> (World, String, StreamId) {
    let (mut world, _) = room_of("videoroom");
    let stream = world.camera(1);
    let alice = world.sessions[&1].clone();
    world.subscribe(2, &alice);
    world.complete(2, &alice);
    forget(&mut world);
    (world, alice, stream)
}

fn publishers(world: &mut World, who: u64) -> Value {
    world.ok(who, "WS_PUBLISH_LIST_REQ", json!({}))
}

#[test]
fn a_camera_is_broadcast_to_the_others_and_listed_for_them() {
    for kind in ["videoroom", "webinar"] {
        let (mut world, room) = room_of(kind);
        let response = world.ok(1, "WS_PUBLISH_REQ", video_offer("video"));
        let alice = world.sessions[&1].clone();
        assert_eq!(
            (&response["track"], &response["session"]),
            (&json!("video"), &json!(alice))
        );
        assert_eq!(response["jsep"]["type"], "answer");
        assert_eq!(world.pixels, 921_600);
        assert!(world.drain(1).is_empty(), "not to the publisher");
        for who in [2, 3] {
            let told = world.drain(who);
            assert_eq!(told.len(), 1);
            for (field, value) in [
                ("cmd", "WS_BROADCAST_NOTI"),
                ("session", &alice),
                ("user_id", "alice"),
                ("room_id", &room),
                ("room_type", kind),
                ("call_type", "videocall"),
                ("track", "video"),
            ] {
                assert_eq!(told[0][field], value, "{field}");
            }
        }
        let list = publishers(&mut world, 2);
        assert_eq!((&list["count"], &list["room_id"]), (&json!(1), &json!(room)));
        assert_eq!(list["list"][0]["session"], alice);
        assert_eq!(list["list"][0]["track"], "video");
        assert_eq!(publishers(&mut world, 1)["count"], 0, "without the requester");
        world.hub.audit().unwrap();
    }
}

#[test]
fn a_camera_has_the_usual_size_when_the_client_names_none_that_makes_sense() {
    let (mut world, _) = room_of("videoroom");
    let mut fields = video_offer("video");
    for (who, odd) in [(1, json!(null)), (2, json!(-1)), (3, json!("HD"))] {
        fields["resolution"] = odd;
        world.ok(who, "WS_PUBLISH_REQ", fields.clone());
        assert_eq!(world.pixels, 345_600);
    }
}

#[test]
fn rooms_for_audio_have_neither_cameras_nor_screens() {
    for kind in ["audioroom", "audiocall", "sipcall"] {
        let (mut world, _) = room_of(kind);
        let reason = world.fails(1, "WS_PUBLISH_REQ", video_offer("video"));
        assert!(reason.contains(kind), "{reason}");
        world.fails(1, "WS_SCREEN_SHARE_REQ", video_offer("video"));
        assert!(world.streams.is_empty());
    }
}

#[test]
fn a_second_camera_and_a_bad_offer_fail() {
    let (mut world, _) = room_of("videoroom");
    let reason = world.fails(1, "WS_PUBLISH_REQ", json!({ "track": "video" }));
    assert!(reason.contains("jsep"), "{reason}");
    world.camera(1);
    let reason = world.fails(1, "WS_PUBLISH_REQ", video_offer("video"));
    assert!(reason.contains("already"), "{reason}");
    assert_eq!(world.streams.len(), 1);
}

#[test]
fn a_subscription_is_offered_by_the_server_and_answered_by_the_client() {
    let (mut world, _) = room_of("videoroom");
    let stream = world.camera(1);
    let alice = world.sessions[&1].clone();
    let response = world.ok(2, "WS_SUBSCRIBE_REQ", json!({ "subscribe": alice }));
    assert_eq!(
        (&response["subscribe"], &response["screen"], &response["session"]),
        (&json!(alice), &json!(false), &json!(world.sessions[&2]))
    );
    let viewer = world.watching[&2];
    assert_eq!(world.viewers[&viewer], (stream, None));
    forget(&mut world);
    world.complete(2, &alice);
    assert_eq!(world.viewers[&viewer].1.as_deref(), Some("v=0 client"));
    world.complete(2, &alice);
    assert!(world.drain(2).is_empty(), "never answered");
    world.wait(3600);
    assert_eq!(world.viewers.len(), 1);
}

#[test]
fn only_what_is_published_by_somebody_else_can_be_subscribed_to() {
    let (mut world, alice, _) = watching();
    let carol = world.sessions[&3].clone();
    for name in [carol.as_str(), "nobody"] {
        let response = world.ask(2, "WS_SUBSCRIBE_REQ", json!({ "subscribe": name }));
        assert_eq!(
            (&response["result"], &response["subscribe"]),
            (&json!("failed"), &json!(name))
        );
    }
    assert!(
        world
            .fails(1, "WS_SUBSCRIBE_REQ", json!({ "subscribe": alice }))
            .contains("this session")
    );
    assert!(
        world
            .fails(1, "WS_SUBSCRIBE_REQ", json!({}))
            .contains("subscribe")
    );
    world.login(4, "dave");
    let other = world.create(4, json!({ "room_type": "videoroom" }));
    world.enter(4, &other);
    world.fails(4, "WS_SUBSCRIBE_REQ", json!({ "subscribe": alice }));
}

#[test]
fn a_client_that_never_answers_loses_its_subscription_after_a_while() {
    let (mut world, _) = room_of("videoroom");
    world.camera(1);
    let alice = world.sessions[&1].clone();
    world.subscribe(2, &alice);
    let bad = json!({ "cmd": "WS_SUBSCRIBE_COMP", "session": world.sessions[&2], "subscribe": alice,
        "jsep": { "type": "offer", "sdp": "v=0" } });
    world.send(2, &bad);
    let mut other = bad.clone();
    other["session"] = world.sessions[&3].clone().into();
    other["jsep"]["type"] = "answer".into();
    world.send(2, &other);
    world.wait(29);
    assert_eq!(world.viewers.len(), 1);
    world.wait(1);
    assert!(world.viewers.is_empty());
    world.complete(2, &alice);
    world.subscribe(2, &alice);
}

#[test]
fn unsubscribing_ends_it_once_and_always_succeeds() {
    let (mut world, alice, _) = watching();
    for _ in 0..2 {
        let response = world.ok(2, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": alice }));
        assert_eq!(response["subscribe"], alice);
        assert!(world.viewers.is_empty());
    }
    world.ok(2, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": "nobody" }));
    world.login(4, "dave");
    world.ok(4, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": alice }));
    assert_eq!(world.streams.len(), 1);
}

#[test]
fn a_second_subscription_to_the_same_video_replaces_the_first() {
    let (mut world, alice, _) = watching();
    let before = world.watching[&2];
    let viewer = world.subscribe(2, &alice);
    assert_ne!(before, viewer);
    assert_eq!(world.viewers.keys().collect::<Vec<_>>(), [&viewer]);
}

#[test]
fn a_session_has_32_subscriptions_at_most() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({ "room_type": "webinar" }));
    world.enter(1, &room);
    for who in 2..=34 {
        let session = world.login(who, "speaker");
        world.enter(who, &room);
        world.camera(who);
        if who <= 33 {
            world.subscribe(1, &session);
        } else {
            let reason = world.fails(1, "WS_SUBSCRIBE_REQ", json!({ "subscribe": session }));
            assert!(reason.contains("32"), "{reason}");
        }
    }
    let first = world.sessions[&2].clone();
    world.subscribe(1, &first);
    world.ok(1, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": first }));
    let last = world.sessions[&34].clone();
    world.subscribe(1, &last);
    world.hub.audit().unwrap();
}

#[test]
fn video_mute_stops_the_camera_and_is_listed() {
    let (mut world, _, stream) = watching();
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "video" }));
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "video" }));
    assert!(world.streams[&stream] && world.muted.is_empty());
    let told = world.drain(2);
    assert_eq!((told.len(), &told[0]["track"]), (1, &json!("video")));
    assert_eq!(publishers(&mut world, 2)["list"][0]["video_mute"], true);
    world.ok(1, "WS_UNMUTE_REQ", json!({ "track": "video" }));
    assert!(!world.streams[&stream]);
    assert_eq!(publishers(&mut world, 2)["list"][0]["video_mute"], false);
}

#[test]
fn who_mutes_video_before_publishing_is_muted_from_the_first_picture() {
    let (mut world, _) = room_of("videoroom");
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "video" }));
    let stream = world.camera(1);
    assert!(world.streams[&stream]);
}

#[test]
fn leaving_ends_what_one_publishes_and_watches() {
    let (mut world, _, _) = watching();
    world.camera(2);
    let bob = world.sessions[&2].clone();
    world.subscribe(1, &bob);
    world.complete(1, &bob);
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!((world.streams.len(), world.viewers.len()), (1, 0));
    world.disconnect(2);
    assert!(world.streams.is_empty());
    let expected = Figures {
        sockets: 1,
        sessions: 1,
        rooms: 1,
        participants: 1,
        ..Figures::default()
    };
    assert_eq!(world.hub.figures(), expected);
    world.hub.audit().unwrap();
}

#[test]
fn a_kicked_publisher_cannot_be_subscribed_to_and_unsubscribing_succeeds() {
    let (mut world, alice, _) = watching();
    world.ok(3, "WS_KICKOUT_REQ", json!({ "target": alice }));
    assert!(world.streams.is_empty() && world.viewers.is_empty());
    assert_eq!(
        world.cmds(2),
        ["WS_KICKOUT_NOTI", "WS_LEAVE_NOTI", "WS_MESSAGE_NOTI"]
    );
    world.fails(2, "WS_SUBSCRIBE_REQ", json!({ "subscribe": alice }));
    world.ok(2, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": alice }));
}

#[test]
fn a_publisher_whose_transport_is_lost_is_no_longer_listed_and_may_publish_again() {
    let (mut world, _, stream) = watching();
    world.lose_video(Video::Stream(stream));
    assert!(world.viewers.is_empty());
    assert_eq!(publishers(&mut world, 2)["count"], 0);
    assert_eq!(world.ok(2, "WS_PARTI_LIST_REQ", json!({}))["count"], 2);
    forget(&mut world);
    assert_ne!(world.camera(1), stream);
    assert_eq!(world.cmds(2), ["WS_BROADCAST_NOTI"]);
}

#[test]
fn a_viewer_whose_transport_is_lost_may_subscribe_again() {
    let (mut world, alice, _) = watching();
    world.lose_video(Video::Viewer(world.watching[&2]));
    assert_eq!(world.hub.figures().viewers, 0);
    world.subscribe(2, &alice);
    world.hub.audit().unwrap();
}

#[test]
fn a_media_plane_without_an_answer_fails_the_publish_and_leaves_nothing() {
    let (mut world, _) = room_of("videoroom");
    world.answers = false;
    let mut publish = video_offer("video");
    publish["cmd"] = "WS_PUBLISH_REQ".into();
    publish["session"] = world.sessions[&1].clone().into();
    world.send(1, &publish);
    assert_eq!(publishers(&mut world, 2)["count"], 0, "not before the answer");
    let stream = world.published[&1];
    world.answer_video(
        Some(1),
        Video::Stream(stream),
        Err("no VP8 in the offer".to_owned()),
    );
    let response = world.drain(1).remove(0);
    assert!(
        response["reason"].as_str().unwrap().contains("no VP8"),
        "{response}"
    );
    world.send(1, &publish);
    world.wait(4);
    assert_eq!(world.drain(1)[0]["result"], "failed");
    assert!(world.streams.is_empty() && world.drain(2).is_empty());
    let late = world.published[&1];
    assert!(
        world
            .hub
            .stream_answered(late, Ok("v=0".to_owned()), world.now)
            .is_empty()
    );
    world.hub.audit().unwrap();
}

#[test]
fn a_media_plane_without_an_offer_fails_the_subscription_and_leaves_nothing() {
    let (mut world, alice, _) = watching();
    world.answers = false;
    let subscribe = json!({ "cmd": "WS_SUBSCRIBE_REQ", "session": world.sessions[&3], "subscribe": alice });
    world.send(3, &subscribe);
    world.answer_video(
        Some(3),
        Video::Viewer(world.watching[&3]),
        Err("no port is free".to_owned()),
    );
    let response = world.drain(3).remove(0);
    assert_eq!(
        (&response["result"], &response["subscribe"]),
        (&json!("failed"), &json!(alice))
    );
    world.send(3, &subscribe);
    world.wait(4);
    assert_eq!(world.drain(3)[0]["result"], "failed");
    assert_eq!(world.viewers.len(), 1);
    world.hub.audit().unwrap();
}

#[test]
fn a_publisher_who_goes_while_its_video_is_being_offered_fails_the_subscription() {
    let (mut world, alice, _) = watching();
    world.answers = false;
    world.send(
        3,
        &json!({ "cmd": "WS_SUBSCRIBE_REQ", "session": world.sessions[&3], "subscribe": alice }),
    );
    world.send(
        3,
        &json!({ "cmd": "WS_PARTI_LIST_REQ", "session": world.sessions[&3] }),
    );
    world.disconnect(1);
    world.hub.audit().unwrap();
    forget(&mut world);
    world.wait(4);
    let told = world.drain(3);
    assert_eq!(
        (&told[0]["cmd"], &told[0]["result"]),
        (&json!("WS_SUBSCRIBE_RSP"), &json!("failed"))
    );
    assert_eq!(told[1]["cmd"], "WS_PARTI_LIST_RSP");
}

#[test]
fn resolutions_are_stored_and_reports_never_answered() {
    let (mut world, _, stream) = watching();
    world.ok(1, "WS_RESOLUTION_REQ", json!({ "resolution": 230_400 }));
    assert_eq!(world.hub.stream_pixels(stream), Some(230_400));
    world.ok(3, "WS_RESOLUTION_REQ", json!({ "resolution": 1 }));
    assert!(
        world
            .fails(1, "WS_RESOLUTION_REQ", json!({}))
            .contains("resolution")
    );
    for report in [json!({ "resolution": 76_800 }), json!({ "track_type": 2 })] {
        let mut report = report;
        report["cmd"] = "WS_RESOLUTION_RPT".into();
        report["session"] = world.sessions[&2].clone().into();
        world.send(2, &report);
    }
    assert!(world.drain(2).is_empty());
    assert_eq!(world.hub.reported_pixels(world.peers[&2]), Some(76_800));
}

#[test]
fn a_telephone_in_a_video_room_is_heard_and_listed_and_no_publisher() {
    let (mut world, room) = room_of("videoroom");
    world.admit(1, &room, "0101");
    let told = world.drain(2);
    assert_eq!(
        (&told[0]["cmd"], &told[0]["call_type"], &told[0]["room_type"]),
        (
            &json!("WS_CALL_CONNECTED_NOTI"),
            &json!("sipcall"),
            &json!("videoroom")
        )
    );
    let phone = told[0]["session"].clone();
    assert_eq!(world.ok(2, "WS_PARTI_LIST_REQ", json!({}))["count"], 3);
    assert_eq!(publishers(&mut world, 2)["count"], 0);
    world.fails(2, "WS_SUBSCRIBE_REQ", json!({ "subscribe": phone }));
    world.camera(1);
    assert_eq!(world.notice(1), None);
}

#[test]
fn video_goes_on_in_a_destroyed_room() {
    let (mut world, room) = room_of("videoroom");
    world.login(4, "dave");
    world.ok(4, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
    world.camera(1);
    let alice = world.sessions[&1].clone();
    world.subscribe(2, &alice);
    for who in [1, 2, 3] {
        world.disconnect(who);
    }
    assert_eq!(world.hub.figures().rooms, 0);
    assert!(world.streams.is_empty() && world.viewers.is_empty());
}

#[test]
fn shutdown_ends_streams_and_viewers() {
    let (mut world, _, _) = watching();
    let effects = world.hub.close_all(world.now);
    world.apply(None, effects);
    assert!(world.streams.is_empty() && world.viewers.is_empty());
    assert_eq!(world.hub.figures(), Figures::default());
    world.hub.audit().unwrap();
}

#[test]
fn debug_output_shows_no_sdp() {
    let (mut world, alice, _) = watching();
    let mut publish = video_offer("video");
    publish["cmd"] = "WS_PUBLISH_REQ".into();
    publish["session"] = world.sessions[&3].clone().into();
    publish["jsep"]["sdp"] = "a=ice-pwd:hidden".into();
    let mut shown = String::new();
    let received = |world: &mut World, message: &Value| {
        let effects = world
            .hub
            .received(omnigate_omnitalk::SocketId(3), &message.to_string(), world.now);
        let text = format!("{effects:?}");
        world.apply(Some(3), effects);
        text
    };
    shown += &received(&mut world, &publish);
    let subscribe = json!({ "cmd": "WS_SUBSCRIBE_REQ", "session": world.sessions[&3], "subscribe": alice });
    shown += &received(&mut world, &subscribe);
    let complete = json!({ "cmd": "WS_SUBSCRIBE_COMP", "session": world.sessions[&3], "subscribe": alice,
        "jsep": { "type": "answer", "sdp": "a=ice-pwd:hidden" } });
    shown += &received(&mut world, &complete);
    for effect in ["OpenStream", "OpenViewer", "AnswerViewer"] {
        assert!(shown.contains(effect), "{effect}: {shown}");
    }
    assert!(!shown.contains("hidden"), "{shown}");
}

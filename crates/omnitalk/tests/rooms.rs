//! Rooms: states, secrets, lists, ends; audio, mute, chat, kick-out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{START, World, limited, settings};
use omnigate_omnitalk::{Figures, HubSettings, Quota, TelephoneNotice};
use serde_json::{Value, json};

/// Alice (1) and Bob (2) with audio in one room; what they were told so far is read.
fn talking() -> (World, String) {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    world.enter(2, &room);
    world.drain(1);
    world.drain(2);
    (world, room)
}

#[test]
fn requests_of_the_wrong_state_fail() {
    let (mut world, room) = talking();
    world.login(3, "carol");
    for cmd in [
        "WS_JOIN_ROOM_REQ",
        "WS_CREATE_ROOM_REQ",
        "WS_DESTROY_ROOM_REQ",
        "WS_MAKE_SIPNUM_REQ",
        "WS_ROOM_LIST_REQ",
        "WS_SESSION_LIST_REQ",
        "WS_OFFER_CALL_REQ",
        "WS_ANSWER_CALL_REQ",
    ] {
        let fields = json!({ "room_id": room, "room_type": "audioroom" });
        assert!(
            world.fails(1, cmd, fields).contains("Not possible in a room"),
            "{cmd}"
        );
    }
    for cmd in [
        "WS_PUBLISH_REQ",
        "WS_SUBSCRIBE_REQ",
        "WS_MUTE_REQ",
        "WS_UNMUTE_REQ",
        "WS_MESSAGE_REQ",
        "WS_RECORDING_REQ",
        "WS_KICKOUT_REQ",
        "WS_PARTI_LIST_REQ",
        "WS_SCREEN_SHARE_REQ",
    ] {
        assert!(
            world
                .fails(3, cmd, json!({ "track": "audio" }))
                .contains("outside a room"),
            "{cmd}"
        );
    }
}

#[test]
fn a_room_with_a_secret_admits_only_who_knows_it() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({ "secret": "012345" }));
    assert!(
        world
            .fails(2, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }))
            .contains("secret")
    );
    let empty = json!({ "room_id": room, "secret": "" });
    assert!(world.fails(2, "WS_JOIN_ROOM_REQ", empty).contains("missing"));
    let wrong = json!({ "room_id": room, "secret": "543210" });
    assert!(world.fails(2, "WS_JOIN_ROOM_REQ", wrong).contains("wrong"));
    world.ok(2, "WS_JOIN_ROOM_REQ", json!({ "room_id": room, "secret": 12345 }));
}

#[test]
fn a_room_without_a_secret_does_not_mind_one() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({ "secret": "" }));
    world.ok(
        1,
        "WS_JOIN_ROOM_REQ",
        json!({ "room_id": room, "secret": "999999" }),
    );
}

#[test]
fn a_bad_room_request_names_the_field() {
    let mut world = World::new();
    world.login(1, "alice");
    for (fields, field) in [
        (json!({}), "room_type"),
        (json!({ "room_type": "all" }), "room_type"),
        (
            json!({ "room_type": "audioroom", "subject": "x".repeat(129) }),
            "subject",
        ),
        (json!({ "room_type": "audioroom", "secret": "1234567" }), "secret"),
        (
            json!({ "room_type": "audioroom", "start_date": "soon" }),
            "start_date",
        ),
        (
            json!({ "room_type": "audioroom", "start_date": 20, "end_date": 10 }),
            "end_date",
        ),
    ] {
        let reason = world.fails(1, "WS_CREATE_ROOM_REQ", fields);
        assert!(reason.contains(field), "{reason}");
    }
    for room in ["", "nowhere", "0f1e2d3c4b5a69788796a5b4c3d2"] {
        assert!(
            world
                .fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }))
                .contains("room_id")
        );
    }
}

#[test]
fn rooms_of_another_service_do_not_exist() {
    let mut world = World::new();
    world.login(1, "alice");
    world.connect(2);
    let response = world.ok(2, "WS_SESSION_REQ", json!({ "service_id": "OPEN" }));
    world
        .sessions
        .insert(2, response["session"].as_str().unwrap().to_owned());
    let room = world.create(1, json!({}));
    for cmd in ["WS_JOIN_ROOM_REQ", "WS_DESTROY_ROOM_REQ", "WS_MAKE_SIPNUM_REQ"] {
        assert!(
            world
                .fails(2, cmd, json!({ "room_id": room }))
                .contains("names no room"),
            "{cmd}"
        );
    }
    assert_eq!(world.ok(2, "WS_ROOM_LIST_REQ", json!({}))["count"], 0);
}

#[test]
fn the_room_list_can_be_filtered_and_shows_defaults() {
    let mut world = World::new();
    world.login(1, "alice");
    let audio = world.create(1, json!({}));
    world.create(
        1,
        json!({ "room_type": "webinar", "subject": "news", "secret": "1" }),
    );
    let all = world.ok(1, "WS_ROOM_LIST_REQ", json!({ "room_type": "all" }));
    assert_eq!((&all["count"], &all["room_type"]), (&json!(2), &json!("all")));
    assert_eq!(
        all["list"][0],
        json!({ "room_id": audio, "room_type": "audioroom", "subject": "", "secret": false, "count": 0,
            "sip_support": false, "start_date": START, "end_date": START + 3600, "reg_date": START })
    );
    let webinars = world.ok(1, "WS_ROOM_LIST_REQ", json!({ "room_type": "webinar" }));
    assert_eq!(
        (&webinars["count"], &webinars["room_type"]),
        (&json!(1), &json!("webinar"))
    );
    assert_eq!(webinars["list"][0]["secret"], true);
    assert!(
        world
            .fails(1, "WS_ROOM_LIST_REQ", json!({ "room_type": "kitchen" }))
            .contains("room_type")
    );
}

#[test]
fn a_join_shows_the_number_of_the_room_and_makes_up_a_name() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    assert!(world.join(2, &room).get("call_number").is_none());
    let number = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }))["call_number"].clone();
    assert_eq!(world.join(1, &room)["call_number"], number);
    let list = world.ok(1, "WS_PARTI_LIST_REQ", json!({}));
    assert_eq!(list["list"][0]["user_id"], "bob");
    assert_eq!(list["list"][0]["user_name"].as_str().unwrap().len(), 10);
}

#[test]
fn an_empty_room_goes_after_ten_minutes() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.wait(599);
    world.join(2, &room);
    world.wait(10_000);
    world.disconnect(2);
    world.wait(599);
    assert_eq!(world.hub.figures().rooms, 1);
    world.wait(1);
    assert_eq!(world.hub.figures().rooms, 0);
    assert!(
        world
            .fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }))
            .contains("names no room")
    );
}

#[test]
fn a_future_end_date_keeps_an_empty_room_until_then() {
    let mut world = World::new();
    world.login(1, "alice");
    world.create(1, json!({ "end_date": START + 7200 }));
    world.create(1, json!({ "start_date": START + 86_400 }));
    world.create(1, json!({ "end_date": 1_000_000_000_000_000_u64 }));
    world.wait(600);
    assert_eq!(world.hub.figures().rooms, 3);
    world.wait(6599);
    assert_eq!(world.hub.figures().rooms, 3);
    world.wait(1);
    assert_eq!(world.hub.figures().rooms, 2);
}

#[test]
fn a_destroyed_room_goes_on_for_those_inside_and_then_is_gone() {
    let (mut world, room) = talking();
    world.login(3, "carol");
    assert_eq!(
        world.ok(3, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }))["room_id"],
        room.as_str()
    );
    assert_eq!(world.ok(3, "WS_ROOM_LIST_REQ", json!({}))["count"], 0);
    assert!(
        world
            .fails(3, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }))
            .contains("names no room")
    );
    assert!(
        world
            .fails(3, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }))
            .contains("names no room")
    );
    assert_eq!(
        format!("{:?}", world.admit(1, &room, "0101").unwrap()),
        "Refused(NoRoom)"
    );
    assert!(
        world.drain(1).is_empty() && world.drain(2).is_empty(),
        "nobody inside is told"
    );
    world.ok(
        1,
        "WS_MESSAGE_REQ",
        json!({ "action": "send", "message": "still here", "transaction": "1" }),
    );
    assert_eq!(world.cmds(2), ["WS_MESSAGE_NOTI"]);
    world.disconnect(1);
    world.disconnect(2);
    assert_eq!(world.hub.figures().rooms, 0);
}

#[test]
fn rooms_and_participants_are_limited() {
    let quota = Quota {
        rooms: 1,
        ..Quota::default()
    };
    let settings = HubSettings {
        most_participants: 1,
        ..settings()
    };
    let mut world = World::with_services(limited(quota), settings);
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.fails(1, "WS_CREATE_ROOM_REQ", json!({ "room_type": "audioroom" }));
    world.join(1, &room);
    assert!(
        world
            .fails(2, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }))
            .contains("full")
    );
    assert_eq!(
        format!("{:?}", world.admit(1, &room, "0101").unwrap()),
        "Refused(RoomFull)"
    );
}

#[test]
fn connected_goes_to_the_others_once_and_only_when_the_audio_is_up() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    world.join(2, &room);
    world.publish(2);
    assert!(world.drain(1).is_empty());
    world.up(2);
    world.up(2);
    assert_eq!(world.cmds(1), ["WS_CALL_CONNECTED_NOTI", "WS_MESSAGE_NOTI"]);
    assert!(world.drain(2).is_empty(), "nothing to the newcomer");
    // The transport is lost and comes again: still the same participant.
    let peer = world.peers[&2];
    let effects = world.hub.peer_gone(peer, world.now);
    world.apply(None, effects);
    world.open_peers.remove(&peer);
    world.publish(2);
    world.up(2);
    assert!(world.drain(1).is_empty());
}

#[test]
fn a_participant_without_audio_is_listed_and_leaves_without_a_chat_line() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    world.join(2, &room);
    assert_eq!(
        world.ok(1, "WS_PARTI_LIST_REQ", json!({ "room_id": room }))["count"],
        1
    );
    world.ok(2, "WS_LEAVE_REQ", json!({}));
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
}

#[test]
fn a_lost_socket_is_a_leave() {
    let (mut world, _) = talking();
    world.disconnect(2);
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI", "WS_MESSAGE_NOTI"]);
    assert_eq!(world.hub.figures().participants, 1);
    assert_eq!(world.open_peers.len(), 1);
}

#[test]
fn a_publish_without_an_offer_or_twice_fails() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    assert!(world.fails(1, "WS_PUBLISH_REQ", json!({})).contains("track"));
    assert!(
        world
            .fails(1, "WS_PUBLISH_REQ", json!({ "track": "audio" }))
            .contains("jsep")
    );
    world.publish(1);
    let again = json!({ "track": "audio", "jsep": { "type": "offer", "sdp": "v=0" } });
    assert!(world.fails(1, "WS_PUBLISH_REQ", again).contains("already"));
    assert_eq!(world.offers, ["v=0"]);
}

#[test]
fn a_media_plane_that_fails_or_sleeps_fails_the_publish_and_it_can_be_tried_again() {
    let mut world = World::new();
    world.answers = false;
    let session = world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    let publish = json!({ "cmd": "WS_PUBLISH_REQ", "session": session, "track": "audio",
        "jsep": { "type": "offer", "sdp": "v=0" } });
    world.send(1, &publish);
    let peer = world.peers[&1];
    world.open_peers.remove(&peer);
    let effects = world
        .hub
        .peer_answered(peer, Err("no Opus in the offer".to_owned()), world.now);
    world.apply(Some(1), effects);
    let response = world.drain(1).remove(0);
    assert!(
        response["reason"].as_str().unwrap().contains("no Opus"),
        "{response}"
    );
    world.send(1, &publish);
    world.wait(4);
    assert_eq!(world.drain(1)[0]["result"], "failed");
    assert!(world.open_peers.is_empty());
    // The answer comes after all: too late.
    let effects = world.hub.peer_answered(peer, Ok("v=0".to_owned()), world.now);
    assert!(effects.is_empty());
    world.answers = true;
    world.publish(1);
}

#[test]
fn mute_reaches_the_mix_and_the_others_once() {
    let (mut world, _) = talking();
    let peer = world.peers[&1];
    assert_eq!(
        world.ok(1, "WS_MUTE_REQ", json!({ "track": "audio" }))["track"],
        "audio"
    );
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "audio" }));
    assert_eq!(world.cmds(2), ["WS_MUTE_NOTI"]);
    let list = world.ok(2, "WS_PARTI_LIST_REQ", json!({}));
    assert_eq!(
        (&list["list"][0]["audio_mute"], &list["list"][0]["video_mute"]),
        (&json!(true), &json!(false))
    );
    world.ok(1, "WS_UNMUTE_REQ", json!({ "track": "audio" }));
    world.ok(1, "WS_UNMUTE_REQ", json!({ "track": "audio" }));
    assert_eq!(world.cmds(2), ["WS_UNMUTE_NOTI"]);
    assert_eq!(world.muted, [(peer, true), (peer, false)]);
    assert!(world.drain(1).is_empty(), "no echo to the one who mutes");
    assert!(
        world
            .fails(1, "WS_MUTE_REQ", json!({ "track": "smell" }))
            .contains("track")
    );
}

#[test]
fn who_mutes_before_publishing_is_muted_from_the_first_packet() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    world.ok(1, "WS_MUTE_REQ", json!({ "track": "audio" }));
    assert!(world.muted.is_empty());
    world.publish(1);
    assert_eq!(world.muted, [(world.peers[&1], true)]);
}

#[test]
fn chat_goes_to_the_others_and_a_whisper_to_one() {
    let (mut world, room) = talking();
    world.login(3, "carol");
    world.enter(3, &room);
    world.drain(1);
    world.drain(2);
    world.ok(
        1,
        "WS_MESSAGE_REQ",
        json!({ "action": "send", "message": "hello", "transaction": "1" }),
    );
    for who in [2, 3] {
        let told = world.drain(who);
        assert_eq!(
            (told.len(), &told[0]["message"], &told[0]["user_id"]),
            (1, &json!("hello"), &json!("alice"))
        );
    }
    let bob = world.sessions[&2].clone();
    let whisper =
        |to: &str| json!({ "action": "whisper", "message": "psst", "to_user": to, "transaction": "2" });
    world.ok(1, "WS_MESSAGE_REQ", whisper(&bob));
    assert_eq!(world.cmds(2), ["WS_MESSAGE_NOTI"]);
    assert!(world.drain(3).is_empty() && world.drain(1).is_empty());
    assert!(
        world
            .fails(1, "WS_MESSAGE_REQ", whisper("nobody"))
            .contains("to_user")
    );
    let alice = world.sessions[&1].clone();
    assert!(
        world
            .fails(1, "WS_MESSAGE_REQ", whisper(&alice))
            .contains("to_user")
    );
}

#[test]
fn a_message_has_1_to_2048_utf_16_units() {
    let (mut world, _) = talking();
    let say = |text: String| json!({ "action": "send", "message": text, "transaction": "1" });
    world.ok(1, "WS_MESSAGE_REQ", say("가".repeat(2048)));
    assert!(
        world
            .fails(1, "WS_MESSAGE_REQ", say("가".repeat(2049)))
            .contains("2048")
    );
    assert!(
        world
            .fails(1, "WS_MESSAGE_REQ", say(String::new()))
            .contains("message")
    );
    assert!(
        world
            .fails(1, "WS_MESSAGE_REQ", json!({ "action": "shout" }))
            .contains("action")
    );
}

#[test]
fn the_message_list_works_outside_a_room_and_leaves_telephones_out() {
    let (mut world, room) = talking();
    world.login(3, "carol");
    let ask = json!({ "action": "list", "transaction": "9" });
    assert_eq!(world.ok(3, "WS_MESSAGE_REQ", ask.clone())["count"], 0);
    world.admit(1, &room, "0101");
    let list = world.ok(1, "WS_MESSAGE_REQ", ask);
    assert_eq!(
        (&list["count"], &list["list"][0]["user_id"]),
        (&json!(1), &json!("bob"))
    );
    assert_eq!(world.ok(1, "WS_PARTI_LIST_REQ", json!({}))["count"], 2);
}

#[test]
fn lists_of_another_room_fail_and_nobody_publishes_video_in_an_audio_room() {
    let (mut world, room) = talking();
    let other = json!({ "room_id": "0f1e2d3c4b5a69788796a5b4c3d2" });
    assert!(world.fails(1, "WS_PARTI_LIST_REQ", other).contains("room_id"));
    for cmd in ["WS_PUBLISH_LIST_REQ", "WS_SCREEN_LIST_REQ"] {
        let list = world.ok(1, cmd, json!({}));
        assert_eq!((&list["count"], &list["room_id"]), (&json!(0), &json!(room)));
    }
}

#[test]
fn a_kicked_participant_loses_its_session_and_the_others_are_told() {
    let (mut world, room) = talking();
    world.login(3, "carol");
    world.enter(3, &room);
    world.drain(1);
    world.drain(2);
    let bob = world.sessions[&2].clone();
    assert_eq!(
        world.ok(1, "WS_KICKOUT_REQ", json!({ "target": bob }))["target"],
        bob.as_str()
    );
    assert_eq!(world.closed[&2], 4000);
    assert!(world.drain(2).is_empty());
    assert_eq!(
        world.cmds(3),
        ["WS_KICKOUT_NOTI", "WS_LEAVE_NOTI", "WS_MESSAGE_NOTI"]
    );
    assert_eq!(
        world.cmds(1),
        ["WS_LEAVE_NOTI", "WS_MESSAGE_NOTI"],
        "the kicker frees its video too"
    );
    assert_eq!(
        world.hub.figures(),
        Figures {
            sockets: 2,
            sessions: 2,
            rooms: 1,
            participants: 2,
            ..Figures::default()
        }
    );
    let alice = world.sessions[&1].clone();
    assert!(
        world
            .fails(1, "WS_KICKOUT_REQ", json!({ "target": alice }))
            .contains("target")
    );
    assert!(world.fails(1, "WS_KICKOUT_REQ", json!({})).contains("target"));
}

#[test]
fn a_telephone_can_be_kicked_out() {
    let (mut world, room) = talking();
    let notice = world.admit(1, &room, "").unwrap();
    assert!(matches!(notice, TelephoneNotice::Admitted { .. }));
    let told = world.drain(2);
    assert_eq!(
        (&told[0]["user_id"], &told[0]["call_type"]),
        (&json!("anonymous"), &json!("sipcall"))
    );
    let phone: Value = told[0]["session"].clone();
    world.ok(1, "WS_KICKOUT_REQ", json!({ "target": phone }));
    assert_eq!(format!("{:?}", world.notice(1).unwrap()), "Ended(KickedOut)");
    assert_eq!(
        world.cmds(2),
        ["WS_KICKOUT_NOTI", "WS_LEAVE_NOTI", "WS_MESSAGE_NOTI"]
    );
    world.hang_up(1);
    assert_eq!(world.notice(1), None);
}

#[test]
fn a_telephone_keeps_a_room_alive_and_waits_alone() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.admit(1, &room, "0101");
    world.wait(3600);
    assert_eq!(world.ok(1, "WS_ROOM_LIST_REQ", json!({}))["list"][0]["count"], 1);
    world.hang_up(1);
    world.wait(600);
    assert_eq!(world.hub.figures().rooms, 0);
}

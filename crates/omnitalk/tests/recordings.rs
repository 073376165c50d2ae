//! Recordings: who may start and stop them, what ends them, what is recorded without being asked (6.21, 9.13, 12.30).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use common::app_calls::{offer, ringing, talking};
use common::{World, recorded_by_policy, settings};
use omnigate_omnitalk::{CallId, RecordPolicy, RecordingId, RoomId, TelephoneCaller};
use serde_json::{Value, json};

fn recording(action: &str) -> Value {
    json!({ "action": action, "track": "audio" })
}

/// A session of this client.
fn sign_in(world: &mut World, who: u64, sdk: &str, user: &str) {
    world.connect(who);
    let hello = json!({ "service_id": "SVC1", "sdk": sdk, "ver": "2.1.1", "user_id": user });
    let session = world.ok(who, "WS_SESSION_REQ", hello)["session"].clone();
    world.sessions.insert(who, session.as_str().unwrap().to_owned());
}

fn start(world: &mut World, who: u64) {
    world.ok(who, "WS_RECORDING_REQ", recording("start"));
}

fn stop(world: &mut World, who: u64) {
    world.ok(who, "WS_RECORDING_REQ", recording("stop"));
}

/// A room of alice (1) and bob (2).
fn room_of_two() -> (World, String) {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    world.enter(2, &room);
    (world, room)
}

fn recording_by_policy(word: &str) -> World {
    World::with_services(recorded_by_policy(word), settings())
}

fn ended(world: &World) -> Vec<&'static str> {
    world.recorded.iter().map(|(_, ending)| *ending).collect()
}

#[test]
fn a_participant_starts_and_stops_once() {
    let (mut world, room) = room_of_two();
    start(&mut world, 1);
    let about = world.recordings.values().next().unwrap().clone();
    assert_eq!(
        (about.scene.room_id.as_str(), about.scene.room_type),
        (room.as_str(), "audioroom")
    );
    assert_eq!(about.scene.service_id, "SVC1");
    assert_eq!((about.person.user_id.as_str(), about.by_policy), ("alice", false));
    assert_eq!(about.call.map(|call| call.caller), None);
    assert!(
        world
            .fails(1, "WS_RECORDING_REQ", recording("start"))
            .contains("already")
    );
    stop(&mut world, 1);
    assert_eq!(ended(&world), ["stop"]);
    assert!(
        world
            .fails(1, "WS_RECORDING_REQ", recording("start"))
            .contains("once")
    );
    assert!(
        world
            .fails(1, "WS_RECORDING_REQ", recording("stop"))
            .contains("start one first")
    );
}

#[test]
fn each_participant_has_a_recording_of_its_own() {
    let (mut world, _) = room_of_two();
    start(&mut world, 1);
    start(&mut world, 2);
    assert_eq!(world.recordings.len(), 2);
    stop(&mut world, 2);
    assert_eq!(world.recorded[0].0.person.user_id, "bob");
}

#[test]
fn bad_requests_name_the_field() {
    let (mut world, _) = room_of_two();
    for (fields, words) in [
        (json!({ "track": "audio" }), "action is missing"),
        (
            json!({ "action": "pause", "track": "audio" }),
            "action is not valid",
        ),
        (json!({ "action": "start" }), "track is missing"),
        (
            json!({ "action": "start", "track": "video" }),
            "track must be audio",
        ),
        (json!({ "action": 1, "track": "audio" }), "action is not valid"),
    ] {
        let reason = world.fails(1, "WS_RECORDING_REQ", fields);
        assert!(reason.contains(words), "{reason}");
    }
    world.login(3, "carol");
    assert!(
        world
            .fails(3, "WS_RECORDING_REQ", recording("start"))
            .contains("outside a room")
    );
    assert!(world.recordings.is_empty());
}

#[test]
fn every_way_out_ends_the_recording_with_its_reason() {
    type WayOut = fn(&mut World);
    let ways: [(WayOut, &str); 3] = [
        (|world| drop(world.ok(1, "WS_LEAVE_REQ", json!({}))), "leave"),
        (|world| world.disconnect(1), "disconnect"),
        (
            |world| {
                let target = world.sessions[&1].clone();
                world.ok(2, "WS_KICKOUT_REQ", json!({ "target": target }));
            },
            "kickout",
        ),
    ];
    for (way, reason) in ways {
        let (mut world, _) = room_of_two();
        start(&mut world, 1);
        way(&mut world);
        assert_eq!(ended(&world), [reason]);
        assert_eq!(world.gone, [("alice".to_owned(), reason)]);
    }
}

#[test]
fn a_call_that_is_over_ends_the_recordings_of_both() {
    let (mut world, _) = talking();
    start(&mut world, 1);
    start(&mut world, 2);
    let call = world.recordings.values().next().unwrap().call.clone().unwrap();
    assert_eq!((call.caller.as_str(), call.callee.as_str()), ("alice", "bob"));
    world.ok(2, "WS_LEAVE_REQ", json!({}));
    let mut reasons = ended(&world);
    reasons.sort_unstable();
    assert_eq!(reasons, ["leave", "room_closed"]);
}

#[test]
fn the_react_native_sdk_stops_by_another_start() {
    let mut world = World::new();
    sign_in(&mut world, 1, "react", "alice");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    start(&mut world, 1);
    start(&mut world, 1);
    assert_eq!(ended(&world), ["stop"]);
    assert!(
        world
            .fails(1, "WS_RECORDING_REQ", recording("start"))
            .contains("once")
    );
}

#[test]
fn nothing_starts_while_the_disk_is_full_and_what_runs_goes_on() {
    let (mut world, _) = room_of_two();
    start(&mut world, 1);
    world.hub.can_record(Some("the disk is full"));
    assert!(
        world
            .fails(2, "WS_RECORDING_REQ", recording("start"))
            .contains("the disk is full")
    );
    assert_eq!(world.recordings.len(), 1);
    world.hub.can_record(None);
    start(&mut world, 2);
}

#[test]
fn an_offer_with_record_records_for_its_caller_from_the_bridge_on() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let mut fields = offer("bob");
    fields["record"] = true.into();
    let response = world.ok(1, "WS_OFFER_CALL_REQ", fields);
    let room = response["room_id"].as_str().unwrap().to_owned();
    world.enter(1, &room);
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.join(2, &room);
    world.publish(2);
    assert!(world.recordings.is_empty());
    world.up(2);
    assert_eq!(world.recordings.values().next().unwrap().person.user_id, "alice");
    stop(&mut world, 1);
    assert_eq!(ended(&world), ["stop"]);
}

#[test]
fn a_service_records_its_calls_or_its_rooms() {
    for (word, calls, rooms) in [
        ("off", 0, 0),
        ("calls", 1, 0),
        ("rooms", 0, 1),
        ("all", 1, 1),
        ("audioroom", 0, 1),
    ] {
        let mut world = recording_by_policy(word);
        world.login(1, "alice");
        world.ring(1, "alice", "0101");
        let room = world.drain(1)[0]["room_id"].as_str().unwrap().to_owned();
        world.ok(1, "WS_ANSWER_CALL_REQ", json!({}));
        world.enter(1, &room);
        assert_eq!(world.recordings.len(), calls, "{word}");
        world.hang_up(1);
        assert_eq!(world.recorded.len(), calls);
        if let Some((about, ending)) = world.recorded.first() {
            assert_eq!(*ending, "room_closed");
            let call = about.call.clone().unwrap();
            assert_eq!((call.caller.as_str(), call.callee.as_str()), ("0101", "alice"));
        }
        world.login(2, "bob");
        let room = world.create(2, json!({}));
        world.enter(2, &room);
        world.login(3, "carol");
        world.enter(3, &room);
        assert_eq!(world.recordings.len(), rooms, "{word}");
        world.disconnect(2);
        assert_eq!(world.recordings.len(), rooms, "others are still there");
        world.disconnect(3);
        assert!(world.recordings.is_empty());
    }
}

#[test]
fn a_trunk_records_its_callers() {
    let policy = RecordPolicy::parse("all").unwrap();
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.enter(1, &room);
    let caller = TelephoneCaller {
        number: "0101",
        record: policy,
    };
    let effects = world
        .hub
        .admit(CallId(1), RoomId::parse(&room).unwrap(), caller, world.now);
    world.apply(None, effects);
    assert_eq!(world.recordings.values().next().unwrap().person.user_id, "0101");
    world.hang_up(1);
    assert_eq!(ended(&world), ["leave"]);

    world.login(2, "bob");
    let effects = world.hub.ring(CallId(2), "SVC1", "bob", caller, world.now);
    world.apply(None, effects);
    let call = world.drain(2)[0]["room_id"].as_str().unwrap().to_owned();
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(2, &call);
    assert_eq!(world.recordings.len(), 1);
    world.hang_up(2);
    assert_eq!(ended(&world), ["leave", "room_closed"]);
}

#[test]
fn only_our_own_client_is_told_that_its_room_is_recorded() {
    let (mut world, room) = room_of_two();
    sign_in(&mut world, 3, "omnigate", "carol");
    start(&mut world, 1);
    world.enter(3, &room);
    let told = world.drain(3).pop().unwrap();
    assert_eq!(
        (&told["cmd"], &told["recorded"]),
        (&json!("WS_RECORDING_NOTI"), &json!(true))
    );
    stop(&mut world, 1);
    assert_eq!(world.drain(3).pop().unwrap()["recorded"], false);
    for who in [1, 2] {
        assert!(!world.cmds(who).contains(&"WS_RECORDING_NOTI".to_owned()));
    }
}

#[test]
fn the_end_of_the_server_ends_every_recording() {
    let (mut world, _) = room_of_two();
    start(&mut world, 1);
    let effects = world.hub.close_all(world.now);
    world.apply(None, effects);
    assert_eq!(ended(&world), ["room_closed"]);
}

#[test]
fn nobody_has_entered_a_call_that_only_rings() {
    let (world, _) = ringing(&[2]);
    assert!(world.present.is_empty());
    let (mut world, _) = talking();
    assert_eq!(world.present.len(), 2);
    world.disconnect(1);
    assert_eq!(world.gone, [("alice".to_owned(), "disconnect")]);
}

#[test]
fn a_recording_that_ends_by_itself_is_over_for_all() {
    let (mut world, room) = room_of_two();
    sign_in(&mut world, 3, "omnigate", "carol");
    world.enter(3, &room);
    start(&mut world, 1);
    let recording = *world.recordings.keys().next().unwrap();
    let effects = world.hub.recording_failed(recording, world.now);
    world.apply(None, effects);
    assert_eq!(world.drain(3).pop().unwrap()["recorded"], false);
    assert!(
        world
            .fails(
                1,
                "WS_RECORDING_REQ",
                json!({ "action": "stop", "track": "audio" })
            )
            .contains("start one first")
    );
    assert!(world.hub.recording_failed(recording, world.now).is_empty());
}

/// Alice (1) has asked for a recording, and the disk has not answered.
fn asked() -> (World, RecordingId) {
    let (mut world, _) = room_of_two();
    world.answers = false;
    world.drain(1);
    request(&mut world, "start");
    assert!(world.drain(1).is_empty(), "answered before the disk has it");
    let recording = *world.recordings.keys().next().unwrap();
    (world, recording)
}

fn request(world: &mut World, action: &str) {
    let mut message = recording(action);
    message["cmd"] = "WS_RECORDING_REQ".into();
    message["session"] = world.sessions[&1].clone().into();
    world.send(1, &message);
}

/// The responses that alice has got since: `success`, or why not.
fn responses(world: &mut World) -> Vec<String> {
    let all = world.drain(1).into_iter();
    let all = all.filter(|message| message["cmd"] == "WS_RECORDING_RSP");
    all.map(|message| {
        let said = message["reason"].as_str().or(message["result"].as_str());
        said.unwrap_or_default().to_owned()
    })
    .collect()
}

#[test]
fn a_start_is_answered_when_the_disk_has_the_recording() {
    let (mut world, recording) = asked();
    request(&mut world, "stop");
    assert!(world.drain(1).is_empty(), "a stop overtakes its start");
    world.answer_recording(None, recording, true);
    assert_eq!(responses(&mut world), ["success", "success"]);
    assert_eq!(ended(&world), ["stop"]);
}

#[test]
fn a_start_that_the_disk_refuses_fails_and_is_not_the_one_of_this_stay() {
    let (mut world, recording) = asked();
    world.answer_recording(None, recording, false);
    assert_eq!(
        responses(&mut world),
        ["Nothing can be recorded now: the server's disk takes nothing"]
    );
    assert_eq!(ended(&world), ["stop"]);
    world.answers = true;
    start(&mut world, 1);
    assert_eq!(world.recordings.len(), 1);
}

#[test]
fn a_start_that_the_disk_leaves_without_an_answer_fails_and_nothing_runs() {
    let (mut world, recording) = asked();
    world.wait_for(settings().answer_time);
    assert_eq!(
        responses(&mut world),
        ["Nothing can be recorded now: the server's disk is too slow"]
    );
    assert!(world.recordings.is_empty());
    world.answer_recording(None, recording, true);
    assert!(responses(&mut world).is_empty(), "a late answer is told");
}

#[test]
fn a_start_whose_call_is_over_meanwhile_is_answered_all_the_same() {
    for (taken, answer) in [
        (true, "success"),
        (
            false,
            "Nothing can be recorded now: the server's disk takes nothing",
        ),
    ] {
        let (mut world, _) = talking();
        world.answers = false;
        world.drain(1);
        request(&mut world, "start");
        let recording = *world.recordings.keys().next().unwrap();
        world.ok(2, "WS_LEAVE_REQ", json!({}));
        assert_eq!(ended(&world), ["room_closed"]);
        world.answer_recording(None, recording, taken);
        assert_eq!(responses(&mut world), [answer]);
    }
}

#[test]
fn who_goes_before_the_disk_has_answered_is_owed_nothing() {
    let (mut world, recording) = asked();
    world.disconnect(1);
    assert_eq!(ended(&world), ["disconnect"]);
    world.answer_recording(None, recording, true);
    assert!(world.drain(1).is_empty());
}

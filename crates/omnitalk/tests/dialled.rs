//! Calls from an app to a telephone (9.8): every way in which one can go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::World;
use omnigate_omnitalk::{CallId, CallOver, DialRefusal, Figures, TelephoneNotice};
use serde_json::{Value, json};
use std::time::Duration;

const NUMBER: &str = "02-123-4567";

fn offer() -> Value {
    json!({ "call_type": "sipcall", "callee": NUMBER, "record": false })
}

/// What the telephone was told next, without ids.
fn told(world: &mut World, call: CallId) -> Option<String> {
    let notice = world.notice(call.0 as u64).map(|notice| format!("{notice:?}"));
    notice.map(|text| text.split(' ').next().unwrap_or_default().to_owned())
}

/// Alice (1) calls a telephone, which is being called; her room.
fn dialling() -> (World, CallId, String) {
    dialling_with(offer())
}

fn dialling_with(offer: Value) -> (World, CallId, String) {
    let mut world = World::new();
    world.login(1, "alice");
    (world, ..) = ask(world, offer);
    let call = world.dialled(Ok(())).unwrap();
    assert_eq!(told(&mut world, call).as_deref(), Some("Dialled"));
    let all = world.drain(1);
    assert_eq!(all[0]["cmd"], "WS_OFFER_CALL_RSP");
    assert_eq!(all[0]["result"], "success");
    assert_eq!(all[1]["cmd"], "WS_RINGBACK_NOTI");
    assert_eq!(all[1]["call_type"], "sipcall");
    assert_eq!(all[1]["room_type"], "sipcall");
    assert_eq!(
        (&all[1]["caller"], &all[1]["callee"]),
        (&json!("alice"), &json!(NUMBER))
    );
    let room = all[0]["room_id"].as_str().unwrap().to_owned();
    (world, call, room)
}

/// Sends the offer, which is not answered yet.
fn ask(mut world: World, mut offer: Value) -> (World, Value) {
    offer["cmd"] = "WS_OFFER_CALL_REQ".into();
    offer["session"] = world.sessions[&1].clone().into();
    world.send(1, &offer);
    assert!(world.drain(1).is_empty(), "nobody has called yet");
    (world, offer)
}

/// Alice is in the room with her audio.
fn inside() -> (World, CallId, String) {
    let (mut world, call, room) = dialling();
    world.join(1, &room);
    world.publish(1);
    world.up(1);
    assert!(world.drain(1).is_empty(), "nothing before the telephone answers");
    (world, call, room)
}

/// Both talk.
fn talking() -> (World, CallId, String) {
    let (mut world, call, room) = inside();
    world.picks_up(call);
    let connected = world.drain(1);
    assert_eq!(connected.len(), 1);
    assert_eq!(connected[0]["cmd"], "WS_CALL_CONNECTED_NOTI");
    assert_eq!(connected[0]["user_id"], NUMBER);
    assert_eq!(connected[0]["call_type"], "sipcall");
    (world, call, room)
}

fn over(world: &World) -> &'static str {
    let stage = world.told.last().unwrap().stage;
    match stage {
        omnigate_omnitalk::CallStage::Ended(why) => why.word(),
        other => panic!("{other:?}"),
    }
}

fn nothing_but_sessions(world: &World, sessions: usize) {
    let expected = Figures {
        sockets: sessions,
        sessions,
        ..Figures::default()
    };
    assert_eq!(world.hub.figures(), expected);
    world.hub.audit().unwrap();
}

#[test]
fn a_telephone_that_answers_is_connected_and_hangs_up() {
    let (mut world, call, _) = talking();
    world.hub.audit().unwrap();
    let effects = world.hub.hung_up(call, world.now);
    world.apply(None, effects);
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    assert_eq!(over(&world), "callee_hung_up");
    // The app has a moment to leave by itself (12.7).
    world.wait(5);
    assert_eq!(world.closed.get(&1), Some(&1000));
    nothing_but_sessions(&world, 0);
}

#[test]
fn a_telephone_that_answers_before_the_app_is_there_waits_for_its_audio() {
    let (mut world, call, room) = dialling();
    world.picks_up(call);
    world.join(1, &room);
    world.publish(1);
    assert!(world.drain(1).is_empty());
    world.up(1);
    assert_eq!(world.cmds(1), ["WS_CALL_CONNECTED_NOTI"]);

    let (mut world, call, room) = dialling();
    world.picks_up(call);
    world.join(1, &room);
    world.wait(20);
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(NoAudio)"));
    assert_eq!(world.cmds(1), ["WS_LEAVE_NOTI"]);
    assert_eq!(over(&world), "no_audio");
}

#[test]
fn what_the_network_says_ends_the_call_without_connected() {
    for (why, word) in [
        (CallOver::Busy, "busy"),
        (CallOver::NoAnswer, "no_answer"),
        (CallOver::Declined, "declined"),
        (CallOver::Unassigned, "unassigned"),
        (CallOver::Congestion, "congestion"),
        (CallOver::Unreachable, "unreachable"),
    ] {
        let (mut world, call, _) = inside();
        world.fails_to_answer(call, why);
        let left = world.drain(1);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(
            (&left[0]["cmd"], &left[0]["user_id"]),
            (&json!("WS_LEAVE_NOTI"), &json!(NUMBER))
        );
        assert_eq!(left[0].get("reason"), None, "published SDKs know no reason");
        assert_eq!(over(&world), word);
        assert_eq!(told(&mut world, call), None, "who says it need not be told");
    }
}

#[test]
fn our_own_client_is_told_why() {
    let mut world = World::new();
    world.connect(1);
    let hello =
        json!({ "cmd": "WS_SESSION_REQ", "service_id": "SVC1", "user_id": "alice", "sdk": "omnigate" });
    world.send(1, &hello);
    let session = world.drain(1)[0]["session"].as_str().unwrap().to_owned();
    world.sessions.insert(1, session);
    (world, ..) = ask(world, offer());
    let call = world.dialled(Ok(())).unwrap();
    world.drain(1);
    world.fails_to_answer(call, CallOver::Busy);
    assert_eq!(world.drain(1)[0]["reason"], "busy");
    // A caller that has not joined is idle again.
    nothing_but_sessions(&world, 1);
}

#[test]
fn an_app_that_leaves_in_any_state_lets_the_telephone_go() {
    for state in [dialling, inside, talking] {
        for disconnects in [false, true] {
            let (mut world, call, _) = state();
            if disconnects {
                world.disconnect(1);
            } else {
                world.ok(1, "WS_LEAVE_REQ", json!({}));
            }
            assert_eq!(told(&mut world, call).as_deref(), Some("Ended(AppLeft)"));
            assert_eq!(
                over(&world),
                if disconnects {
                    "caller_lost"
                } else {
                    "caller_hung_up"
                }
            );
            nothing_but_sessions(&world, 0);
        }
    }
}

#[test]
fn an_app_that_does_not_join_or_goes_elsewhere_has_given_the_call_up() {
    let (mut world, call, _) = dialling();
    world.wait(10);
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(AppLeft)"));
    assert_eq!(
        (world.cmds(1), over(&world)),
        (vec!["WS_LEAVE_NOTI".to_owned()], "not_joined")
    );
    nothing_but_sessions(&world, 1);

    let (mut world, call, _) = dialling();
    world.login(2, "bob");
    world.ok(
        1,
        "WS_OFFER_CALL_REQ",
        json!({ "call_type": "audiocall", "callee": "bob" }),
    );
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(AppLeft)"));
    world.hub.audit().unwrap();
}

#[test]
fn an_offer_that_is_refused_says_why_and_leaves_nothing() {
    for (refusal, says) in [
        (DialRefusal::NotANumber, "callee is no telephone number"),
        (
            DialRefusal::NoCaller {
                rule: "service.caller",
            },
            "service.caller",
        ),
        (
            DialRefusal::Forbidden {
                rule: "service.destinations",
            },
            "service.destinations",
        ),
        (DialRefusal::Emergency, "emergency"),
        (
            DialRefusal::TooMany {
                rule: "service.calls",
            },
            "service.calls",
        ),
    ] {
        let mut world = World::new();
        world.login(1, "alice");
        (world, ..) = ask(world, offer());
        world.dialled(Err(refusal));
        let all = world.drain(1);
        assert_eq!(
            (&all[0]["cmd"], &all[0]["result"]),
            (&json!("WS_OFFER_CALL_RSP"), &json!("failed"))
        );
        assert!(all[0]["reason"].as_str().unwrap().contains(says), "{}", all[0]);
        assert_eq!(all.len(), 1);
        nothing_but_sessions(&world, 1);
    }
}

#[test]
fn an_answer_that_nobody_waits_for_any_more_ends_the_call() {
    // The client has gone.
    let mut world = World::new();
    world.login(1, "alice");
    (world, ..) = ask(world, offer());
    world.disconnect(1);
    world.hub.audit().unwrap();
    let call = world.dialled(Ok(())).unwrap();
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(AppLeft)"));
    nothing_but_sessions(&world, 0);

    // It took too long.
    let mut world = World::new();
    world.login(1, "alice");
    (world, ..) = ask(world, offer());
    world.wait(4);
    assert_eq!(world.drain(1)[0]["result"], "failed");
    world.hub.audit().unwrap();
    let call = world.dialled(Ok(())).unwrap();
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(AppLeft)"));
    nothing_but_sessions(&world, 1);
}

#[test]
fn a_telephone_that_nobody_hears_of_again_is_let_go_in_the_end() {
    let (mut world, call, _) = inside();
    world.wait(301);
    assert_eq!(told(&mut world, call).as_deref(), Some("NoAnswer"));
    assert_eq!(over(&world), "no_answer");
}

#[test]
fn nobody_is_listed_who_has_not_answered() {
    let (mut world, call, _) = inside();
    let list = world.ok(1, "WS_PARTI_LIST_REQ", json!({}));
    assert_eq!(list["count"], 0);
    world.picks_up(call);
    let list = world.ok(1, "WS_PARTI_LIST_REQ", json!({}));
    assert_eq!(
        (&list["count"], &list["list"][0]["user_id"]),
        (&json!(1), &json!(NUMBER))
    );
}

#[test]
fn a_call_that_is_offered_to_be_recorded_is_recorded_from_its_answer_on() {
    let (mut world, call, room) =
        dialling_with(json!({ "call_type": "sipcall", "callee": NUMBER, "record": true }));
    world.join(1, &room);
    world.publish(1);
    world.up(1);
    assert!(world.recordings.is_empty());
    world.picks_up(call);
    assert_eq!(world.recordings.len(), 1);
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert!(world.recordings.is_empty());
}

#[test]
fn an_app_without_audio_does_not_keep_the_telephone_for_ever() {
    let (mut world, call, _) = talking();
    let peer = world.peers[&1];
    world.open_peers.remove(&peer);
    let effects = world.hub.peer_gone(peer, world.now);
    world.apply(None, effects);
    world.wait(20);
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(NoAudio)"));
}

#[test]
fn keys_are_pressed_while_there_is_a_telephone_and_not_too_many_at_once() {
    let (mut world, call, _) = talking();
    world.ok(1, "WS_KEYS_REQ", json!({ "keys": "12#" }));
    assert_eq!(world.pressed, ["12#"]);
    for (keys, why) in [
        (json!("12x"), "keys is not valid"),
        (json!(""), "keys"),
        (json!("1".repeat(33)), "too long"),
    ] {
        let reason = world.fails(1, "WS_KEYS_REQ", json!({ "keys": keys }));
        assert!(reason.contains(why), "{reason}");
    }
    world.ok(1, "WS_KEYS_REQ", json!({ "keys": "1".repeat(32) }));
    assert!(
        world
            .fails(1, "WS_KEYS_REQ", json!({ "keys": "1".repeat(32) }))
            .contains("Too many keys")
    );
    world.wait_for(Duration::from_secs(7));
    world.ok(1, "WS_KEYS_REQ", json!({ "keys": "1".repeat(32) }));
    let effects = world.hub.hung_up(call, world.now);
    world.apply(None, effects);
    assert!(
        world
            .fails(1, "WS_KEYS_REQ", json!({ "keys": "1" }))
            .contains("no telephone")
    );
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({ "room_type": "audioroom" }));
    world.enter(1, &room);
    assert!(
        world
            .fails(1, "WS_KEYS_REQ", json!({ "keys": "1" }))
            .contains("no telephone")
    );
}

#[test]
fn no_new_call_begins_while_the_server_is_about_to_stop_and_those_that_are_there_end_with_it() {
    let mut world = World::new();
    world.login(1, "alice");
    world.hub.drain();
    assert!(
        world
            .fails(1, "WS_OFFER_CALL_REQ", offer())
            .contains("about to stop")
    );

    let (mut world, call, _) = talking();
    let effects = world.hub.close_all(world.now);
    world.apply(None, effects);
    assert_eq!(told(&mut world, call).as_deref(), Some("Ended(Shutdown)"));
    assert_eq!(over(&world), "shutdown");
}

#[test]
fn no_number_is_shown_by_debug() {
    let mut world = World::new();
    world.login(1, "alice");
    (world, ..) = ask(world, offer());
    let (_, dialling) = &world.diallings[0];
    assert_eq!(&*dialling.number, NUMBER);
    assert_eq!(dialling.service_id, "SVC1");
    assert!(!format!("{dialling:?} {:?}", TelephoneNotice::NoAnswer).contains("123"));
}

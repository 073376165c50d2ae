//! What is told of 1:1 calls: which call it is, and why it is over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::World;
use common::app_calls::{call, offer, ringing, talking};
use omnigate_omnitalk::{CallId, CallOver, CallStage};
use serde_json::json;

const PHONE: &str = "01099998888";

/// Why the only call is over; what was told of it names one call throughout.
fn why(world: &World) -> &'static str {
    let told = &world.told;
    assert!(told.iter().all(|one| one.id == told[0].id), "{told:?}");
    let ends: Vec<CallOver> = told
        .iter()
        .filter_map(|one| match one.stage {
            CallStage::Ended(over) => Some(over),
            CallStage::Started | CallStage::Answered => None,
        })
        .collect();
    assert_eq!(ends.len(), 1, "{told:?}");
    ends[0].word()
}

/// A telephone (1) rings Bob (1).
fn phone_rings() -> World {
    let mut world = World::new();
    world.login(1, "bob");
    world.ring(1, "bob", PHONE);
    world
}

/// A telephone (1) talks with Bob (1).
fn phone_talks() -> World {
    let mut world = phone_rings();
    let room = world.drain(1)[0]["room_id"].as_str().unwrap().to_owned();
    world.ok(1, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(1, &room);
    world
}

#[test]
fn a_telephones_call_has_its_own_id_in_all_that_is_told() {
    let mut world = phone_talks();
    world.hang_up(1);
    let ids: Vec<CallId> = world.told.iter().map(|one| one.id).collect();
    assert_eq!(ids, [CallId(1); 3]);
    assert_eq!(why(&world), "caller_hung_up");
}

#[test]
fn calls_between_apps_have_ids_that_carry_their_time() {
    let (mut world, _) = talking();
    world.ok(2, "WS_LEAVE_REQ", json!({}));
    assert_eq!(why(&world), "callee_hung_up");
    let told = &world.told[0];
    assert_eq!(u128::from(told.started_at), (told.id.0 >> 80) / 1000);
    let (other, _) = talking();
    assert_eq!(other.told[0].started_at, told.started_at);
}

#[test]
fn who_hung_up_or_was_lost_is_told() {
    for (who, leaves, word) in [
        (1, true, "caller_hung_up"),
        (2, true, "callee_hung_up"),
        (1, false, "caller_lost"),
        (2, false, "callee_lost"),
    ] {
        let (mut world, _) = talking();
        if leaves {
            world.ok(who, "WS_LEAVE_REQ", json!({}));
        } else {
            world.disconnect(who);
        }
        world.wait(10);
        assert_eq!(why(&world), word);
    }
}

#[test]
fn what_ends_a_call_that_rings_is_told() {
    let (mut world, _) = ringing(&[2]);
    world.ok(2, "WS_REJECT_CALL_REQ", json!({}));
    assert_eq!(why(&world), "declined");

    let (mut world, _) = ringing(&[2]);
    world.wait(60);
    assert_eq!(why(&world), "no_answer");

    let (mut world, _) = ringing(&[2]);
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!(why(&world), "caller_hung_up");

    let mut world = phone_rings();
    world.ok(1, "WS_REJECT_CALL_REQ", json!({}));
    assert_eq!(why(&world), "declined");

    let mut world = phone_rings();
    world.wait(60);
    assert_eq!(why(&world), "no_answer");

    let mut world = phone_rings();
    world.disconnect(1);
    assert_eq!(why(&world), "unavailable");
}

#[test]
fn a_callee_or_caller_that_never_joins_is_told() {
    let mut world = phone_rings();
    world.ok(1, "WS_ANSWER_CALL_REQ", json!({}));
    world.wait(10);
    assert_eq!(why(&world), "not_joined");

    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    call(&mut world, "bob");
    world.wait(10);
    assert_eq!(why(&world), "not_joined");
}

#[test]
fn an_app_whose_audio_never_comes_up_is_told() {
    let mut world = phone_rings();
    let room = world.drain(1)[0]["room_id"].as_str().unwrap().to_owned();
    world.ok(1, "WS_ANSWER_CALL_REQ", json!({}));
    world.join(1, &room);
    world.wait(60);
    assert_eq!(why(&world), "no_audio");
}

#[test]
fn a_session_that_answers_and_is_lost_or_goes_elsewhere_is_told() {
    let mut world = phone_rings();
    world.ok(1, "WS_ANSWER_CALL_REQ", json!({}));
    world.disconnect(1);
    assert_eq!(why(&world), "callee_lost");

    let mut world = phone_rings();
    world.ok(1, "WS_ANSWER_CALL_REQ", json!({}));
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!(why(&world), "callee_hung_up");
}

#[test]
fn a_telephone_that_is_kicked_out_is_told() {
    let mut world = phone_talks();
    let connected = world.drain(1);
    let phone = connected[0]["session"].as_str().unwrap();
    world.ok(1, "WS_KICKOUT_REQ", json!({ "target": phone }));
    assert_eq!(why(&world), "kicked_out");
}

#[test]
fn a_server_that_stops_is_told() {
    for mut world in [phone_talks(), phone_rings(), talking().0, ringing(&[2]).0] {
        let effects = world.hub.close_all(world.now);
        world.apply(None, effects);
        assert_eq!(why(&world), "shutdown");
    }
}

#[test]
fn a_call_that_cannot_even_ring_is_told_as_ended_alone_and_without_a_room() {
    let mut world = phone_rings();
    world.ring(2, "bob", PHONE);
    let told = world.told.last().unwrap();
    assert_eq!(told.stage, CallStage::Ended(CallOver::Busy));
    assert_eq!((told.id, told.room, told.by_telephone), (CallId(2), None, true));
    assert_eq!((told.caller.as_str(), told.callee.as_str()), (PHONE, "bob"));

    let mut world = World::new();
    world.ring(1, "nobody", PHONE);
    assert_eq!(why(&world), "unavailable");

    let (mut world, _) = talking();
    world.login(3, "carol");
    world.fails(3, "WS_OFFER_CALL_REQ", offer("bob"));
    let told = world.told.last().unwrap();
    assert_eq!(told.stage, CallStage::Ended(CallOver::Busy));
    assert_eq!((told.caller.as_str(), told.by_telephone), ("carol", false));
}

#[test]
fn an_app_that_waited_for_a_user_without_a_session_learns_nothing_new_but_it_is_told() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = call(&mut world, "bob");
    world.enter(1, &room);
    world.wait(60);
    assert_eq!(why(&world), "unavailable");
}

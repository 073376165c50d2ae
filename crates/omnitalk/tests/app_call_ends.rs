//! How calls from one app to another end: hang-up, decline, time, loss, shutdown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::World;
use common::app_calls::{call, left, nothing_but_sessions, ringing, talking};
use omnigate_omnitalk::Figures;
use serde_json::json;

#[test]
fn after_a_hang_up_the_other_side_has_five_seconds() {
    let (mut world, _) = talking();
    let alice = world.sessions[&1].clone();
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert_eq!(world.closed[&1], 1000);
    assert_eq!(left(&mut world, 2, "alice"), alice);
    world.wait(4);
    assert!(!world.closed.contains_key(&2));
    world.wait(1);
    assert_eq!(world.closed[&2], 1000);
    nothing_but_sessions(&world, 0);
}

#[test]
fn the_other_side_may_leave_by_itself_and_a_lost_socket_is_a_hang_up() {
    let (mut world, _) = talking();
    world.disconnect(2);
    left(&mut world, 1, "bob");
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    nothing_but_sessions(&world, 0);
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn a_caller_who_hangs_up_cancels_the_call() {
    for joined in [true, false] {
        let mut world = World::new();
        let alice = world.login(1, "alice");
        world.login(2, "bob");
        let room = call(&mut world, "bob");
        world.drain(1);
        world.drain(2);
        if joined {
            world.enter(1, &room);
        }
        world.ok(1, "WS_LEAVE_REQ", json!({}));
        assert_eq!(left(&mut world, 2, "alice"), alice);
        world.fails(2, "WS_ANSWER_CALL_REQ", json!({}));
        nothing_but_sessions(&world, 1);
    }
}

#[test]
fn a_callee_who_leaves_declines_and_loses_its_session() {
    let (mut world, _) = ringing(&[2]);
    let bob = world.sessions[&2].clone();
    world.ok(2, "WS_LEAVE_REQ", json!({}));
    assert_eq!(world.closed[&2], 1000);
    assert!(world.drain(2).is_empty());
    assert_eq!(left(&mut world, 1, "bob"), bob);
    world.wait(5);
    assert_eq!(
        world.closed[&1], 1000,
        "the caller does not sit there alone (12.7)"
    );
    nothing_but_sessions(&world, 0);
}

#[test]
fn a_callee_who_rejects_declines_and_keeps_its_session() {
    let (mut world, _) = ringing(&[2]);
    world.ok(2, "WS_REJECT_CALL_REQ", json!({}));
    left(&mut world, 1, "bob");
    world.ok(1, "WS_LEAVE_REQ", json!({}));
    assert!(world.drain(2).is_empty());
    nothing_but_sessions(&world, 1);
}

#[test]
fn a_caller_who_has_not_joined_yet_is_idle_after_a_decline() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = call(&mut world, "bob");
    world.drain(1);
    world.ok(2, "WS_REJECT_CALL_REQ", json!({}));
    left(&mut world, 1, "bob");
    world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    nothing_but_sessions(&world, 2);
    call(&mut world, "bob");
}

#[test]
fn one_device_that_declines_leaves_the_others_ringing() {
    let (mut world, _) = ringing(&[2, 3]);
    world.ok(2, "WS_REJECT_CALL_REQ", json!({}));
    assert!(world.drain(1).is_empty());
    world.disconnect(3);
    left(&mut world, 1, "bob");
}

#[test]
fn without_an_answer_both_are_told_after_a_minute() {
    let (mut world, _) = ringing(&[2]);
    let (alice, bob) = (world.sessions[&1].clone(), world.sessions[&2].clone());
    world.wait(59);
    assert!(world.drain(1).is_empty());
    world.wait(1);
    assert_eq!(left(&mut world, 1, "bob"), bob);
    assert_eq!(left(&mut world, 2, "alice"), alice);
    world.wait(5);
    nothing_but_sessions(&world, 1);
}

#[test]
fn a_caller_who_never_joins_ends_the_call_after_ten_seconds() {
    let mut world = World::new();
    let alice = world.login(1, "alice");
    world.login(2, "bob");
    let room = call(&mut world, "bob");
    world.drain(1);
    world.drain(2);
    world.wait(9);
    assert!(world.drain(2).is_empty());
    world.wait(1);
    assert_eq!(left(&mut world, 2, "alice"), alice);
    left(&mut world, 1, "bob");
    world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    nothing_but_sessions(&world, 2);
}

#[test]
fn a_caller_who_never_joins_leaves_a_callee_who_has_five_seconds() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = call(&mut world, "bob");
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(2, &room);
    world.drain(1);
    world.drain(2);
    world.wait(10);
    left(&mut world, 1, "bob");
    left(&mut world, 2, "alice");
    world.hub.audit().unwrap();
    world.wait(5);
    nothing_but_sessions(&world, 1);
}

#[test]
fn a_callee_who_answers_and_never_joins_ends_the_call_after_ten_seconds() {
    let (mut world, room) = ringing(&[2]);
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.wait(10);
    left(&mut world, 1, "bob");
    left(&mut world, 2, "alice");
    world.fails(2, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    world.wait(5);
    nothing_but_sessions(&world, 1);
}

#[test]
fn a_callee_who_answers_and_dies_or_goes_elsewhere_ends_the_call() {
    let (mut world, _) = ringing(&[2]);
    let bob = world.sessions[&2].clone();
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.disconnect(2);
    assert_eq!(left(&mut world, 1, "bob"), bob);
    let (mut world, _) = ringing(&[2]);
    world.login(3, "carol");
    let other = world.create(3, json!({}));
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.join(2, &other);
    left(&mut world, 1, "bob");
    assert!(world.drain(2).is_empty());
}

#[test]
fn a_caller_who_joins_another_room_or_calls_again_gives_the_call_up() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    world.login(3, "carol");
    let other = world.create(3, json!({}));
    call(&mut world, "bob");
    world.drain(2);
    call(&mut world, "carol");
    assert_eq!(world.cmds(2), ["WS_LEAVE_NOTI"]);
    assert_eq!(world.cmds(3), ["WS_RINGING_NOTI"]);
    world.join(1, &other);
    assert_eq!(world.cmds(3), ["WS_LEAVE_NOTI"]);
    assert_eq!(world.hub.figures().rooms, 1);
    world.hub.audit().unwrap();
}

#[test]
fn who_rings_and_calls_somebody_else_declines() {
    let (mut world, _) = ringing(&[2]);
    world.login(3, "carol");
    world.ok(
        2,
        "WS_OFFER_CALL_REQ",
        json!({ "call_type": "audiocall", "callee": "carol" }),
    );
    left(&mut world, 1, "bob");
    assert_eq!(world.cmds(3), ["WS_RINGING_NOTI"]);
}

#[test]
fn a_call_without_audio_goes_on_until_somebody_leaves() {
    let (mut world, room) = ringing(&[2]);
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.join(2, &room);
    world.wait(3600);
    assert!(
        world.closed.is_empty(),
        "a participant without audio is legal (11.14)"
    );
}

#[test]
fn kicking_the_other_side_out_ends_the_call() {
    let (mut world, _) = talking();
    let bob = world.sessions[&2].clone();
    world.ok(1, "WS_KICKOUT_REQ", json!({ "target": bob }));
    assert_eq!(world.closed[&2], 4000);
    left(&mut world, 1, "bob");
    world.wait(5);
    nothing_but_sessions(&world, 0);
}

#[test]
fn shutdown_ends_calls_in_every_stage() {
    let (mut world, _) = talking();
    world.login(3, "carol");
    world.login(4, "dave");
    world.ok(
        3,
        "WS_OFFER_CALL_REQ",
        json!({ "call_type": "audiocall", "callee": "dave" }),
    );
    let effects = world.hub.close_all(world.now);
    world.apply(None, effects);
    assert_eq!(world.hub.figures(), Figures::default());
    assert!(world.open_peers.is_empty());
    assert_eq!(world.hub.next_deadline(), None);
    world.hub.audit().unwrap();
}

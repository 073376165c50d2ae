//! What is written down of rooms and numbers, and what there is of it after a restart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{START, World};
use omnigate_omnitalk::{CallNumber, LookUp, RoomId, TargetKind, TelephoneNotice};
use serde_json::{Value, json};

/// The process has been killed: another one has the store alone.
fn restart(old: World) -> World {
    let mut world = World::new();
    world.now = old.now;
    world.numbers = old.numbers;
    for (id, (service, room)) in &old.kept {
        let numbers: Vec<CallNumber> = world
            .numbers
            .all_live()
            .filter(|entry| entry.kind == TargetKind::Room(*id))
            .map(|entry| entry.number)
            .collect();
        assert!(
            world
                .hub
                .restore(service, room, numbers.first().copied(), world.now)
        );
    }
    world.kept = old.kept;
    world.hub.audit().unwrap();
    world
}

/// A request that is not answered at once.
fn begin(world: &mut World, who: u64, cmd: &str, mut fields: Value) {
    fields["cmd"] = cmd.into();
    fields["session"] = world.sessions[&who].as_str().into();
    world.send(who, &fields);
    assert!(world.drain(who).is_empty());
}

fn list(world: &mut World, who: u64) -> Vec<Value> {
    let response = world.ok(who, "WS_ROOM_LIST_REQ", json!({}));
    response["list"].as_array().unwrap().clone()
}

#[test]
fn what_was_answered_with_success_is_there_after_a_crash() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(
        1,
        json!({ "subject": "weekly", "secret": "012345", "start_date": START + 100, "end_date": START + 200 }),
    );
    let number = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }))["call_number"].clone();
    let before = list(&mut world, 1);
    let mut world = restart(world);
    world.login(1, "alice");
    assert_eq!(list(&mut world, 1), before);
    assert_eq!(before[0]["sip_number"], number);
    world.login(2, "bob");
    let wrong = json!({ "room_id": room, "secret": "111111" });
    assert!(world.fails(2, "WS_JOIN_ROOM_REQ", wrong).contains("secret"));
    world.ok(2, "WS_JOIN_ROOM_REQ", json!({ "room_id": room, "secret": 12345 }));
    let notice = world.admit(7, &room, "01012345678");
    assert!(
        matches!(notice, Some(TelephoneNotice::Admitted { .. })),
        "{notice:?}"
    );
}

#[test]
fn a_room_that_was_destroyed_does_not_come_back() {
    let mut world = World::new();
    world.login(1, "alice");
    let (gone, stays) = (world.create(1, json!({})), world.create(1, json!({})));
    world.ok(1, "WS_DESTROY_ROOM_REQ", json!({ "room_id": gone }));
    let mut world = restart(world);
    world.login(1, "alice");
    let rooms = list(&mut world, 1);
    assert_eq!((rooms.len(), &rooms[0]["room_id"]), (1, &json!(stays)));
}

#[test]
fn nothing_is_promised_that_the_store_does_not_take() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    world.store = Some(false);
    let reason = world.fails(1, "WS_CREATE_ROOM_REQ", json!({ "room_type": "audioroom" }));
    assert!(reason.contains("database"), "{reason}");
    let reason = world.fails(1, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
    assert!(reason.contains("database"), "{reason}");
    assert_eq!(list(&mut world, 1).len(), 1);
    world.join(1, &room);
    assert_eq!(world.hub.figures().rooms, 1);
    world.hub.audit().unwrap();
}

#[test]
fn a_room_that_is_written_down_too_late_is_struck_out_again() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    world.store = None;
    begin(
        &mut world,
        1,
        "WS_CREATE_ROOM_REQ",
        json!({ "room_type": "audioroom" }),
    );
    assert!(list(&mut world, 2).is_empty(), "nobody finds it yet");
    world.wait(4);
    let told = world.drain(1);
    assert_eq!((told.len(), &told[0]["result"]), (1, &json!("failed")));
    while !world.unwritten.is_empty() {
        world.write(None, true);
    }
    assert!(world.kept.is_empty());
    assert_eq!(world.hub.figures().rooms, 0);
}

#[test]
fn whoever_goes_while_its_room_is_written_down_leaves_none() {
    let mut world = World::new();
    world.login(1, "alice");
    world.store = None;
    begin(
        &mut world,
        1,
        "WS_CREATE_ROOM_REQ",
        json!({ "room_type": "audioroom" }),
    );
    world.disconnect(1);
    world.hub.audit().unwrap();
    while !world.unwritten.is_empty() {
        world.write(None, true);
    }
    assert!(world.kept.is_empty());
    assert_eq!(world.hub.figures().rooms, 0);
}

#[test]
fn two_who_destroy_one_room_are_both_told() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "bob");
    let room = world.create(1, json!({}));
    world.store = None;
    for who in [1, 2] {
        begin(&mut world, who, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
    }
    while !world.unwritten.is_empty() {
        world.write(None, true);
    }
    for who in [1, 2] {
        assert_eq!(world.drain(who)[0]["result"], "success");
    }
    assert!(world.kept.is_empty());
}

#[test]
fn an_expired_room_is_struck_out() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    let number = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }))["call_number"].clone();
    let number = CallNumber::parse(number.as_str().unwrap()).unwrap();
    assert_eq!(world.kept.len(), 1);
    world.wait(600);
    assert!(world.kept.is_empty());
    assert_eq!(world.numbers.look_up(number, world.now.unix), LookUp::Expired);
}

#[test]
fn a_room_with_dates_is_there_on_its_day_whether_or_not_its_end_is_given() {
    let mut world = World::new();
    world.login(1, "alice");
    let day = 7 * 86_400;
    world.create(
        1,
        json!({ "start_date": START + day, "end_date": START + day + 60 }),
    );
    world.create(1, json!({ "start_date": START + day }));
    world.create(1, json!({}));
    world.wait(3 * 86_400);
    let mut world = restart(world);
    world.login(1, "alice");
    assert_eq!(list(&mut world, 1).len(), 2);
    world.wait(day - 3 * 86_400);
    assert_eq!(list(&mut world, 1).len(), 2);
    world.wait(3600);
    assert!(list(&mut world, 1).is_empty() && world.kept.is_empty());
}

#[test]
fn an_empty_room_is_kept_no_longer_than_the_setting_says() {
    let mut settings = common::settings();
    settings.longest_keep = std::time::Duration::from_secs(86_400);
    let mut world = World::with(settings);
    world.login(1, "alice");
    world.create(1, json!({ "end_date": START + 400 * 86_400 }));
    world.wait(86_400);
    assert!(list(&mut world, 1).is_empty());
}

#[test]
fn until_the_rooms_are_read_nobody_is_told_that_one_does_not_exist() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = RoomId(7).to_string();
    world.hub.await_rooms(true);
    let reason = world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    assert!(reason.contains("database"), "{reason}");
    world.hub.await_rooms(false);
    let reason = world.fails(1, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    assert!(reason.contains("names no room"), "{reason}");
}

#[test]
fn rooms_and_numbers_outlive_a_shutdown() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    let own = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"].clone();
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }));
    let effects = world.hub.close_all(world.now);
    world.apply(None, effects);
    let mut world = restart(world);
    world.login(1, "alice");
    assert_eq!(world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"], own);
    assert!(list(&mut world, 1)[0]["sip_support"].as_bool().unwrap());
}

#[test]
fn a_user_who_comes_back_gets_the_same_number_and_nobody_else_does() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "mallory");
    let number = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"].clone();
    world.disconnect(1);
    let wish = json!({ "call_number": number });
    assert!(
        world
            .fails(2, "WS_MAKE_SIPNUM_REQ", wish.clone())
            .contains("in use")
    );
    world.wait(86_400);
    world.login(3, "alice");
    assert_eq!(
        world.ok(3, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"],
        number
    );
    assert!(world.fails(2, "WS_MAKE_SIPNUM_REQ", wish).contains("in use"));
}

#[test]
fn sessions_of_one_user_share_its_number_until_the_last_one_ends() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "alice");
    let number = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"].clone();
    assert_eq!(
        world.ok(2, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"],
        number
    );
    assert_eq!(world.hub.figures().numbers, 1);
    let number = CallNumber::parse(number.as_str().unwrap()).unwrap();
    world.disconnect(1);
    assert!(matches!(
        world.numbers.look_up(number, world.now.unix),
        LookUp::Found(_)
    ));
    world.disconnect(2);
    assert_eq!(world.numbers.look_up(number, world.now.unix), LookUp::Expired);
}

#[test]
fn only_who_made_a_room_gives_it_a_number_once_it_has_one_or_a_secret() {
    let mut world = World::new();
    world.login(1, "alice");
    world.login(2, "mallory");
    let secret = world.create(1, json!({ "secret": "123456" }));
    let open = world.create(1, json!({}));
    let wish = |room: &str| json!({ "room_id": room });
    let reason = world.fails(2, "WS_MAKE_SIPNUM_REQ", wish(&secret));
    assert!(reason.contains("only who made it"), "{reason}");
    world.ok(1, "WS_MAKE_SIPNUM_REQ", wish(&secret));
    world.ok(2, "WS_MAKE_SIPNUM_REQ", wish(&open));
    assert!(
        world
            .fails(2, "WS_MAKE_SIPNUM_REQ", wish(&open))
            .contains("only who made it")
    );
    world.ok(
        1,
        "WS_MAKE_SIPNUM_REQ",
        json!({ "room_id": open, "call_number": "222222" }),
    );
}

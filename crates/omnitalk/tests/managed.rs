//! What a service's own servers do with its rooms.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::World;
use omnigate_omnitalk::{CallId, Refusal, RoomId, RoomsBefore, TelephoneEnd, TelephoneNotice};
use serde_json::{Value, json};

fn make(world: &mut World, fields: Value) -> Result<RoomId, Refusal> {
    let Value::Object(fields) = fields else {
        panic!("an object")
    };
    let now = world.now;
    let (made, effects) = world
        .hub
        .managed("SVC1", |hub| hub.make_room(fields, now))
        .unwrap();
    world.apply(None, effects);
    made
}

fn close(world: &mut World, room: RoomId) -> Result<(), Refusal> {
    let (done, effects) = world.hub.managed("SVC1", |hub| hub.close_room(room)).unwrap();
    world.apply(None, effects);
    done
}

fn remove(world: &mut World, room: RoomId, session: &str) -> Result<(), Refusal> {
    let now = world.now;
    let (done, effects) = world
        .hub
        .managed("SVC1", |hub| hub.remove(room, session, now))
        .unwrap();
    world.apply(None, effects);
    done
}

fn is_open(world: &World, room: RoomId) -> bool {
    world.hub.hub("SVC1").unwrap().is_open(room)
}

#[test]
fn a_room_that_the_service_makes_is_there_when_it_is_written_down_and_sessions_find_it() {
    let mut world = World::new();
    world.store = None;
    let room = make(
        &mut world,
        json!({ "room_type": "webinar", "subject": "all hands", "secret": "123456" }),
    )
    .unwrap();
    assert!(!is_open(&world, room));
    world.hub.audit().unwrap();
    world.write(None, true);
    assert!(is_open(&world, room));
    let shown = world.hub.hub("SVC1").unwrap().shown_room(room).unwrap();
    assert_eq!(
        (shown.room_type, shown.subject.as_str(), shown.secret),
        ("webinar", "all hands", true)
    );
    world.store = Some(true);
    world.login(1, "alice");
    world.ok(
        1,
        "WS_JOIN_ROOM_REQ",
        json!({ "room_id": room.to_string(), "secret": "123456" }),
    );
    world.hub.audit().unwrap();
}

#[test]
fn what_is_wrong_names_the_field_and_what_the_store_does_not_take_is_not_there() {
    let mut world = World::new();
    let refusal = make(&mut world, json!({ "room_type": "party" })).unwrap_err();
    assert_eq!(refusal.code, "field-invalid");
    assert!(refusal.reason.contains("room_type"), "{refusal}");
    world.store = Some(false);
    let room = make(&mut world, json!({ "room_type": "audioroom" })).unwrap();
    assert!(!is_open(&world, room));
    assert_eq!(world.hub.figures().rooms, 0);
    world.store = Some(true);
    let room = make(&mut world, json!({ "room_type": "audioroom" })).unwrap();
    world.store = Some(false);
    close(&mut world, room).unwrap();
    assert!(
        is_open(&world, room),
        "it is not closed before that is written down"
    );
    assert_eq!(close(&mut world, RoomId(5)).unwrap_err().code, "room-unknown");
    world.hub.audit().unwrap();
}

#[test]
fn the_service_mutes_an_app_and_a_telephone_once_and_the_others_are_told() {
    let mut world = World::new();
    let room = make(&mut world, json!({ "room_type": "audioroom" })).unwrap();
    let session = world.login(1, "alice");
    world.enter(1, &room.to_string());
    world.login(2, "bob");
    world.enter(2, &room.to_string());
    world.admit(7, &room.to_string(), "0101");
    world.drain(2);
    let call = CallId(7);
    let mute = |world: &mut World, muted| {
        let order = world.hub.managed("SVC1", |hub| hub.mute_telephone(call, muted));
        let (done, effects) = order.unwrap();
        world.apply(None, effects);
        done
    };
    for muted in [true, true, false] {
        mute(&mut world, muted).unwrap();
    }
    assert_eq!(
        world.muted_telephones,
        [(call, true), (call, false)],
        "twice is once"
    );
    assert_eq!(world.cmds(2), ["WS_MUTE_NOTI", "WS_UNMUTE_NOTI"]);
    let order = world
        .hub
        .managed("SVC1", |hub| hub.mute_session(room, &session, true));
    let (done, effects) = order.unwrap();
    world.apply(None, effects);
    done.unwrap();
    assert_eq!((world.muted.len(), world.muted[0].1), (1, true));
    world.hang_up(7);
    assert_eq!(mute(&mut world, true).unwrap_err().code, "participant-unknown");
    world.hub.audit().unwrap();
}

#[test]
fn a_room_that_is_closed_lets_everybody_go_telephones_too() {
    let mut world = World::new();
    let room = make(&mut world, json!({ "room_type": "audioroom" })).unwrap();
    for (who, user) in [(1, "alice"), (2, "bob")] {
        world.login(who, user);
        world.enter(who, &room.to_string());
    }
    world.admit(7, &room.to_string(), "0101");
    let seen = world.hub.hub("SVC1").unwrap().shown_participants(room).unwrap();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen.iter().filter(|one| one.telephone.is_some()).count(), 1);
    close(&mut world, room).unwrap();
    assert_eq!(
        (world.closed.get(&1), world.closed.get(&2)),
        (Some(&4000), Some(&4000))
    );
    assert_eq!(
        world.notice(7),
        Some(TelephoneNotice::Ended(TelephoneEnd::KickedOut))
    );
    assert_eq!(world.hub.figures().rooms, 0);
    assert!(world.kept.is_empty());
    world.hub.audit().unwrap();
}

#[test]
fn one_is_removed_and_the_others_are_told() {
    let mut world = World::new();
    let room = make(&mut world, json!({ "room_type": "audioroom" })).unwrap();
    let alice = world.login(1, "alice");
    world.enter(1, &room.to_string());
    world.login(2, "bob");
    world.enter(2, &room.to_string());
    world.drain(2);
    assert_eq!(
        remove(&mut world, room, "nobody").unwrap_err().code,
        "participant-unknown"
    );
    remove(&mut world, room, &alice).unwrap();
    assert_eq!(world.closed.get(&1), Some(&4000));
    assert_eq!(world.cmds(2)[..2], ["WS_KICKOUT_NOTI", "WS_LEAVE_NOTI"]);
}

#[test]
fn rooms_are_shown_by_page_the_newest_first() {
    let mut world = World::new();
    let made: Vec<RoomId> = (0..5)
        .map(|n| {
            let kind = if n % 2 == 0 { "audioroom" } else { "videoroom" };
            make(&mut world, json!({ "room_type": kind })).unwrap()
        })
        .collect();
    let hub = world.hub.hub("SVC1").unwrap();
    let ids = |kind, before: Option<RoomId>, limit| -> Vec<RoomId> {
        let page = hub
            .shown_rooms(kind, before.map(RoomsBefore::Room), limit)
            .unwrap();
        page.rooms.iter().map(|room| room.id).collect()
    };
    assert_eq!(ids(None, None, 2), [made[4], made[3]]);
    assert_eq!(ids(None, Some(made[3]), 2), [made[2], made[1]]);
    assert_eq!(ids(None, Some(made[0]), 2), []);
    assert_eq!(ids(Some("videoroom"), None, 9), [made[3], made[1]]);
    assert!(hub.shown_rooms(Some("party"), None, 1).is_err());
}

#[test]
fn pages_go_on_where_they_were_although_rooms_are_closed_meanwhile() {
    let mut world = World::new();
    let made: Vec<RoomId> = (0..6)
        .map(|_| make(&mut world, json!({ "room_type": "webinar" })).unwrap())
        .collect();
    let page = |world: &World, before: Option<RoomsBefore>| {
        let page = world
            .hub
            .hub("SVC1")
            .unwrap()
            .shown_rooms(None, before, 2)
            .unwrap();
        let ids: Vec<RoomId> = page.rooms.iter().map(|room| room.id).collect();
        // As it goes to the client and comes back.
        let next = page.next.map(|next| next.to_string());
        (ids, next.map(|next| RoomsBefore::parse(&next).unwrap()))
    };
    let (first, next) = page(&world, None);
    assert_eq!(first, [made[5], made[4]]);
    for closed in [made[4], made[2]] {
        close(&mut world, closed).unwrap();
    }
    let hub = world.hub.hub("SVC1").unwrap();
    let of_closed = hub.shown_rooms(None, Some(RoomsBefore::Room(made[4])), 2);
    assert_eq!(of_closed.unwrap_err().code, "room-unknown");
    let (second, next) = page(&world, next);
    assert_eq!(second, [made[3], made[1]]);
    let (third, next) = page(&world, next);
    assert_eq!((third, next), (vec![made[0]], None));
    for wrong in ["", "-", "1-", "+00000000000000f-", "000000000000000A-"] {
        let wrong = format!("{wrong}{}", made[0]);
        assert_eq!(
            RoomsBefore::parse(&wrong),
            match wrong.len() {
                RoomId::DIGITS => Some(RoomsBefore::Room(made[0])),
                _ => None,
            }
        );
    }
}

//! Services that come, change and go while others talk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::{World, services};
use omnigate_omnitalk::{LookUp, Quota, Secret, Service};
use serde_json::{Value, json};

fn hello(world: &mut World, who: u64, service: &str, key: &str) -> Value {
    world.connect(who);
    let response = world.ask(
        who,
        "WS_SESSION_REQ",
        json!({ "service_id": service, "service_key": key, "user_id": "olga" }),
    );
    if response["result"] == "success" {
        let session = response["session"].as_str().unwrap().to_owned();
        world.sessions.insert(who, session);
    }
    response
}

#[test]
fn a_service_that_is_added_takes_sessions_at_once() {
    let mut world = World::new();
    assert_eq!(hello(&mut world, 1, "LATE", "")["result"], "failed");
    assert!(world.hub.set_service(Service::open("LATE")));
    assert_eq!(hello(&mut world, 2, "LATE", "")["result"], "success");
    let room = world.create(2, json!({}));
    assert!(
        world
            .kept
            .values()
            .any(|(service, kept)| service == "LATE" && kept.id.to_string() == room)
    );
    world.hub.audit().unwrap();
}

#[test]
fn a_service_that_changes_goes_on_with_its_new_key_and_quota() {
    let mut world = World::new();
    world.login(1, "alice");
    let room = world.create(1, json!({}));
    let mut changed = services()[0].clone();
    changed.keys = vec![Secret::new("KEY9").into()];
    changed.quota = Quota {
        rooms: 1,
        ..Quota::default()
    };
    world.hub.set_service(changed);
    world.join(1, &room);
    assert_eq!(hello(&mut world, 2, "SVC1", "KEY1")["result"], "failed");
    assert_eq!(hello(&mut world, 3, "SVC1", "KEY9")["result"], "success");
    let reason = world.fails(3, "WS_CREATE_ROOM_REQ", json!({ "room_type": "audioroom" }));
    assert!(reason.contains("service.quota.rooms"), "{reason}");
    let uses = world.hub.uses();
    let of = uses.iter().find(|one| one.service_id == "SVC1").unwrap();
    assert_eq!((of.used.rooms, of.most.rooms, of.used.sessions), (1, 1, 2));
}

#[test]
fn a_service_that_goes_ends_its_sessions_and_nobody_elses() {
    for forget in [true, false] {
        let mut world = World::new();
        world.login(1, "alice");
        hello(&mut world, 2, "OPEN", "");
        let room = world.create(1, json!({}));
        let number = world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": room }))["call_number"].clone();
        let number = omnigate_omnitalk::CallNumber::parse(number.as_str().unwrap()).unwrap();
        let other = world.create(2, json!({}));
        let effects = world.hub.remove_service("SVC1", forget, world.now);
        world.apply(None, effects);
        assert_eq!(world.closed.get(&1), Some(&1001));
        assert!(!world.closed.contains_key(&2));
        world.join(2, &other);
        assert_eq!(
            world.kept.values().any(|(_, kept)| kept.id.to_string() == room),
            !forget
        );
        let found = matches!(world.numbers.look_up(number, world.now.unix), LookUp::Found(_));
        assert_eq!(found, !forget);
        world.hub.audit().unwrap();
        // When it comes back its rooms are restored.
        world.hub.set_service(services()[0].clone());
        for (service, kept) in world.kept.clone().into_values() {
            world.hub.restore(&service, &kept, None, world.now);
        }
        world.login(4, "alice");
        let list = world.ok(4, "WS_ROOM_LIST_REQ", json!({}));
        assert_eq!(list["count"], u64::from(!forget));
    }
}

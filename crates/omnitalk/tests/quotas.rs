//! What a service, a client and a session may have; what only hosts may do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::app_calls::offer;
use common::{World, limited, services, settings};
use omnigate_omnitalk::{HostsOnly, HubSettings, Quota, Share, TelephoneNotice};
use serde_json::{Value, json};

fn within(change: impl FnOnce(&mut Quota)) -> World {
    let mut quota = Quota::default();
    change(&mut quota);
    World::with_services(limited(quota), settings())
}

/// A session of a client at this address.
fn sign_in(world: &mut World, who: u64, client: u128, user: &str) {
    world.connect_from(who, client);
    world.sign_in(who, user);
}

fn make(world: &mut World, who: u64) -> Result<String, String> {
    let response = world.ask(who, "WS_CREATE_ROOM_REQ", json!({ "room_type": "audioroom" }));
    match response["result"].as_str() {
        Some("success") => Ok(response["room_id"].as_str().unwrap().to_owned()),
        _ => Err(response["reason"].as_str().unwrap().to_owned()),
    }
}

#[test]
fn a_refusal_names_the_quota_and_another_service_is_not_touched() {
    let mut world = within(|quota| quota.rooms = 1);
    world.login(1, "alice");
    let room = make(&mut world, 1).unwrap();
    assert!(
        make(&mut world, 1)
            .unwrap_err()
            .contains("service.quota.rooms allows (1)")
    );
    world.connect(2);
    let hello = json!({ "service_id": "OPEN", "user_id": "olga" });
    let session = world.ok(2, "WS_SESSION_REQ", hello)["session"]
        .as_str()
        .unwrap()
        .to_owned();
    world.sessions.insert(2, session);
    make(&mut world, 2).unwrap();
    make(&mut world, 2).unwrap();
    world.ok(1, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
    make(&mut world, 1).unwrap();
}

#[test]
fn participants_and_calls_are_counted_over_all_rooms_telephones_too() {
    let mut world = within(|quota| (quota.participants, quota.calls) = (3, 1));
    for (who, user) in [(1, "alice"), (2, "bob"), (3, "carol"), (4, "dave")] {
        world.login(who, user);
    }
    let room = make(&mut world, 1).unwrap();
    world.join(1, &room);
    let admitted = world.admit(7, &room, "0101");
    assert!(matches!(admitted, Some(TelephoneNotice::Admitted { .. })));
    assert_eq!(
        format!("{:?}", world.admit(8, &room, "0102").unwrap()),
        "Refused(Quota)"
    );
    assert_eq!(
        format!("{:?}", world.ring(9, "bob", "0103").unwrap()),
        "Refused(Quota)"
    );
    let reason = world.fails(2, "WS_OFFER_CALL_REQ", offer("dave"));
    assert!(reason.contains("service.quota.calls"), "{reason}");
    world.hang_up(7);
    world.ok(2, "WS_OFFER_CALL_REQ", offer("dave"));
    world.join(3, &room);
    let reason = world.fails(4, "WS_JOIN_ROOM_REQ", json!({ "room_id": room }));
    assert!(reason.contains("service.quota.participants"), "{reason}");
}

#[test]
fn recordings_are_switched_off_or_counted_a_service() {
    let mut world = within(|quota| quota.recordings = 1);
    world.login(1, "alice");
    world.login(2, "bob");
    let room = make(&mut world, 1).unwrap();
    world.enter(1, &room);
    world.enter(2, &room);
    let start = json!({ "action": "start", "track": "audio" });
    world.ok(1, "WS_RECORDING_REQ", start.clone());
    let reason = world.fails(2, "WS_RECORDING_REQ", start.clone());
    assert!(reason.contains("service.quota.recordings"), "{reason}");
    world.ok(
        1,
        "WS_RECORDING_REQ",
        json!({ "action": "stop", "track": "audio" }),
    );
    world.hub.storage_full(&["SVC1".to_owned()].into());
    let reason = world.fails(2, "WS_RECORDING_REQ", start.clone());
    assert!(reason.contains("service.quota.storage_mib"), "{reason}");
    world.hub.storage_full(&["OPEN".to_owned()].into());
    world.ok(2, "WS_RECORDING_REQ", start.clone());
    let mut off = services();
    off[0].records = false;
    off[0].record = omnigate_omnitalk::RecordPolicy::parse("all").unwrap();
    let mut world = World::with_services(off, settings());
    world.login(1, "alice");
    let room = make(&mut world, 1).unwrap();
    world.enter(1, &room);
    assert!(world.recordings.is_empty());
    let reason = world.fails(1, "WS_RECORDING_REQ", start);
    assert!(reason.contains("does not record"), "{reason}");
}

#[test]
fn one_client_gets_its_share_of_rooms_however_many_sessions_it_opens() {
    let share = Share {
        client: 3,
        session: 2,
    };
    let mut world = World::with(HubSettings {
        room_share: share,
        ..settings()
    });
    for (who, client) in [(1, 7), (2, 7), (3, 8)] {
        sign_in(&mut world, who, client, "user");
    }
    let first = make(&mut world, 1).unwrap();
    make(&mut world, 1).unwrap();
    assert!(make(&mut world, 1).unwrap_err().contains("rooms.per_client"));
    make(&mut world, 2).unwrap();
    assert!(make(&mut world, 2).unwrap_err().contains("rooms.per_client"));
    make(&mut world, 3).unwrap();
    // What it has made counts although the session is gone, until it is gone as well.
    world.disconnect(1);
    sign_in(&mut world, 4, 7, "user");
    assert!(make(&mut world, 4).unwrap_err().contains("rooms.per_client"));
    world.ok(2, "WS_DESTROY_ROOM_REQ", json!({ "room_id": first }));
    make(&mut world, 4).unwrap();
    world.hub.audit().unwrap();
}

#[test]
fn one_client_gets_its_share_of_numbers_and_what_it_did_not_get_does_not_count() {
    let share = Share {
        client: 2,
        session: 2,
    };
    let mut world = World::with(HubSettings {
        number_share: share,
        ..settings()
    });
    sign_in(&mut world, 1, 7, "alice");
    sign_in(&mut world, 2, 8, "bob");
    let taken = world.ok(2, "WS_MAKE_SIPNUM_REQ", json!({}))["call_number"].clone();
    for _ in 0..3 {
        world.fails(1, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": taken }));
    }
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({}));
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "call_number": "222222" }));
    let rooms = [make(&mut world, 1).unwrap(), make(&mut world, 1).unwrap()];
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": rooms[0] }));
    let reason = world.fails(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": rooms[1] }));
    assert!(reason.contains("numbers.per_client"), "{reason}");
    world.ok(1, "WS_DESTROY_ROOM_REQ", json!({ "room_id": rooms[0] }));
    world.ok(1, "WS_MAKE_SIPNUM_REQ", json!({ "room_id": rooms[1] }));
    world.hub.audit().unwrap();
}

#[test]
fn chat_is_bounded_by_what_it_delivers_over_all_sessions_of_a_client() {
    let mut world = World::with(HubSettings {
        chat_bytes: 8192,
        ..settings()
    });
    sign_in(&mut world, 1, 7, "mallory");
    sign_in(&mut world, 2, 7, "mallory");
    let room = make(&mut world, 1).unwrap();
    world.join(1, &room);
    world.join(2, &room);
    for who in 10..30 {
        sign_in(&mut world, who, 100 + u128::from(who), "guest");
        world.join(who, &room);
    }
    let long = json!({ "action": "send", "transaction": "t", "message": "x".repeat(1000) });
    let said =
        |world: &mut World, who: u64| world.ask(who, "WS_MESSAGE_REQ", long.clone())["result"] == "success";
    assert!(said(&mut world, 1));
    assert!(said(&mut world, 2));
    assert!(
        !said(&mut world, 1) && !said(&mut world, 2),
        "the client has said enough"
    );
    assert!(said(&mut world, 10), "others talk on");
    let answer = world.ask(1, "WS_MESSAGE_REQ", long.clone());
    assert!(
        answer["reason"].as_str().unwrap().contains("write again in"),
        "{answer}"
    );
    world.wait(10);
    assert!(said(&mut world, 1));
}

#[test]
fn where_a_service_says_so_only_hosts_remove_record_and_destroy() {
    let mut hosted = services();
    hosted[0].hosts_only = HostsOnly {
        kick: true,
        record: true,
        destroy: true,
    };
    let mut world = World::with_services(hosted, settings());
    let host = world.login(1, "alice");
    let guest = world.login(2, "bob");
    world.login(3, "alice");
    let room = make(&mut world, 1).unwrap();
    world.enter(1, &room);
    world.enter(2, &room);
    let start = json!({ "action": "start", "track": "audio" });
    let not: [(u64, &str, Value); 2] = [
        (2, "WS_RECORDING_REQ", start.clone()),
        (2, "WS_KICKOUT_REQ", json!({ "target": host })),
    ];
    for (who, cmd, fields) in not {
        let reason = world.fails(who, cmd, fields);
        assert!(reason.contains("host"), "{reason}");
    }
    world.login(4, "carol");
    assert!(
        world
            .fails(4, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }))
            .contains("host")
    );
    world.ok(1, "WS_RECORDING_REQ", start);
    world.ok(1, "WS_KICKOUT_REQ", json!({ "target": guest }));
    world.ok(3, "WS_DESTROY_ROOM_REQ", json!({ "room_id": room }));
}

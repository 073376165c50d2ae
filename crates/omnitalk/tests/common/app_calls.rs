//! Calls between apps, brought to the stage that a test begins at.

use super::World;
use omnigate_omnitalk::Figures;
use serde_json::{Value, json};

/// The fields of alice's offer.
pub fn offer(callee: &str) -> Value {
    json!({ "call_type": "audiocall", "caller": "alice", "callee": callee, "record": false })
}

/// Alice's offer; gives the room.
pub fn call(world: &mut World, callee: &str) -> String {
    let response = world.ok(1, "WS_OFFER_CALL_REQ", offer(callee));
    response["room_id"].as_str().unwrap().to_owned()
}

/// Alice (1) is in the call's room with her audio up; Bob's devices ring. What they were told so far is read.
pub fn ringing(devices: &[u64]) -> (World, String) {
    let mut world = World::new();
    world.login(1, "alice");
    for device in devices {
        world.login(*device, "bob");
    }
    let room = call(&mut world, "bob");
    assert_eq!(world.cmds(1), ["WS_RINGBACK_NOTI"]);
    for device in devices {
        assert_eq!(world.cmds(*device), ["WS_RINGING_NOTI"]);
    }
    world.enter(1, &room);
    (world, room)
}

/// Alice (1) talks with Bob (2).
pub fn talking() -> (World, String) {
    let (mut world, room) = ringing(&[2]);
    world.ok(2, "WS_ANSWER_CALL_REQ", json!({}));
    world.enter(2, &room);
    for who in [1, 2] {
        assert_eq!(world.cmds(who), ["WS_CALL_CONNECTED_NOTI"]);
    }
    (world, room)
}

/// The one message is a LEAVE about this user; gives the session in it.
pub fn left(world: &mut World, who: u64, user: &str) -> String {
    let told = world.drain(who);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["cmd"], &told[0]["user_id"]),
        (&json!("WS_LEAVE_NOTI"), &json!(user))
    );
    told[0]["session"].as_str().unwrap().to_owned()
}

/// The hub holds so many sessions, and nothing else.
pub fn nothing_but_sessions(world: &World, sessions: usize) {
    let expected = Figures {
        sockets: sessions,
        sessions,
        ..Figures::default()
    };
    assert_eq!(world.hub.figures(), expected);
    world.hub.audit().unwrap();
}

//! What a failed response tells: a reason to everybody, and its code to our own client.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod common;

use common::World;
use omnigate_omnitalk::{Effect, FAULT_CODES, SocketId};
use serde_json::{Value, json};

/// The response to a request as it goes over the wire.
fn response(world: &mut World, who: u64, request: &Value) -> String {
    let effects = world.hub.received(SocketId(who), &request.to_string(), world.now);
    match &effects[..] {
        [Effect::Send { text, .. }, ..] => text.to_string(),
        _ => panic!("{request}: {effects:?}"),
    }
}

fn hello(service: &str, sdk: &str) -> Value {
    json!({ "service_id": service, "sdk": sdk, "ver": "2.1.3", "heartbeat": true })
}

fn sign_in(world: &mut World, who: u64, sdk: &str) -> String {
    world.connect(who);
    let answer = world.ok(who, "WS_SESSION_REQ", hello("SVC1", sdk));
    let session = answer["session"].as_str().unwrap().to_owned();
    world.sessions.insert(who, session.clone());
    session
}

/// Requests that fail, each in another way, and what is answered to a published SDK.
const FAILURES: [(&str, &str, &str); 4] = [
    (
        "room-unknown",
        r#""cmd":"WS_JOIN_ROOM_REQ","room_id":"nowhere""#,
        r#"{"cmd":"WS_JOIN_ROOM_RSP","reason":"room_id names no room: take one from WS_CREATE_ROOM_RSP or WS_ROOM_LIST_RSP","result":"failed","room_id":"nowhere","room_type":"all","screen":false,"session":"SESSION"}"#,
    ),
    (
        "field-missing",
        r#""cmd":"WS_CREATE_ROOM_REQ""#,
        r#"{"cmd":"WS_CREATE_ROOM_RSP","reason":"room_type is missing: send audiocall, videocall, audioroom, videoroom, webinar or sipcall","result":"failed","room_id":"","session":"SESSION"}"#,
    ),
    (
        "not-in-room",
        r#""cmd":"WS_MESSAGE_REQ","action":"send","transaction":"7""#,
        r#"{"cmd":"WS_MESSAGE_RSP","count":0,"list":[],"page":1,"reason":"Not possible outside a room: join a room first","result":"failed","session":"SESSION","transaction":"7"}"#,
    ),
    (
        "request-unknown",
        r#""cmd":"WS_SOMETHING_REQ""#,
        r#"{"cmd":"WS_SOMETHING_RSP","reason":"Unknown request: this server speaks the 2.1 protocol","result":"failed","session":"SESSION"}"#,
    ),
];

#[test]
fn published_sdks_get_exactly_what_they_have_always_got() {
    let mut world = World::new();
    for (who, sdk) in [(1, "JS"), (2, "react"), (3, "ios")] {
        let session = sign_in(&mut world, who, sdk);
        for (_, request, answer) in FAILURES {
            let request = format!(r#"{{{request},"session":"{session}"}}"#);
            let got = response(&mut world, who, &serde_json::from_str(&request).unwrap());
            assert_eq!(got, answer.replace("SESSION", &session));
        }
    }
}

#[test]
fn our_own_client_gets_the_code_beside_it() {
    let mut world = World::new();
    let session = sign_in(&mut world, 1, "omnigate");
    for (code, request, answer) in FAILURES {
        let request = format!(r#"{{{request},"session":"{session}"}}"#);
        let got = response(&mut world, 1, &serde_json::from_str(&request).unwrap());
        let got: Value = serde_json::from_str(&got).unwrap();
        let mut wanted: Value = serde_json::from_str(&answer.replace("SESSION", &session)).unwrap();
        wanted["code"] = code.into();
        assert_eq!(got, wanted);
        assert!(FAULT_CODES.contains(&code));
    }
}

#[test]
fn the_request_for_a_session_says_whose_client_it_is_also_when_it_fails() {
    let mut world = World::new();
    for (who, sdk, code) in [(1, "omnigate", json!("service-invalid")), (2, "JS", Value::Null)] {
        world.connect(who);
        let answer = world.ask(who, "WS_SESSION_REQ", hello("another", sdk));
        assert_eq!((&answer["result"], &answer["code"]), (&json!("failed"), &code));
    }
    // Nobody knows yet whose these are.
    world.connect(3);
    let answer = world.ask(3, "WS_CREATE_ROOM_REQ", json!({ "sdk": "omnigate" }));
    assert_eq!(
        (&answer["result"], &answer["code"]),
        (&json!("failed"), &Value::Null)
    );
}

#[test]
fn a_response_that_has_waited_for_the_media_plane_has_its_code_too() {
    let mut world = World::new();
    let session = sign_in(&mut world, 1, "omnigate");
    let room = world.create(1, json!({}));
    world.join(1, &room);
    world.answers = false;
    let publish = json!({ "cmd": "WS_PUBLISH_REQ", "session": session, "track": "audio",
        "jsep": { "type": "offer", "sdp": "v=0" } });
    world.send(1, &publish);
    let peer = world.peers[&1];
    world.answer(Some(1), peer, Err("no Opus in the offer".to_owned()));
    assert_eq!(world.drain(1)[0]["code"], "media-no-answer");
}

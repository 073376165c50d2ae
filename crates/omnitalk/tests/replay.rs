//! The protocol reference's example conversations, replayed message by message.
//!
//! In the fixtures a string `$name` stands for a value that the server makes: bound where it first occurs, the same
//! ever after; `$name*` stands for any value. Our messages may have more fields than the fixture's, never fewer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test may panic"
)]

mod common;

use common::World;
use omnigate_omnitalk::{CallNumber, LookUp, TargetKind};
use serde_json::Value;
use std::collections::BTreeMap;

type Bindings = BTreeMap<String, Value>;

fn fill(value: &Value, bindings: &Bindings) -> Value {
    match value {
        Value::String(text) if text.starts_with('$') => bindings
            .get(text)
            .unwrap_or_else(|| panic!("{text} is not known yet"))
            .clone(),
        Value::Array(items) => items.iter().map(|item| fill(item, bindings)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), fill(value, bindings)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

fn compare(expected: &Value, actual: &Value, bindings: &mut Bindings, at: &str) {
    match (expected, actual) {
        (Value::String(text), _) if text.starts_with('$') && text.ends_with('*') => {
            assert!(!actual.is_null(), "{at}: missing");
        }
        (Value::String(text), _) if text.starts_with('$') => {
            assert!(!actual.is_null(), "{at}: missing");
            let bound = bindings.entry(text.clone()).or_insert_with(|| actual.clone());
            assert_eq!(bound, actual, "{at}: {text}");
        }
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let actual = actual.get(key).unwrap_or(&Value::Null);
                compare(value, actual, bindings, &format!("{at}.{key}"));
            }
        }
        (Value::Array(expected), Value::Array(actual)) => {
            assert_eq!(expected.len(), actual.len(), "{at}: length");
            for (expected, actual) in expected.iter().zip(actual) {
                compare(expected, actual, bindings, at);
            }
        }
        _ => assert_eq!(expected, actual, "{at}"),
    }
}

fn socket(event: &Value) -> u64 {
    u64::from(event["who"].as_str().expect("who").as_bytes()[0])
}

fn target(world: &World, event: &Value, bindings: &Bindings) -> TargetKind {
    let number = fill(&event["number"], bindings);
    let number = CallNumber::parse(number.as_str().unwrap()).unwrap();
    match world.numbers.look_up(number, world.now.unix) {
        LookUp::Found(target) => target.kind,
        other => panic!("the number leads to {other:?}"),
    }
}

fn act(world: &mut World, event: &Value, bindings: &Bindings) {
    let caller = event["caller"].as_str().unwrap_or_default();
    match event["do"].as_str().unwrap() {
        "connect" => world.connect(socket(event)),
        "up" => world.up(socket(event)),
        "wait" => world.wait(event["seconds"].as_u64().unwrap()),
        "hung_up" => world.hang_up(1),
        "ring" => {
            let TargetKind::User(user) = target(world, event, bindings) else {
                panic!("a room")
            };
            let effects = world
                .hub
                .ring(omnigate_omnitalk::CallId(1), "SVC1", &user, caller, world.now);
            world.apply(None, effects);
        }
        "admit" => {
            let TargetKind::Room(room) = target(world, event, bindings) else {
                panic!("a user")
            };
            let effects = world
                .hub
                .admit(omnigate_omnitalk::CallId(1), room, caller, world.now);
            world.apply(None, effects);
        }
        other => panic!("{other}"),
    }
}

fn replay(fixture: &str) {
    let events: Vec<Value> = serde_json::from_str(fixture).unwrap();
    let mut world = World::new();
    let mut bindings = Bindings::new();
    for (line, event) in events.iter().enumerate() {
        let at = format!("line {}", line + 2);
        if event.get("do").is_some() {
            act(&mut world, event, &bindings);
        } else if let Some(notice) = event["notice"].as_str() {
            let actual = format!("{:?}", world.notice(1).expect(&at));
            assert!(actual.starts_with(notice), "{at}: {actual}");
        } else if let Some(code) = event["close"].as_u64() {
            assert_eq!(
                world.closed.get(&socket(event)).copied().map(u64::from),
                Some(code),
                "{at}"
            );
        } else if event["dir"] == "c2s" {
            world.send(socket(event), &fill(&event["msg"], &bindings));
        } else {
            let inbox = world.inbox.entry(socket(event)).or_default();
            let actual = inbox.pop_front().unwrap_or_else(|| panic!("{at}: nothing came"));
            compare(&event["msg"], &actual, &mut bindings, &at);
        }
    }
    for (who, inbox) in &world.inbox {
        assert!(inbox.is_empty(), "{who} got more than expected: {inbox:?}");
    }
    assert!(world.notices.values().all(std::collections::VecDeque::is_empty));
}

#[test]
fn session_heartbeat_and_failures_run_as_in_the_reference() {
    replay(include_str!("fixtures/session.json"));
}

#[test]
fn an_audio_room_runs_as_in_the_reference() {
    replay(include_str!("fixtures/audioroom.json"));
}

#[test]
fn a_telephone_to_a_personal_number_runs_as_in_the_reference() {
    replay(include_str!("fixtures/sip_personal.json"));
}

#[test]
fn a_telephone_to_a_room_number_runs_as_in_the_reference() {
    replay(include_str!("fixtures/sip_room.json"));
}

#[test]
fn an_audio_call_between_apps_runs_as_in_the_reference() {
    replay(include_str!("fixtures/audiocall.json"));
}

#[test]
fn a_video_call_runs_as_in_the_reference() {
    replay(include_str!("fixtures/videocall.json"));
}

#[test]
fn a_video_room_with_a_shared_screen_runs_as_in_the_reference() {
    replay(include_str!("fixtures/videoroom.json"));
}

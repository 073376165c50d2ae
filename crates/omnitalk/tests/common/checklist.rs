//! Appendix A: what iOS decodes as non-optional, plus the rules of sections 3 and 4, for every message that we send.

use serde_json::Value;

const CALL_TYPES: [&str; 4] = ["audiocall", "videocall", "sipcall", "unknown"];
const ROOM_TYPES: [&str; 7] = [
    "audiocall",
    "videocall",
    "audioroom",
    "videoroom",
    "webinar",
    "sipcall",
    "all",
];

/// The largest whole number that a client which keeps numbers as doubles reads exactly.
const EXACT: u64 = 1 << 53;

fn text(message: &Value, fields: &[&str]) {
    for field in fields {
        assert!(
            message[*field].is_string(),
            "{field} must be a string in {message}"
        );
    }
}

fn int(message: &Value, fields: &[&str]) {
    for field in fields {
        assert!(
            message[*field].as_u64().is_some_and(|value| value <= EXACT),
            "{field} must be an integer that every client can hold in {message}"
        );
    }
}

fn flag(message: &Value, fields: &[&str]) {
    for field in fields {
        assert!(
            message[*field].is_boolean(),
            "{field} must be a boolean in {message}"
        );
    }
}

fn list(message: &Value, entry: impl Fn(&Value)) {
    int(message, &["page", "count"]);
    let entries = message["list"].as_array().expect("a list");
    assert!(entries.len() <= 10, "a page has at most ten entries");
    assert!(message["count"].as_u64().unwrap() >= entries.len() as u64);
    entries.iter().for_each(entry);
}

fn person(entry: &Value) {
    text(entry, &["session", "user_id", "user_name", "call_type"]);
}

/// Enumerations are closed, and no value is `null`, at any depth.
fn walk(value: &Value) {
    match value {
        Value::Null => panic!("null is never sent"),
        Value::Array(items) => items.iter().for_each(walk),
        Value::Object(map) => {
            for (key, value) in map {
                let one_of = |words: &[&str]| {
                    assert!(
                        words.contains(&value.as_str().unwrap_or_default()),
                        "{key}: {value}"
                    );
                };
                match key.as_str() {
                    "call_type" => one_of(&CALL_TYPES),
                    "room_type" => one_of(&ROOM_TYPES),
                    "state" => one_of(&["active", "busy"]),
                    "action" => one_of(&["send", "whisper", "join", "leave"]),
                    "result" => one_of(&["success", "failed"]),
                    _ => {}
                }
                walk(value);
            }
        }
        _ => {}
    }
}

/// Panics unless every client can read the message.
pub fn check(message: &Value) {
    let cmd = message["cmd"].as_str().expect("cmd");
    if cmd.ends_with("_NOTI") {
        notification(cmd, message);
    } else {
        assert!(
            message.get("event").is_none(),
            "only notifications carry event: {message}"
        );
        if cmd.ends_with("_RSP") {
            response(cmd, message);
        } else {
            assert_eq!(cmd, "WS_HEARTBEAT_REQ");
            text(message, &["session"]);
            int(message, &["timestamp"]);
        }
    }
    // What an unknown client value looks like is not ours: the transaction is echoed as it came.
    let mut ours = message.clone();
    if let Some(map) = ours.as_object_mut() {
        map.remove("transaction");
    }
    walk(&ours);
}

fn response(cmd: &str, message: &Value) {
    text(message, &["result", "session"]);
    let failed = message["result"] == "failed";
    assert_eq!(
        failed,
        message.get("reason").is_some(),
        "a reason in failures alone: {message}"
    );
    if failed {
        assert!(
            message["reason"].as_str().is_some_and(|reason| reason.len() > 10),
            "{message}"
        );
    } else {
        assert_ne!(message["session"], "", "{message}");
    }
    match cmd {
        "WS_SESSION_RSP" => text(message, &["user_id", "turn_id", "turn_secret"]),
        "WS_MAKE_SIPNUM_RSP" => text(message, &["call_number"]),
        "WS_SESSION_LIST_RSP" => {
            list(message, |entry| {
                text(entry, &["state", "user_id", "call_type", "user_name"])
            });
        }
        "WS_CREATE_ROOM_RSP" | "WS_DESTROY_ROOM_RSP" | "WS_ANSWER_CALL_RSP" => text(message, &["room_id"]),
        "WS_ROOM_LIST_RSP" => {
            text(message, &["room_type"]);
            list(message, |entry| {
                text(entry, &["room_id", "room_type", "subject"]);
                flag(entry, &["secret", "sip_support"]);
                int(entry, &["count", "start_date", "end_date", "reg_date"]);
                assert_ne!(entry["room_type"], "all");
                assert_eq!(entry["sip_support"] == true, entry.get("sip_number").is_some());
            });
        }
        "WS_JOIN_ROOM_RSP" => {
            text(message, &["room_id", "room_type"]);
            flag(message, &["screen"]);
        }
        "WS_PARTI_LIST_RSP" => {
            text(message, &["room_id"]);
            list(message, |entry| {
                person(entry);
                flag(entry, &["audio_mute", "video_mute"]);
            });
        }
        "WS_PUBLISH_LIST_RSP" | "WS_SCREEN_LIST_RSP" => {
            text(message, &["room_id"]);
            list(message, |entry| {
                person(entry);
                if cmd == "WS_PUBLISH_LIST_RSP" {
                    flag(entry, &["audio_mute", "video_mute"]);
                    assert_eq!(entry["track"], "video");
                }
            });
        }
        "WS_PUBLISH_RSP" => {
            text(message, &["track"]);
            text(&message["jsep"], &["type", "sdp"]);
        }
        "WS_SCREEN_SHARE_RSP" if !failed => {
            text(message, &["track"]);
            text(&message["jsep"], &["type", "sdp"]);
        }
        "WS_OFFER_CALL_RSP" if !failed => text(message, &["room_id"]),
        "WS_SUBSCRIBE_RSP" => {
            text(message, &["subscribe"]);
            text(&message["jsep"], &["type", "sdp"]);
            flag(message, &["screen"]);
        }
        "WS_UNSUBSCRIBE_RSP" => text(message, &["subscribe"]),
        "WS_MESSAGE_RSP" => {
            assert!(message.get("transaction").is_some());
            if message.get("list").is_some() {
                list(message, person);
            }
        }
        "WS_KICKOUT_RSP" => text(message, &["target"]),
        _ => {}
    }
}

fn notification(cmd: &str, message: &Value) {
    assert_eq!(message["event"], true);
    text(message, &["session"]);
    assert_ne!(message["session"], "");
    match cmd {
        "WS_RINGING_NOTI" => {
            text(
                message,
                &[
                    "user_id",
                    "caller",
                    "callee",
                    "room_id",
                    "room_type",
                    "call_type",
                    "track",
                ],
            );
        }
        "WS_RINGBACK_NOTI" => text(message, &["caller", "callee", "call_type"]),
        "WS_CALL_CONNECTED_NOTI"
        | "WS_BROADCAST_NOTI"
        | "WS_LEAVE_NOTI"
        | "WS_KICKOUT_NOTI"
        | "WS_SCREEN_SHARE_NOTI"
        | "WS_SCREEN_UNSHARE_NOTI" => {
            text(message, &["user_id", "room_type", "call_type"]);
        }
        "WS_MUTE_NOTI" | "WS_UNMUTE_NOTI" => {
            text(message, &["user_id", "room_type", "call_type", "track"]);
        }
        "WS_MESSAGE_NOTI" => {
            text(message, &["action", "user_id", "user_name"]);
            int(message, &["timestamp"]);
            let said = message["action"] == "send" || message["action"] == "whisper";
            assert_eq!(said, message.get("message").is_some_and(Value::is_string));
        }
        "WS_CANCEL_NOTI" => text(
            message,
            &["caller", "callee", "call_type", "user_id", "room_type"],
        ),
        _ => panic!("{cmd} is none of the twelve that this server sends"),
    }
}

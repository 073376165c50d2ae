//! The API reference, method by method, on the published SDKs: rooms and chat.

use crate::browser::{Browser, Sdk};
use crate::harness::Service;
use serde_json::json;

#[test]
fn create_room_is_listed_with_all_it_was_given() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.run("await sdk.createRoom('audioroom', 'morning', '123456', new Date(2000000000000), new Date(2000003600000))");
    ann.run("await sdk.createRoom('videoroom')");
    let all = ann.run("return await sdk.roomList()");
    assert_eq!(all["count"], 2, "{all}");
    let audio = ann.run("return await sdk.roomList('audioroom')");
    assert_eq!(audio["count"], 1, "{audio}");
    let room = &audio["list"][0];
    assert_eq!(room["subject"], "morning");
    assert_eq!(room["secret"], true);
    assert_eq!(room["start_date"], 2_000_000_000);
    assert_eq!(room["end_date"], 2_000_003_600);
    assert_eq!(room["sip_support"], false);
    assert_eq!(room["count"], 0);
}

#[test]
fn room_list_has_pages_of_ten() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.run("for (let i = 0; i < 12; i++) await sdk.createRoom('audioroom')");
    let pages = ann.run(
        "return [await sdk.roomList('audioroom', 1), await sdk.roomList('audioroom', 2), await sdk.roomList('audioroom', 3)]",
    );
    for (page, length) in [(0, 10), (1, 2), (2, 0)] {
        assert_eq!(pages[page]["list"].as_array().unwrap().len(), length);
        assert_eq!(pages[page]["count"], 12);
    }
}

#[test]
fn join_room_needs_the_secret_and_brings_name_and_audio() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let made = ann.run("return await sdk.createRoom('audioroom', 'x', '424242')");
    let room = made["room_id"].as_str().unwrap();
    let wrong = bob.refusal(&format!("await sdk.joinRoom('{room}', '111111')"));
    assert!(wrong.contains("secret"), "{wrong}");
    ann.run(&format!("await sdk.joinRoom('{room}', '424242', 'Ann Lee')"));
    let joined = bob.run(&format!("return await sdk.joinRoom('{room}', '424242', 'Bob')"));
    assert_eq!(joined["room_type"], "audioroom");
    assert_eq!(joined["screen"], false);
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
    let members = bob.run("return await sdk.partiList()");
    assert_eq!(members["count"], 1, "{members}");
    assert_eq!(members["list"][0]["user_name"], "Ann Lee");
    assert_eq!(members["list"][0]["audio_mute"], false);
    bob.tone(700.0);
    ann.wait_for_tones(&[700.0]);
}

#[test]
fn set_mute_silences_an_app_for_everybody_and_set_unmute_reverses_it() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    // Neither SDK stops its own audio: the server must.
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    let room = ann.new_room("audioroom");
    ann.join(&room);
    bob.join(&room);
    bob.tone(700.0);
    ann.wait_for_tones(&[700.0]);
    bob.run("await sdk.setMute('audio')");
    ann.event("MUTE_EVENT", json!({"track": "audio"}));
    ann.wait_for_silence(700.0);
    assert_eq!(
        ann.run("return await sdk.partiList()")["list"][0]["audio_mute"],
        true
    );
    bob.run("await sdk.setUnmute('audio')");
    ann.event("UNMUTE_EVENT", json!({"track": "audio"}));
    ann.wait_for_tones(&[700.0]);
}

#[test]
fn kick_out_ends_the_session_of_one_and_tells_the_others() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let eve = browser.app(&service, Sdk::TypeScript, "eve");
    let room = ann.new_room("videoroom");
    for app in [&ann, &bob, &eve] {
        app.join(&room);
    }
    let session = ann.event("CONNECTED_EVENT", json!({"user_id": "eve"}))["session"].clone();
    ann.run_with("await sdk.kickOut(args)", session.clone());
    eve.event("close", json!({}));
    bob.event("KICKOUT_EVENT", json!({"session": session}));
    bob.event("LEAVE_EVENT", json!({"session": session}));
    assert_eq!(bob.run("return await sdk.partiList()")["count"], 1);
}

#[test]
fn destroy_room_takes_it_off_the_list_and_those_inside_go_on() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let eve = browser.app(&service, Sdk::TypeScript, "eve");
    let room = ann.new_room("audioroom");
    bob.join(&room);
    eve.join(&room);
    ann.run_with("await sdk.destroyRoom(args)", json!(room));
    assert_eq!(ann.run("return await sdk.roomList()")["count"], 0);
    assert!(!ann.refusal(&format!("await sdk.joinRoom('{room}')")).is_empty());
    bob.run("await sdk.sendMessage('still here')");
    eve.event("MESSAGE_EVENT", json!({"message": "still here"}));
    eve.tone(800.0);
    bob.wait_for_tones(&[800.0]);
}

#[test]
fn send_message_reaches_all_others_and_send_whisper_one() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let eve = browser.app(&service, Sdk::ReactNative, "eve");
    let room = ann.new_room("audioroom");
    for app in [&ann, &bob, &eve] {
        app.join(&room);
    }
    ann.event("MESSAGE_EVENT", json!({"action": "join", "user_id": "eve"}));
    let list = ann.run("return await sdk.messageList()");
    assert_eq!(list["count"], 2, "{list}");
    let bobs = ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}))["session"].clone();
    ann.run("await sdk.sendMessage('안녕하세요 \"all\"')");
    for other in [&bob, &eve] {
        let got = other.event("MESSAGE_EVENT", json!({"action": "send"}));
        assert_eq!(got["message"], "안녕하세요 \"all\"");
        assert_eq!(got["user_id"], "ann");
        assert!(got["timestamp"].as_i64().unwrap() > 1_700_000_000);
    }
    ann.run_with("await sdk.sendWhisper('only you', args)", bobs);
    let whisper = bob.event("MESSAGE_EVENT", json!({"action": "whisper"}));
    assert_eq!(whisper["message"], "only you");
    // What comes next to the third shows that no whisper came before.
    bob.run("await sdk.leave()");
    let after = loop {
        let event = eve.event("MESSAGE_EVENT", json!({}));
        if event["action"] != "join" {
            break event;
        }
    };
    assert_eq!(after["action"], "leave", "{after}");
    ann.event("MESSAGE_EVENT", json!({"action": "leave", "user_id": "bob"}));
    ann.event("LEAVE_EVENT", json!({}));
    let rn = eve.run("return await sdk.getAvailableMessageUsers()");
    assert_eq!(rn["count"], 1, "{rn}");
    eve.run("await sdk.sendMessage('send', 'from react')");
    ann.event("MESSAGE_EVENT", json!({"message": "from react"}));
}

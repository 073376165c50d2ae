//! The API reference, method by method, on the published browser SDK: sessions and numbers.

use crate::browser::{Browser, Sdk};
use crate::harness::Service;
use serde_json::json;

#[test]
fn create_session_gives_a_session_and_keeps_or_makes_the_user_id() {
    let browser = Browser::take();
    let service = Service::start("");
    let named = browser.app(&service, Sdk::TypeScript, "ann");
    let again = named.refusal("await sdk.createSession('bob')");
    assert!(!again.is_empty());
    let list = browser
        .app(&service, Sdk::TypeScript, "bob")
        .run("return await sdk.sessionList()");
    assert_eq!(list["count"], 1, "{list}");
    assert_eq!(list["list"][0]["user_id"], "ann");
    assert_eq!(list["list"][0]["state"], "active");
    assert_eq!(list["list"][0]["call_type"], "unknown");
}

#[test]
fn session_list_shows_who_is_busy() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let room = bob.new_room("audioroom");
    bob.join(&room);
    let list = ann.run("return await sdk.sessionList(1)");
    assert_eq!(list["list"][0]["user_id"], "bob", "{list}");
    assert_eq!(list["list"][0]["state"], "busy");
    assert_eq!(list["list"][0]["call_type"], "audiocall");
    let beyond = ann.run("return await sdk.sessionList(9)");
    assert_eq!(beyond["list"], json!([]));
    assert_eq!(beyond["count"], 1);
}

#[test]
fn make_sip_number_draws_a_number_takes_a_wish_and_refuses_what_is_taken() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let drawn = ann.sip_number(None);
    assert!(drawn.len() == 6 && !drawn.starts_with('0'), "{drawn}");
    assert_eq!(ann.sip_number(None), drawn, "the same target keeps its number");
    let wished = bob.run("return await sdk.makeSipNumber('246810')");
    assert_eq!(wished["call_number"], "246810");
    let taken = ann.refusal("await sdk.makeSipNumber('246810')");
    assert!(!taken.is_empty());
    let room = bob.new_room("audioroom");
    let number = bob.sip_number(Some(&room));
    let rooms = ann.run("return await sdk.roomList()");
    assert_eq!(rooms["list"][0]["sip_support"], true, "{rooms}");
    assert_eq!(rooms["list"][0]["sip_number"], number.as_str());
}

#[test]
fn leave_ends_the_session_and_the_app_may_begin_again() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.join(&ann.new_room("audioroom"));
    ann.run("await sdk.leave()");
    ann.event("close", json!({}));
    // The SDK tidies up after its close event (a retry a moment later is what its users do).
    ann.run("for (let i = 0; i < 50; i++) { try { return await sdk.createSession('ann'); } catch (e) { await new Promise((r) => setTimeout(r, 100)); } } throw new Error('no new session')");
    assert_eq!(ann.run("return await sdk.sessionList()")["count"], 0);
}

#[test]
fn get_device_list_and_set_audio_device_change_the_microphone_in_mid_call() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    let room = ann.new_room("audioroom");
    ann.join(&room);
    bob.join(&room);
    ann.tone(900.0);
    bob.wait_for_tones(&[900.0]);
    let devices = ann.run("return await sdk.getDeviceList()");
    assert!(devices.is_object() || devices.is_array(), "{devices}");
    ann.run("await sdk.setAudioDevice('default')");
    ann.tone(1_400.0);
    bob.wait_for_tones(&[1_400.0]);
}

#[test]
fn recording_start_and_stop_work_once_in_a_room() {
    let browser = Browser::take();
    let service = Service::start("recording.min_free_mib = 1");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.join(&ann.new_room("audioroom"));
    assert!(!ann.refusal("await sdk.recordingStop()").is_empty());
    ann.run("await sdk.recordingStart()");
    assert!(!ann.refusal("await sdk.recordingStart()").is_empty());
    ann.run("await sdk.recordingStop()");
    assert!(!ann.refusal("await sdk.recordingStart()").is_empty());
}

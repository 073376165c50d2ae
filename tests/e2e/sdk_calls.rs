//! The API reference, method by method, on the published SDKs: 1:1 calls between apps.

use crate::audio::assert_hears;
use crate::browser::{Browser, Sdk, Tab};
use crate::harness::Service;
use serde_json::json;

fn an_audio_call(caller: Sdk, callee: Sdk) {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, caller, "ann");
    let bob = browser.app(&service, callee, "bob");
    ann.tone(600.0);
    bob.tone(1_100.0);
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    let ringback = ann.event("RINGBACK_EVENT", json!({"callee": "bob"}));
    assert_eq!(ringback["call_type"], "audiocall");
    let ringing = bob.event("RINGING_EVENT", json!({"caller": "ann"}));
    assert_eq!(ringing["call_type"], "audiocall");
    bob.run("await sdk.answerCall()");
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
    let caller = bob.event("CONNECTED_EVENT", json!({"user_id": "ann"}));
    ann.wait_for_tones(&[1_100.0]);
    bob.wait_for_tones(&[600.0]);
    assert_hears("bob", &bob.listen(1.5), 48_000, &[600.0], 1_100.0);
    ann.run("await sdk.leave()");
    bob.event("LEAVE_EVENT", json!({"session": caller["session"]}));
    // The SDK is stuck in the call until the server closes.
    bob.event("close", json!({}));
}

#[test]
fn offer_call_and_answer_call_connect_two_apps_on_the_typescript_sdk() {
    an_audio_call(Sdk::TypeScript, Sdk::TypeScript);
}

#[test]
fn offer_call_and_answer_call_connect_the_react_native_and_the_typescript_sdk() {
    an_audio_call(Sdk::ReactNative, Sdk::TypeScript);
}

#[test]
fn offer_call_and_answer_call_connect_the_typescript_and_the_react_native_sdk() {
    an_audio_call(Sdk::TypeScript, Sdk::ReactNative);
}

/// An audio call that rings.
fn ann_calls_bob<'a>(browser: &'a Browser, service: &Service) -> (Tab<'a>, Tab<'a>) {
    let ann = browser.app(service, Sdk::TypeScript, "ann");
    let bob = browser.app(service, Sdk::TypeScript, "bob");
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    bob.event("RINGING_EVENT", json!({}));
    (ann, bob)
}

#[test]
fn leave_while_it_rings_declines_a_call() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_calls_bob(&browser, &service);
    bob.run("await sdk.leave()");
    ann.event("LEAVE_EVENT", json!({}));
    bob.event("close", json!({}));
}

#[test]
fn leave_while_it_rings_cancels_a_call() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_calls_bob(&browser, &service);
    ann.run("await sdk.leave()");
    bob.event("LEAVE_EVENT", json!({}));
    assert!(!bob.refusal("await sdk.answerCall()").is_empty());
    // Free again.
    let eve = browser.app(&service, Sdk::TypeScript, "eve");
    eve.run("await sdk.offerCall('audiocall', 'bob')");
    bob.event("RINGING_EVENT", json!({"caller": "eve"}));
}

#[test]
fn offer_call_to_somebody_busy_or_to_oneself_is_refused() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::TypeScript, "bob");
    bob.join(&bob.new_room("audioroom"));
    assert!(!ann.refusal("await sdk.offerCall('audiocall', 'bob')").is_empty());
    assert!(!ann.refusal("await sdk.offerCall('audiocall', 'ann')").is_empty());
}

#[test]
fn offer_call_waits_for_a_callee_who_signs_in_later() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    ann.event("RINGBACK_EVENT", json!({}));
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    bob.event("RINGING_EVENT", json!({"caller": "ann"}));
    bob.run("await sdk.answerCall()");
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
}

#[test]
fn cancel_event_stops_the_other_devices_of_a_callee() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let desk = browser.app(&service, Sdk::TypeScript, "bob");
    let mobile = browser.app(&service, Sdk::ReactNative, "bob");
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    desk.event("RINGING_EVENT", json!({}));
    mobile.event("RINGING_EVENT", json!({}));
    desk.run("await sdk.answerCall()");
    mobile.event("CANCEL_EVENT", json!({}));
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
}

#[test]
fn a_call_that_nobody_answers_ends_for_both() {
    let browser = Browser::take();
    let service = Service::start("ivr.ring_seconds = 3\n");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    bob.event("RINGING_EVENT", json!({}));
    ann.event("LEAVE_EVENT", json!({}));
    bob.event("LEAVE_EVENT", json!({}));
}

//! What the published React Native SDK does differently, and what the server has to do for its apps all the same.

use crate::app::App;
use crate::browser::{Browser, Sdk, Tab};
use crate::harness::Service;
use serde_json::{Value, json};

/// All messages with this `cmd` that the app has `sent` or `got`, as they were on the wire.
fn wire(app: &Tab<'_>, side: &str, command: &str) -> Vec<Value> {
    let all = app.run_with(
        "return rig.wire[args.side].filter((m) => m.cmd === args.command)",
        json!({"side": side, "command": command}),
    );
    all.as_array().unwrap().clone()
}

/// `ann` on the TypeScript SDK, `bob` on the React Native one.
fn ann_and_bob<'a>(browser: &'a Browser, service: &Service) -> (Tab<'a>, Tab<'a>) {
    let ann = browser.app(service, Sdk::TypeScript, "ann");
    let bob = browser.app(service, Sdk::ReactNative, "bob");
    (ann, bob)
}

fn both_join(ann: &Tab<'_>, bob: &Tab<'_>, room_type: &str) {
    let room = ann.new_room(room_type);
    ann.join(&room);
    bob.join(&room);
}

// A failure leaves the promise of the SDK pending for ever: each `await` below would not come back.
#[test]
fn what_is_asked_too_often_or_too_late_succeeds() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_and_bob(&browser, &service);
    let nobody = bob.run("return await sdk.getAvailableMessageUsers()");
    assert_eq!(nobody["count"], 0, "outside of a room: {nobody}");
    let beyond = bob.run("return await sdk.sessionList(9)");
    assert_eq!(beyond["list"], json!([]), "{beyond}");
    both_join(&ann, &bob, "videoroom");
    let beyond = bob.run("return await sdk.partiList(undefined, 9)");
    assert_eq!(beyond["list"], json!([]), "{beyond}");
    assert_eq!(beyond["count"], 1);
    for method in ["setMute", "setMute", "setUnmute", "setUnmute"] {
        bob.run(&format!("await sdk.{method}('audio')"));
    }
    let screen = ann.run("return await sdk.screenShare('own-screen')")["session"].clone();
    bob.run_with("await sdk.subscribe(args, rig.view('first'))", screen.clone());
    ann.run("await sdk.screenUnshare()");
    service.until("the screen is gone", || {
        service.metric("omnigate_media_streams") == 0.0
    });
    bob.run_with("await sdk.unsubscribe(args)", screen);
}

#[test]
fn after_a_failure_that_the_sdk_never_reports_an_app_joins_another_room() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_and_bob(&browser, &service);
    bob.run("window.refused = 'pending'; const settled = () => (window.refused = 'settled'); sdk.joinRoom('nowhere').then(settled, settled)");
    service.until("the failure is there", || {
        wire(&bob, "got", "WS_JOIN_ROOM_RSP")
            .iter()
            .any(|m| m["result"] == "failed")
    });
    both_join(&ann, &bob, "audioroom");
    bob.tone(700.0);
    ann.wait_for_tones(&[700.0]);
    assert_eq!(bob.run("return window.refused"), "pending", "the quirk itself");
}

#[test]
fn a_call_that_cannot_be_declined_ends_with_the_ring_time_and_the_app_can_be_called_again() {
    let browser = Browser::take();
    let service = Service::start("ivr.ring_seconds = 3\n");
    let (ann, bob) = ann_and_bob(&browser, &service);
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    bob.event("RINGING_EVENT", json!({"caller": "ann"}));
    let reason = bob.refusal("await sdk.leave()");
    assert!(reason.contains("cannot leave"), "{reason}");
    ann.event("LEAVE_EVENT", json!({}));
    bob.event("LEAVE_EVENT", json!({}));
    assert!(
        wire(&bob, "sent", "WS_LEAVE_REQ").is_empty(),
        "the SDK has asked for nothing"
    );
    let eve = browser.app(&service, Sdk::TypeScript, "eve");
    eve.run("await sdk.offerCall('audiocall', 'bob')");
    bob.event("RINGING_EVENT", json!({"caller": "eve"}));
    bob.run("await sdk.answerCall()");
    eve.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
}

#[test]
fn a_waiting_call_rings_a_newcomer_who_then_answers_by_type_and_caller() {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let eve = browser.app(&service, Sdk::ReactNative, "eve");
    let reason = eve.refusal("await sdk.answerCall('audiocall', 'ann')");
    assert!(reason.contains("not supported"), "nothing has rung: {reason}");
    ann.run("await sdk.offerCall('audiocall', 'bob')");
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    bob.event("RINGING_EVENT", json!({}));
    // As from the push message that has woken the app.
    bob.run("await sdk.answerCall('audiocall', 'ann')");
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
    bob.event("CONNECTED_EVENT", json!({"user_id": "ann"}));
    bob.tone(800.0);
    ann.wait_for_tones(&[800.0]);
}

#[test]
fn who_is_unmuted_is_on_the_wire_though_the_sdk_says_oneself() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_and_bob(&browser, &service);
    let room = ann.new_room("audioroom");
    bob.join(&room);
    ann.join(&room);
    let anns = bob.event("CONNECTED_EVENT", json!({"user_id": "ann"}))["session"].clone();
    ann.run("await sdk.setMute('audio')");
    bob.event("MUTE_EVENT", json!({"session": anns, "track": "audio"}));
    ann.run("await sdk.setUnmute('audio')");
    let told = bob.event("UNMUTE_EVENT", json!({"track": "audio"}));
    assert_eq!(told["session"], bob.run("return sdk.session"), "the quirk itself");
    let sent = wire(&bob, "got", "WS_UNMUTE_NOTI");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["session"], anns);
}

#[test]
fn lists_that_are_asked_for_without_a_page_are_the_first_page() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_and_bob(&browser, &service);
    ann.run("for (let i = 0; i < 12; i++) await sdk.createRoom('audioroom')");
    let rooms = bob.run("return await sdk.roomList('audioroom', 2)");
    assert_eq!(rooms["room_list"].as_array().unwrap().len(), 10);
    assert_eq!(rooms["count"], 12);
    both_join(&ann, &bob, "videoroom");
    let session = ann.run("return await sdk.publish('own')")["session"].clone();
    let publishers = bob.run("return await sdk.publishList(undefined, 2)");
    assert_eq!(publishers["page"], 1);
    assert_eq!(publishers["list"][0]["session"], session);
    for command in ["WS_ROOM_LIST_REQ", "WS_PUBLISH_LIST_REQ"] {
        let asked = wire(&bob, "sent", command);
        assert!(asked[0]["page"].is_null(), "the quirk itself: {asked:?}");
    }
}

#[test]
fn a_wished_number_is_taken_as_text_and_as_a_number() {
    let browser = Browser::take();
    let service = Service::start("");
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    let reason = bob.refusal("await sdk.makeSipNumber(246810)");
    assert!(reason.contains("246810"), "its own type is refused: {reason}");
    let made = bob.run("return await sdk.makeSipNumber('246810')");
    assert_eq!(made["call_number"], "246810");
    // Other SDKs send what their apps give.
    let made = App::sign_in(&service, "eve").request("MAKE_SIPNUM", json!({"call_number": 135_790}));
    assert_eq!(made["call_number"], "135790");
}

#[test]
fn candidates_of_every_shape_do_no_harm() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = ann_and_bob(&browser, &service);
    both_join(&ann, &bob, "videoroom");
    let session = ann.run("return await sdk.publish('own')")["session"].clone();
    bob.run_with("await sdk.subscribe(args, rig.view('first'))", session);
    bob.run("return await rig.watch('first')");
    let trickled = wire(&bob, "sent", "WS_TRICKLE");
    let nested = |m: &&Value| m["candidate"]["candidate"].is_object() && m["subscribe"].is_string();
    let doubled = |m: &&Value| {
        m["track"] == "video" && m["subscribe"].is_null() && m["candidate"]["candidate"].is_string()
    };
    assert!(trickled.iter().any(|m| nested(&m)), "{trickled:?}");
    assert!(trickled.iter().any(|m| doubled(&m)), "{trickled:?}");
    // Browsers always name the section; where a platform does not, the SDK says 0. As many malformed ones would end the
    // session.
    bob.run("for (let i = 0; i < 30; i++) rig.send({ cmd: 'WS_TRICKLE', session: sdk.session, track: 'video', candidate: { type: 'candidate', candidate: '', sdpMid: 0, sdpMLineIndex: 0 } })");
    assert_eq!(bob.run("return await sdk.partiList()")["count"], 1);
    bob.run("return await rig.watch('first')");
}

//! The end that was asked for: what is under way goes on, new calls are refused, and everything that happened is told.

use crate::app::App;
use crate::harness::Service;
use crate::receiver::Receiver;
use serde_json::{Value, json};
use std::time::Duration;

const EVENTS: &str =
    "webhook.events = [\"call_started\", \"call_ended\", \"participant_joined\", \"participant_left\"]\n";

#[test]
fn calls_between_apps_are_waited_for_and_no_new_one_begins() {
    let receiver = Receiver::start();
    let mut service = Service::start(&format!(
        "shutdown.drain_seconds = 60\n{}{EVENTS}",
        receiver.settings()
    ));
    let mut ann = App::sign_in(&service, "ann");
    let mut bob = App::sign_in(&service, "bob");
    let mut eve = App::sign_in(&service, "eve");
    let call = |callee: &str| json!({"call_type": "audiocall", "callee": callee, "record": false});
    let room = ann.request("OFFER_CALL", call("bob"))["room_id"].clone();
    bob.wait_for("WS_RINGING_NOTI");
    service.signal("TERM");
    service.until("not ready", || service.get("/readyz").0 == 503);
    let refused = eve.request("OFFER_CALL", call("ann"));
    assert_eq!(refused["result"], "failed");
    assert!(
        refused["reason"].as_str().unwrap().contains("about to stop"),
        "{refused}"
    );
    // The call that rings is still taken, and then talked in.
    bob.request(
        "ANSWER_CALL",
        json!({"call_type": "audiocall", "caller": "ann", "callee": "bob"}),
    );
    for app in [&mut ann, &mut bob] {
        assert_eq!(
            app.request("JOIN_ROOM", json!({"room_id": room}))["result"],
            "success"
        );
    }
    assert_eq!(
        service.wait(Duration::from_millis(500)),
        None,
        "it waits for the call"
    );
    bob.request("LEAVE", json!({}));
    assert_eq!(service.wait(Duration::from_secs(20)), Some(0));
    let names: Vec<Value> = receiver
        .posts()
        .iter()
        .map(|post| post.json()["event"].clone())
        .collect();
    assert_eq!(names, ["call_started", "call_ended"]);
}

#[test]
fn whoever_is_in_a_room_at_the_end_is_told_to_have_left() {
    let receiver = Receiver::start();
    let mut service = Service::start(&format!(
        "shutdown.drain_seconds = 1\n{}{EVENTS}",
        receiver.settings()
    ));
    let mut app = App::sign_in(&service, "ann");
    let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
    let made = app.request("MAKE_SIPNUM", json!({"room_id": room}));
    let digits = made["call_number"].as_str().unwrap().to_owned();
    let phone = service.phone("07012345678", &["--digits", &digits, "--for", "60"]);
    receiver.wait_for(1);
    service.signal("TERM");
    assert_eq!(service.wait(Duration::from_secs(20)), Some(0));
    phone.report();
    let told: Vec<Value> = receiver.posts().iter().map(|post| post.json()).collect();
    let names: Vec<&Value> = told.iter().map(|event| &event["event"]).collect();
    assert_eq!(names, ["participant_joined", "participant_left"], "{told:?}");
}

//! A call to a telephone that is recorded because the app has asked for that when it called: what is in the file.

use crate::browser::{Browser, Sdk};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::receiver::{Receiver, SECRET};
use crate::recordings::{api, decoded, file, holds, seconds, write};
use serde_json::json;

const NUMBER: &str = "02-123-4567";

/// The exchange says 900 Hz from the first, the app 600 Hz.
fn a_call_is_recorded(sdk: Sdk) {
    let (browser, exchange, receiver) = (Browser::take(), Exchange::new(), Receiver::start());
    let trunk = Exchange::only_trunk(&[format!("sip:{}", exchange.address())], "");
    let service = Service::start(&format!(
        "recording.content = \"sides\"\nrecording.min_free_mib = 1\n{}caller = \"070-1234-5678\"\n{trunk}",
        receiver.settings()
    ));
    let app = browser.app(&service, sdk, "ann");
    app.tone(600.0);
    // Of the API once, and of the wire still: the SDKs of today always say no.
    app.run("rig.adds('WS_OFFER_CALL_REQ', { record: true })");
    app.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));
    let mut there = exchange.rings();
    there.respond_with_sdp(183);
    there.says(900.0);
    app.wait_for_tones(&[900.0]);
    let active = || service.metric("omnigate_recordings_active");
    assert_eq!(active(), 0.0, "nobody talks yet");
    there.answers();
    app.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
    service.until("it is recorded", || active() == 1.0);
    app.listen(2.0);
    there.hangs_up();

    let post = receiver.wait_for(1)[0].clone();
    assert!(post.verified_by(SECRET));
    let told = post.json();
    assert_eq!(
        (&told["event"], &told["call_type"], &told["user_id"]),
        (&json!("recording_completed"), &json!("sipcall"), &json!("ann"))
    );
    assert_eq!(
        (&told["caller"], &told["callee"]),
        (&json!("ann"), &json!(NUMBER))
    );
    assert_eq!(
        (&told["file"]["format"], &told["file"]["channels"]),
        (&json!("wav"), &json!(2))
    );
    let sides = decoded(
        &write(&service, "a.wav", &file(&service, &post, &told["file"])),
        2,
    );
    let length = seconds(&sides[0]);
    assert!((length - told["duration"].as_f64().unwrap()).abs() < 0.001);
    assert!(length > 2.0, "{length}");
    let (from, to) = (0.2, length - 0.2);
    // The caller is left.
    holds(&sides[0], from, to, &[600.0], &[900.0]);
    holds(&sides[1], from, to, &[900.0], &[600.0]);
    let id = told["recording_id"].as_str().unwrap();
    let shown = api(&service, &format!("/api/v1/recordings/{id}"));
    for who in shown["participants"].as_array().unwrap() {
        assert_eq!(who["telephone"], who["user_id"] != "ann", "{who}");
    }
}

#[test]
fn a_call_that_the_typescript_sdk_wants_recorded_has_a_channel_a_side() {
    a_call_is_recorded(Sdk::TypeScript);
}

#[test]
fn a_call_that_the_react_native_sdk_wants_recorded_has_a_channel_a_side() {
    a_call_is_recorded(Sdk::ReactNative);
}

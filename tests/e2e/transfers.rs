//! Transfers: a telephone by REFER, and the API, put another telephone into the place of one, or this one elsewhere.

use crate::app::App;
use crate::browser::{Browser, Sdk, Tab};
use crate::exchange::{Exchange, Ringing};
use crate::harness::{Service, conforms};
use serde_json::{Value, json};
use std::time::Duration;

const FIRST: &str = "02-123-4567";
const SECOND: &str = "031-765-4321";

/// A trunk to each exchange; telephones of the first may transfer.
fn service(first: &Exchange, second: &Exchange, allowed: bool) -> Service {
    let trunk = |name: &str, at: &Exchange, to: &str, more: &str| {
        format!(
            "[[trunk]]\nname = \"{name}\"\ngateways = [\"sip:{}\"]\ndestinations = [\"{to}\"]\ncallers = [{{ number = \"070-1234-5678\", proof = \"a contract\" }}]\n{more}\n",
            at.address()
        )
    };
    let first = trunk("first", first, "02*", &format!("transfer = {allowed}"));
    let second = trunk("second", second, "031*", "forward = \"diversion\"\nchannels = 1");
    Service::start(&format!(
        "ivr.language = \"en\"\n{first}{second}[[service]]\nid = \"demo\"\nkey = \"demo\"\ncaller = \"070-1234-5678\"\n"
    ))
}

/// Ann has called the first exchange, and hears it.
fn talking<'a>(ann: &Tab<'_>, first: &'a Exchange) -> Ringing<'a> {
    ann.run(&format!("await sdk.offerCall('sipcall', '{FIRST}')"));
    let mut there = first.rings();
    there.respond(180, "");
    there.answers();
    ann.event("CONNECTED_EVENT", json!({"user_id": FIRST}));
    there.says(600.0);
    ann.wait_for_tones(&[600.0]);
    there
}

fn transfers(service: &Service, outcome: &str) -> f64 {
    service.metric(&format!("omnigate_transfers_total{{kind=\"{outcome}\"}}"))
}

#[test]
fn a_telephone_puts_another_one_into_its_place_and_hears_how_that_goes() {
    let (browser, first, second) = (Browser::take(), Exchange::new(), Exchange::new());
    let service = service(&first, &second, true);
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let old = talking(&ann, &first);
    assert_eq!(old.refers("sip:0317654321@anywhere"), 202);
    assert!(old.notified().contains("SIP/2.0 100"));
    let mut new = second.rings();
    assert_eq!(old.says_field("Diversion"), None);
    let diverted = new.says_field("Diversion").unwrap();
    assert!(diverted.starts_with("<sip:021234567@"), "{diverted}");
    new.respond(180, "");
    assert!(old.notified().contains("SIP/2.0 180"));
    // Until then the old one is heard.
    ann.wait_for_tones(&[600.0]);
    new.answers();
    new.says(900.0);
    assert!(old.notified().contains("SIP/2.0 200"));
    old.is_gone();
    ann.wait_for_tones(&[900.0]);
    ann.wait_for_silence(600.0);
    assert_eq!(transfers(&service, "transferred"), 1.0);
    let call = service.calls()[0].clone();
    assert_eq!(
        (&call["state"], &call["trunk"]),
        (&json!("talking"), &json!("second"))
    );
    // It has the only channel of its trunk as long as it talks.
    let mut bob = App::sign_in(&service, "bob");
    let offer = json!({"call_type": "sipcall", "caller": "bob", "callee": SECOND, "record": false});
    assert_eq!(bob.request("OFFER_CALL", offer.clone())["result"], "success");
    bob.wait_for("WS_LEAVE_NOTI");
    assert!(second.is_silent_for(Duration::from_millis(300)));
    new.hangs_up();
    ann.event("LEAVE_EVENT", json!({}));
    service.until("it has ended", || {
        service
            .calls()
            .iter()
            .any(|call| call["reason"] == "callee_hung_up")
    });
    assert_eq!(bob.request("OFFER_CALL", offer)["result"], "success");
    second.rings().refuses(486, "");
}

#[test]
fn a_telephone_that_hangs_up_at_once_is_replaced_all_the_same() {
    let (browser, first, second) = (Browser::take(), Exchange::new(), Exchange::new());
    let service = service(&first, &second, true);
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let old = talking(&ann, &first);
    assert_eq!(old.refers("tel:0317654321"), 202);
    let mut new = second.rings();
    old.hangs_up();
    drop(old);
    new.respond(180, "");
    ann.wait_for_tones(&[440.0, 480.0]);
    new.answers();
    new.says(900.0);
    ann.wait_for_tones(&[900.0]);
    ann.run("await sdk.leave()");
    new.is_hung_up();
    assert_eq!(service.last_reason(), "app_left");

    // Nobody takes its place: the call ends.
    drop(ann);
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let old = talking(&ann, &first);
    assert_eq!(old.refers("sip:0317654321@anywhere"), 202);
    let new = second.rings();
    old.hangs_up();
    new.refuses(486, "");
    ann.event("LEAVE_EVENT", json!({}));
    assert_eq!(service.last_reason(), "busy");
    assert_eq!(transfers(&service, "busy"), 1.0);
}

#[test]
fn a_transfer_that_is_refused_or_fails_leaves_the_call_as_it_was() {
    let (browser, first, second) = (Browser::take(), Exchange::new(), Exchange::new());
    let open = service(&first, &second, true);
    let ann = browser.app(&open, Sdk::TypeScript, "ann");
    let old = talking(&ann, &first);
    for (to, status) in [
        ("sip:alice@anywhere", 501),
        (
            "sip:0317654321@anywhere?Replaces=1%3Bto-tag%3Da%3Bfrom-tag%3Db",
            501,
        ),
        ("sip:001-1-212-555-0100@anywhere", 403),
        ("sip:119@anywhere", 403),
        // It was called: there is no menu for it.
        ("sip:123456@anywhere", 403),
    ] {
        assert_eq!(old.refers(to), status, "{to}");
    }
    assert_eq!(old.refers("sip:0317654321@anywhere"), 202);
    let new = second.rings();
    assert_eq!(old.refers("sip:0317654321@anywhere"), 491, "one at a time");
    new.refuses(486, "");
    while !old.notified().contains("SIP/2.0 486") {}
    ann.wait_for_tones(&[600.0]);
    old.hangs_up();
    ann.event("LEAVE_EVENT", json!({}));
    drop(ann);
    let closed = service(&first, &second, false);
    let ann = browser.app(&closed, Sdk::TypeScript, "ann");
    let old = talking(&ann, &first);
    assert_eq!(old.refers("sip:0317654321@anywhere"), 403);
    old.hangs_up();
    ann.event("LEAVE_EVENT", json!({}));
}

fn transfer(service: &Service, call: &Value, to: &str) -> u16 {
    let path = format!("/api/v1/calls/{}/transfer", call.as_str().unwrap());
    let (status, body) = service.post(&path, &json!({"to": to}).to_string());
    conforms("post", "/api/v1/calls/{id}/transfer", status, &body);
    status
}

#[test]
fn the_api_sends_a_caller_to_another_person_and_puts_a_telephone_into_its_place() {
    let (browser, first, second) = (Browser::take(), Exchange::new(), Exchange::new());
    let service = service(&first, &second, false);
    let (ann, bob) = (
        browser.app(&service, Sdk::TypeScript, "ann"),
        browser.app(&service, Sdk::TypeScript, "bob"),
    );
    let (of_ann, of_bob) = (ann.sip_number(None), bob.sip_number(None));
    let phone = service.phone("07012345678", &["--digits", &of_ann, "--for", "100"]);
    ann.event("RINGING_EVENT", json!({}));
    let id = service.calls()[0]["id"].clone();
    assert_eq!(transfer(&service, &id, SECOND), 409, "it does not talk yet");
    ann.run("await sdk.answerCall()");
    ann.event("CONNECTED_EVENT", json!({}));

    assert_eq!(transfer(&service, &id, "alice"), 422);
    assert_eq!(transfer(&service, &json!("0".repeat(32)), SECOND), 404);
    assert_eq!(transfer(&service, &id, &of_bob), 202);
    ann.event("LEAVE_EVENT", json!({}));
    bob.event("RINGING_EVENT", json!({}));
    bob.run("await sdk.answerCall()");
    bob.event("CONNECTED_EVENT", json!({}));

    assert_eq!(transfer(&service, &id, SECOND), 202);
    let mut new = second.rings();
    new.answers();
    new.says(900.0);
    bob.wait_for_tones(&[900.0]);
    assert_eq!(phone.report()["end"], "remote_hung_up");
    bob.run("await sdk.leave()");
    new.is_hung_up();
    assert_eq!(service.last_reason(), "app_left");
}

//! Calls of apps to telephones (9.8): what the network says, who hangs up, which gateway is asked; with the published SDKs.

use crate::app::App;
use crate::audio::assert_hears;
use crate::browser::{Browser, Sdk};
use crate::exchange::{Exchange, Ringing};
use crate::harness::Service;
use crate::softphone::Softphone;
use serde_json::{Value, json};
use std::time::Duration;

pub const NUMBER: &str = "02-123-4567";

/// An app that has asked for a call; the response to that.
pub fn ask(app: &mut App, number: &str) -> Value {
    app.request(
        "OFFER_CALL",
        json!({"call_type": "sipcall", "caller": "ann", "callee": number, "record": false}),
    )
}

/// An app whose call rings at the exchange, and its room.
fn ringing<'a>(service: &Service, exchange: &'a Exchange) -> (App, Ringing<'a>, Value) {
    let mut app = App::sign_in(service, "ann");
    let answer = ask(&mut app, NUMBER);
    assert_eq!(answer["result"], "success", "{answer}");
    app.wait_for("WS_RINGBACK_NOTI");
    let there = exchange.rings();
    there.respond(180, "");
    (app, there, answer["room_id"].clone())
}

/// The only call's record, once it has ended.
fn ended(service: &Service) -> Value {
    service.last_reason();
    service.calls().remove(0)
}

#[test]
fn what_the_network_says_is_told_to_app_record_and_webhook_alike() {
    for (status, more, reason, q850) in [
        (486, "", "busy", Value::Null),
        (404, "", "unassigned", Value::Null),
        (603, "", "declined", Value::Null),
        (480, "Reason: Q.850;cause=19\r\n", "no_answer", json!(19)),
        (503, "Reason: Q.850;cause=34\r\n", "congestion", json!(34)),
        (403, "", "barred", Value::Null),
    ] {
        let exchange = Exchange::new();
        let service = Service::start(&exchange.of(""));
        let (mut app, there, _) = ringing(&service, &exchange);
        there.refuses(status, more);
        let left = app.wait_for("WS_LEAVE_NOTI");
        assert_eq!(left["user_id"], NUMBER);
        assert_eq!(
            left.get("reason"),
            None,
            "published SDKs are told what they always were"
        );
        let record = ended(&service);
        assert_eq!((&record["reason"], &record["q850"]), (&json!(reason), &q850));
        assert_eq!(
            (&record["direction"], &record["service"]),
            (&json!("outbound"), &json!("demo"))
        );
        assert_eq!(
            record["sip_status"].as_u64().unwrap() / 100,
            u64::from(status) / 100
        );
        crate::harness::conforms("get", "/api/v1/calls", 200, &service.get("/api/v1/calls").1);
    }
}

#[test]
fn an_app_that_leaves_or_is_lost_in_any_state_lets_the_telephone_go() {
    for answered in [false, true] {
        for lost in [false, true] {
            let exchange = Exchange::new();
            let service = Service::start(&exchange.of(""));
            let (mut app, there, _) = ringing(&service, &exchange);
            if answered {
                there.answers();
                service.until("they talk", || service.calls()[0]["state"] == "talking");
            }
            if lost {
                drop(app);
            } else {
                app.request("LEAVE", json!({}));
            }
            if answered {
                there.is_hung_up();
            } else {
                there.is_cancelled();
            }
            let reason = service.last_reason();
            assert_eq!(reason, if answered { "app_left" } else { "cancelled" });
        }
    }
}

#[test]
fn the_next_gateway_is_asked_and_none_twice() {
    let (silent, full, good) = (Exchange::new(), Exchange::new(), Exchange::new());
    let gateways = [&silent, &full, &good, &full].map(|one| format!("sip:{}", one.address()));
    let service = Service::start(&Exchange::trunk(&gateways, "answer_seconds = 2"));
    let mut app = App::sign_in(&service, "ann");
    assert_eq!(ask(&mut app, NUMBER)["result"], "success");
    full.rings().refuses(503, "Retry-After: 10\r\n");
    let there = good.rings();
    there.respond(180, "");
    there.refuses(503, "");
    app.wait_for("WS_LEAVE_NOTI");
    assert_eq!(service.last_reason(), "congestion");
    assert!(
        full.is_silent_for(Duration::from_millis(300)),
        "asked a second time"
    );
    assert_eq!(service.metric("omnigate_dials_total{kind=\"carrier\"}"), 3.0);
    assert_eq!(service.calls()[0]["gateway"], good.address().to_string());
}

#[test]
fn a_gateway_that_takes_no_calls_is_passed_over_by_the_next_ones_unless_there_is_no_other() {
    let (full, silent, good) = (Exchange::new(), Exchange::new(), Exchange::new());
    let gateways = [&full, &silent, &good].map(|one| format!("sip:{}", one.address()));
    let service = Service::start(&Exchange::trunk(&gateways, "answer_seconds = 1"));
    let mut app = App::sign_in(&service, "ann");
    let mut call = || {
        assert_eq!(ask(&mut app, NUMBER)["result"], "success");
        let there = Exchange::first_of(&[&full, &good]);
        let at_good = there.is_at(&good);
        if at_good {
            there.refuses(486, "");
        } else {
            there.refuses(503, "Retry-After: 250\r\n");
            good.rings().refuses(486, "");
        }
        app.wait_for("WS_LEAVE_NOTI");
        at_good
    };
    assert!(!call(), "the first gateway is asked first");
    assert!(call(), "it has asked to be left alone");
    let asked = |service: &Service| service.metric("omnigate_dials_total{kind=\"carrier\"}");
    assert_eq!(asked(&service), 5.0, "the silent one was asked both times");
    assert!(call());
    assert_eq!(asked(&service), 6.0, "the silent one is passed over, too");
    // Now the last one has enough as well.
    assert_eq!(ask(&mut app, NUMBER)["result"], "success");
    good.rings().refuses(503, "Retry-After: 250\r\n");
    full.rings().refuses(486, "");
    app.wait_for("WS_LEAVE_NOTI");
    assert_eq!(service.last_reason(), "busy");
}

#[test]
fn what_may_not_be_called_is_refused_with_its_rule_before_anything_is_sent() {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of("channels = 1"));
    let mut app = App::sign_in(&service, "ann");
    for (number, says) in [
        ("alice", "no telephone number"),
        ("119", "emergency"),
        ("+1 212 555 0100", "service.destinations"),
    ] {
        let answer = ask(&mut app, number);
        assert_eq!(answer["result"], "failed");
        assert!(answer["reason"].as_str().unwrap().contains(says), "{answer}");
    }
    assert!(exchange.is_silent_for(Duration::from_millis(200)));
    assert_eq!(
        service.metric("omnigate_dials_refused_total{kind=\"number\"}"),
        1.0
    );
    for secret in ["2125550100", "12125550100"] {
        assert!(!service.log().contains(secret), "a number is in the log");
    }
}

#[test]
fn a_carrier_that_asks_who_calls_is_told_by_digest() {
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of("user = \"shop\"\npassword = \"hush hush\""));
    let mut app = App::sign_in(&service, "ann");
    assert_eq!(ask(&mut app, NUMBER)["result"], "success");
    let challenge =
        "WWW-Authenticate: Digest realm=\"carrier\", nonce=\"abc\", algorithm=SHA-256, qop=\"auth\"\r\n";
    exchange.rings().refuses(401, challenge);
    let there = exchange.rings();
    let answer = there
        .invite
        .lines()
        .find(|line| line.starts_with("Authorization: Digest"));
    let answer = answer.expect("an answer to the challenge");
    for part in [
        "username=\"shop\"",
        "realm=\"carrier\"",
        "nonce=\"abc\"",
        "nc=00000001",
        "algorithm=SHA-256",
    ] {
        assert!(answer.contains(part), "{answer}");
    }
    there.respond(180, "");
    there.answers();
    app.request("LEAVE", json!({}));
    there.is_hung_up();
    assert!(!service.log().contains("hush hush"));
}

/// Early media, the answer, both directions and the end, with the published SDK in Chromium.
fn a_call_with(sdk: Sdk) {
    let browser = Browser::take();
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(""));
    let ann = browser.app(&service, sdk, "ann");
    ann.tone(600.0);
    ann.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));
    ann.event("RINGBACK_EVENT", json!({"callee": NUMBER}));
    let mut there = exchange.rings();
    // Our own tone, until the network has one.
    there.respond(180, "");
    ann.wait_for_tones(&[440.0, 480.0]);
    there.respond_with_sdp(183);
    there.says(900.0);
    ann.wait_for_tones(&[900.0]);
    ann.wait_for_silence(480.0);
    there.answers();
    let telephone = ann.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
    there.hangs_up();
    ann.event("LEAVE_EVENT", json!({"session": telephone["session"]}));
    assert_eq!(service.last_reason(), "callee_hung_up");
}

/// RFC 5009: the network says whether its side may be heard.
#[test]
fn where_the_trunk_obeys_early_media_is_heard_when_the_network_lets_it_be() {
    let browser = Browser::take();
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of("early_media = \"obey\""));
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));
    let mut there = exchange.rings();
    assert_eq!(there.says_field("P-Early-Media"), Some("supported"));
    there.respond(180, "");
    there.respond_with(183, "P-Early-Media: inactive\r\n");
    there.says(900.0);
    ann.wait_for_tones(&[440.0, 480.0]);
    assert_hears("app", &ann.listen(1.0), 48_000, &[440.0, 480.0], 900.0);
    there.respond(183, "P-Early-Media: sendrecv\r\n");
    ann.wait_for_tones(&[900.0]);
    ann.wait_for_silence(480.0);
    there.answers();
    ann.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
    there.hangs_up();
    ann.event("LEAVE_EVENT", json!({}));
}

#[test]
fn early_media_is_heard_before_the_answer_on_the_typescript_sdk() {
    a_call_with(Sdk::TypeScript);
}

#[test]
fn early_media_is_heard_before_the_answer_on_the_react_native_sdk() {
    a_call_with(Sdk::ReactNative);
}

#[test]
fn an_app_and_a_telephone_of_another_make_hear_each_other() {
    let browser = Browser::take();
    let mut phone = Softphone::waits("021234567", 1_300.0);
    let gateway = format!("sip:{}", phone.address());
    let service = Service::start(&Exchange::trunk(&[gateway], ""));
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    ann.tone(600.0);
    ann.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));
    phone.answers();
    ann.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
    ann.wait_for_tones(&[1_300.0]);
    assert_hears("ann", &ann.listen(1.5), 48_000, &[1_300.0], 600.0);
    ann.run("await sdk.leave()");
    let heard = phone.until_hung_up();
    let loud = crate::audio::level_at(&heard, 8_000, 600.0);
    assert!(
        loud > crate::audio::level_at(&heard, 8_000, 1_300.0) + 20.0,
        "{loud}"
    );
    assert_eq!(service.last_reason(), "app_left");
}

#[test]
fn keys_of_our_own_client_reach_the_telephone() {
    let browser = Browser::take();
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(""));
    let page = crate::page::page(&browser, &service, "ann");
    page.evaluate("await type('phone-number', '02-123-4567'); await click('call-phone');");
    let mut there = exchange.rings();
    there.respond(180, "");
    page.evaluate("await until('rings', () => words('live-state') === 'It is ringing at 02-123-4567.');");
    there.says(900.0);
    there.answers();
    page.evaluate(
        "await until('connected', () => words('live-state') === 'Connected');
        await click('keypad-open');
        for (const key of ['1', '9', '#']) await click(() => document.querySelector(`[data-testid='key'][data-key='${key}']`), key);
        await until('pressed', () => words('keys-pressed') === '19#');",
    );
    assert_eq!(there.keys(3), [1, 9, 11]);
    there.hangs_up();
    page.evaluate("await until('told', () => words('notice').includes('02-123-4567'));");
    assert!(!service.log().contains("19#"), "keys are in the log");
}

#[test]
fn the_page_says_why_a_telephone_was_not_reached() {
    let browser = Browser::take();
    let exchange = Exchange::new();
    let service = Service::start(&exchange.of(""));
    let page = crate::page::page(&browser, &service, "ann");
    page.evaluate("await type('phone-number', '02-123-4567'); await click('call-phone');");
    exchange.rings().refuses(486, "");
    page.evaluate("await until('busy', () => words('notice').includes('02-123-4567 is busy'));");
    page.evaluate(
        "await type('phone-number', '119'); await click('call-phone');
        await until('refused', () => words('notice').includes('Emergency numbers'));",
    );
}

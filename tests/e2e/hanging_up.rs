//! Apps on the published SDKs that call a telephone: either side hangs up in any state, and so do both at once. What is on the
//! wire, what the record says, and that nothing is left.

use crate::browser::{Browser, Sdk, Tab};
use crate::exchange::{Exchange, Ringing};
use crate::harness::Service;
use serde_json::json;

const NUMBER: &str = "02-123-4567";

/// How far the call has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The network has said that it tries, and no more.
    Dialling,
    Ringing,
    /// The network is heard before the answer.
    EarlyMedia,
    Talking,
}

const STATES: [State; 4] = [State::Dialling, State::Ringing, State::EarlyMedia, State::Talking];

/// The app calls, until the call has come so far.
fn calls<'a>(app: &Tab<'_>, service: &Service, exchange: &'a Exchange, state: State) -> Ringing<'a> {
    app.run(&format!("await sdk.offerCall('sipcall', '{NUMBER}')"));
    app.event("RINGBACK_EVENT", json!({"callee": NUMBER}));
    let mut there = exchange.rings();
    let is = |state: &str| service.calls().iter().any(|call| call["state"] == state);
    match state {
        State::Dialling => {}
        State::Ringing => {
            there.respond(180, "");
            service.until("it rings", || is("ringing"));
        }
        State::EarlyMedia => {
            there.respond_with_sdp(183);
            there.says(900.0);
            app.wait_for_tones(&[900.0]);
        }
        State::Talking => {
            there.respond(180, "");
            there.answers();
            app.event("CONNECTED_EVENT", json!({"user_id": NUMBER}));
        }
    }
    there
}

/// The telephone is told that it is over, and the record says that it was the app.
fn is_let_go(there: &Ringing<'_>, service: &Service, state: State) {
    let reason = if state == State::Talking {
        there.is_hung_up();
        "app_left"
    } else {
        there.is_cancelled();
        "cancelled"
    };
    assert_eq!(service.last_reason(), reason, "{state:?}");
}

/// The app is told that the telephone has gone, and goes too; else the service lets it go after five seconds.
fn is_told(app: &Tab<'_>) {
    app.event("LEAVE_EVENT", json!({}));
    app.run("await sdk.leave()");
}

/// The SDK's session ends with its call; the app has another one then.
fn is_over(app: &Tab<'_>, service: &Service) {
    app.event("close", json!({}));
    service.assert_nothing_is_left();
    app.run("await sdk.createSession('ann')");
}

fn an_app_leaves_in_any_state(sdk: Sdk) {
    let (browser, exchange) = (Browser::take(), Exchange::new());
    let service = Service::start(&exchange.of(""));
    let app = browser.app(&service, sdk, "ann");
    for state in STATES {
        let there = calls(&app, &service, &exchange, state);
        app.run("await sdk.leave()");
        is_let_go(&there, &service, state);
        is_over(&app, &service);
    }
    assert_eq!(service.calls().len(), STATES.len());
}

#[test]
fn an_app_on_the_typescript_sdk_leaves_in_any_state_and_the_telephone_rings_or_talks_no_more() {
    an_app_leaves_in_any_state(Sdk::TypeScript);
}

#[test]
fn an_app_on_the_react_native_sdk_leaves_in_any_state_and_the_telephone_rings_or_talks_no_more() {
    an_app_leaves_in_any_state(Sdk::ReactNative);
}

fn a_tab_is_closed_in_any_state(sdk: Sdk) {
    let (browser, exchange) = (Browser::take(), Exchange::new());
    let service = Service::start(&exchange.of(""));
    for state in STATES {
        let app = browser.app(&service, sdk, "ann");
        let there = calls(&app, &service, &exchange, state);
        app.close();
        is_let_go(&there, &service, state);
        service.assert_nothing_is_left();
    }
}

#[test]
fn the_tab_of_an_app_on_the_typescript_sdk_is_closed_in_any_state_and_the_telephone_is_let_go() {
    a_tab_is_closed_in_any_state(Sdk::TypeScript);
}

#[test]
fn the_tab_of_an_app_on_the_react_native_sdk_is_closed_in_any_state_and_the_telephone_is_let_go() {
    a_tab_is_closed_in_any_state(Sdk::ReactNative);
}

/// Whoever is first is the one who hung up; what the other one says then changes nothing.
fn both_hang_up_at_once(sdk: Sdk) {
    let (browser, exchange) = (Browser::take(), Exchange::new());
    let service = Service::start(&exchange.of(""));
    let app = browser.app(&service, sdk, "ann");
    let ended = |reason| {
        assert_eq!(service.last_reason(), reason);
        is_over(&app, &service);
    };

    // The CANCEL crosses the answer: it is acknowledged, and ended by BYE.
    let there = calls(&app, &service, &exchange, State::Ringing);
    app.run("await sdk.leave()");
    there.takes(&exchange, "CANCEL");
    there.answers();
    there.is_hung_up();
    ended("cancelled");

    // It crosses a refusal.
    let there = calls(&app, &service, &exchange, State::Ringing);
    app.run("await sdk.leave()");
    there.takes(&exchange, "CANCEL");
    there.refuses(486, "");
    ended("cancelled");

    // The BYE crosses theirs.
    let there = calls(&app, &service, &exchange, State::Talking);
    app.run("await sdk.leave()");
    there.hangs_up_too();
    ended("app_left");

    // The telephone's BYE comes right behind its answer, before the ACK.
    let there = calls(&app, &service, &exchange, State::Ringing);
    there.respond_with_sdp(200);
    there.hangs_up();
    is_told(&app);
    ended("callee_hung_up");

    let there = calls(&app, &service, &exchange, State::Talking);
    there.hangs_up();
    is_told(&app);
    ended("callee_hung_up");
}

#[test]
fn an_app_on_the_typescript_sdk_and_a_telephone_hang_up_at_once_and_nothing_is_left() {
    both_hang_up_at_once(Sdk::TypeScript);
}

#[test]
fn an_app_on_the_react_native_sdk_and_a_telephone_hang_up_at_once_and_nothing_is_left() {
    both_hang_up_at_once(Sdk::ReactNative);
}

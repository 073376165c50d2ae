//! A panic in each kind of part: the service says which, and ends or goes on as is written.

use crate::app::App;
use crate::harness::{Phone, Service};
use crate::receiver::Receiver;
use serde_json::json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// Something for every part to do: a telephone calls a room, where an app is, and is recorded.
fn stir(service: &Service) -> (App, Phone) {
    let mut app = App::sign_in(service, "ann");
    let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
    let made = app.request("MAKE_SIPNUM", json!({"room_id": room}));
    let digits = made["call_number"].as_str().unwrap().to_owned();
    let phone = service.phone("07012345678", &["--digits", &digits, "--for", "3"]);
    app.request("JOIN_ROOM", json!({"room_id": room}));
    (app, phone)
}

/// To its end.
fn stir_to_the_end(service: &Service) {
    let (mut app, phone) = stir(service);
    phone.report();
    app.request("LEAVE", json!({}));
}

fn settings(receiver: &Receiver) -> String {
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let events = "webhook.events = [\"recording_completed\", \"participant_joined\", \"participant_left\"]\n";
    format!("recording.min_free_mib = 1\n{settings}{events}")
}

#[test]
fn a_part_that_cannot_begin_anew_ends_the_service_by_name() {
    for part in [
        "rooms",
        "media-0",
        "gateway",
        "http",
        "events",
        "recording-writer",
        "recording-events",
        "recording-keeper",
        "recording-sync",
        "recording-notes",
    ] {
        let receiver = Receiver::start();
        let mut service = Service::with_a_panic_in(part, &settings(&receiver));
        let stirred = stir(&service);
        service.until("it is recorded", || {
            service.metric("omnigate_recordings_active") == 1.0
        });
        service.panic_now();
        // A recording ends, somebody comes: each part has its turn.
        drop(stirred);
        // Not all of it can be done any more.
        let again = catch_unwind(AssertUnwindSafe(|| stir(&service)));
        let ended = service.wait(Duration::from_secs(60));
        drop(again);
        assert_eq!(ended, Some(1), "{part}: {}", service.log());
        let log = service.log();
        let named = format!("`{part}` has ended: a test wants `{part}` to panic");
        assert!(log.contains(&named), "{part}: {log}");
    }
}

#[test]
fn a_part_that_can_begin_anew_does_and_its_work_is_done() {
    let receiver = Receiver::start();
    let service = Service::with_a_panic_in("deliverer", &settings(&receiver));
    service.panic_now();
    stir_to_the_end(&service);
    let told = receiver.wait_for(3);
    assert!(
        told.iter()
            .any(|post| post.json()["event"] == "participant_joined")
    );
    service.until("it has panicked", || service.has_panicked());
    assert!(service.log().contains("a part has ended; it is started again"));

    // A recording whose files could not be made is tried again, and others are not kept from it.
    let receiver = Receiver::start();
    let service = Service::with_a_panic_in("recording-finish-one", &settings(&receiver));
    service.panic_now();
    stir_to_the_end(&service);
    service.until("it has panicked", || service.has_panicked());
    service.until("the failure is counted", || {
        service.metric("omnigate_recording_finish_failures_total") == 1.0
    });
    stir_to_the_end(&service);
    service.until("the next one is finished", || {
        service.metric("omnigate_recordings_finished_total") == 1.0
    });
}

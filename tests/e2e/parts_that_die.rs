//! A panic in each kind of part: the service says which, and ends or goes on as is written.

use crate::app::App;
use crate::harness::Service;
use crate::receiver::Receiver;
use serde_json::json;
use std::time::Duration;

/// Something for every part to do: a telephone calls and is recorded, an app comes and goes.
fn stir(service: &Service) {
    // Whatever has died in between is not this test's concern.
    let stirred = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut app = App::sign_in(service, "ann");
        let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
        let made = app.request("MAKE_SIPNUM", json!({"room_id": room}));
        let digits = made["call_number"].as_str().unwrap().to_owned();
        let phone = service.phone("07012345678", &["--digits", &digits, "--for", "3"]);
        app.request("JOIN_ROOM", json!({"room_id": room}));
        drop(phone.report());
        app.request("LEAVE", json!({}));
    }));
    drop(stirred);
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
    ] {
        let receiver = Receiver::start();
        let mut service = Service::with_a_panic_in(part, &settings(&receiver));
        service.panic_now();
        stir(&service);
        assert_eq!(
            service.wait(Duration::from_secs(15)),
            Some(1),
            "{part}: {}",
            service.log()
        );
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
    stir(&service);
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
    stir(&service);
    service.until("it has panicked", || service.has_panicked());
    service.until("the failure is counted", || {
        service.metric("omnigate_recording_finish_failures_total") == 1.0
    });
    stir(&service);
    service.until("the next one is finished", || {
        service.metric("omnigate_recordings_finished_total") == 1.0
    });
}

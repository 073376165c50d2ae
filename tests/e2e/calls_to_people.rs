//! What becomes of a call to a personal number, by the signaling that apps see.

use crate::app::App;
use crate::harness::Service;
use serde_json::json;

fn english() -> Service {
    Service::start("ivr.language = \"en\"\nivr.ring_seconds = 3\nmedia.rtp_timeout_seconds = 2\n")
}

#[test]
fn an_app_that_declines_ends_the_call_after_an_announcement() {
    let service = english();
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let phone = service.phone(
        "07012345678",
        &["--digits", &number, "--for", "20", "--from", "01099998888"],
    );
    let ringing = app.wait_for("WS_RINGING_NOTI");
    assert_eq!(ringing["caller"], "01099998888");
    assert_eq!(ringing["callee"], "bob");
    assert_eq!(ringing["room_type"], "sipcall");
    assert_eq!(app.wait_for("WS_RINGBACK_NOTI")["caller"], "01099998888");
    assert_eq!(app.request("LEAVE", json!({}))["result"], "success");
    assert_eq!(app.wait_closed(), Some(1000));
    let report = phone.report();
    assert_eq!(report["end"], "remote_hung_up", "{report}");
    assert!(
        report["reason"].as_str().unwrap().contains("declined"),
        "{report}"
    );
    assert_eq!(service.last_reason(), "declined");
}

#[test]
fn an_app_that_does_not_answer_hears_of_the_end_and_so_does_the_caller() {
    let service = english();
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let phone = service.phone("07012345678", &["--digits", &number, "--for", "20"]);
    app.wait_for("WS_RINGING_NOTI");
    app.wait_for("WS_LEAVE_NOTI");
    assert!(phone.report()["reason"].as_str().unwrap().contains("no_answer"));
    assert_eq!(service.last_reason(), "no_answer");
}

#[test]
fn a_person_in_another_call_is_busy() {
    let service = english();
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let first = service.phone("07012345678", &["--digits", &number, "--for", "20"]);
    app.wait_for("WS_RINGING_NOTI");
    let second = service.phone("07012345678", &["--digits", &number, "--for", "20"]);
    assert!(second.report()["reason"].as_str().unwrap().contains("busy"));
    first.hang_up();
    app.wait_for("WS_LEAVE_NOTI");
    assert_eq!(first.report()["end"], "hung_up");
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let service = english();
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let phone = service.phone("07012345678", &["--digits", &number, "--for", "20"]);
    let ringing = app.wait_for("WS_RINGING_NOTI");
    phone.hang_up();
    assert_eq!(app.wait_for("WS_LEAVE_NOTI")["session"], ringing["session"]);
    assert_eq!(phone.report()["end"], "hung_up");
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn a_caller_who_vanishes_while_it_rings_is_noticed() {
    let service = Service::start("ivr.ring_seconds = 30\nmedia.rtp_timeout_seconds = 2\n");
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let mut phone = service.phone("07012345678", &["--digits", &number, "--for", "60"]);
    app.wait_for("WS_RINGING_NOTI");
    phone.vanish();
    app.wait_for("WS_LEAVE_NOTI");
    assert_eq!(service.last_reason(), "no_media");
}

#[test]
fn an_app_whose_socket_ends_while_it_rings_makes_the_person_unavailable() {
    let service = english();
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let phone = service.phone("07012345678", &["--digits", &number, "--for", "20"]);
    app.wait_for("WS_RINGING_NOTI");
    drop(app);
    assert!(phone.report()["reason"].as_str().unwrap().contains("unavailable"));
}

#[test]
fn a_caller_enters_a_room_at_once_and_the_others_are_told() {
    let service = english();
    let mut app = App::sign_in(&service, "ann");
    let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let number = app.request("MAKE_SIPNUM", json!({"room_id": room}))["call_number"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        app.request("JOIN_ROOM", json!({"room_id": room}))["call_number"],
        number.as_str()
    );
    let phone = service.phone(
        "07012345678",
        &["--digits", &number, "--for", "20", "--from", "01099998888"],
    );
    let connected = app.wait_for("WS_CALL_CONNECTED_NOTI");
    assert_eq!(
        (&connected["user_id"], &connected["call_type"]),
        (&json!("01099998888"), &json!("sipcall"))
    );
    let list = app.request("PARTI_LIST", json!({}));
    assert_eq!(list["count"], 1);
    assert_eq!(list["list"][0]["user_name"], "01099998888");
    phone.hang_up();
    assert_eq!(app.wait_for("WS_LEAVE_NOTI")["session"], connected["session"]);
}

#[test]
fn the_wrong_number_three_times_ends_the_call() {
    let service = Service::start("ivr.language = \"en\"\n");
    // Each later entry is keyed into the announcement of the one before, and counts.
    let report = service
        .phone(
            "07012345678",
            &["--digits", "000001,,000002,,000003", "--for", "40"],
        )
        .report();
    assert!(
        report["reason"].as_str().unwrap().contains("wrong_number"),
        "{report}"
    );
    assert_eq!(service.metric("omnigate_lookups_total{kind=\"unknown\"}"), 3.0);
    assert_eq!(service.last_reason(), "wrong_number");
}

#[test]
fn wrong_entries_count_over_calls_even_when_the_caller_hangs_up_at_once() {
    let service = Service::start("ivr.language = \"en\"\nivr.wrong_per_caller = 3\n");
    for n in 1..=3 {
        let phone = service.phone("07012345678", &["--digits", "000001", "--for", "30"]);
        service.until("an entry is refused", || {
            service.metric("omnigate_lookups_total{kind=\"unknown\"}") >= f64::from(n)
        });
        phone.hang_up();
        phone.report();
    }
    let report = service
        .phone("07012345678", &["--digits", "000001", "--for", "30"])
        .report();
    assert!(
        report["reason"].as_str().unwrap().contains("too_many_guesses"),
        "{report}"
    );
    // Another caller is not concerned.
    let other = service.phone("07012345678", &["--for", "1", "--from", "01011112222"]);
    assert_eq!(other.report()["end"], "hung_up");
}

#[test]
fn a_service_that_ends_lets_calls_finish_and_refuses_new_ones() {
    let mut service = Service::start("shutdown.drain_seconds = 3\n");
    let phone = service.phone("07012345678", &["--for", "30"]);
    service.until("the call is up", || {
        service.calls().iter().any(|c| !c["answered_at"].is_null())
    });
    service.signal("TERM");
    service.until("not ready", || service.get("/readyz").0 == 503);
    let refused = service.phone("07012345678", &[]).report();
    assert_eq!(refused["status"], 503, "{refused}");
    let report = phone.report();
    assert_eq!(report["end"], "remote_hung_up");
    assert!(
        report["reason"].as_str().unwrap().contains("shutdown"),
        "{report}"
    );
    assert_eq!(service.wait(std::time::Duration::from_secs(10)), Some(0));
}

#[test]
fn a_whole_call_at_trace_level_leaves_no_number_digit_or_key_in_the_log() {
    let service = english();
    let mut app = App::sign_in(&service, "bob");
    let number = app.personal_number();
    let phone = service.phone(
        "07012345678",
        &["--digits", &number, "--for", "4", "--from", "01099998888"],
    );
    app.wait_for("WS_RINGING_NOTI");
    phone.report();
    service.last_reason();
    let log = service.log();
    assert!(log.contains("call ended"));
    for secret in [
        number.as_str(),
        "01099998888",
        "07012345678",
        "827012345678",
        "a=fingerprint",
        "a=ice-pwd",
    ] {
        assert!(!log.contains(secret), "the log shows {secret}");
    }
}

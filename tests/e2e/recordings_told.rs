//! Who is told of recordings, calls and participants: webhooks.

use crate::browser::{Browser, Sdk};
use crate::harness::Service;
use crate::receiver::{Post, Receiver, SECRET};
use crate::recordings::{call, room_with_a_phone, running};
use crate::recordings_kept::{omnigate, said};
use serde_json::{Value, json};

#[test]
fn a_webhook_finds_its_receiver_after_failures_and_a_restart_once_and_signed() {
    let receiver = Receiver::start();
    receiver.answers("500 Internal Server Error\r\n");
    let settings = receiver.settings() + "record = \"rooms\"\nwebhook.previous_secret = \"old\"\n";
    let service = Service::start(&format!("recording.min_free_mib = 1\n{settings}"));
    let (_app, _, phone) = room_with_a_phone(&service);
    running(&service);
    phone.hang_up();
    let first = receiver.wait_for(1)[0].clone();
    let service = service.kill_and_restart();
    receiver.answers("200 OK\r\n");
    let posts = receiver.wait_for(2);
    assert_eq!(posts[1].id(), first.id());
    assert_eq!(posts[1].json()["recording_id"], first.json()["recording_id"]);
    assert!(
        posts[1].verified_by(SECRET) && posts[1].verified_by("b2xk"),
        "both secrets sign"
    );
    service.until("it is written down", || {
        service.metric("omnigate_webhooks_pending") == 0.0
    });
    assert_eq!(receiver.posts().len(), 2, "once it is taken it is not sent again");
}

#[test]
fn whoever_may_not_be_called_is_not_called() {
    let receiver = Receiver::start();
    let settings = receiver
        .settings()
        .replace("webhook.allow_private = [\"127.0.0.0/8\"]\n", "");
    let service = Service::start(&format!(
        "recording.min_free_mib = 1\n{settings}record = \"rooms\"\n"
    ));
    let (_app, _, phone) = room_with_a_phone(&service);
    running(&service);
    phone.hang_up();
    service.until("it fails", || {
        service.metric("omnigate_webhooks_failed_total") > 0.0
    });
    assert!(service.log().contains("webhook.allow_private"));
    assert!(receiver.posts().is_empty());
}

#[test]
fn calls_and_participants_are_told_to_those_who_want_it() {
    let browser = Browser::take();
    let receiver = Receiver::start();
    let events = "webhook.events = [\"call_started\", \"call_answered\", \"call_ended\", \"participant_joined\", \"participant_left\"]\n";
    let service = Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\n{}{events}",
        receiver.settings()
    ));
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    let phone = call(&service, &app, 440.0);
    phone.hang_up();
    let told: Vec<Value> = receiver.wait_for(7).iter().map(Post::json).collect();
    let names: Vec<&str> = told.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(names[..2], ["call_started", "call_answered"]);
    assert_eq!(names.iter().filter(|n| **n == "participant_joined").count(), 2);
    assert_eq!(names.iter().filter(|n| **n == "participant_left").count(), 2);
    let ended = told.iter().find(|e| e["event"] == "call_ended").unwrap();
    assert_eq!(
        (&ended["caller"], &ended["callee"], &ended["by_telephone"]),
        (&json!("01099998888"), &json!("bob"), &json!(true))
    );
    assert!(ended["duration"].is_u64() && ended["answered_at"].is_u64());
    assert_eq!(ended["reason"], "caller_hung_up");
    let calls = service.calls();
    let id = &calls[0]["id"];
    for event in &told {
        let of_an_app = event["user_id"] == "bob";
        assert_eq!(event["call_id"] == *id, !of_an_app, "{event}");
    }
}

#[test]
fn what_waits_to_be_told_of_a_deleted_recording_is_withdrawn_and_what_was_told_of_others_may_be_sent_again() {
    let receiver = Receiver::start();
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let service = Service::start(&format!("recording.min_free_mib = 1\n{settings}"));
    let record = |posts: usize| {
        let (_app, _, phone) = room_with_a_phone(&service);
        running(&service);
        phone.hang_up();
        receiver.wait_for(posts)[posts - 1].clone()
    };
    let kept = record(1);
    service.until("it is taken", || {
        service.metric("omnigate_webhooks_pending") == 0.0
    });
    receiver.answers("503 Service Unavailable\r\n");
    let deleted = record(2);
    let id = deleted.json()["recording_id"].as_str().unwrap().to_owned();
    assert_eq!(service.delete(&format!("/api/v1/recordings/{id}")).0, 204);
    receiver.answers("200 OK\r\n");
    service.until("it waits no more", || {
        service.metric("omnigate_webhooks_pending") == 0.0
    });
    let list = said(&omnigate(&service, &["webhook", "list"]));
    let line = |post: &Post| {
        let mut lines = list.lines();
        lines.find(|line| line.starts_with(post.id())).unwrap().to_owned()
    };
    assert!(line(&deleted).contains("withdrawn"), "{list}");
    assert!(line(&kept).contains("delivered"), "{list}");

    // It would have been tried again 5 s after its failure. What is sent again comes within a minute.
    let again = omnigate(&service, &["webhook", "replay", deleted.id()]);
    assert!(
        !again.status.success() && said(&again).contains("forgotten"),
        "{}",
        said(&again)
    );
    let again = omnigate(&service, &["webhook", "replay", kept.id()]);
    assert!(again.status.success(), "{}", said(&again));
    let posts = receiver.wait_for(3);
    assert_eq!(posts[2].id(), kept.id());
    service.until("it is written down", || {
        service.metric("omnigate_webhooks_pending") == 0.0
    });
    assert_eq!(receiver.posts().len(), 3);
}

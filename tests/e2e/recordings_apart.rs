//! Nobody's recordings harm another's: what fails is set aside, what is shared is kept once, what is not ours is left alone.

use crate::harness::{Service, request};
use crate::receiver::Receiver;
use crate::recordings::{api, captured, room_with_a_phone, running};
use crate::recordings_kept::{omnigate, said};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

const EVENTS: &str = "record = \"rooms\"\nwebhook.events = [\"recording_completed\", \"recording_failed\"]\n";

fn service(receiver: &Receiver) -> Service {
    let settings = receiver.settings() + EVENTS;
    Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\n{settings}"
    ))
}

#[test]
fn a_capture_that_ends_the_process_again_and_again_is_set_aside_until_somebody_asks_for_another_try() {
    let receiver = Receiver::start();
    let service = service(&receiver);
    let (_app, _, mut phone) = room_with_a_phone(&service);
    let id = running(&service);
    captured(&service, 2);
    // As three processes leave it that ended while they made its files.
    let folder = service.dir.join("data/recordings").join(&id);
    std::fs::write(folder.join("tries"), "3").unwrap();
    std::fs::write(folder.join("mix.wav.part"), "what they had so far").unwrap();
    for foreign in ["lost+found", "captures/lost+found", "captures/deep.ogg"] {
        std::fs::create_dir_all(folder.parent().unwrap().join(foreign)).unwrap();
    }
    let service = service.kill_and_restart();
    phone.vanish();
    let told = receiver.wait_for(1)[0].json();
    assert_eq!(
        (&told["event"], &told["recording_id"], &told["tries"]),
        (&json!("recording_failed"), &json!(id), &json!(3))
    );
    assert!(told["reason"].as_str().unwrap().contains("ended the process"));
    let path = format!("/api/v1/recordings/{id}");
    let shown = api(&service, &path);
    assert_eq!((&shown["state"], &shown["files"]), (&json!("failed"), &json!([])));
    assert!(
        shown["failure"]["reason"]
            .as_str()
            .unwrap()
            .contains("ended the process")
    );
    assert_eq!(service.metric("omnigate_recordings_failed_total"), 1.0);
    assert!(folder.join("capture.ogg").exists() && !folder.join("mix.wav.part").exists());
    let listed = said(&omnigate(&service, &["recording", "list"]));
    assert!(listed.contains("failed: "), "{listed}");
    // It is not tried again by itself, whatever happens to the process.
    let service = service.kill_and_restart();
    assert_eq!(api(&service, &path)["state"], "failed");
    let done = omnigate(&service, &["recording", "retry", &id]);
    assert!(done.status.success(), "{}", said(&done));
    let told = receiver.wait_for(2)[1].json();
    assert_eq!(
        (&told["event"], &told["end_reason"]),
        (&json!("recording_completed"), &json!("crash"))
    );
    assert!(told["duration"].as_f64().unwrap() > 0.5);
    assert_eq!(api(&service, &path)["state"], "finished");
    assert_eq!(
        request(
            service.http,
            "POST",
            &format!("{path}/retry"),
            &[("Authorization", &service.bearer())],
        )
        .0,
        409
    );
    assert!(!omnigate(&service, &["recording", "retry", &id]).status.success());
    assert_eq!(receiver.posts().len(), 2);
}

#[test]
fn recordings_of_one_room_that_end_together_share_their_files_and_each_is_told_its_part() {
    let receiver = Receiver::start();
    let service = service(&receiver);
    let (mut app, room, phone) = room_with_a_phone(&service);
    running(&service);
    app.request("JOIN_ROOM", json!({"room_id": room}));
    captured(&service, 2);
    let start = json!({"action": "start", "track": "audio"});
    assert_eq!(app.request("RECORDING", start)["result"], "success");
    captured(&service, 2);
    let stop = json!({"action": "stop", "track": "audio"});
    assert_eq!(app.request("RECORDING", stop)["result"], "success");
    captured(&service, 1);
    app.request("LEAVE", json!({}));
    phone.hang_up();
    let told: Vec<Value> = receiver.wait_for(2).iter().map(|post| post.json()).collect();
    let asked = told.iter().find(|told| told["end_reason"] == "stop").unwrap();
    let policy = told.iter().find(|told| told["end_reason"] != "stop").unwrap();
    assert_eq!(asked["file"]["sha256"], policy["file"]["sha256"]);
    let (offset, duration) = (
        asked["file"]["offset"].as_f64().unwrap(),
        asked["file"]["duration"].as_f64().unwrap(),
    );
    let whole = policy["file"]["duration"].as_f64().unwrap();
    assert_eq!(policy["file"]["offset"], 0.0);
    assert!(
        offset > 1.0 && duration > 1.5 && offset + duration < whole,
        "{offset} {duration} {whole}"
    );
    assert_eq!(asked["duration"].as_f64(), Some(duration));
    let ids: Vec<&str> = [policy, asked]
        .iter()
        .map(|told| told["recording_id"].as_str().unwrap())
        .collect();
    let inode = |id: &str| {
        let path = service.dir.join("data/recordings").join(id).join("mix.wav");
        std::fs::metadata(path).unwrap().ino()
    };
    assert_eq!(inode(ids[0]), inode(ids[1]), "it is on the disk once");
    let shown = api(&service, &format!("/api/v1/recordings/{}", ids[1]));
    assert_eq!(shown["files"][0]["offset"].as_f64(), Some(offset));
    assert_eq!(shown["duration"].as_f64(), Some(duration));
    // Whichever is deleted, the other one has its files.
    let deleted = request(
        service.http,
        "DELETE",
        &format!("/api/v1/recordings/{}", ids[0]),
        &[("Authorization", &service.bearer())],
    );
    assert_eq!(deleted.0, 204);
    let path = format!("/api/v1/recordings/{}/file?format=wav", ids[1]);
    let (status, head, bytes) = service.fetch(&path, &[]);
    assert_eq!(
        (status, bytes.len() as u64),
        (200, asked["file"]["size"].as_u64().unwrap())
    );
    let head = head.to_lowercase();
    assert!(head.contains("cache-control: no-store") && head.contains("x-content-type-options: nosniff"));
    assert!(omnigate(&service, &["recording", "verify"]).status.success());
    service.until_within("nothing waits", Duration::from_secs(10), || {
        service.metric("omnigate_recordings_waiting") == 0.0
    });
}

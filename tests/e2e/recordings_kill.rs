//! The service is killed in the middle of twenty recordings, at moments that nobody chose, again and again.

use crate::app::App;
use crate::audio::tone;
use crate::harness::{Phone, Service};
use crate::receiver::Receiver;
use crate::recordings::decoded;
use age::secrecy::ExposeSecret;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const RECORDINGS: usize = 20;
const KILLS: usize = 20;
const ENCRYPTED_KILLS: usize = 5;
/// What a kill may cost.
const MOST_LOST: f64 = 2.0;

/// Twenty rooms with a phone each, all recorded by policy.
fn twenty(service: &Service) -> (App, Vec<Phone>) {
    let mut app = App::sign_in(service, "ann");
    let says = service.dir.join("says.wav");
    omnigate_audio::wav::write(&says, &tone(440.0, 60.0), 8_000).unwrap();
    let phones = (0..RECORDINGS).map(|n| {
        let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"].clone();
        let number = app.request("MAKE_SIPNUM", json!({"room_id": room}))["call_number"]
            .as_str()
            .unwrap()
            .to_owned();
        let from = format!("010999{n:05}");
        service.phone(
            "07012345678",
            &[
                "--digits",
                &number,
                "--for",
                "60",
                "--from",
                &from,
                "--say",
                says.to_str().unwrap(),
            ],
        )
    });
    let phones = phones.collect();
    (app, phones)
}

fn list(service: &Service) -> Vec<Value> {
    let (_, body) = service.get("/api/v1/recordings?limit=500");
    let list: Value = serde_json::from_str(&body).unwrap();
    list["recordings"].as_array().unwrap().clone()
}

#[test]
fn after_each_kill_every_recording_is_finished_playable_and_told_once() {
    kill(KILLS, "", &|_| {});
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let below = |entry: std::fs::DirEntry| match entry.path() {
        path if path.is_dir() => files(&path),
        path => vec![path],
    };
    entries.flat_map(below).collect()
}

#[test]
fn encrypted_recordings_survive_each_kill_and_are_never_plain_on_the_disk() {
    let key = age::x25519::Identity::generate()
        .to_string()
        .expose_secret()
        .to_owned();
    kill(
        ENCRYPTED_KILLS,
        &format!("recording.key = \"{key}\""),
        &|service| {
            let all = files(&service.dir.join("data/recordings"));
            let captures = all
                .iter()
                .filter(|path| path.extension().is_some_and(|e| e == "ogg"));
            assert!(captures.count() >= RECORDINGS, "captures are being written");
            for path in all {
                // One that was just renamed or removed is looked at under its other name, or another time.
                let Ok(bytes) = std::fs::read(&path) else { continue };
                for plain in [&b"OmniCap1"[..], b"OggS", b"RIFF", b"OpusHead"] {
                    let found = bytes.windows(plain.len()).any(|some| some == plain);
                    assert!(
                        !found,
                        "{} holds {}",
                        path.display(),
                        String::from_utf8_lossy(plain)
                    );
                }
            }
        },
    );
}

/// Kills a service with these settings so often, each time after `looking` at it.
fn kill(kills: usize, extra: &str, looking: &dyn Fn(&Service)) {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let receiver = Receiver::start();
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let mut service = Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\n{extra}\n{settings}"
    ));
    let mut known = BTreeSet::new();
    for kill in 0..kills {
        let (_app, mut phones) = twenty(&service);
        let mut started = Instant::now();
        service.until("all are recorded", || {
            let asked = Instant::now();
            let active = service.metric("omnigate_recordings_active");
            if active == 0.0 {
                started = asked;
            }
            active as usize == RECORDINGS
        });
        let all_run = Instant::now();
        // Now and then at once: what counts as running is on the disk.
        if kill % 5 != 0 {
            std::thread::sleep(Duration::from_millis(rng.random_range(0..2_500)));
        }
        looking(&service);
        let at_least = all_run.elapsed().as_secs_f64();
        let (again, dead) = service.kill_and_restart_at();
        service = again;
        let at_most = dead.saturating_duration_since(started).as_secs_f64();
        phones.iter_mut().for_each(Phone::vanish);
        receiver.wait_for(RECORDINGS * (kill + 1));
        let new: Vec<Value> = list(&service)
            .into_iter()
            .filter(|one| known.insert(one["recording_id"].as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(new.len(), RECORDINGS, "kill {kill}");
        for one in &new {
            let id = one["recording_id"].as_str().unwrap();
            assert_eq!(
                (&one["state"], &one["end_reason"]),
                (&json!("finished"), &json!("crash")),
                "{id}"
            );
            let length = one["duration"].as_f64().unwrap();
            assert!(
                length >= at_least - MOST_LOST && length <= at_most + 0.5,
                "kill {kill}: {length} s of {at_least} to {at_most} s"
            );
        }
        // One of them by ear: ffmpeg and sox.
        let one = &new[kill % RECORDINGS];
        let id = one["recording_id"].as_str().unwrap();
        for format in ["wav", "opus"] {
            let (status, _, bytes) =
                service.fetch(&format!("/api/v1/recordings/{id}/file?format={format}"), &[]);
            assert_eq!(status, 200);
            let path = service.dir.join(format!("one.{format}"));
            std::fs::write(&path, bytes).unwrap();
            let pcm = decoded(&path, 1).remove(0);
            let length = one["duration"].as_f64().unwrap();
            assert!((pcm.len() as f64 / 48_000.0 - length).abs() < 0.001);
            if format == "wav" {
                assert!(
                    Command::new("sox")
                        .arg(&path)
                        .args(["-n", "stat"])
                        .output()
                        .unwrap()
                        .status
                        .success()
                );
            }
        }
    }
    // Nobody was told twice.
    service.until("nothing waits", || {
        service.metric("omnigate_webhooks_pending") == 0.0
    });
    let told: Vec<String> = receiver
        .posts()
        .iter()
        .map(|p| p.json()["recording_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told.len(), RECORDINGS * kills);
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), known);
}

//! Recordings by the published SDKs, by policy and over the API: what is in the files.

use crate::app::App;
use crate::audio::{level_at, pesq, speech, tone};
use crate::browser::{Browser, Sdk, Tab};
use crate::harness::{Phone, Service, conforms, fetch};
use crate::receiver::{Post, Receiver, SECRET};
use omnigate_audio::resample::resample_all;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const TRUNK: &str = "07012345678";

/// Settings beside those of the receiver's service.
fn service(receiver: &Receiver, extra: &str) -> Service {
    Service::start(&format!(
        "ivr.language = \"en\"\nivr.ring_seconds = 30\nrecording.min_free_mib = 1\n{extra}\n{}",
        receiver.settings()
    ))
}

/// A phone that says a tone.
pub fn dial(service: &Service, number: &str, from: &str, hertz: f64) -> Phone {
    let says = service.dir.join(format!("{from}.wav"));
    let hears = service.dir.join(format!("{from}-hears.wav"));
    omnigate_audio::wav::write(&says, &tone(hertz, 60.0), 8_000).unwrap();
    let (say, hear) = (says.to_str().unwrap(), hears.to_str().unwrap());
    service.phone(
        TRUNK,
        &[
            "--digits", number, "--for", "100", "--from", from, "--say", say, "--hear", hear,
        ],
    )
}

/// A phone in a call with `app`.
pub fn call(service: &Service, app: &Tab<'_>, hertz: f64) -> Phone {
    let phone = dial(service, &app.sip_number(None), "01099998888", hertz);
    app.event("RINGING_EVENT", json!({}));
    app.run("await sdk.answerCall()");
    app.event("CONNECTED_EVENT", json!({}));
    app.wait_for_tones(&[hertz]);
    phone
}

/// A file that a webhook names: its bytes, compared with what the webhook says.
pub fn file(service: &Service, post: &Post, file: &Value) -> Vec<u8> {
    let url = file["url"].as_str().unwrap();
    let prefix = format!("http://{}", service.http);
    let path = url
        .strip_prefix("http://127.0.0.1:0")
        .or(url.strip_prefix(&prefix))
        .unwrap();
    let (status, _, bytes) = fetch(service.http, path, &[]);
    assert_eq!(status, 200, "{post:?}");
    assert_eq!(bytes.len() as u64, file["size"].as_u64().unwrap());
    let sum = Command::new("sha256sum")
        .arg(write(service, "file", &bytes))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&sum.stdout).starts_with(file["sha256"].as_str().unwrap()));
    bytes
}

pub fn write(service: &Service, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = service.dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Samples of each channel, by ffmpeg, at 48 kHz.
pub fn decoded(path: &Path, channels: usize) -> Vec<Vec<i16>> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "s16le", "-ar", "48000", "-"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all: Vec<i16> = out
        .stdout
        .chunks_exact(2)
        .map(|b| i16::from_le_bytes([b[0], b[1]]))
        .collect();
    (0..channels)
        .map(|c| all.iter().skip(c).step_by(channels).copied().collect())
        .collect()
}

pub fn seconds(pcm: &[i16]) -> f64 {
    pcm.len() as f64 / 48_000.0
}

/// Level of a tone in a part of a recording, in dB.
fn level(pcm: &[i16], from: f64, to: f64, hertz: f64) -> f64 {
    level_at(
        &pcm[(from * 48_000.0) as usize..(to * 48_000.0) as usize],
        48_000,
        hertz,
    )
}

pub fn holds(pcm: &[i16], from: f64, to: f64, tones: &[f64], others: &[f64]) {
    for hertz in tones {
        let level = level(pcm, from, to, *hertz);
        assert!(level > -30.0, "{hertz} Hz at {level:.0} dB");
    }
    for hertz in others {
        let level = level(pcm, from, to, *hertz);
        assert!(
            level < -55.0,
            "{hertz} Hz at {level:.0} dB, and should not be there"
        );
    }
}

pub fn api(service: &Service, path: &str) -> Value {
    let (status, body) = service.get(path);
    assert_eq!(status, 200, "{body}");
    conforms("GET", path, status, &body);
    serde_json::from_str(&body).unwrap()
}

/// A call of a phone (440 Hz) and an app (1000 Hz), which records three seconds of it.
fn an_app_records_a_call(sdk: Sdk) {
    let browser = Browser::take();
    let receiver = Receiver::start();
    let service = service(&receiver, "recording.content = \"sides\"");
    let app = browser.app(&service, sdk, "bob");
    app.tone(1_000.0);
    let phone = call(&service, &app, 440.0);
    app.run("await sdk.recordingStart()");
    app.listen(3.0);
    if matches!(sdk, Sdk::TypeScript) {
        app.run("await sdk.recordingStop()");
    } else {
        // Rejected by the SDK itself, and sent all the same: as another start (11.2).
        app.refusal("await sdk.recordingStop()");
    }
    let post = receiver.wait_for(1)[0].clone();
    assert!(post.verified_by(SECRET) && !post.verified_by("whsec_AAAA"));
    assert_eq!(post.path, "/hook");
    let told = post.json();
    assert_eq!(told["event"], "recording_completed");
    assert_eq!(
        (&told["service_id"], &told["end_reason"]),
        (&json!("demo"), &json!("stop"))
    );
    assert_eq!(
        (&told["caller"], &told["callee"]),
        (&json!("01099998888"), &json!("bob"))
    );
    assert_eq!(
        (&told["user_id"], &told["call_type"], &told["room_type"]),
        (&json!("bob"), &json!("sipcall"), &json!("sipcall"))
    );
    assert_eq!(
        (&told["file"]["format"], &told["file"]["channels"]),
        (&json!("wav"), &json!(2))
    );
    let wav = write(&service, "a.wav", &file(&service, &post, &told["file"]));
    let sides = decoded(&wav, 2);
    let length = seconds(&sides[0]);
    assert!((length - told["duration"].as_f64().unwrap()).abs() < 0.001);
    assert!((2.9..4.5).contains(&length), "{length}");
    holds(&sides[0], 0.1, length - 0.1, &[440.0], &[1_000.0]);
    holds(&sides[1], 0.1, length - 0.1, &[1_000.0], &[440.0]);
    // Kept as Opus, of the same length.
    let kept = &told["files"][0];
    assert_eq!(kept["format"], "opus");
    let opus = write(&service, "a.opus", &file(&service, &post, kept));
    assert!((seconds(&decoded(&opus, 2)[1]) - length).abs() < 0.001);
    let soxi = Command::new("soxi").arg("-D").arg(&wav).output().unwrap();
    let by_sox: f64 = String::from_utf8_lossy(&soxi.stdout).trim().parse().unwrap();
    assert!((by_sox - length).abs() < 0.001);
    let id = told["recording_id"].as_str().unwrap();
    let shown = api(&service, &format!("/api/v1/recordings/{id}"));
    for who in shown["participants"].as_array().unwrap() {
        assert_eq!(who["telephone"], who["user_id"] != "bob", "{who}");
    }
    phone.hang_up();
}

#[test]
fn recording_start_and_stop_on_the_typescript_sdk_make_a_file_with_a_channel_a_side() {
    an_app_records_a_call(Sdk::TypeScript);
}

#[test]
fn recording_start_and_stop_on_the_react_native_sdk_make_a_file_with_a_channel_a_side() {
    an_app_records_a_call(Sdk::ReactNative);
}

#[test]
fn each_side_of_a_recording_sounds_as_the_other_one_heard_it() {
    let browser = Browser::alone();
    let receiver = Receiver::start();
    let service = service(&receiver, "recording.content = \"sides\"");
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    let clip = speech(8_000);
    let mut says = Vec::new();
    for _ in 0..6 {
        says.extend_from_slice(&clip);
        says.resize(says.len() + 8_000, 0);
    }
    let wav = service.dir.join("says.wav");
    let hears = service.dir.join("hears.wav");
    omnigate_audio::wav::write(&wav, &says, 8_000).unwrap();
    let number = app.sip_number(None);
    let phone = service.phone(
        TRUNK,
        &[
            "--digits",
            &number,
            "--for",
            "100",
            "--say",
            wav.to_str().unwrap(),
            "--hear",
            hears.to_str().unwrap(),
        ],
    );
    app.event("RINGING_EVENT", json!({}));
    app.run("await sdk.answerCall()");
    app.event("CONNECTED_EVENT", json!({}));
    app.run("await sdk.recordingStart()");
    let bytes: Vec<u8> = speech(48_000).iter().flat_map(|s| s.to_le_bytes()).collect();
    app.speak(&bytes);
    // Twice as long as what is repeated: a whole clip is in there wherever it begins.
    let by_app = app.listen(2.0 * (clip.len() as f64 / 8_000.0 + 1.0));
    app.run("await sdk.recordingStop()");
    phone.hang_up();
    phone.report();
    let by_phone = omnigate_audio::wav::read(&hears, 8_000).unwrap();
    let post = receiver.wait_for(1)[0].clone();
    let wav = write(&service, "a.wav", &file(&service, &post, &post.json()["file"]));
    let narrow = |pcm: &[i16]| resample_all(pcm, 48_000, 8_000).unwrap();
    let sides = decoded(&wav, 2);
    let score = |name: &str, pcm: &[i16]| pesq(&service.dir, name, pcm, 1);
    for (side, recorded, heard) in [
        ("phone", narrow(&sides[0]), narrow(&by_app)),
        ("app", narrow(&sides[1]), by_phone),
    ] {
        let recorded = score(&format!("{side}-recorded"), &recorded);
        let heard = score(&format!("{side}-heard"), &heard);
        println!("PESQ of the {side}'s side: recorded {recorded:.3}, heard {heard:.3}");
        assert!(
            recorded >= heard - 0.15,
            "{side}: recorded {recorded:.3}, heard {heard:.3}"
        );
    }
}

#[test]
fn a_room_of_two_phones_and_two_browsers_is_recorded_with_a_file_a_participant() {
    let browser = Browser::take();
    let receiver = Receiver::start();
    let service = service(&receiver, "recording.content = \"participants\"");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    ann.tone(600.0);
    bob.tone(1_000.0);
    let room = ann.new_room("audioroom");
    let number = ann.sip_number(Some(&room));
    ann.join(&room);
    bob.join(&room);
    let phones = [
        dial(&service, &number, "01011110000", 440.0),
        dial(&service, &number, "01022220000", 1_500.0),
    ];
    ann.wait_for_tones(&[440.0, 1_000.0, 1_500.0]);
    ann.run("await sdk.recordingStart()");
    bob.run("await sdk.recordingStart()");
    ann.listen(1.5);
    // Muted in the middle third.
    ann.run("await sdk.setMute('audio')");
    ann.listen(1.5);
    ann.run("await sdk.setUnmute('audio')");
    ann.listen(1.5);
    ann.run("await sdk.leave()");
    let told = receiver.wait_for(1)[0].json();
    bob.run("await sdk.leave()");
    let by_bob = receiver.wait_for(2)[1].json();
    assert_eq!(
        (&by_bob["user_id"], &by_bob["end_reason"]),
        (&json!("bob"), &json!("leave"))
    );
    assert!(
        by_bob["duration"].as_f64() > told["duration"].as_f64(),
        "{by_bob} {told}"
    );
    assert_eq!(
        (&told["end_reason"], &told["room_id"]),
        (&json!("leave"), &json!(room))
    );
    let id = told["recording_id"].as_str().unwrap();
    let shown = api(&service, &format!("/api/v1/recordings/{id}"));
    let files = shown["files"].as_array().unwrap();
    let names: Vec<&str> = files.iter().map(|f| f["content"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "mix",
            "mix",
            "participant",
            "participant",
            "participant",
            "participant"
        ]
    );
    let tones = [
        ("ann", 600.0),
        ("bob", 1_000.0),
        ("01011110000", 440.0),
        ("01022220000", 1_500.0),
    ];
    let all = tones.map(|(_, hertz)| hertz);
    for entry in files {
        let name = entry["name"].as_str().unwrap();
        let (status, _, bytes) = service.fetch(&format!("/api/v1/recordings/{id}/files/{name}"), &[]);
        assert_eq!(status, 200);
        let pcm = decoded(&write(&service, name, &bytes), 1).remove(0);
        let length = seconds(&pcm);
        assert!(
            (length - shown["duration"].as_f64().unwrap()).abs() < 0.001,
            "{name}: {length}"
        );
        let whose = shown["participants"]
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["participant"] == entry["participant"]);
        let Some(whose) = whose else {
            holds(&pcm, 0.1, 1.3, &all, &[]);
            holds(&pcm, 1.9, 2.8, &all[1..], &[600.0]);
            continue;
        };
        let (_, own) = tones.iter().find(|(user, _)| whose["user_id"] == *user).unwrap();
        let others: Vec<f64> = all.iter().copied().filter(|hertz| hertz != own).collect();
        holds(&pcm, 0.1, 1.3, &[*own], &others);
        if *own == 600.0 {
            holds(&pcm, 1.9, 2.8, &[], &all);
            holds(&pcm, 3.6, 4.2, &[600.0], &others);
        }
    }
    let muted = &shown["timeline"]["members"];
    let muted: Vec<&Value> = muted
        .as_object()
        .unwrap()
        .values()
        .filter(|m| m["muted"] != json!([]))
        .collect();
    assert_eq!(muted.len(), 1, "one was muted: {muted:?}");
    phones.iter().for_each(Phone::hang_up);
}

#[test]
fn the_sound_of_a_video_room_is_recorded_by_the_typescript_sdk() {
    the_sound_of_a_video_room_is_recorded(Sdk::TypeScript);
}

#[test]
fn the_sound_of_a_video_room_is_recorded_by_the_react_native_sdk() {
    the_sound_of_a_video_room_is_recorded(Sdk::ReactNative);
}

fn the_sound_of_a_video_room_is_recorded(sdk: Sdk) {
    let browser = Browser::take();
    let receiver = Receiver::start();
    let service = service(&receiver, "recording.webhook_format = \"flac\"");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let bob = browser.app(&service, sdk, "bob");
    ann.tone(600.0);
    bob.tone(1_000.0);
    let room = ann.new_room("videoroom");
    ann.join(&room);
    bob.join(&room);
    ann.run("await sdk.publish('own')");
    ann.wait_for_tones(&[1_000.0]);
    bob.run("await sdk.recordingStart()");
    bob.listen(2.0);
    bob.close();
    let post = receiver.wait_for(1)[0].clone();
    let told = post.json();
    assert_eq!(
        (&told["end_reason"], &told["room_type"]),
        (&json!("disconnect"), &json!("videoroom"))
    );
    assert_eq!(
        (&told["file"]["format"], &told["file"]["sample_rate"]),
        (&json!("flac"), &json!(48_000))
    );
    let flac = write(&service, "a.flac", &file(&service, &post, &told["file"]));
    holds(&decoded(&flac, 1)[0], 0.1, 1.9, &[600.0, 1_000.0], &[]);
}

/// A room by an app without media, with a phone in it.
pub fn room_with_a_phone(service: &Service) -> (App, String, Phone) {
    let mut app = App::sign_in(service, "ann");
    let room = app.request("CREATE_ROOM", json!({"room_type": "audioroom"}))["room_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let number = app.request("MAKE_SIPNUM", json!({"room_id": room}))["call_number"]
        .as_str()
        .unwrap()
        .to_owned();
    let phone = dial(service, &number, "01099998888", 440.0);
    (app, room, phone)
}

/// The recording that runs, once it does.
pub fn running(service: &Service) -> String {
    let mut id = String::new();
    service.until("a recording runs", || {
        let list = api(service, "/api/v1/recordings");
        let first = list["recordings"][0].clone();
        id = first["recording_id"].as_str().unwrap_or_default().to_owned();
        first["state"] == "recording"
    });
    id
}

/// Waits until so many seconds more of a phone's sound are captured.
pub fn captured(service: &Service, seconds: u32) {
    /// Fifty packets a second, each with 160 bytes of sound.
    const BYTES: u32 = 50 * 160;
    let so_far = || service.metric("omnigate_recording_captured_bytes_total");
    let enough = so_far() + f64::from(seconds * BYTES);
    service.until("sound is captured", || so_far() >= enough);
}

#[test]
fn a_service_that_records_its_rooms_says_so_and_pauses_over_the_api() {
    let receiver = Receiver::start();
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let service = Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\nrecording.announce = true\nrecording.beep_seconds = 2\n{settings}"
    ));
    let (_app, _, phone) = room_with_a_phone(&service);
    let id = running(&service);
    captured(&service, 1);
    let post = |action: &str| {
        service
            .request("POST", &format!("/api/v1/recordings/{id}/{action}"))
            .0
    };
    let asked = Instant::now();
    assert_eq!(post("pause"), 204);
    let begun = Instant::now();
    assert_eq!(
        api(&service, &format!("/api/v1/recordings/{id}"))["state"],
        "paused"
    );
    // So long is the pause.
    std::thread::sleep(Duration::from_secs(2));
    let least = begun.elapsed().as_secs_f64();
    assert_eq!(post("resume"), 204);
    let most = asked.elapsed().as_secs_f64();
    captured(&service, 3);
    phone.hang_up();
    let told = receiver.wait_for(1)[0].json();
    assert_eq!(
        (&told["end_reason"], &told["user_id"]),
        (&json!("room_closed"), &json!("01099998888"))
    );
    assert_eq!(told["file"]["sample_rate"], 8_000, "telephones alone");
    assert_eq!(post("pause"), 409);
    let shown = api(&service, &format!("/api/v1/recordings/{id}"));
    assert_eq!(shown["by_policy"], true);
    let paused = &shown["timeline"]["paused"][0];
    let (from, to) = (
        paused[0].as_f64().unwrap() / 1e6,
        paused[1].as_f64().unwrap() / 1e6,
    );
    // It takes effect with the next tick of the mixer, 20 ms later at the most where that is on time.
    let pause = to - from;
    assert!(
        (least - 0.1..most + 0.1).contains(&pause),
        "{from} to {to}: not {least} to {most}"
    );
    let (_, _, bytes) = service.fetch(&format!("/api/v1/recordings/{id}/file?format=wav"), &[]);
    let pcm = decoded(&write(&service, "a.wav", &bytes), 1).remove(0);
    holds(&pcm, 0.2, from - 0.1, &[440.0], &[]);
    holds(&pcm, from + 0.1, to - 0.1, &[], &[440.0]);
    holds(&pcm, to + 0.2, to + 1.5, &[440.0], &[]);
    phone.report();
    let heard = omnigate_audio::wav::read(service.dir.join("01099998888-hears.wav"), 8_000).unwrap();
    let beeps = heard
        .chunks(800)
        .filter(|part| level_at(part, 8_000, 1_400.0) > -30.0)
        .count();
    assert!((2..=12).contains(&beeps), "beeps in {beeps} tenths of a second");
}

#[test]
fn the_api_lists_serves_ranges_and_deletes_and_is_not_fooled() {
    let receiver = Receiver::start();
    let settings = receiver.settings() + "[[trunk]]\nname = \"recorded\"\nrecord = [\"audioroom\"]\n";
    let service = Service::start(&format!("recording.min_free_mib = 1\n{settings}"));
    let (_app, room, phone) = room_with_a_phone(&service);
    let id = running(&service);
    let delete = || service.request("DELETE", &format!("/api/v1/recordings/{id}")).0;
    assert_eq!(delete(), 409, "it runs");
    assert_eq!(service.get(&format!("/api/v1/recordings/{id}/file")).0, 409);
    captured(&service, 1);
    phone.hang_up();
    let post = receiver.wait_for(1)[0].clone();
    let list = |query: &str| {
        api(&service, &format!("/api/v1/recordings?{query}"))["recordings"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(list(""), 1);
    assert_eq!(list(&format!("room_id={room}&service_id=demo")), 1);
    assert_eq!(list("room_id=other"), 0);
    assert_eq!(list(&format!("before={id}")), 0);
    for query in ["before=x", "limit=0", "limit=501"] {
        let path = format!("/api/v1/recordings?{query}");
        let (status, body) = service.get(&path);
        assert_eq!(status, 400, "{query}");
        conforms("GET", &path, status, &body);
    }
    let (status, body) = service.get("/api/v1/calls");
    conforms("GET", "/api/v1/calls", status, &body);
    let whole = file(&service, &post, &post.json()["file"]);
    let path = format!("/api/v1/recordings/{id}/file?format=wav");
    for (range, part) in [
        ("bytes=0-3", &whole[..4]),
        ("bytes=-5", &whole[whole.len() - 5..]),
        ("bytes=1000-", &whole[1_000..]),
        ("bytes=5-99999999", &whole[5..]),
    ] {
        let (status, head, bytes) = service.fetch(&path, &[("Range", range)]);
        assert_eq!((status, bytes.as_slice()), (206, part), "{range} {head}");
    }
    let (status, head, _) = service.fetch(&path, &[("Range", "bytes=99999999-")]);
    assert_eq!(status, 416);
    assert!(head.contains(&format!("bytes */{}", whole.len())), "{head}");
    for (path, status) in [
        ("/api/v1/recordings/../../etc/passwd", 404),
        ("/api/v1/recordings/..%2f..%2fetc%2fpasswd", 404),
        (&format!("/api/v1/recordings/{id}/files/..%2fmanifest.json"), 404),
        (&format!("/api/v1/recordings/{id}/files/manifest.json"), 404),
        (&format!("/api/v1/recordings/{}/file", id.to_uppercase()), 404),
        ("/api/v1/recordings/00000000000000000000000000000000", 404),
    ] {
        assert_eq!(service.get(path).0, status, "{path}");
    }
    assert_eq!(delete(), 204);
    assert_eq!(delete(), 404);
    assert_eq!(list(""), 0);
    assert!(!service.dir.join("data/recordings").join(&id).exists());
}

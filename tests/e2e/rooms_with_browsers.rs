//! Phones and apps on the published SDKs in a real browser, by what each of them hears.

use crate::audio::{Way, assert_hears, codecs_only, level_at, pesq, takes, tone};
use crate::browser::{Browser, Sdk, Tab};
use crate::busy::{Seen, Watch, as_good_as_its_codecs};
use crate::harness::{Phone, Service};
use crate::lossy::TcpPath;
use crate::softphone::Softphone;
use omnigate_audio::resample::resample_all;
use serde_json::{Value, json};
use std::path::PathBuf;

const TRUNK: &str = "07012345678";

fn english() -> Service {
    Service::start("ivr.language = \"en\"\nivr.ring_seconds = 30\n")
}

/// A phone that has keyed a number, says something and keeps what it hears.
struct Caller {
    phone: Phone,
    hears: PathBuf,
}

impl Caller {
    /// Says a tone.
    fn dial(service: &Service, from: &str, number: &str, hertz: f64) -> Caller {
        Caller::saying(service, from, number, &tone(hertz, 60.0))
    }

    /// Says `pcm`, at 8 kHz.
    fn saying(service: &Service, from: &str, number: &str, pcm: &[i16]) -> Caller {
        let (says, hears) = (
            service.dir.join(format!("{from}-says.wav")),
            service.dir.join(format!("{from}-hears.wav")),
        );
        omnigate_audio::wav::write(&says, pcm, 8_000).unwrap();
        let (say, hear) = (says.to_str().unwrap(), hears.to_str().unwrap());
        let phone = service.phone(
            TRUNK,
            &[
                "--digits", number, "--for", "100", "--from", from, "--say", say, "--hear", hear,
            ],
        );
        Caller { phone, hears }
    }

    /// Hangs up; what it heard, at 8 kHz, and its report.
    fn hang_up(self) -> (Vec<i16>, Value) {
        self.phone.hang_up();
        let (heard, report) = self.end();
        assert_eq!(report["end"], "hung_up", "{report}");
        (heard, report)
    }

    /// As `hang_up`, when the other side hangs up.
    fn end(self) -> (Vec<i16>, Value) {
        let report = self.phone.report();
        (omnigate_audio::wav::read(&self.hears, 8_000).unwrap(), report)
    }
}

/// The last `seconds`, at 8 kHz.
fn last(heard: &[i16], seconds: f64) -> &[i16] {
    let wanted = (seconds * 8_000.0) as usize;
    assert!(heard.len() >= wanted, "heard {} samples only", heard.len());
    &heard[heard.len() - wanted..]
}

/// An app that made an audio room with a number, and is in it.
fn app_in_its_room<'a>(
    browser: &'a Browser,
    service: &Service,
    sdk: Sdk,
    user: &str,
) -> (Tab<'a>, String, String) {
    let app = browser.app(service, sdk, user);
    let room = app.new_room("audioroom");
    let number = app.sip_number(Some(&room));
    app.join(&room);
    (app, room, number)
}

/// A phone in a call with `app`, whose number it keyed.
fn call_to(service: &Service, app: &Tab<'_>) -> (Caller, Value) {
    let caller = Caller::dial(service, "01099998888", &app.sip_number(None), 440.0);
    app.event("RINGING_EVENT", json!({}));
    app.run("await sdk.answerCall()");
    let connected = app.event("CONNECTED_EVENT", json!({}));
    (caller, connected)
}

fn a_phone_reaches_a_person(sdk: Sdk) {
    let browser = Browser::take();
    let service = english();
    let app = browser.app(&service, sdk, "bob");
    app.tone(1_000.0);
    let caller = Caller::dial(&service, "01099998888", &app.sip_number(None), 440.0);
    let ringing = app.event("RINGING_EVENT", json!({}));
    assert_eq!(ringing["caller"], "01099998888");
    assert_eq!(ringing["callee"], "bob");
    assert_eq!(ringing["call_type"], "sipcall");
    app.run("await sdk.answerCall()");
    let connected = app.event("CONNECTED_EVENT", json!({}));
    assert_eq!(connected["user_id"], "01099998888");
    app.wait_for_tones(&[440.0]);
    assert_hears("app", &app.listen(2.0), 48_000, &[440.0], 1_000.0);
    let (heard, _) = caller.hang_up();
    assert_hears("phone", last(&heard, 1.5), 8_000, &[1_000.0], 440.0);
    app.event("LEAVE_EVENT", json!({"session": connected["session"]}));
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn a_person_whose_network_lets_no_udp_through_and_a_phone_hear_each_other() {
    let browser = Browser::take();
    let service = english();
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    app.run("rig.goBy('tcp')");
    app.tone(1_000.0);
    let (caller, _) = call_to(&service, &app);
    app.wait_for_tones(&[440.0]);
    assert_hears("app", &app.listen(2.0), 48_000, &[440.0], 1_000.0);
    let chosen = app.run("return await rig.chosen()");
    let chosen = chosen.as_array().unwrap();
    assert!(
        !chosen.is_empty() && chosen.iter().all(|c| c["protocol"] == "tcp"),
        "{chosen:?}"
    );
    let (heard, _) = caller.hang_up();
    assert_hears("phone", last(&heard, 1.5), 8_000, &[1_000.0], 440.0);
}

#[test]
fn a_person_whose_tcp_connection_breaks_hears_again_at_once() {
    let browser = Browser::take();
    let service = english();
    let near = browser.app(&service, Sdk::TypeScript, "near");
    let far = browser.app(&service, Sdk::TypeScript, "far");
    near.tone(700.0);
    let room = near.new_room("audioroom");
    near.join(&room);
    let port = near.run("return rig.mediaPort()").as_u64().unwrap() as u16;
    let path = TcpPath::to(port);
    far.run_with(
        "rig.goBy(args)",
        json!({"tcp": true, "from": port, "to": path.port}),
    );
    far.join(&room);
    far.wait_for_tones(&[700.0]);

    assert!(path.break_all() >= 1);
    let heard = far.listen(6.0);
    let tenths: Vec<bool> = heard
        .chunks_exact(4_800)
        .map(|tenth| level_at(tenth, 48_000, 700.0) > -30.0)
        .collect();
    let silent = tenths.iter().filter(|heard| !**heard).count();
    assert!(silent < 20, "silent for {silent} tenths of a second");
    assert!(tenths[50..].iter().all(|heard| *heard), "{tenths:?}");
    assert!(path.break_all() >= 1, "over a new connection");
}

fn a_phone_enters_a_room(sdk: Sdk) {
    let browser = Browser::take();
    let service = english();
    let (app, _, number) = app_in_its_room(&browser, &service, sdk, "ann");
    app.tone(1_000.0);
    let caller = Caller::dial(&service, "01099998888", &number, 440.0);
    let connected = app.event("CONNECTED_EVENT", json!({}));
    assert_eq!(connected["user_id"], "01099998888");
    assert_eq!(connected["call_type"], "sipcall");
    let joined = app.event("MESSAGE_EVENT", json!({"action": "join"}));
    assert_eq!(joined["session"], connected["session"]);
    let list = app.run("return await sdk.partiList()");
    assert_eq!(list["list"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["list"][0]["session"], connected["session"], "{list}");
    assert_eq!(list["list"][0]["user_id"], "01099998888", "{list}");
    app.wait_for_tones(&[440.0]);
    assert_hears("app", &app.listen(2.0), 48_000, &[440.0], 1_000.0);
    let (heard, _) = caller.hang_up();
    assert_hears("phone", last(&heard, 1.5), 8_000, &[1_000.0], 440.0);
    app.event("LEAVE_EVENT", json!({"session": connected["session"]}));
    app.event(
        "MESSAGE_EVENT",
        json!({"action": "leave", "session": connected["session"]}),
    );
    assert_eq!(app.run("return await sdk.partiList()")["list"], json!([]));
}

#[test]
fn a_phone_and_a_person_with_the_typescript_sdk_hear_each_other() {
    a_phone_reaches_a_person(Sdk::TypeScript);
}

#[test]
fn a_phone_and_a_person_with_the_react_native_sdk_hear_each_other() {
    a_phone_reaches_a_person(Sdk::ReactNative);
}

#[test]
fn a_phone_enters_the_room_of_an_app_on_the_typescript_sdk() {
    a_phone_enters_a_room(Sdk::TypeScript);
}

#[test]
fn a_phone_enters_the_room_of_an_app_on_the_react_native_sdk() {
    a_phone_enters_a_room(Sdk::ReactNative);
}

#[test]
fn two_phones_and_two_apps_in_a_room_hear_all_others_and_not_themselves() {
    let browser = Browser::take();
    let service = english();
    let (ann, room, number) = app_in_its_room(&browser, &service, Sdk::TypeScript, "ann");
    ann.tone(1_000.0);
    let bob = browser.app(&service, Sdk::ReactNative, "bob");
    bob.join(&room);
    bob.tone(1_300.0);
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
    let first = Caller::dial(&service, "01099990001", &number, 400.0);
    let second = Caller::dial(&service, "01099990002", &number, 700.0);
    for app in [&ann, &bob] {
        app.event("CONNECTED_EVENT", json!({"user_id": "01099990001"}));
        app.event("CONNECTED_EVENT", json!({"user_id": "01099990002"}));
    }
    ann.wait_for_tones(&[400.0, 700.0, 1_300.0]);
    bob.wait_for_tones(&[400.0, 700.0, 1_000.0]);
    let (by_ann, by_bob) = (ann.listen(1.5), bob.listen(1.5));
    // Both at once, so that each hears the other to the end.
    first.phone.hang_up();
    second.phone.hang_up();
    let (by_first, by_second) = (first.end().0, second.end().0);
    assert_hears("ann", &by_ann, 48_000, &[400.0, 700.0, 1_300.0], 1_000.0);
    assert_hears("bob", &by_bob, 48_000, &[400.0, 700.0, 1_000.0], 1_300.0);
    // The other phone may be gone a moment before.
    let middle = |heard: &[i16]| last(heard, 1.6)[..9_600].to_vec();
    assert_hears(
        "first",
        &middle(&by_first),
        8_000,
        &[700.0, 1_000.0, 1_300.0],
        400.0,
    );
    assert_hears(
        "second",
        &middle(&by_second),
        8_000,
        &[400.0, 1_000.0, 1_300.0],
        700.0,
    );
}

#[test]
fn a_phone_of_another_make_keys_a_number_and_talks_to_a_person() {
    let browser = Browser::take();
    let service = english();
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    app.tone(1_000.0);
    let number = app.sip_number(None);
    let mut phone = Softphone::dial(&service, "01077776666", TRUNK, 440.0);
    phone.press(&number);
    assert_eq!(app.event("RINGING_EVENT", json!({}))["caller"], "01077776666");
    app.run("await sdk.answerCall()");
    let connected = app.event("CONNECTED_EVENT", json!({}));
    app.wait_for_tones(&[440.0]);
    assert_hears("app", &app.listen(2.0), 48_000, &[440.0], 1_000.0);
    let heard = phone.hang_up();
    assert_hears("baresip", last(&heard, 1.5), 8_000, &[1_000.0], 440.0);
    app.event("LEAVE_EVENT", json!({"session": connected["session"]}));
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn an_app_that_leaves_hangs_up_the_phone_and_is_told_of_the_close() {
    let browser = Browser::take();
    let service = english();
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    let (caller, _) = call_to(&service, &app);
    app.run("await sdk.leave()");
    app.event("close", json!({}));
    let (_, report) = caller.end();
    assert_eq!(report["end"], "remote_hung_up", "{report}");
    assert_eq!(service.last_reason(), "app_left");
}

#[test]
fn an_app_whose_tab_is_closed_hangs_up_the_phone() {
    let browser = Browser::take();
    let service = english();
    let app = browser.app(&service, Sdk::TypeScript, "bob");
    let (caller, _) = call_to(&service, &app);
    app.close();
    let (_, report) = caller.end();
    assert_eq!(report["end"], "remote_hung_up", "{report}");
    assert_eq!(service.last_reason(), "app_left");
}

/// A phone and an app talk, each with the same speech again and again: the quality from phone to app, and back, and
/// how busy the machine was since they were connected.
fn quality_of_a_call(browser: &Browser, service: &Service) -> (f64, f64, Seen) {
    let app = browser.app(service, Sdk::TypeScript, "bob");
    let caller = Caller::saying(service, "01099998888", &app.sip_number(None), &takes(6, 8_000));
    app.event("RINGING_EVENT", json!({}));
    // A stall while they are connected makes the jitter buffers longer for a while.
    let watch = Watch::start();
    app.run("await sdk.answerCall()");
    app.event("CONNECTED_EVENT", json!({}));
    let bytes: Vec<u8> = takes(3, 48_000).iter().flat_map(|s| s.to_le_bytes()).collect();
    app.speak(&bytes);
    // Once more than what is repeated: three whole clips are in there wherever it begins, and one of them may be spoilt.
    let by_app = app.listen(takes(4, 8_000).len() as f64 / 8_000.0);
    let seen = watch.end();
    let (by_phone, _) = caller.hang_up();
    let score = |name: &str, heard: &[i16], takes| pesq(&service.dir, name, heard, takes);
    (
        score("app", &resample_all(&by_app, 48_000, 8_000).unwrap(), 4),
        score("phone", &by_phone, 3),
        seen,
    )
}

#[test]
fn speech_sounds_as_good_as_its_codecs_allow_both_ways() {
    let browser = Browser::alone();
    let service = english();
    let limit = |name: &str, way| pesq(&service.dir, name, &codecs_only(way), 1);
    let (limit_app, limit_phone) = (
        limit("codecs-app", Way::ToApp),
        limit("codecs-phone", Way::ToPhone),
    );
    as_good_as_its_codecs("a telephone that calls", (limit_app, limit_phone), || {
        quality_of_a_call(&browser, &service)
    });
}

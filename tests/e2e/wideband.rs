//! Telephones with more than the telephone band, of somebody else's making, and apps: how much of a voice comes through.

use crate::audio::{level_at, tones};
use crate::browser::{Browser, Sdk, Tab};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::softphone::{Dtls, Softphone, Voice};
use serde_json::json;

const TRUNK: &str = "07012345678";
/// What is said: one tone in the telephone band and two above it, within those of G.722.
const TONES: [f64; 3] = [3_000.0, 5_500.0, 7_000.0];
/// Each tone is said at -22 dB; the codecs may take some of it.
const HEARD_DB: f64 = -32.0;

/// A codec of the trunk, and how baresip names it.
const CODECS: [(&str, &str, u32); 3] = [
    ("g722", "G722/16000/1", 16_000),
    ("l16", "L16/16000/1", 16_000),
    ("opus", "opus/48000/2", 48_000),
];

fn voice(codec: &'static str, rate_hz: u32) -> Voice {
    Voice {
        codec,
        says: tones(&TONES, 60.0, rate_hz),
        rate_hz,
        mediaenc: "",
        dtls: Dtls::default(),
    }
}

/// Says the tones, in full band.
fn speak(app: &Tab<'_>) {
    let pcm = tones(&TONES, 30.0, 48_000);
    let bytes: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
    app.speak(&bytes);
}

fn assert_band(who: &str, pcm: &[i16], rate_hz: u32) {
    let levels: Vec<f64> = TONES.iter().map(|f| level_at(pcm, rate_hz, *f)).collect();
    println!("{who}: {TONES:?} Hz at {levels:.1?} dB");
    assert!(
        levels.iter().all(|level| *level > HEARD_DB),
        "{who}: {levels:.1?}"
    );
}

/// What comes through both ways of a call that is up, and that the codec is the one that is meant.
fn heard_both_ways(codec: &str, app: &Tab<'_>, phone: Softphone, rate_hz: u32) {
    app.wait_for_tones(&TONES);
    assert_band(&format!("{codec}: app"), &app.listen(2.0), 48_000);
    std::thread::sleep(std::time::Duration::from_secs(2));
    let heard = phone.hang_up();
    // The end may be cut; the second before it is not.
    let end = heard.len() - rate_hz as usize / 4;
    assert_band(
        &format!("{codec}: telephone"),
        &heard[end - rate_hz as usize..end],
        rate_hz,
    );
}

#[test]
fn a_telephone_that_calls_and_an_app_hear_each_other_up_to_seven_kilohertz() {
    let browser = Browser::take();
    for (codec, name, rate_hz) in CODECS {
        let service = Service::start(&format!("[[trunk]]\ncodecs = [\"{codec}\", \"pcma\"]\n"));
        let app = browser.app(&service, Sdk::TypeScript, "bob");
        speak(&app);
        let number = app.sip_number(None);
        let uri = format!("sip:{TRUNK}@{}", service.sip_udp);
        let mut phone = Softphone::dial_saying(&service, "01077776666", &uri, &voice(name, rate_hz));
        phone.press(&number);
        app.event("RINGING_EVENT", json!({}));
        app.run("await sdk.answerCall()");
        app.event("CONNECTED_EVENT", json!({}));
        heard_both_ways(codec, &app, phone, rate_hz);
        assert_eq!(service.last_reason(), "caller_hung_up");
    }
}

#[test]
fn a_telephone_that_is_called_and_an_app_hear_each_other_up_to_seven_kilohertz() {
    let browser = Browser::take();
    for (codec, name, rate_hz) in CODECS {
        let mut phone = Softphone::waits_saying("021234567", &voice(name, rate_hz));
        let gateway = format!("sip:{}", phone.address());
        let more = format!("codecs = [\"{codec}\", \"pcma\"]");
        let service = Service::start(&Exchange::trunk(&[gateway], &more));
        let app = browser.app(&service, Sdk::TypeScript, "ann");
        speak(&app);
        app.run("await sdk.offerCall('sipcall', '02-123-4567')");
        phone.answers();
        app.event("CONNECTED_EVENT", json!({}));
        heard_both_ways(codec, &app, phone, rate_hz);
        assert_eq!(service.last_reason(), "callee_hung_up");
    }
}

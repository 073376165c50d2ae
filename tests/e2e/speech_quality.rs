//! How good speech is (PESQ) between apps and telephones of somebody else's making that they call: in the clear and recorded,
//! sealed, and in wideband. `rooms_with_browsers` has that of telephones that call.

use crate::audio::{Way, codecs_only, pesq, takes, wideband_codecs_only, wideband_pesq};
use crate::browser::{Browser, Sdk};
use crate::busy::{Seen, Watch, as_good_as_its_codecs};
use crate::exchange::Exchange;
use crate::harness::Service;
use crate::receiver::Receiver;
use crate::recordings::{decoded, file, write};
use crate::softphone::{Dtls, Softphone, Voice};
use omnigate_audio::resample::resample_all;
use serde_json::json;
use std::path::Path;

/// Narrowband or wideband PESQ.
type Score = fn(&Path, &str, &[i16], u32) -> f64;

/// A telephone that says the same speech again and again.
fn voice(codec: &'static str, rate_hz: u32, mediaenc: &'static str) -> Voice {
    Voice {
        codec,
        says: takes(6, rate_hz),
        rate_hz,
        mediaenc,
        dtls: Dtls {
            mux: true,
            ..Dtls::default()
        },
    }
}

/// What an app and a telephone that it calls hear of each other.
struct Heard {
    by_app: Vec<i16>,
    by_phone: Vec<i16>,
    seen: Seen,
}

/// One call, recorded by the app or not.
fn call(browser: &Browser, service: &Service, mut phone: Softphone, records: bool) -> Heard {
    let app = browser.app(service, Sdk::TypeScript, "ann");
    // A stall while they are connected makes the jitter buffers longer for a while.
    let watch = Watch::start();
    app.run("await sdk.offerCall('sipcall', '02-123-4567')");
    phone.answers();
    app.event("CONNECTED_EVENT", json!({}));
    if records {
        app.run("await sdk.recordingStart()");
    }
    let bytes: Vec<u8> = takes(3, 48_000).iter().flat_map(|s| s.to_le_bytes()).collect();
    app.speak(&bytes);
    // Once more than what is repeated: three whole clips are in there wherever it begins, and one of them may be spoilt.
    let by_app = app.listen(takes(4, 8_000).len() as f64 / 8_000.0);
    if records {
        app.run("await sdk.recordingStop()");
    }
    let seen = watch.end();
    app.run("await sdk.leave()");
    let by_phone = phone.until_hung_up();
    Heard {
        by_app,
        by_phone,
        seen,
    }
}

/// Of a call to a telephone with this voice over a trunk with these settings.
fn quality(browser: &Browser, voice: &Voice, trunk: &str, score: Score) -> (f64, f64, Seen) {
    let phone = Softphone::waits_saying("021234567", voice);
    let gateway = format!("sip:{}", phone.address());
    let service = Service::start(&Exchange::trunk(&[gateway], trunk));
    let heard = call(browser, &service, phone, false);
    let by_app = resample_all(&heard.by_app, 48_000, voice.rate_hz).unwrap();
    let score = |name: &str, pcm: &[i16], takes| score(&service.dir, name, pcm, takes);
    (
        score("app", &by_app, 4),
        score("phone", &heard.by_phone, 3),
        heard.seen,
    )
}

fn limits(codecs: fn(Way) -> Vec<i16>, score: Score) -> (f64, f64) {
    let dir = std::env::temp_dir().join(format!("omnigate-e2e-limits-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let both = [Way::ToApp, Way::ToPhone].map(|way| score(&dir, "codecs", &codecs(way), 1));
    let _ = std::fs::remove_dir_all(&dir);
    both.into()
}

#[test]
fn speech_to_and_from_a_telephone_that_is_called_sounds_as_good_as_its_codecs_allow() {
    let browser = Browser::alone();
    let limits = limits(codecs_only, pesq);
    let plain = voice("PCMU/8000/1", 8_000, "");
    as_good_as_its_codecs("a telephone that is called", limits, || {
        quality(&browser, &plain, "", pesq)
    });
    let sealed = voice("PCMU/8000/1", 8_000, "srtp-mand");
    as_good_as_its_codecs("the same, sealed", limits, || {
        quality(&browser, &sealed, "srtp = \"required\"", pesq)
    });
    let trunk = "srtp = \"required\"\nsrtp_keys = [\"dtls\"]";
    let handshaken = voice("PCMU/8000/1", 8_000, "dtls_srtp");
    as_good_as_its_codecs("the same, sealed after a handshake", limits, || {
        quality(&browser, &handshaken, trunk, pesq)
    });
}

#[test]
fn speech_in_wideband_sounds_as_good_as_its_codecs_allow() {
    let browser = Browser::alone();
    let limits = limits(wideband_codecs_only, wideband_pesq);
    let wide = voice("G722/16000/1", 16_000, "");
    as_good_as_its_codecs("a wideband telephone", limits, || {
        quality(&browser, &wide, "codecs = [\"g722\"]", wideband_pesq)
    });
}

/// What is kept of a call to a telephone is what was heard of it.
#[test]
fn a_recorded_call_to_a_telephone_sounds_as_it_did() {
    let browser = Browser::take();
    let receiver = Receiver::start();
    let phone = Softphone::waits_saying("021234567", &voice("PCMU/8000/1", 8_000, ""));
    let gateway = format!("sip:{}", phone.address());
    let trunk = Exchange::only_trunk(&[gateway], "");
    let settings = receiver.settings() + "caller = \"070-1234-5678\"\n";
    let service = Service::start(&format!(
        "recording.content = \"sides\"\nrecording.min_free_mib = 1\n{settings}{trunk}"
    ));
    let heard = call(&browser, &service, phone, true);
    let post = receiver.wait_for(1)[0].clone();
    let kept = write(&service, "kept.wav", &file(&service, &post, &post.json()["file"]));
    let narrow = |pcm: &[i16]| resample_all(pcm, 48_000, 8_000).unwrap();
    let sides = decoded(&kept, 2);
    let score = |name: &str, pcm: &[i16]| pesq(&service.dir, name, pcm, 3);
    for (side, kept, heard) in [
        // The caller is left.
        ("app", narrow(&sides[0]), heard.by_phone),
        ("telephone", narrow(&sides[1]), narrow(&heard.by_app)),
    ] {
        let kept = score(&format!("{side}-kept"), &kept);
        let heard = score(&format!("{side}-heard"), &heard);
        println!("PESQ of the {side}'s side: kept {kept:.3}, heard {heard:.3}");
        assert!(kept >= heard - 0.15, "{side}: kept {kept:.3}, heard {heard:.3}");
    }
}

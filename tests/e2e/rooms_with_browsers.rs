//! Phones and apps on the published SDKs in a real browser, by what each of them hears.

use crate::audio::{assert_hears, tone_file};
use crate::browser::{Browser, Sdk, Tab};
use crate::harness::{Phone, Service};
use serde_json::{Value, json};
use std::path::PathBuf;

const TRUNK: &str = "07012345678";

fn english() -> Service {
    Service::start("ivr.language = \"en\"\nivr.ring_seconds = 30\n")
}

/// A phone that has keyed a number, says a tone and keeps what it hears.
struct Caller {
    phone: Phone,
    hears: PathBuf,
}

impl Caller {
    fn dial(service: &Service, from: &str, number: &str, hertz: f64) -> Caller {
        let (says, hears) = (
            service.dir.join(format!("{from}-says.wav")),
            service.dir.join(format!("{from}-hears.wav")),
        );
        tone_file(&says, hertz, 60.0);
        let phone = service.phone(
            TRUNK,
            &[
                "--digits",
                number,
                "--for",
                "60",
                "--from",
                from,
                "--say",
                says.to_str().unwrap(),
                "--hear",
                hears.to_str().unwrap(),
            ],
        );
        Caller { phone, hears }
    }

    /// Hangs up; the last `seconds` of what it heard, at 8 kHz, and its report.
    fn hang_up(self, seconds: f64) -> (Vec<i16>, Value) {
        self.phone.hang_up();
        self.end(seconds)
    }

    /// As `hang_up`, when the other side hangs up.
    fn end(self, seconds: f64) -> (Vec<i16>, Value) {
        let report = self.phone.report();
        let heard = omnigate_audio::wav::read(&self.hears, 8_000).unwrap();
        let wanted = (seconds * 8_000.0) as usize;
        assert!(heard.len() >= wanted, "heard {} samples: {report}", heard.len());
        (heard[heard.len() - wanted..].to_vec(), report)
    }
}

fn a_phone_reaches_a_person(sdk: Sdk) {
    let browser = Browser::take();
    let service = english();
    let app = browser.app(&service, sdk, "bob");
    app.tone(1_000.0);
    let number = app.sip_number(None);
    let caller = Caller::dial(&service, "01099998888", &number, 440.0);
    let ringing = app.event("RINGING_EVENT", json!({}));
    assert_eq!(ringing["caller"], "01099998888");
    assert_eq!(ringing["call_type"], "sipcall");
    app.run("await sdk.answerCall()");
    let connected = app.event("CONNECTED_EVENT", json!({}));
    assert_eq!(connected["user_id"], "01099998888");
    app.listen(1.0);
    let heard = app.listen(2.0);
    assert_hears("app", &heard, 48_000, &[440.0], 1_000.0);
    let (heard, report) = caller.hang_up(1.5);
    assert_hears("phone", &heard, 8_000, &[1_000.0], 440.0);
    assert_eq!(report["end"], "hung_up");
    app.event("LEAVE_EVENT", json!({"session": connected["session"]}));
    assert_eq!(service.last_reason(), "caller_hung_up");
}

#[test]
fn a_phone_and_a_person_with_the_typescript_sdk_hear_each_other() {
    a_phone_reaches_a_person(Sdk::TypeScript);
}

//! PJSIP, a phone of a second maker: what it makes of our answers, over UDP and TCP.

use crate::harness::Service;
use crate::softphone::{Lines, is_spoken_to};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends the call when dropped.
pub struct Pjsip {
    child: Child,
    says: Lines,
    heard: PathBuf,
}

impl Pjsip {
    /// Dials a SIP address on this machine, over its transport; it says a tone once it is answered.
    pub fn dial(service: &Service, from: &str, uri: &str) -> Pjsip {
        Pjsip::dial_with(service, from, uri, &[])
    }

    /// The same with sealed media.
    pub fn dial_sealed(service: &Service, from: &str, uri: &str) -> Pjsip {
        Pjsip::dial_with(service, from, uri, &["sealed"])
    }

    fn dial_with(service: &Service, from: &str, uri: &str, more: &[&str]) -> Pjsip {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let heard = service.dir.join("pjsip.wav");
        let log = std::fs::File::create(service.dir.join("pjsip.log")).unwrap();
        let mut child = Command::new(root.join(".test/venv/bin/python"))
            .arg(root.join("tests/e2e/rig/pjsua.py"))
            .args([uri, from, "440"])
            .arg(&heard)
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("PJSIP; scripts/test installs it");
        let says = Lines::of(child.stdout.take().unwrap());
        Pjsip { child, says, heard }
    }

    pub fn wait_for(&self, event: &str) -> String {
        self.says.wait_for(event)
    }

    /// The same within a time of its own.
    pub fn within(&self, event: &str, limit: Duration) -> String {
        let said = self.says.within(event, limit);
        said.unwrap_or_else(|said| panic!("no `{event}` within {limit:?}: {said:?}"))
    }

    pub fn order(&mut self, command: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{command}").unwrap();
    }

    /// Hangs up; what it heard, at 8 kHz.
    pub fn hang_up(mut self) -> Vec<i16> {
        self.order("hang up");
        self.wait_for("ended 200");
        let until = Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < until, "PJSIP does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        omnigate_audio::wav::read(&self.heard, 8_000).unwrap()
    }
}

impl Drop for Pjsip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn another_phone_keys_holds_resumes_refreshes_and_hangs_up_over_udp() {
    let service = Service::start("");
    whole_call(&service, &format!("sip:07012345678@{}", service.sip_udp));
}

#[test]
fn another_phone_keys_holds_resumes_refreshes_and_hangs_up_over_tcp() {
    let service = Service::start("");
    let uri = format!("sip:07012345678@{};transport=tcp", service.sip_tcp);
    whole_call(&service, &uri);
}

fn whole_call(service: &Service, uri: &str) {
    let mut phone = Pjsip::dial(service, "01012345678", uri);
    // The session has a timer, as it has asked for, and it is the one that refreshes.
    phone.wait_for("got 200 INVITE Session-Expires: 90;refresher=uac");
    phone.wait_for("hears");

    phone.order("keys 123");
    let keys = || service.metric("omnigate_digits_total{kind=\"rfc4733\"}");
    service.until("three keys have come", || keys() == 3.0);

    phone.order("hold");
    phone.wait_for("media held");
    let sent = || service.metric("omnigate_rtp_sent_packets_total");
    service.until("nothing is sent any more", || {
        let before = sent();
        std::thread::sleep(Duration::from_millis(200));
        sent() == before
    });
    phone.order("resume");
    phone.wait_for("media active");
    phone.wait_for("flows");

    phone.order("update");
    phone.wait_for("got 200 UPDATE Session-Expires: 90;refresher=uac");

    let heard = phone.hang_up();
    is_spoken_to(uri, &heard);
    assert_eq!(service.last_reason(), "caller_hung_up");
    assert_eq!(keys(), 3.0);
}

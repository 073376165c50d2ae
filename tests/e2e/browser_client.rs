//! Our own client for browsers: every example of its types runs as it stands.

use crate::browser::{Browser, Tab};
use crate::harness::Service;
use std::path::Path;

/// Methods whose examples need no room, or make their own.
const OUTSIDE: [&str; 12] = [
    "constructor",
    "on",
    "createSession",
    "makeSipNumber",
    "sessionList",
    "createRoom",
    "destroyRoom",
    "roomList",
    "joinRoom",
    "offerCall",
    "answerCall",
    "rejectCall",
];

/// What the tests use on their page.
const RIG: &str = include_str!("rig/client.js");

fn page<'a>(browser: &'a Browser, service: &Service) -> Tab<'a> {
    let page = browser.open(&format!("http://{}/", service.http));
    page.evaluate(RIG);
    page
}

fn types() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("web/client/omnitalk.d.ts")).unwrap()
}

/// Every `@example` of the types with the name of what it belongs to.
fn examples() -> Vec<(String, String)> {
    let types = types();
    let mut all = Vec::new();
    for part in types.split("@example\n").skip(1) {
        let (example, rest) = part.split_once("*/").unwrap();
        let code = example
            .lines()
            .map(|line| line.trim().trim_start_matches('*').trim())
            .collect::<Vec<_>>()
            .join("\n");
        let name = rest
            .trim()
            .split(['(', '<', ':'])
            .next()
            .unwrap()
            .trim()
            .to_owned();
        all.push((name, code));
    }
    all
}

#[test]
fn every_method_has_an_example_that_runs() {
    let browser = Browser::take();
    let service = Service::start("recording.min_free_mib = 1\n");
    let page = page(&browser, &service);
    let examples = examples();
    assert!(examples.len() >= 36, "{}", examples.len());
    for (name, code) in examples {
        let room = if OUTSIDE.contains(&name.as_str()) {
            ""
        } else {
            "await enter();"
        };
        // What cannot work in the state that the example starts from.
        let before = match name.as_str() {
            "setMute" | "setUnmute" | "setResolution" | "setVideoDevice" => "await omnitalk.publish();",
            "screenUnshare" => "await omnitalk.screenShare();",
            "recordingStop" => "await omnitalk.recordingStart();",
            _ => "",
        };
        page.evaluate(&format!(
            "await begin(); {room} {before} {{ {code}\n }} await end();"
        ));
    }
}

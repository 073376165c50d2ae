//! Our own client for browsers: every example of its types runs as it stands.

use crate::browser::Browser;
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

/// What the examples find on their page.
const PAGE: &str = "
    const { Omnitalk } = await import('/omnitalk.js');
    document.body.append(document.createElement('video'), document.createElement('button'));
    const canvas = document.createElement('canvas');
    canvas.getContext('2d').fillRect(0, 0, 10, 10);
    // A browser without a screen has none to share.
    navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(5);
    const omnitalk = new Omnitalk('demo', 'demo');
    await omnitalk.createSession('ann');
";

/// Every `@example` of the types with the name of what it belongs to.
fn examples() -> Vec<(String, String)> {
    let types =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("web/client/omnitalk.d.ts")).unwrap();
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
    let page = browser.open(&format!("http://{}/", service.http));
    let examples = examples();
    assert!(examples.len() >= 36, "{}", examples.len());
    for (name, code) in examples {
        let room = if OUTSIDE.contains(&name.as_str()) {
            ""
        } else {
            "await omnitalk.joinRoom((await omnitalk.createRoom('videoroom')).room_id);"
        };
        // What cannot work in the state that the example starts from.
        let before = match name.as_str() {
            "setMute" | "setUnmute" | "setResolution" | "setVideoDevice" => "await omnitalk.publish();",
            "screenUnshare" => "await omnitalk.screenShare();",
            "recordingStop" => "await omnitalk.recordingStart();",
            _ => "",
        };
        page.evaluate(&format!(
            "{PAGE} {room} {before} {{ {code}\n }} await omnitalk.leave().catch(() => {{}});"
        ));
    }
}

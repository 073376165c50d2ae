//! Our own client for browsers: every example of its types runs as it stands, and every refusal has a code.

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

/// Whom the browser refuses what: the owner of the method, the method, the name of its error; what the app does before,
/// what it asks for then, and the code that it gets.
const BROKEN: [(&str, &str, &str, &str, &str, &str); 14] = [
    (
        "navigator.mediaDevices",
        "getUserMedia",
        "NotAllowedError",
        "",
        "openMicrophone()",
        "microphone-refused",
    ),
    (
        "navigator.mediaDevices",
        "getUserMedia",
        "NotFoundError",
        "await enter();",
        "publish()",
        "camera-missing",
    ),
    (
        "navigator.mediaDevices",
        "getDisplayMedia",
        "NotAllowedError",
        "await enter();",
        "screenShare()",
        "screen-refused",
    ),
    (
        "navigator.mediaDevices",
        "enumerateDevices",
        "InvalidStateError",
        "",
        "getDeviceList()",
        "state",
    ),
    (
        "HTMLMediaElement.prototype",
        "setSinkId",
        "NotFoundError",
        "",
        "setAudioOutput('none')",
        "loudspeaker-missing",
    ),
    (
        "HTMLMediaElement.prototype",
        "play",
        "NotAllowedError",
        "",
        "resumePlayback()",
        "playback-blocked",
    ),
    (
        "MediaStreamTrack.prototype",
        "applyConstraints",
        "OverconstrainedError",
        "await enter(); await omnitalk.publish();",
        "setResolution('QVGA')",
        "camera-missing",
    ),
    (
        "RTCRtpSender.prototype",
        "replaceTrack",
        "InvalidModificationError",
        "await enter();",
        "setAudioInput()",
        "media",
    ),
    (
        "RTCRtpSender.prototype",
        "replaceTrack",
        "InvalidModificationError",
        "await enter(); await omnitalk.publish();",
        "setVideoDevice()",
        "media",
    ),
    (
        "window",
        "RTCPeerConnection",
        "NotSupportedError",
        "const { room_id: room } = await omnitalk.createRoom('audioroom');",
        "joinRoom(room)",
        "media",
    ),
    (
        "RTCPeerConnection.prototype",
        "createOffer",
        "OperationError",
        "const { room_id: room } = await omnitalk.createRoom('audioroom');",
        "joinRoom(room)",
        "media",
    ),
    (
        "RTCPeerConnection.prototype",
        "setLocalDescription",
        "OperationError",
        "await enter();",
        "publish()",
        "media",
    ),
    (
        "RTCPeerConnection.prototype",
        "setRemoteDescription",
        "OperationError",
        "await enter();",
        "screenShare()",
        "media",
    ),
    (
        "RTCPeerConnection.prototype",
        "createAnswer",
        "OperationError",
        "const other = new Omnitalk('demo', 'demo');
        await other.createSession('bob');
        const { room_id: room } = await omnitalk.createRoom('videoroom');
        await other.joinRoom(room);
        await omnitalk.joinRoom(room);
        const { session } = await other.publish();",
        "subscribe(session)",
        "media",
    ),
];

#[test]
fn whatever_the_browser_refuses_is_an_error_of_the_client_with_a_code() {
    let browser = Browser::take();
    let service = Service::start("");
    let page = page(&browser, &service);
    for (owner, method, error, before, ask, code) in BROKEN {
        let got = page.evaluate(&format!(
            "await begin(); {before}
            const code = await refusalWithout({owner}, '{method}', '{error}', () => omnitalk.{ask});
            await end();
            return code;"
        ));
        assert_eq!(got, code, "{ask} without {method}");
    }
}

#[test]
fn whatever_the_server_refuses_has_the_code_of_the_server() {
    let browser = Browser::take();
    let service = Service::start("");
    let page = page(&browser, &service);
    page.evaluate("await begin();");
    for (ask, code) in [
        ("new Omnitalk('another').createSession()", "service-invalid"),
        ("omnitalk.joinRoom('nowhere')", "room-unknown"),
        ("omnitalk.makeSipNumber('1')", "field-invalid"),
        ("omnitalk.offerCall('audiocall', 'ann')", "callee-is-self"),
        ("omnitalk.answerCall()", "nothing-rings"),
        ("omnitalk.rejectCall()", "nothing-rings"),
        ("omnitalk.sendMessage('hello')", "not-in-room"),
        ("omnitalk.createSession()", "state"),
    ] {
        let got = page.evaluate(&format!("return await refusal(() => {ask});"));
        assert_eq!(got, code, "{ask}");
    }
}

#[test]
fn the_published_addresses_of_client_and_types_stay() {
    let browser = Browser::take();
    let service = Service::start("");
    let page = page(&browser, &service);
    let same = page.evaluate(
        "const [published, client] = [await import('/omnitalk.js'), await import('/client/omnitalk.js')];
        return published.Omnitalk === client.Omnitalk && published.OmnitalkError === client.OmnitalkError;",
    );
    assert_eq!(same, true);
    assert_eq!(service.get("/omnitalk.d.ts"), (200, types()));
}

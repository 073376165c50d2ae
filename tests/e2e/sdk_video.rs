//! The API reference, method by method, on the published SDKs: cameras, screens, video calls. Video counts when its
//! frames are decoded and show the right colours.

use crate::browser::{Browser, Sdk, Tab};
use crate::harness::Service;
use crate::lossy::LossyPath;
use serde_json::{Value, json};

/// The halves of a camera, and of a screen, as the rig paints them.
const CAMERA: [[i64; 3]; 2] = [[0xc0, 0x30, 0x20], [0x20, 0x40, 0xc0]];
const SCREEN: [[i64; 3]; 2] = [[0x20, 0x90, 0x40], [0xc0, 0xa0, 0x20]];
/// Another camera.
const OTHER: [[i64; 3]; 2] = [[0x20, 0x80, 0x80], [0xa0, 0x20, 0x90]];
const OTHER_PAINT: &str = "rig.paints.camera = ['#208080', '#a02090']";

fn two_in_a_room<'a>(browser: &'a Browser, service: &Service, room_type: &str) -> (Tab<'a>, Tab<'a>) {
    let ann = browser.app(service, Sdk::TypeScript, "ann");
    let bob = browser.app(service, Sdk::TypeScript, "bob");
    let room = ann.new_room(room_type);
    ann.join(&room);
    bob.join(&room);
    (ann, bob)
}

fn subscribe(viewer: &Tab<'_>, session: &Value, element: &str) -> Value {
    viewer.run_with(
        "return await sdk.subscribe(args.session, args.element)",
        json!({"session": session, "element": element}),
    )
}

/// Waits for decoded video in an element and checks the colours of its halves.
fn sees(viewer: &Tab<'_>, element: &str, [left, right]: [[i64; 3]; 2]) -> Value {
    let seen = viewer.run_with("return await rig.watch(args)", json!(element));
    for (side, wanted) in [("left", left), ("right", right)] {
        let near = (0..3).all(|i| (seen[side][i].as_i64().unwrap() - wanted[i]).abs() < 40);
        assert!(near, "{element}: {side} is {}, wanted {wanted:?}", seen[side]);
    }
    seen
}

/// Two in a room; the first publishes, under the session given too, and the second has its picture.
fn bob_sees_ann<'a>(browser: &'a Browser, service: &Service) -> (Tab<'a>, Tab<'a>, Value) {
    let (ann, bob) = two_in_a_room(browser, service, "videoroom");
    let session = ann.run("return await sdk.publish('own')")["session"].clone();
    subscribe(&bob, &session, "first");
    sees(&bob, "first", CAMERA);
    (ann, bob, session)
}

fn publishes_and_is_seen(room_type: &str) {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = two_in_a_room(&browser, &service, room_type);
    let published = ann.run("return await sdk.publish('own')");
    let event = bob.event("BROADCASTING_EVENT", json!({"user_id": "ann"}));
    assert_eq!(event["session"], published["session"]);
    let list = bob.run("return await sdk.publishList()");
    assert_eq!(list["count"], 1, "{list}");
    assert_eq!(list["list"][0]["session"], published["session"]);
    let subscribed = subscribe(&bob, &published["session"], "first");
    assert_eq!(subscribed["screen"], false);
    let seen = sees(&bob, "first", CAMERA);
    // Browsers begin with a smaller picture of the same shape.
    let side = |name: &str| seen[name].as_i64().unwrap();
    assert_eq!(side("width") * 2, side("height") * 3, "{seen}");
    assert_eq!(
        ann.run("return await sdk.publishList()")["count"],
        0,
        "never oneself"
    );
}

#[test]
fn publish_and_subscribe_show_a_camera_in_a_videoroom() {
    publishes_and_is_seen("videoroom");
}

#[test]
fn publish_and_subscribe_show_a_camera_in_a_webinar() {
    publishes_and_is_seen("webinar");
}

/// The one video stream of `kind` on an app's page: its codec's parameters. The browser's own figures say which codec it
/// was, and that it coded frames.
fn coded_by(app: &Tab<'_>, kind: &str, codec: &str) -> String {
    let all = app.run_with("return await rig.codecs(args)", json!(kind));
    let [stream] = &all.as_array().unwrap()[..] else {
        panic!("{kind}: {all}");
    };
    assert_eq!(stream["codec"], codec, "{kind}");
    assert!(stream["frames"].as_i64().unwrap() >= 10, "{kind}: {stream}");
    stream["parameters"].as_str().unwrap().to_owned()
}

/// A camera by the codec that the service prefers, named as in settings, from one browser to another, over a mute too:
/// what follows it has to begin at a key frame that the service knows as one.
fn is_seen_by_codec(preferred: &str, codec: &str, parameters: &[&str]) {
    let browser = Browser::take();
    let service = Service::start(&format!("media.video_codecs = [\"{preferred}\", \"vp8\"]\n"));
    let (ann, bob, session) = bob_sees_ann(&browser, &service);
    for (app, kind) in [(&ann, "outbound-rtp"), (&bob, "inbound-rtp")] {
        let agreed = coded_by(app, kind, codec);
        assert!(parameters.iter().all(|p| agreed.contains(p)), "{kind}: {agreed}");
    }
    ann.run("await sdk.setMute('video')");
    bob.event("MUTE_EVENT", json!({"track": "video", "session": session}));
    ann.run(OTHER_PAINT);
    ann.run("await sdk.setUnmute('video')");
    bob.event("UNMUTE_EVENT", json!({"track": "video"}));
    bob.run("await rig.watch('first', 20)");
    sees(&bob, "first", OTHER);
    coded_by(&bob, "inbound-rtp", codec);
}

#[test]
fn a_camera_is_seen_by_vp9_where_the_service_prefers_it() {
    is_seen_by_codec("vp9", "video/VP9", &["profile-id=0"]);
}

#[test]
fn a_camera_is_seen_by_h264_where_the_service_prefers_it() {
    let constrained_baseline = ["packetization-mode=1", "profile-level-id=42e01f"];
    is_seen_by_codec("h264", "video/H264", &constrained_baseline);
}

#[test]
fn publish_is_refused_in_an_audioroom() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, _bob) = two_in_a_room(&browser, &service, "audioroom");
    assert!(!ann.refusal("await sdk.publish('own')").is_empty());
}

#[test]
fn four_apps_publish_and_each_sees_another() {
    let browser = Browser::take();
    let service = Service::start("");
    let users = ["ann", "bob", "eve", "joe"];
    let apps: Vec<Tab<'_>> = users
        .iter()
        .map(|user| browser.app(&service, Sdk::TypeScript, user))
        .collect();
    let room = apps[0].new_room("videoroom");
    let mut sessions = Vec::new();
    for app in &apps {
        app.join(&room);
    }
    apps[1].run(OTHER_PAINT);
    for app in &apps {
        sessions.push(app.run("return await sdk.publish('own')")["session"].clone());
    }
    assert_eq!(apps[3].run("return await sdk.publishList()")["count"], 3);
    subscribe(&apps[3], &sessions[0], "first");
    subscribe(&apps[3], &sessions[1], "second");
    subscribe(&apps[0], &sessions[1], "first");
    subscribe(&apps[1], &sessions[2], "first");
    sees(&apps[3], "first", CAMERA);
    sees(&apps[3], "second", OTHER);
    sees(&apps[0], "first", OTHER);
    sees(&apps[1], "first", CAMERA);
}

#[test]
fn unsubscribe_stops_the_video() {
    let browser = Browser::take();
    let service = Service::start("");
    let (_ann, bob, session) = bob_sees_ann(&browser, &service);
    bob.run_with("await sdk.unsubscribe(args)", session.clone());
    service.until("nobody watches", || {
        service.metric("omnigate_media_viewers") == 0.0
    });
    // And again.
    subscribe(&bob, &session, "second");
    sees(&bob, "second", CAMERA);
}

#[test]
fn set_mute_stops_a_camera_for_everybody_and_set_unmute_brings_it_back() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob, session) = bob_sees_ann(&browser, &service);
    ann.run("await sdk.setMute('video')");
    bob.event("MUTE_EVENT", json!({"track": "video", "session": session}));
    assert_eq!(
        bob.run("return await sdk.publishList()")["list"][0]["video_mute"],
        true
    );
    let few = bob.run("return await rig.frames('first', 300), await rig.frames('first', 1000)");
    assert!(few.as_i64().unwrap() <= 1, "{few} frames in a second of mute");
    ann.run("await sdk.setUnmute('video')");
    bob.event("UNMUTE_EVENT", json!({"track": "video"}));
    sees(&bob, "first", CAMERA);
}

#[test]
fn set_video_device_and_set_resolution_change_what_is_seen() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob, _) = bob_sees_ann(&browser, &service);
    ann.run("rig.paints.second = ['#208080', '#a02090']; await sdk.setVideoDevice('second')");
    bob.run("await rig.watch('first', 20)");
    sees(&bob, "first", OTHER);
    ann.run("await sdk.setResolution('QVGA')");
    let seen = bob.run("for (let i = 0; i < 20; i++) { const s = await rig.watch('first', 10); if (s.width === 320) return s; } throw new Error('still large')");
    assert_eq!(seen["height"], 240);
}

#[test]
fn screen_share_is_seen_beside_the_camera_until_screen_unshare() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = two_in_a_room(&browser, &service, "videoroom");
    let camera = ann.run("return await sdk.publish('own')")["session"].clone();
    let shared = ann.run("return await sdk.screenShare('own-screen')");
    let event = bob.event("SCREEN_SHARE_EVENT", json!({"user_id": "ann"}));
    assert_eq!(event["session"], shared["session"]);
    assert_ne!(shared["session"], camera);
    let list = bob.run("return await sdk.screenList()");
    assert_eq!(list["list"][0]["session"], shared["session"], "{list}");
    subscribe(&bob, &camera, "first");
    assert_eq!(subscribe(&bob, &shared["session"], "second")["screen"], true);
    sees(&bob, "first", CAMERA);
    sees(&bob, "second", SCREEN);
    assert!(
        !bob.refusal("await sdk.screenShare('own-screen')").is_empty(),
        "one sharer a room"
    );
    ann.run("await sdk.screenUnshare()");
    bob.event("SCREEN_UNSHARE_EVENT", json!({"session": shared["session"]}));
    bob.run_with("await sdk.unsubscribe(args)", shared["session"].clone());
    assert_eq!(bob.run("return await sdk.screenList()")["count"], 0);
    sees(&bob, "first", CAMERA);
}

#[test]
fn a_publisher_whose_path_loses_one_packet_in_twenty_is_seen_without_a_gap() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob) = two_in_a_room(&browser, &service, "videoroom");
    let from = ann.run("return rig.mediaPort()").as_u64().unwrap();
    let path = LossyPath::to(from as u16, 20);
    ann.run_with("rig.goBy(args)", json!({"from": from, "to": path.port}));
    let session = ann.run("return await sdk.publish('own')")["session"].clone();
    subscribe(&bob, &session, "first");
    sees(&bob, "first", CAMERA);
    // What is lost on the way to the service is asked for again, so the viewer misses nearly nothing.
    bob.run("await rig.watch('first', 150)");
    let received = bob.run("return await rig.received()");
    let missed = received["packetsLost"].as_i64().unwrap();
    assert!(path.lost() >= 5, "only {} packets were lost", path.lost());
    assert!(
        missed * 4 <= path.lost() as i64,
        "{} lost, {missed} missed",
        path.lost()
    );
    sees(&bob, "first", CAMERA);
    ann.tone(800.0);
    bob.wait_for_tones(&[800.0]);
}

#[test]
fn a_publisher_who_leaves_is_gone_from_the_list() {
    let browser = Browser::take();
    let service = Service::start("");
    let (ann, bob, session) = bob_sees_ann(&browser, &service);
    ann.close();
    bob.event("LEAVE_EVENT", json!({"session": session}));
    assert_eq!(bob.run("return await sdk.publishList()")["count"], 0);
    service.until("the media plane has forgotten it", || {
        service.metric("omnigate_media_streams") == 0.0 && service.metric("omnigate_media_viewers") == 0.0
    });
}

fn a_video_call(caller: Sdk, callee: Sdk) {
    let browser = Browser::take();
    let service = Service::start("");
    let ann = browser.app(&service, caller, "ann");
    let bob = browser.app(&service, callee, "bob");
    bob.run(OTHER_PAINT);
    ann.tone(600.0);
    bob.tone(1_100.0);
    ann.run("await sdk.offerCall('videocall', 'bob', rig.view('own'), rig.view('first'))");
    bob.event(
        "RINGING_EVENT",
        json!({"caller": "ann", "call_type": "videocall"}),
    );
    bob.run("await sdk.answerCall(undefined, undefined, rig.view('own'), rig.view('first'))");
    ann.event("CONNECTED_EVENT", json!({"user_id": "bob"}));
    bob.event("CONNECTED_EVENT", json!({"user_id": "ann"}));
    sees(&ann, "first", OTHER);
    sees(&bob, "first", CAMERA);
    ann.wait_for_tones(&[1_100.0]);
    bob.wait_for_tones(&[600.0]);
    ann.run("await sdk.leave()");
    bob.event("close", json!({}));
}

#[test]
fn a_videocall_shows_both_sides_on_the_typescript_sdk() {
    a_video_call(Sdk::TypeScript, Sdk::TypeScript);
}

#[test]
fn a_videocall_shows_both_sides_between_the_react_native_and_the_typescript_sdk() {
    a_video_call(Sdk::ReactNative, Sdk::TypeScript);
}

#[test]
fn a_phone_in_a_videoroom_is_heard_and_listed_and_publishes_nothing() {
    let browser = Browser::take();
    let service = Service::start("ivr.language = \"en\"\n");
    let ann = browser.app(&service, Sdk::TypeScript, "ann");
    let room = ann.new_room("videoroom");
    let number = ann.sip_number(Some(&room));
    ann.join(&room);
    ann.run("await sdk.publish('own')");
    let says = service.dir.join("says.wav");
    omnigate_audio::wav::write(&says, &crate::audio::tone(440.0, 60.0), 8_000).unwrap();
    let phone = service.phone(
        "07012345678",
        &[
            "--digits",
            &number,
            "--for",
            "60",
            "--say",
            says.to_str().unwrap(),
        ],
    );
    ann.event("CONNECTED_EVENT", json!({"call_type": "sipcall"}));
    ann.wait_for_tones(&[440.0]);
    assert_eq!(ann.run("return await sdk.partiList()")["count"], 1);
    assert_eq!(ann.run("return await sdk.publishList()")["count"], 0);
    phone.hang_up();
    ann.event("LEAVE_EVENT", json!({}));
}

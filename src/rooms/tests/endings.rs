//! What is lost in which order: every order of every four endings leaves nothing.

use super::orders::orders;
use super::world::World;
use omnigate_audio::opus::{Encoder, EncoderSettings};
use serde_json::json;
use std::time::Duration;

/// Everybody who is there.
struct Scene {
    room: String,
    /// Shows her camera, and records.
    ann: usize,
    /// Watches it.
    bob: usize,
    telephone: usize,
}

/// What ends.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Ann's browser closes its audio connection.
    Microphone,
    /// The same without a word: what it sent last was its last.
    MicrophoneVanishes,
    /// Ann's browser closes its camera's connection.
    Camera,
    /// The same without a word.
    CameraVanishes,
    /// Bob's browser closes the connection by which he sees it.
    Screen,
    /// The same without a word.
    ScreenVanishes,
    /// Ann says that she leaves.
    AnnLeaves,
    /// Bob says that he leaves.
    BobLeaves,
    /// Ann's socket is lost.
    AnnSocket,
    /// Bob does not want to see it any more.
    Unsubscribe,
    /// The telephone's call tells the rooms that it has hung up.
    HangUp,
    /// Its leg ends.
    Leg,
    /// Ann has the room destroyed.
    Room,
    /// Ann ends the recording.
    Recording,
}

/// When the endings begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Nothing is connected yet: no shard has taken an order.
    AtOnce,
    /// Everything is connected.
    Up,
    /// The same, and what the shards tell from then on comes only after all endings.
    Deaf,
    /// The same, and the shards are overloaded: they take nothing but what frees something.
    Full,
}

fn set(world: &mut World, recorded: bool, when: When) -> Scene {
    let ann = world.app("ann");
    let bob = world.app("bob");
    let room = world.room(ann);
    for who in [ann, bob] {
        world.join(who, &room);
        assert!(world.speak(who));
    }
    assert!(world.show(ann));
    assert!(world.watch(bob, ann));
    let telephone = world.call(&room).unwrap();
    if recorded {
        world.ok(
            ann,
            "WS_RECORDING_REQ",
            json!({ "action": "start", "track": "audio" }),
        );
    }
    if when != When::AtOnce {
        world.until("all is up", |world| {
            let up = world.apps.iter().all(super::app::App::is_up);
            up && world.telephones.iter().all(|one| one.admitted)
        });
    }
    world.deaf = when == When::Deaf;
    if when == When::Full {
        (0..2).for_each(|shard| world.fill(shard));
    }
    Scene {
        room,
        ann,
        bob,
        telephone,
    }
}

fn end(world: &mut World, scene: &Scene, end: End) {
    let (ann, bob, now) = (scene.ann, scene.bob, world.now.instant);
    let whom = world.apps[ann].session.clone();
    match end {
        End::Microphone => {
            if let Some(mut one) = world.apps[ann].microphone.take() {
                one.close(now);
            }
        }
        End::MicrophoneVanishes => world.apps[ann].microphone = None,
        End::Camera => {
            if let Some(mut one) = world.apps[ann].camera.take() {
                one.close(now);
            }
        }
        End::CameraVanishes => world.apps[ann].camera = None,
        End::Screen => {
            if let Some(mut one) = world.apps[bob].screen.take() {
                one.close(now);
            }
        }
        End::ScreenVanishes => world.apps[bob].screen = None,
        End::AnnLeaves => drop(world.ask(ann, "WS_LEAVE_REQ", json!({}))),
        End::BobLeaves => drop(world.ask(bob, "WS_LEAVE_REQ", json!({}))),
        End::AnnSocket => world.lose_socket(ann),
        End::Unsubscribe => drop(world.ask(bob, "WS_UNSUBSCRIBE_REQ", json!({ "subscribe": whom }))),
        End::HangUp => world.tell_hung_up(scene.telephone),
        End::Leg => world.end_leg(scene.telephone),
        End::Room => {
            let fields = json!({ "room_id": scene.room });
            drop(world.ask(ann, "WS_DESTROY_ROOM_REQ", fields));
        }
        End::Recording => {
            let fields = json!({ "action": "stop", "track": "audio" });
            drop(world.ask(ann, "WS_RECORDING_REQ", fields));
        }
    }
}

/// Every order of these endings: with and without a recording, before and after all is up, at once and one after another.
fn in_every_order(name: &str, parts: &[End]) {
    let mut world = World::new(name);
    for order in orders(parts) {
        for (recorded, when, pause) in [
            (false, When::AtOnce, 0),
            (true, When::AtOnce, 1),
            (true, When::Up, 0),
            (false, When::Up, 30),
            (true, When::Deaf, 30),
            (true, When::Full, 0),
        ] {
            let what = format!("{order:?}, recorded {recorded}, {when:?}, {pause} steps between");
            let scene = set(&mut world, recorded, when);
            for part in &order {
                end(&mut world, &scene, *part);
                for _ in 0..pause {
                    world.step(super::world::STEP);
                }
            }
            world.deaf = false;
            world.run(Duration::from_millis(200));
            world.assert_agreed(&what);
            world.close(&what);
        }
    }
}

#[test]
fn an_app_hears_a_telephone_is_heard_by_it_and_leaves() {
    let mut world = World::new("heard");
    let scene = set(&mut world, true, When::Up);
    world.run(Duration::from_secs(1));
    let loudness = |world: &mut World| world.apps[scene.ann].microphone.as_mut().unwrap().loudness();
    loudness(&mut world);
    world.run(Duration::from_secs(1));
    let loud = loudness(&mut world);
    assert!(loud > 1000.0, "the telephone is heard with {loud}");
    world.telephones[scene.telephone].talks = false;
    world.run(Duration::from_secs(1));
    loudness(&mut world);
    world.run(Duration::from_secs(1));
    let still = loudness(&mut world);
    assert!(still < 50.0, "a silent telephone is heard with {still}");
    world.telephones[scene.telephone].heard = 0;
    world.apps[scene.bob].says = tone();
    world.run(Duration::from_secs(1));
    let heard = world.telephones[scene.telephone].heard;
    assert!(heard > 2000, "the telephone has heard {heard} samples");
    let seen = world.apps[scene.bob].screen.as_ref().unwrap().received.len();
    assert!(seen > 20, "{seen} packets of video are seen");
    world.ok(scene.ann, "WS_LEAVE_REQ", json!({}));
    world.run(Duration::from_millis(100));
    let figures = world.plane.figures();
    assert_eq!((figures.peers, figures.streams, figures.viewers), (1, 0, 0));
    world.close("a talk");
}

/// A second of a tone.
fn tone() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(48_000, EncoderSettings::default()).unwrap();
    let mut out = [0; 1500];
    let mut packet = |number: usize| {
        let sample = |i: usize| {
            let at = (number * 960 + i) as f64 / 48_000.0;
            ((at * 600.0 * std::f64::consts::TAU).sin() * 9_000.0) as i16
        };
        let pcm: Vec<i16> = (0..960).map(sample).collect();
        let length = encoder.encode(&pcm, &mut out).unwrap();
        out[..length].to_vec()
    };
    (0..50).map(&mut packet).collect()
}

#[test]
fn transport_session_socket_and_telephone_end_in_every_order() {
    in_every_order(
        "transport",
        &[End::Microphone, End::AnnLeaves, End::AnnSocket, End::HangUp],
    );
}

#[test]
fn a_viewer_that_is_up_before_its_stream_sees_it_as_one_that_comes_later() {
    let mut world = World::new("first");
    for (first, second) in [(true, false), (false, true)] {
        let scene = set(&mut world, false, When::AtOnce);
        let (ann, bob) = (scene.ann, scene.bob);
        world.apps[ann].sleeps = first;
        world.apps[bob].sleeps = second;
        let awake = if first { bob } else { ann };
        world.until("the first is up", |world| world.apps[awake].is_up());
        world.run(Duration::from_secs(1));
        world.apps[ann].sleeps = false;
        world.apps[bob].sleeps = false;
        world.until("the picture is seen", |world| {
            let screen = world.apps[bob].screen.as_ref();
            screen.is_some_and(|screen| screen.received.len() > 10)
        });
        world.assert_agreed("both are up");
        world.close(&format!("the viewer first: {first}"));
    }
}

#[test]
fn who_has_lost_her_audio_publishes_again_once_the_hub_has_heard_of_it() {
    let mut world = World::new("late");
    let scene = set(&mut world, true, When::Deaf);
    end(&mut world, &scene, End::Microphone);
    world.run(Duration::from_millis(100));
    assert_eq!(world.plane.figures().peers, 1, "the shard has forgotten it");
    assert!(!world.speak(scene.ann), "the hub knows of one");
    world.deaf = false;
    world.run(Duration::from_millis(100));
    assert!(world.speak(scene.ann), "the hub knows of none");
    world.until("all is up again", |world| world.apps[scene.ann].is_up());
    end(&mut world, &scene, End::AnnLeaves);
    world.run(Duration::from_millis(100));
    assert_eq!(world.plane.figures().peers, 1, "hers is closed");
    world.close("a late word");
}

#[test]
fn stream_viewer_owner_and_watcher_end_in_every_order() {
    in_every_order(
        "video",
        &[End::Camera, End::Screen, End::AnnLeaves, End::BobLeaves],
    );
}

#[test]
fn a_subscription_a_stream_and_both_sockets_end_in_every_order() {
    in_every_order(
        "subscription",
        &[
            End::Unsubscribe,
            End::CameraVanishes,
            End::AnnSocket,
            End::BobLeaves,
        ],
    );
}

#[test]
fn a_room_and_transports_that_vanish_end_in_every_order() {
    in_every_order(
        "vanished",
        &[
            End::Room,
            End::MicrophoneVanishes,
            End::ScreenVanishes,
            End::AnnSocket,
        ],
    );
}

#[test]
fn room_recording_telephone_and_leg_end_in_every_order() {
    in_every_order("room", &[End::Room, End::Recording, End::HangUp, End::Leg]);
}

/// The page stays, its transports are gone: the shards find that out by themselves.
#[test]
fn transports_that_vanish_are_forgotten_while_their_sessions_stay() {
    let mut world = World::new("vanish");
    for (parts, left) in [
        (&[End::MicrophoneVanishes, End::CameraVanishes][..], (1, 0, 0)),
        (&[End::CameraVanishes, End::MicrophoneVanishes], (1, 0, 0)),
        (&[End::Microphone, End::Camera], (1, 0, 0)),
        (&[End::Camera, End::Microphone], (1, 0, 0)),
        (&[End::Screen], (2, 1, 0)),
        (&[End::ScreenVanishes], (2, 1, 0)),
        (&[End::ScreenVanishes, End::CameraVanishes], (2, 0, 0)),
    ] {
        let scene = set(&mut world, true, When::Up);
        for part in parts {
            end(&mut world, &scene, *part);
            world.run(Duration::from_secs(1));
        }
        world.run(Duration::from_secs(40));
        let what = format!("{parts:?}");
        let figures = world.plane.figures();
        assert_eq!((figures.peers, figures.streams, figures.viewers), left, "{what}");
        world.assert_agreed(&what);
        world.close(&what);
    }
}

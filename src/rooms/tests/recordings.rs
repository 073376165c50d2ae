//! The start of a recording, with the real recorder: it is answered when the disk has it, and fails when that refuses.

use super::world::World;
use serde_json::{Value, json};

fn start() -> Value {
    json!({ "action": "start", "track": "audio" })
}

#[test]
fn a_start_is_answered_when_the_disk_has_it_and_fails_when_that_refuses() {
    let mut world = World::new("recordings");
    let ann = world.app("ann");
    let room = world.room(ann);
    world.join(ann, &room);
    let captures = world.folder.join("recordings/captures");
    let away = captures.with_extension("away");
    std::fs::rename(&captures, &away).unwrap();
    let refused = world.ask(ann, "WS_RECORDING_REQ", start()).unwrap();
    assert_eq!(refused["result"], "failed");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("disk takes nothing"), "{reason}");
    world.run(super::world::STEP * 20);
    assert!(world.host.recordings().is_empty());
    world.assert_agreed("a start that is refused");
    std::fs::rename(&away, &captures).unwrap();
    world.recorder.look_for_room();
    world.ok(ann, "WS_RECORDING_REQ", start());
    let [recording] = world.host.recordings().into_keys().collect::<Vec<_>>()[..] else {
        panic!("not one recording");
    };
    let of = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().path();
    let kept = || -> Vec<_> {
        let all = std::fs::read_dir(world.folder.join("recordings"))
            .unwrap()
            .map(of);
        all.filter(|path| path.join("manifest.json").exists()).collect()
    };
    let folder = world.folder.join("recordings").join(recording.to_string());
    // The folder of the start that was refused goes behind its answer.
    let since = std::time::Instant::now();
    while kept() != [folder.as_path()] {
        assert!(
            since.elapsed().as_secs() < 10,
            "the start that was refused leaves something: {:?}",
            kept()
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(folder.join("capture.ogg").exists());
    world.ok(
        ann,
        "WS_RECORDING_REQ",
        json!({ "action": "stop", "track": "audio" }),
    );
}

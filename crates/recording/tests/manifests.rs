//! Manifests on the disk are read whatever version wrote them, and ids stand in them as before.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic")]

use omnigate_recording::manifest::Manifest;
use omnigate_room::{CallId, ParticipantId, RecordingId, RoomId};
use serde_json::{Value, json};

/// As version 0.1.0 wrote it, before calls had ids in it.
fn old() -> Value {
    json!({
        "version": 1, "recording_id": "6b05abaaf7749543f3f1583bd0d16331", "service_id": "demo",
        "room_id": "0f1e2d3c4b5a69788796a5b4c3d2", "room_type": "sipcall", "call_type": "sipcall",
        "session": "QWJj", "user_id": "01099998888", "user_name": "01099998888", "by_policy": true,
        "caller": "01099998888", "callee": "bob", "caller_member": 3, "started_at": 1_795_533_738,
        "capture": "capture.ogg", "start_us": 12,
        "end": { "at_us": 5_000_012, "ended_at": 1_795_533_743, "reason": "leave" },
        "members": { "3": {
            "session": "QWJj", "user_id": "01099998888", "user_name": "01099998888", "call_type": "sipcall",
            "telephone": true,
        } },
        "files": [], "peaks": [],
    })
}

#[test]
fn a_manifest_of_before_is_read_and_written_as_it_was() {
    let manifest: Manifest = serde_json::from_value(old()).unwrap();
    assert_eq!(
        manifest.recording_id,
        RecordingId(0x6b05_abaa_f774_9543_f3f1_583b_d0d1_6331)
    );
    assert_eq!(manifest.room_id, RoomId(0x0f1e_2d3c_4b5a_6978_8796_a5b4_c3d2));
    assert_eq!(manifest.caller_member, Some(ParticipantId(3)));
    assert_eq!(manifest.call_id, None);
    assert_eq!(serde_json::to_value(&manifest).unwrap(), old());
    let text = serde_json::to_string(&manifest).unwrap();
    assert!(serde_json::from_str::<Manifest>(&text).is_ok());
    assert!(serde_json::from_reader::<_, Manifest>(text.as_bytes()).is_ok());
}

#[test]
fn the_call_that_it_is_of_stands_in_it() {
    let mut manifest: Manifest = serde_json::from_value(old()).unwrap();
    manifest.call_id = Some(CallId::new(1_700_000_000_000, 7));
    let written = serde_json::to_value(&manifest).unwrap();
    assert_eq!(written["call_id"], "018bcfe5680000000000000000000007");
    let read: Manifest = serde_json::from_value(written).unwrap();
    assert_eq!(read.call_id, manifest.call_id);
}

#[test]
fn an_id_that_is_none_of_ours_is_refused() {
    for id in ["", "../../etc", "6B05ABAAF7749543F3F1583BD0D16331"] {
        let mut manifest = old();
        manifest["recording_id"] = id.into();
        assert!(serde_json::from_value::<Manifest>(manifest).is_err(), "{id}");
    }
}

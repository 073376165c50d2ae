//! Disks that are full, or of no use at all.

use crate::harness::Service;
use crate::receiver::Receiver;
use crate::recordings::{captured, room_with_a_phone, running};
use serde_json::json;
use std::process::Command;

#[test]
fn a_folder_that_cannot_be_written_is_told_at_the_start() {
    let dir = std::env::temp_dir().join(format!("omnigate-e2e-readonly-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .arg("serve")
        .current_dir(&dir)
        .env("OMNIGATE__RECORDING__DIR", "/proc/recordings")
        .env("OMNIGATE__HTTP__LISTEN", "127.0.0.1:0")
        .env("OMNIGATE__SIP__LISTEN", "udp://127.0.0.1:0")
        .env("OMNIGATE__MEDIA__WEBRTC_PORT", "0")
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(
        said.contains("recording.dir") && said.contains("/proc/recordings"),
        "{said}"
    );
    std::fs::remove_dir_all(dir).unwrap();
}

/// A small file system of its own, gone in the end.
pub struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    /// `name` tells those of several tests apart.
    pub fn new(name: &str, mib: u32) -> SmallDisk {
        let path = std::env::temp_dir().join(format!("omnigate-e2e-disk-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(&path)
            .status()
            .unwrap();
        assert!(done.success(), "a tmpfs cannot be mounted");
        SmallDisk(path)
    }

    pub fn path(&self) -> &std::path::Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_never_the_call() {
    let disk = SmallDisk::new("recordings", 8);
    let receiver = Receiver::start();
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let service = Service::start(&format!(
        "recording.dir = \"{}\"\nrecording.min_free_mib = 4\n{settings}",
        disk.0.display()
    ));
    let (mut app, room, phone) = room_with_a_phone(&service);
    running(&service);
    captured(&service, 1);
    // Somebody else fills the disk, up to what is kept free for the files.
    let filler = disk.0.join("filler");
    std::fs::write(&filler, vec![1; 7 << 20]).unwrap();
    let told = receiver.wait_for(1)[0].json();
    assert_eq!(told["end_reason"], "disk_full");
    assert!(told["duration"].as_f64().unwrap() >= 1.0);
    assert!(service.metric("omnigate_recording_disk_failures_total") >= 1.0);
    assert_eq!(
        service.calls().iter().filter(|c| c["state"] == "talking").count(),
        1,
        "the call goes on"
    );
    service.until("the room is told", || {
        service.metric("omnigate_recordings_active") == 0.0
    });
    app.request("JOIN_ROOM", json!({"room_id": room}));
    let start = json!({"action": "start", "track": "audio"});
    service.until("nothing can be recorded", || {
        let answer = app.request("RECORDING", start.clone());
        let reason = answer["reason"].as_str().unwrap_or_default().to_owned();
        if answer["result"] == "success" {
            panic!("it was started on a full disk");
        }
        reason.contains("disk is full")
    });
    std::fs::remove_file(filler).unwrap();
    service.until("there is room again", || {
        app.request("RECORDING", start.clone())["result"] == "success"
    });
    phone.hang_up();
}

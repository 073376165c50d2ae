//! The systemd unit that operators install is one that systemd takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let unit = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/omnigate.service"))
        .unwrap();
    // The binary is not installed here; this one is.
    let unit = unit.replace("/usr/local/bin/omnigate", env!("CARGO_BIN_EXE_omnigate"));
    let folder = std::env::temp_dir().join(format!("omnigate-unit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("omnigate.service");
    std::fs::write(&file, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&file)
        .output()
        .expect("systemd-analyze; scripts/test installs it");
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Other units of the machine are none of our business.
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("omnigate")).collect();
    assert!(ours.is_empty() && output.status.success(), "{said}");
}

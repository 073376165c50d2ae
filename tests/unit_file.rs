//! The systemd unit that operators install is one that systemd takes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::{Command, Output};

fn unit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/omnigate.service");
    std::fs::read_to_string(path).unwrap()
}

/// What systemd-analyze says of the unit.
fn analyzed(test: &str, arguments: &[&str]) -> Output {
    // The binary is not installed here; this one is.
    let unit = unit().replace("/usr/local/bin/omnigate", env!("CARGO_BIN_EXE_omnigate"));
    let folder = std::env::temp_dir().join(format!("omnigate-unit-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("omnigate.service");
    std::fs::write(&file, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(&file)
        .output()
        .expect("systemd-analyze; scripts/test installs it");
    std::fs::remove_dir_all(&folder).unwrap();
    output
}

#[test]
fn systemd_calls_the_unit_well_locked_up() {
    // In tenths: 2.0 of 10. What is left is the network, and the ports below 1024.
    let output = analyzed(
        "locked",
        &["security", "--offline=true", "--no-pager", "--threshold=20"],
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    for line in [
        "LimitCORE=0",
        "StateDirectoryMode=0700",
        "ProcSubset=pid",
        "UMask=0077",
    ] {
        assert!(unit().lines().any(|one| one == line), "{line}");
    }
    for key in ["MemoryMax=", "TasksMax=", "LimitNOFILE="] {
        assert!(unit().lines().any(|one| one.starts_with(key)), "{key}");
    }
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let output = analyzed("verify", &["verify"]);
    let said = String::from_utf8_lossy(&output.stderr);
    // Other units of the machine are none of our business.
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("omnigate")).collect();
    assert!(ours.is_empty() && output.status.success(), "{said}");
}

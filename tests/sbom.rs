//! The SBOM is one that tools for it take, and tells what the binary is made of.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn sbom(root: &Path) -> Vec<u8> {
    let out = Command::new(root.join("scripts/sbom")).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[test]
fn the_sbom_is_valid_cyclonedx_and_names_what_is_built_in() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = sbom(root);
    let mut judge = Command::new(root.join(".test/venv/bin/python"))
        .arg(root.join("tests/e2e/rig/sbom.py"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python; scripts/test installs it");
    judge.stdin.take().unwrap().write_all(&text).unwrap();
    let judged = judge.wait_with_output().unwrap();
    assert!(
        judged.status.success(),
        "{}",
        String::from_utf8_lossy(&judged.stderr)
    );

    let bom: Value = serde_json::from_slice(&text).unwrap();
    let all = bom["components"].as_array().unwrap();
    let of = |name: &str| all.iter().find(|one| one["name"] == name);
    for name in ["tokio", "rustls", "str0m", "omnigate-sip"] {
        assert!(of(name).is_some(), "{name} is missing");
    }
    for name in ["criterion", "fantoccini", "windows-sys"] {
        assert!(of(name).is_none(), "{name} is not built in");
    }
    assert_eq!(
        of("tokio").unwrap()["hashes"][0]["content"]
            .as_str()
            .unwrap()
            .len(),
        64
    );
    // Whoever is needed is there.
    let known: BTreeSet<&str> = all.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
    let needs = bom["dependencies"].as_array().unwrap();
    let needed = needs.iter().flat_map(|one| one["dependsOn"].as_array().unwrap());
    for one in needed {
        assert!(
            known.contains(one.as_str().unwrap()),
            "{one} is needed and not told"
        );
    }
    assert_eq!(text, sbom(root), "the same of the same");
}

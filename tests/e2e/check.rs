//! `omnigate check`: every fault at once.

use std::process::{Command, Output};

/// `omnigate check` of a configuration.
fn check(name: &str, toml: &str) -> Output {
    let path = std::env::temp_dir().join(format!("omnigate-e2e-check-{name}-{}.toml", std::process::id()));
    std::fs::write(&path, toml).unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    std::fs::remove_file(path).unwrap();
    out
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_fault_is_told_at_once_those_of_files_too() {
    let faulty = "http.tls.certificate = \"/nowhere/c.pem\"\nhttp.tls.key = \"/nowhere/k.pem\"\nivr.tries = \"many\"\n\
                  ivr.ring_seconds = 0\napi.tokn = \"hush\"\n";
    let out = check("faulty", faulty);
    assert_eq!(out.status.code(), Some(1));
    let (said, quiet) = (text(&out.stderr), text(&out.stdout));
    let keys: Vec<&str> = said.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        keys,
        [
            "ivr.tries",
            "ivr.ring_seconds",
            "api.tokn",
            "http.tls.certificate"
        ],
        "{said}"
    );
    assert!(said.contains("`api.token`") && !said.contains("hush"), "{said}");
    assert_eq!(quiet, "", "what has faults will not run");
}

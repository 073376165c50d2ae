//! `omnigate check`: everything at once, and what a service would be.

use crate::harness::Service;
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

#[test]
fn what_will_hurt_is_a_warning_and_what_will_run_is_told() {
    let open = "http.listen = \"0.0.0.0:8080\"\n[[trunk]]\nname = \"carrier\"\nallow = \"0.0.0.0/0\"\n";
    let out = check("open", open);
    assert_eq!(out.status.code(), Some(0));
    let said = text(&out.stderr);
    let warned = |key: &str| {
        said.lines()
            .any(|line| line.starts_with(&format!("warning: {key}: ")))
    };
    assert!(
        warned("service[0].key") && warned("metrics.token") && warned("trunk[0].allow"),
        "{said}"
    );
    let runs = text(&out.stdout);
    assert!(runs.starts_with("configuration is good"), "{runs}");
    assert!(
        runs.contains("http://0.0.0.0:8080") && runs.contains("carrier"),
        "{runs}"
    );
}

#[test]
fn a_service_that_starts_has_the_warnings_in_its_log() {
    let service = Service::start("[[trunk]]\nname = \"wide\"\nallow = [\"0.0.0.0/0\"]\n");
    let log = service.log();
    let line = log
        .lines()
        .find(|line| line.contains("trunk[0].allow"))
        .unwrap_or_default();
    assert!(
        line.contains("WARN") && line.contains("lets everybody call"),
        "{line}"
    );
}

#[test]
fn trunk_try_shows_what_a_call_would_use_and_why_none_would_be_made() {
    let toml = "[[trunk]]\nname = \"carrier\"\ngateways = [\"sip:gw.example.com;transport=tcp\", \"sip:192.0.2.7\"]\ndestinations = [\"02*\"]\n\
                number_format = \"plus\"\nidentity = \"asserted\"\ncallers = [{ number = \"070-1234-5678\", proof = \"contract\" }]\n\
                [[service]]\nid = \"shop\"\nkey = \"k\"\ncaller = \"070-1234-5678\"\n";
    let path = std::env::temp_dir().join(format!("omnigate-e2e-try-{}.toml", std::process::id()));
    std::fs::write(&path, toml).unwrap();
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_omnigate"))
            .args(["trunk", "try"])
            .args(arguments)
            .arg("--config")
            .arg(&path)
            .output()
            .unwrap()
    };
    let out = run(&["02-123-4567", "--json"]);
    let shown: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let ways = shown["ways"].as_array().unwrap();
    assert_eq!(ways.len(), 2);
    assert_eq!(ways[0]["uri"], "sip:+8221234567@gw.example.com;transport=tcp");
    assert_eq!(ways[1]["gateway"], "192.0.2.7");
    let headers = ways[0]["headers"].to_string();
    assert!(
        headers.contains("P-Asserted-Identity: <sip:+827012345678@"),
        "{headers}"
    );
    assert!(text(&run(&["02-123-4567"]).stdout).contains("1. trunk carrier, gateway gw.example.com"));
    for (number, says) in [
        ("031-123-4567", "trunk.destinations"),
        ("119", "emergency"),
        ("alice", "no telephone number"),
    ] {
        let out = run(&[number]);
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out.stderr).contains(says), "{}", text(&out.stderr));
    }
    std::fs::remove_file(path).unwrap();
}

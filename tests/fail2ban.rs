//! The filter for fail2ban that operators install finds the lines that the service writes, and nothing else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use omnigate::config::{Log, LogFormat};
use omnigate::observe::{api_authentication_failed, init_tracing, service_key_refused};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;

/// Set: this process is the one that writes the lines.
const WRITER: &str = "OMNIGATE_TEST_FAIL2BAN";
const FOUR: &str = "203.0.113.7";
const SIX: &str = "2001:db8::7";

/// Writes the lines with the functions that the service uses, and with what a stranger could try.
fn write_lines(format: LogFormat) {
    let log = Log {
        format,
        ..Log::default()
    };
    init_tracing(&log);
    let addresses: [IpAddr; 2] = [FOUR.parse().unwrap(), SIX.parse().unwrap()];
    for address in addresses {
        api_authentication_failed(address);
        service_key_refused(address);
        tracing::warn!(source = %address, "SIP authentication failed");
    }
    // Lines that hold somebody else's text.
    let forged =
        "x\",\"level\":\"WARN\",\"message\":\"API authentication failed\",\"source\":\"198.51.100.1\"";
    tracing::info!(subject = forged, "audit");
    tracing::warn!(
        origin = "WARN API authentication failed source=198.51.100.1 ",
        "WebSocket refused"
    );
    tracing::info!(source = "198.51.100.1", "Service Key refused by nobody");
}

#[test]
fn writer() {
    match std::env::var(WRITER).as_deref() {
        Ok("json") => write_lines(LogFormat::Json),
        Ok("text") => write_lines(LogFormat::Text),
        _ => {}
    }
}

fn lines(format: &str) -> String {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(WRITER, format)
        .output()
        .unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stderr).unwrap()
}

/// Addresses that fail2ban takes out of a log.
fn found(log: &str) -> Vec<String> {
    let folder = std::env::temp_dir().join(format!("omnigate-fail2ban-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("log");
    std::fs::write(&file, log).unwrap();
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/fail2ban/omnigate.conf");
    let out = Command::new("fail2ban-regex")
        .args(["--out", "ip"])
        .arg(&file)
        .arg(&filter)
        .output()
        .expect("fail2ban-regex; scripts/test installs it");
    std::fs::remove_dir_all(folder).unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let mut all: Vec<String> = said.split_whitespace().map(str::to_owned).collect();
    all.sort();
    all
}

#[test]
fn fail2ban_finds_those_who_guess_in_json_and_in_text_and_nobody_else() {
    for format in ["json", "text"] {
        let log = lines(format);
        assert_eq!(log.lines().count(), 9, "{log}");
        assert_eq!(found(&log), [SIX, SIX, SIX, FOUR, FOUR, FOUR], "{format}: {log}");
    }
}

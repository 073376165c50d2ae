//! What the service is as a process: whose its files are, its descriptors, and what of its secrets is ever seen.

use crate::harness::Service;
use crate::listener::from;
use crate::softphone::Softphone;
use serde_json::Value;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn all_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            let below = if path.is_dir() {
                all_below(&path)
            } else {
                Vec::new()
            };
            below.into_iter().chain([path])
        })
        .collect()
}

#[test]
fn what_the_service_makes_is_its_own_alone() {
    let service = Service::start("");
    let all = all_below(&service.dir.join("data"));
    assert!(all.iter().any(|path| path.ends_with("omnigate.db")), "{all:?}");
    for path in all {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn browsers_that_take_all_descriptors_leave_some_to_telephones() {
    let limits =
        "[http.limits]\nconnections = 100000\nconnections_burst = 100000\nconnections_per_second = 100000\n";
    let service = Service::start_with(limits, &[("NOFILE", "400".to_owned())]);
    let log = service.log();
    let warning = log
        .lines()
        .find(|line| line.contains("file descriptors may run out"))
        .unwrap();
    assert!(
        warning.contains("WARN") && warning.contains("LimitNOFILE"),
        "{warning}"
    );
    let held: Vec<TcpStream> = (0..600).map(|_| from([127, 0, 0, 2], service.http)).collect();
    service.until("some are refused", || {
        // Over one that is open, for there are no others.
        let mut refused = held.iter().filter(|stream| {
            stream.set_nonblocking(true).unwrap();
            matches!(stream.peek(&mut [0]), Ok(0))
        });
        refused.next().is_some()
    });
    // A telephone takes sockets of its own, and is heard by the menu.
    let phone = Softphone::dial(&service, "01012345678", "07012345678", 440.0);
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let heard = phone.hang_up();
    assert!(
        heard.iter().any(|sample| sample.unsigned_abs() > 1000),
        "the menu is silent"
    );
    drop(held);
    service.until("descriptors are free again", || {
        service.metric("omnigate_http_refused_total{kind=\"descriptors\"}") > 100.0
    });
}

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_it_goes() {
    let service = Service::start("");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.pid())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let numbers: Vec<&str> = line["Max open files".len()..].split_whitespace().collect();
    assert_eq!(numbers[0], numbers[1], "{line}");
}

#[test]
fn the_database_may_be_a_secret_in_a_file_and_is_shown_nowhere() {
    let folder = std::env::temp_dir().join(format!("omnigate-e2e-url-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let secret = folder.join("url");
    std::fs::write(&secret, "sqlite://data/hush-hush.db\n").unwrap();
    let service = Service::start(&format!("store.url = {{ file = \"{}\" }}\n", secret.display()));
    assert!(service.dir.join("data/hush-hush.db").exists());
    assert!(service.dir.join("data/api-token").exists());
    drop(service);
    std::fs::write(&secret, "postgres://gate:hush@127.0.0.1:1/gate").unwrap();
    let config = folder.join("omnigate.toml");
    std::fs::write(
        &config,
        format!("store.url = {{ file = \"{}\" }}\n", secret.display()),
    )
    .unwrap();
    for arguments in [&["check"][..], &["webhook", "list"]] {
        let out = Command::new(env!("CARGO_BIN_EXE_omnigate"))
            .args(arguments)
            .arg("--config")
            .arg(&config)
            .current_dir(&folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
        assert!(!said.contains("hush"), "{arguments:?}: {said}");
    }
    // The service runs without its database, and says that it is absent.
    let service = Service::start(&format!("store.url = {{ file = \"{}\" }}\n", secret.display()));
    service.until("the absent database is told", || {
        service.log().contains("the database is absent")
    });
    assert!(!service.log().contains("hush"), "{}", service.log());
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_metric_of_the_audit_log_is_told() {
    let service = Service::start("");
    service.until("the start is in the audit log", || {
        service.metric("omnigate_audit_entries_total") >= 2.0
    });
    assert_eq!(service.metric("omnigate_audit_lost_total"), 0.0);
    let (status, body) = service.get("/api/v1/audit?what=service_start");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, body["entries"].as_array().unwrap().len()), (200, 1));
}

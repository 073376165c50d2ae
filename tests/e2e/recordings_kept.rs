//! How recordings are kept: encrypted, in object storage, in PostgreSQL; and the commands that look after them.

use crate::harness::{Service, http_get};
use crate::receiver::Receiver;
use crate::recordings::{api, captured, room_with_a_phone, running, write};
use age::secrecy::ExposeSecret;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// A service with these settings that has recorded a second of a phone in a room; and the recording.
fn recorded(receiver: &Receiver, extra: &str) -> (Service, Value) {
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let service = Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\n{extra}\n{settings}"
    ));
    let (_app, _, phone) = room_with_a_phone(&service);
    running(&service);
    captured(&service, 1);
    phone.hang_up();
    let told = receiver.wait_for(1)[0].json();
    (service, told)
}

/// `omnigate` with the service's configuration.
pub fn omnigate(service: &Service, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .args(arguments)
        .arg("--config")
        .arg(service.dir.join("omnigate.toml"))
        .current_dir(&service.dir)
        .output()
        .unwrap()
}

pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn folder(service: &Service, told: &Value) -> PathBuf {
    let id = told["recording_id"].as_str().unwrap();
    service.dir.join("data/recordings").join(id)
}

fn sha256(path: &Path) -> String {
    let sum = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8_lossy(&sum.stdout)
        .split(' ')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn an_encrypted_recording_is_served_in_clear_and_read_by_other_tools_with_its_key() {
    let receiver = Receiver::start();
    let key = age::x25519::Identity::generate()
        .to_string()
        .expose_secret()
        .to_owned();
    let (service, told) = recorded(&receiver, &format!("recording.key = \"{key}\""));
    let (folder, sum) = (folder(&service, &told), told["file"]["sha256"].as_str().unwrap());
    let names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(
        names.iter().all(|n| n.ends_with(".age") || n == "manifest.json"),
        "{names:?}"
    );
    let id = told["recording_id"].as_str().unwrap();
    let path = format!("/api/v1/recordings/{id}/file?format=wav");
    let (status, _, bytes) = service.fetch(&path, &[]);
    assert_eq!(
        (status, sha256(&write(&service, "clear.wav", &bytes)).as_str()),
        (200, sum)
    );
    let (status, _, part) = service.fetch(&path, &[("Range", "bytes=9000-9009")]);
    assert_eq!((status, part.as_slice()), (206, &bytes[9_000..9_010]));
    // By our own command, and by somebody else's tool.
    let (ours, theirs) = (service.dir.join("ours.wav"), service.dir.join("theirs.wav"));
    let secret = folder.join("mix.wav.age");
    let decrypt = [
        "recording",
        "decrypt",
        secret.to_str().unwrap(),
        "--output",
        ours.to_str().unwrap(),
    ];
    let done = omnigate(&service, &decrypt);
    assert!(done.status.success(), "{}", said(&done));
    assert!(
        !omnigate(&service, &decrypt).status.success(),
        "nothing is overwritten"
    );
    let key = write(&service, "key", key.as_bytes());
    let done = Command::new("age")
        .args(["--decrypt", "--identity"])
        .arg(&key)
        .arg("--output")
        .arg(&theirs)
        .arg(&secret)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!((sha256(&ours).as_str(), sha256(&theirs).as_str()), (sum, sum));
}

#[test]
fn a_recipient_is_enough_to_record_and_its_files_are_served_as_they_are() {
    let receiver = Receiver::start();
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let (service, told) = recorded(&receiver, &format!("recording.recipient = \"{recipient}\""));
    assert_eq!(told["file"]["encrypted"], true);
    let id = told["recording_id"].as_str().unwrap();
    let path = format!("/api/v1/recordings/{id}/file?format=wav");
    let (status, head, bytes) = service.fetch(&path, &[]);
    let head = head.to_lowercase();
    assert_eq!(status, 200);
    for line in [
        "content-type: application/octet-stream",
        "mix.wav.age\"",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(line), "{line} is not in {head}");
    }
    assert!(bytes.starts_with(b"age-encryption.org/v1"));
    let (status, _, part) = service.fetch(&path, &[("Range", "bytes=100-109")]);
    assert_eq!((status, part.as_slice()), (206, &bytes[100..110]));
    // Whoever has the key reads it, with any tool.
    let key = write(&service, "key", identity.to_string().expose_secret().as_bytes());
    let clear = service.dir.join("clear.wav");
    let done = Command::new("age")
        .args(["--decrypt", "--identity"])
        .arg(&key)
        .arg("--output")
        .arg(&clear)
        .arg(write(&service, "secret.age", &bytes))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(sha256(&clear), told["file"]["sha256"].as_str().unwrap());
    let shown = api(&service, &format!("/api/v1/recordings/{id}"));
    assert_eq!(shown["files"][0]["encrypted"], true);
}

#[test]
fn the_commands_list_and_show_and_find_a_flipped_bit() {
    let receiver = Receiver::start();
    let (service, told) = recorded(&receiver, "");
    let id = told["recording_id"].as_str().unwrap();
    assert!(said(&omnigate(&service, &["recording", "list"])).starts_with(id));
    let shown: Value =
        serde_json::from_slice(&omnigate(&service, &["recording", "show", id]).stdout).unwrap();
    assert_eq!(shown["end"]["reason"], "room_closed");
    let fails = omnigate(&service, &["recording", "show", "../../etc/passwd"]);
    assert!(!fails.status.success() && said(&fails).contains("32 hex digits"));
    let intact = omnigate(&service, &["recording", "verify"]);
    assert!(
        intact.status.success() && said(&intact).contains("1 intact, 0 damaged"),
        "{}",
        said(&intact)
    );
    let path = folder(&service, &told).join("mix.wav");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10_000] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    let damaged = omnigate(&service, &["recording", "verify", id]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(
        said(&damaged).contains("mix.wav: its checksum"),
        "{}",
        said(&damaged)
    );

    let listed = said(&omnigate(&service, &["webhook", "list"]));
    let message = listed.split(' ').next().unwrap().to_owned();
    assert!(
        listed.contains("recording_completed") && message.starts_with("msg_"),
        "{listed}"
    );
    assert!(
        omnigate(&service, &["webhook", "replay", &message])
            .status
            .success()
    );
    assert!(
        !omnigate(&service, &["webhook", "replay", "msg_none"])
            .status
            .success()
    );
    let service = service.kill_and_restart();
    let posts = receiver.wait_for(2);
    assert_eq!(posts[1].id(), message);
    drop(service);
}

/// A real S3 server on a folder, which checks signatures.
fn s3_server(address: SocketAddr, root: &Path) {
    let files = s3s_fs::FileSystem::new(root).unwrap();
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single("access", "hush"));
    let service = builder.build();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind(address).await.unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service.clone());
                tokio::spawn(connection);
            }
        });
    });
}

#[test]
fn object_storage_that_was_down_gets_the_recording_before_it_is_removed_here() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let receiver = Receiver::start();
    let (service, told) = recorded(
        &receiver,
        &format!(
            "recording.upload.url = \"s3://bucket/calls\"\nrecording.upload.endpoint = \"http://{address}\"\n\
             recording.upload.region = \"us-east-1\"\nrecording.upload.access_key = \"access\"\n\
             recording.upload.secret_key = \"hush\"\nrecording.upload.remove_local = true"
        ),
    );
    service.until("an upload fails", || {
        service.metric("omnigate_recording_upload_failures_total") > 0.0
    });
    let folder = folder(&service, &told);
    assert!(folder.join("mix.wav").exists() && folder.join("mix.opus").exists());
    let root = service.dir.join("s3");
    std::fs::create_dir_all(root.join("bucket")).unwrap();
    s3_server(address, &root);
    let uploaded = || service.metric("omnigate_recordings_uploaded_total") == 1.0;
    service.until_within("it is uploaded", Duration::from_secs(60), uploaded);
    service.until("the files here are gone", || !folder.join("mix.wav").exists());
    let id = told["recording_id"].as_str().unwrap();
    let there = root.join("bucket/calls").join(id);
    assert_eq!(
        sha256(&there.join("mix.wav")),
        told["file"]["sha256"].as_str().unwrap()
    );
    assert!(there.join("mix.opus").exists() && there.join("manifest.json").exists());
    assert_eq!(
        api(&service, &format!("/api/v1/recordings/{id}"))["uploaded"],
        true
    );
    // It is served from there.
    let (status, _, bytes) = service.fetch(&format!("/api/v1/recordings/{id}/file?format=wav"), &[]);
    assert_eq!(status, 200);
    let sum = sha256(&write(&service, "back.wav", &bytes));
    assert_eq!(sum, told["file"]["sha256"].as_str().unwrap());
    assert_eq!(
        service.request("DELETE", &format!("/api/v1/recordings/{id}")).0,
        204
    );
    assert!(!there.join("mix.wav").exists());
}

/// A PostgreSQL server of its own, on a socket in a folder, gone in the end.
pub struct Postgres(PathBuf);

impl Postgres {
    /// `name` tells the servers of several tests apart.
    pub fn start(name: &str) -> Postgres {
        let folder = format!("omnigate-e2e-postgres-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let postgres = Postgres(folder);
        let owner = Command::new("chown")
            .arg("postgres")
            .arg(&postgres.0)
            .status()
            .unwrap();
        assert!(owner.success());
        postgres.run("initdb", "--auth=trust --encoding=UTF8");
        postgres.start_again();
        postgres
    }

    pub fn start_again(&self) {
        let options = format!("-k {} -c listen_addresses=", self.0.display());
        self.run(
            "pg_ctl",
            &format!("-w -l {}/log -o '{options}' start", self.0.display()),
        );
    }

    /// Ends it as a machine that loses power does.
    pub fn stop(&self) {
        self.run("pg_ctl", "-m immediate stop");
    }

    /// A tool of the server on its data, as its user: it refuses to run as root.
    fn run(&self, tool: &str, arguments: &str) {
        let line = format!(
            "$(ls -d /usr/lib/postgresql/*/bin | tail -1)/{tool} -D {}/data {arguments}",
            self.0.display()
        );
        let done = Command::new("su")
            .args([
                "postgres",
                "-s",
                "/bin/sh",
                "-c",
                &format!("{line} > {}/{tool}.out 2>&1", self.0.display()),
            ])
            .current_dir("/")
            .output()
            .unwrap();
        let out = std::fs::read_to_string(self.0.join(format!("{tool}.out"))).unwrap_or_default();
        assert!(done.status.success(), "{tool}: {} {out}", said(&done));
    }

    /// Runs a statement, as the service's role; what it prints.
    pub fn psql(&self, statement: &str) -> String {
        let out = self.psql_command(statement).output().unwrap();
        assert!(out.status.success(), "{}", said(&out));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    pub fn psql_command(&self, statement: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--username",
            "postgres",
            "--host",
        ])
        .arg(&self.0)
        .args(["--command", statement]);
        psql
    }

    /// The socket that it listens on.
    pub fn socket(&self) -> PathBuf {
        self.0.join(".s.PGSQL.5432")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.0.join("log")).unwrap()
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.0.display())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.stop();
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

#[test]
fn index_and_outbox_live_in_postgresql_as_well() {
    let postgres = Postgres::start("kept");
    let receiver = Receiver::start();
    receiver.answers("503 Service Unavailable\r\n");
    let (service, told) = recorded(&receiver, &format!("store.url = \"{}\"", postgres.url()));
    assert!(!service.dir.join("data/omnigate.db").exists());
    let service = service.kill_and_restart();
    receiver.answers("200 OK\r\n");
    assert_eq!(
        receiver.wait_for(2)[1].json()["recording_id"],
        told["recording_id"]
    );
    let list = api(&service, "/api/v1/recordings?service_id=demo&limit=1");
    assert_eq!(list["recordings"][0]["recording_id"], told["recording_id"]);
    let id = told["recording_id"].as_str().unwrap();
    assert_eq!(
        service.request("DELETE", &format!("/api/v1/recordings/{id}")).0,
        204
    );
    assert_eq!(api(&service, "/api/v1/recordings")["recordings"], json!([]));
    // And so do tokens and the audit log.
    let order = r#"{"name": "for tests", "scopes": ["read"], "service_id": "demo"}"#;
    let (status, made) = service.post("/api/v1/tokens", order);
    assert_eq!(status, 201, "{made}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let calls = || http_get(service.http, "/api/v1/calls", &[("Authorization", &bearer)]).0;
    assert_eq!(calls(), 200);
    let token = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!((service.delete(&token).0, calls()), (204, 401));
    let audit = |query: &str| api(&service, &format!("/api/v1/audit?{query}"))["entries"].clone();
    service.until("all is written", || {
        [
            "token_add",
            "token_first_use",
            "token_remove",
            "recording_delete",
            "denied",
        ]
        .iter()
        .all(|what| !audit(&format!("what={what}&who=")).as_array().unwrap().is_empty())
    });
    let all = audit("limit=1000");
    let before = all[1]["id"].as_str().unwrap();
    assert_eq!(audit(&format!("before={before}&limit=1"))[0], all[2]);
    drop(service);
}

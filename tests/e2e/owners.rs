//! A folder of recordings and a store belong to one service; a second one is refused before it touches anything.

use crate::app::App;
use crate::harness::Service;
use crate::receiver::Receiver;
use crate::recordings::{room_with_a_phone, running};
use crate::recordings_kept::{Postgres, omnigate, said};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Free ports, and a folder and a store of its own unless `keys` say something else.
const SECOND: &str =
    "http.listen = \"127.0.0.1:0\"\nsip.listen = [\"udp://127.0.0.1:0\"]\nmedia.webrtc_port = 0\n";

/// A second service beside `first`, in its working folder, on other ports: what it says when it refuses to start.
fn refusal(first: &Service, keys: &str) -> String {
    let config = first.dir.join("second.toml");
    std::fs::write(&config, format!("{SECOND}{keys}\n")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_omnigate"))
        .args(["serve", "--config"])
        .arg(&config)
        .current_dir(&first.dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    if !line.is_empty() {
        let _ = child.kill();
        let _ = child.wait();
        panic!("it serves: {line}");
    }
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    said
}

fn names(said: &str, first: &Service) -> bool {
    said.contains(&format!("process {} on host ", first.pid())) && said.contains(", since 2")
}

#[test]
fn a_second_service_is_refused_and_what_the_first_one_records_stays_whole() {
    let receiver = Receiver::start();
    let settings = receiver.settings() + "record = \"rooms\"\n";
    let service = Service::start(&format!(
        "ivr.language = \"en\"\nrecording.min_free_mib = 1\n{settings}"
    ));
    let (_app, _, phone) = room_with_a_phone(&service);
    running(&service);
    let recorded = Instant::now();
    let said = refusal(&service, "");
    assert!(
        names(&said, &service) && said.contains("recording.dir: ") && said.contains("store.url: "),
        "{said}"
    );
    // What only reads works beside a running service, then as before.
    let list = omnigate(&service, &["recording", "list"]);
    assert!(list.status.success(), "{}", crate::recordings_kept::said(&list));
    let list = omnigate(&service, &["webhook", "list"]);
    assert!(list.status.success(), "{}", crate::recordings_kept::said(&list));
    let at_least = recorded.elapsed().as_secs_f64();
    phone.hang_up();
    let told = receiver.wait_for(1)[0].json();
    assert_eq!(told["end_reason"], "room_closed");
    let length = told["duration"].as_f64().unwrap();
    assert!(length >= at_least, "{length} s of {at_least} s");
    service.until("nothing waits", || {
        service.metric("omnigate_webhooks_pending") == 0.0
    });
    assert_eq!(receiver.posts().len(), 1, "it is told once");
    let verified = omnigate(&service, &["recording", "verify"]);
    assert!(
        crate::recordings_kept::said(&verified).contains("1 intact, 0 damaged"),
        "{verified:?}"
    );
}

#[test]
fn the_folder_alone_and_the_store_alone_are_refused_as_well() {
    let service = Service::start("");
    let folder = refusal(&service, "store.url = \"sqlite://other/omnigate.db\"");
    assert!(
        names(&folder, &service) && folder.contains("recording.dir: ") && !folder.contains("store.url"),
        "{folder}"
    );
    assert!(
        !service.dir.join("other/omnigate.db").exists(),
        "it has touched nothing"
    );
    let store = refusal(&service, "recording.dir = \"other/recordings\"");
    assert!(
        names(&store, &service) && store.contains("store.url: ") && !store.contains("recording.dir"),
        "{store}"
    );
    assert!(
        !service.dir.join("other/recordings/captures").exists(),
        "it has touched nothing"
    );
}

#[test]
fn what_a_killed_service_had_is_free_at_once() {
    let service = Service::start("");
    let first = service.pid();
    let service = service.kill_and_restart();
    assert_ne!(service.pid(), first);
    let lock = std::fs::read_to_string(service.dir.join("data/recordings/omnigate.lock")).unwrap();
    let holder: serde_json::Value = serde_json::from_str(&lock).unwrap();
    assert_eq!(holder["pid"], service.pid());
    assert!(!holder["host"].as_str().unwrap().is_empty() && holder["since"].as_str().unwrap().ends_with('Z'));
}

/// A session of somebody else that takes the lock as soon as it is free, and keeps it.
struct Usurper(Child);

impl Usurper {
    fn wait_for_the_lock_of(postgres: &Postgres) -> Usurper {
        let take = "SET application_name = 'omnigate 7 2026-01-01T00:00:00Z elsewhere'; \
                    SELECT pg_advisory_lock(1869442665, hashtext(current_schema()::text)); SELECT pg_sleep(120)";
        let child = postgres.psql_command(take).stdout(Stdio::null()).spawn().unwrap();
        Usurper(child)
    }
}

impl Drop for Usurper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const OURS: &str = "FROM pg_stat_activity WHERE application_name LIKE 'omnigate %'";

#[test]
fn a_database_of_postgresql_belongs_to_one_service_too() {
    let postgres = Postgres::start("owners");
    let store = format!("store.url = \"{}\"", postgres.url());
    let service = Service::start(&store);
    let refused = refusal(
        &service,
        &format!("{store}\nrecording.dir = \"other/recordings\""),
    );
    assert!(
        names(&refused, &service) && refused.contains("store.url: ") && !refused.contains("recording.dir"),
        "{refused}"
    );
    let list = omnigate(&service, &["recording", "list"]);
    assert!(list.status.success(), "{}", said(&list));
    let mut service = service.kill_and_restart();

    // A connection that is lost is made again.
    let session = postgres.psql(&format!("SELECT pid {OURS}"));
    postgres.psql(&format!("SELECT pg_terminate_backend({session})"));
    service.until_within("the lock is taken again", Duration::from_secs(30), || {
        let again = postgres.psql(&format!("SELECT pid {OURS}"));
        !again.is_empty() && again != session
    });

    // When somebody else was first, this process ends.
    let _usurper = Usurper::wait_for_the_lock_of(&postgres);
    service.until("it waits", || {
        postgres.psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "1"
    });
    postgres.psql(&format!(
        "SELECT pg_terminate_backend(pid) {OURS} AND application_name NOT LIKE '%elsewhere'"
    ));
    assert_eq!(service.wait(Duration::from_secs(40)), Some(1));
    let log = service.log();
    assert!(
        log.contains("process 7 on host elsewhere, since 2026-01-01T00:00:00Z"),
        "{log}"
    );
}

/// A line to a database that can be cut as a machine that loses power, or whatever stands between, cuts it: nothing comes
/// through any more, and nobody is told.
struct Line {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
}

impl Line {
    fn to(postgres: &Postgres) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Line {
            address: listener.local_addr().unwrap(),
            is_cut: Arc::default(),
        };
        let (is_cut, socket) = (line.is_cut.clone(), postgres.socket());
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                Line::wait(&is_cut);
                let Ok(far) = UnixStream::connect(&socket) else {
                    continue;
                };
                let (to_near, to_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                let (there, back) = (is_cut.clone(), is_cut.clone());
                let (close_near, close_far) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                std::thread::spawn(move || {
                    Line::carry(near, to_far, &there);
                    let _ = close_far.shutdown(Shutdown::Both);
                });
                std::thread::spawn(move || {
                    Line::carry(far, to_near, &back);
                    let _ = close_near.shutdown(Shutdown::Both);
                });
            }
        });
        line
    }

    fn carry(mut from: impl Read, mut to: impl Write, is_cut: &AtomicBool) {
        let mut some = [0; 8192];
        while let Ok(length @ 1..) = from.read(&mut some) {
            // What is on its way stays on its way.
            Line::wait(is_cut);
            if to.write_all(&some[..length]).is_err() {
                return;
            }
        }
        Line::wait(is_cut);
    }

    fn wait(is_cut: &AtomicBool) {
        while is_cut.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_cut(&self, cut: bool) {
        self.is_cut.store(cut, Ordering::Relaxed);
    }

    fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }
}

/// A service on this database that is not heard any more, by `silence`, and comes back, by `back`, when another one has the database.
fn an_owner_that_comes_back(
    postgres: &Postgres,
    url: &str,
    silence: impl Fn(&Service),
    back: impl Fn(&Service),
) {
    // Whatever is written says by whom.
    postgres.psql("ALTER SYSTEM SET log_statement = 'mod'");
    postgres.psql("ALTER SYSTEM SET log_line_prefix = 'by=%a '");
    postgres.psql("SELECT pg_reload_conf()");
    let url_of = |url: &str, name: &str| {
        let and = if url.contains('?') { '&' } else { '?' };
        format!("store.url = \"{url}{and}application_name={name}\"")
    };
    let mut first = Service::start(&url_of(url, "first"));
    let mut app = App::sign_in(&first, "ann");
    let room = |subject: &str| json!({ "room_type": "audioroom", "subject": subject });
    assert_eq!(app.request("CREATE_ROOM", room("before"))["result"], "success");
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
    assert_eq!(postgres.psql(held), "1");

    silence(&first);
    let silent = Instant::now();
    // On its way, or to be written as soon as it comes back.
    app.send_all("CREATE_ROOM", [room("lost"), room("lost as well")]);
    let limit = Duration::from_secs(60);
    first.until_within("the server gives the lock back", limit, || {
        postgres.psql(held) == "0"
    });
    println!("the lock was free after {:?}", silent.elapsed());
    assert!(
        silent.elapsed() < Duration::from_secs(45),
        "{:?}",
        silent.elapsed()
    );
    let second = Service::start(&url_of(&postgres.url(), "second"));
    let written = || {
        let log = postgres.log();
        log.lines()
            .filter(|line| line.starts_with("by=first ") && line.contains("execute"))
            .count()
    };
    let before = written();
    assert!(before > 0, "{}", postgres.log());

    back(&first);
    assert_eq!(first.wait(Duration::from_secs(40)), Some(1));
    let log = first.log();
    assert!(
        log.contains(&format!("process {} on host ", second.pid())),
        "{log}"
    );
    assert_eq!(written(), before, "{}", postgres.log());
    assert_eq!(postgres.psql("SELECT subject FROM rooms"), "before");
    let mut app = App::sign_in(&second, "ann");
    assert_eq!(app.request("CREATE_ROOM", room("after"))["result"], "success");
}

#[test]
fn an_owner_behind_a_line_that_is_dead_loses_the_database_and_writes_nothing_when_the_line_is_back() {
    let postgres = Postgres::start("half-open");
    let line = Line::to(&postgres);
    an_owner_that_comes_back(
        &postgres,
        &line.url(),
        |_| line.is_cut(true),
        |first| {
            // It has noticed by itself, and has nothing to write by.
            assert!(first.log().contains("the database is absent"), "{}", first.log());
            line.is_cut(false);
        },
    );
}

fn stands_still(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The name before the state may have anything in it.
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

#[test]
fn an_owner_that_hangs_loses_the_database_and_writes_nothing_when_it_goes_on() {
    let postgres = Postgres::start("hangs");
    an_owner_that_comes_back(
        &postgres,
        &postgres.url(),
        |first| {
            first.signal("STOP");
            first.until("all of its threads stand still", || stands_still(first.pid()));
        },
        |first| first.signal("CONT"),
    );
}

//! The service is killed at moments that nobody chose while twenty clients make and destroy rooms, take numbers and record: what was
//! answered with success is there, what was destroyed is not, no number is at two owners, nothing is told twice.
//!
//! `OMNIGATE_KILLS` says how often; the suite does it a few times.

use crate::harness::Service;
use crate::receiver::Receiver;
use crate::recordings_kept::Postgres;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio_tungstenite::tungstenite::stream::MaybeTlsStream;
use tokio_tungstenite::tungstenite::{Message, WebSocket, connect};

const CLIENTS: usize = 20;
/// One whose files were being made at three kills in a row is set aside, and told of as well.
const EVENTS: &str = "webhook.events = [\"recording_completed\", \"recording_failed\"]\n";
/// Rooms that a client keeps.
const ROOMS: usize = 4;
/// Pause between two requests of a client.
const PACE: Duration = Duration::from_millis(20);

/// A session that may end at any moment.
struct Client {
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
}

impl Client {
    fn sign_in(to: SocketAddr, user: &str) -> Option<Client> {
        let (socket, _) = connect(format!("ws://{to}/ws")).ok()?;
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        }
        let mut client = Client {
            socket,
            session: String::new(),
        };
        let hello = json!({ "service_id": "demo", "service_key": "demo", "sdk": "JS", "ver": "2.1.3", "user_id": user });
        let answer = client.ask("SESSION", hello)?;
        answer["session"].as_str()?.clone_into(&mut client.session);
        Some(client)
    }

    /// The response; none when the service is gone, and nobody knows what has become of the request.
    fn ask(&mut self, command: &str, mut fields: Value) -> Option<Value> {
        fields["cmd"] = format!("WS_{command}_REQ").into();
        if !self.session.is_empty() {
            fields["session"] = self.session.as_str().into();
        }
        self.socket.send(Message::text(fields.to_string())).ok()?;
        loop {
            let Message::Text(text) = self.socket.read().ok()? else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).ok()?;
            if message["cmd"] == format!("WS_{command}_RSP") {
                return Some(message);
            }
        }
    }
}

/// What a client was promised.
#[derive(Debug, Default, Clone)]
struct Promises {
    rooms: BTreeSet<String>,
    destroyed: BTreeSet<String>,
    /// Rooms of which it is not known whether they are destroyed.
    in_doubt: BTreeSet<String>,
    /// Number → room, or user.
    numbers: BTreeMap<String, String>,
    /// Rooms and sessions that are recorded.
    recordings: BTreeSet<(String, String)>,
}

/// What a client does, and what it was promised.
struct Worker<'a> {
    to: SocketAddr,
    user: &'a str,
    promised: Promises,
    recorder: Option<Client>,
}

impl Worker<'_> {
    /// Makes, numbers, records and destroys rooms until the service is gone. What is refused is tried again.
    fn work(&mut self, stop: &AtomicBool) -> Option<()> {
        let mut maker = Client::sign_in(self.to, self.user)?;
        while !stop.load(Relaxed) {
            std::thread::sleep(PACE);
            let personal = maker.ask("MAKE_SIPNUM", json!({}))?;
            if let Some(number) = success(&personal, "call_number") {
                self.promised.numbers.insert(number, self.user.to_owned());
            }
            let made = maker.ask("CREATE_ROOM", json!({ "room_type": "audioroom" }))?;
            let Some(room) = success(&made, "room_id") else {
                continue;
            };
            self.promised.rooms.insert(room.clone());
            let numbered = maker.ask("MAKE_SIPNUM", json!({ "room_id": room }))?;
            if let Some(number) = success(&numbered, "call_number") {
                self.promised.numbers.insert(number, room.clone());
            }
            if self.recorder.is_none() {
                self.record(&room)?;
            }
            if self.promised.rooms.len() > ROOMS {
                self.destroy(&mut maker)?;
            }
        }
        Some(())
    }

    fn record(&mut self, room: &str) -> Option<()> {
        let mut recorder = Client::sign_in(self.to, &format!("{}-guest", self.user))?;
        recorder.ask("JOIN_ROOM", json!({ "room_id": room }))?;
        let begun = recorder.ask("RECORDING", json!({ "action": "start", "track": "audio" }))?;
        if begun["result"] == "success" {
            let about = (room.to_owned(), recorder.session.clone());
            self.promised.recordings.insert(about);
            self.recorder = Some(recorder);
        }
        Some(())
    }

    fn destroy(&mut self, maker: &mut Client) -> Option<()> {
        let promised = &mut self.promised;
        let oldest = promised.rooms.pop_first()?;
        promised.in_doubt.insert(oldest.clone());
        let answer = maker.ask("DESTROY_ROOM", json!({ "room_id": oldest }))?;
        if answer["result"] == "success" {
            promised.in_doubt.remove(&oldest);
            promised.numbers.retain(|_, target| *target != oldest);
            promised.destroyed.insert(oldest);
        }
        Some(())
    }
}

/// The field of an answer that says success.
fn success(answer: &Value, field: &str) -> Option<String> {
    (answer["result"] == "success").then(|| answer[field].as_str().unwrap().to_owned())
}

/// All rooms that the service lists.
fn listed(service: &Service) -> BTreeSet<String> {
    let mut client = Client::sign_in(service.http, "looker").expect("a session");
    let mut rooms = BTreeSet::new();
    for page in 1.. {
        let answer = client.ask("ROOM_LIST", json!({ "page": page })).expect("a list");
        let list = answer["list"].as_array().unwrap();
        rooms.extend(
            list.iter()
                .map(|room| room["room_id"].as_str().unwrap().to_owned()),
        );
        if list.is_empty() {
            break;
        }
    }
    rooms
}

/// Everything that was promised is there, and nothing that was destroyed.
fn check(service: &Service, all: &[Promises]) {
    let rooms = listed(service);
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for promised in all {
        let missing: Vec<_> = promised.rooms.difference(&rooms).collect();
        assert!(missing.is_empty(), "rooms are missing: {missing:?}");
        let back: Vec<_> = promised.destroyed.intersection(&rooms).collect();
        assert!(back.is_empty(), "destroyed rooms are back: {back:?}");
        for (number, target) in &promised.numbers {
            let other = owners.insert(number, target);
            assert!(other.is_none(), "{number} is at {other:?} and {target}");
            if promised.in_doubt.contains(target) {
                continue;
            }
            let (status, body) = service.get(&format!("/api/v1/call-numbers/{number}"));
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (status, &body["target"]["id"]),
                (200, &json!(target)),
                "{number}: {body}"
            );
        }
    }
}

/// Every recording that has begun is told of once.
fn told(service: &Service, receiver: &Receiver, all: &[Promises]) {
    let wanted: BTreeSet<_> = all.iter().flat_map(|one| one.recordings.clone()).collect();
    let told = || -> BTreeMap<(String, String), BTreeSet<String>> {
        let mut told: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for post in receiver.posts() {
            let body = post.json();
            let text = |field: &str| body[field].as_str().unwrap().to_owned();
            told.entry((text("room_id"), text("session")))
                .or_default()
                .insert(post.id().to_owned());
        }
        told
    };
    // There may be very many, and each takes its time: it is waited as long as they become more.
    let mut left = wanted.len() + 1;
    while left > 0 {
        service.until_within("another recording is told of", Duration::from_secs(60), || {
            let told = told();
            let now = wanted.iter().filter(|one| !told.contains_key(one)).count();
            let fewer = now < left;
            left = now;
            fewer
        });
    }
    for (about, ids) in told() {
        assert_eq!(ids.len(), 1, "{about:?} is told of more than once");
    }
}

fn kills(in_suite: usize) -> usize {
    std::env::var("OMNIGATE_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(in_suite)
}

/// How long PostgreSQL is away in the middle.
fn outage() -> Duration {
    let seconds = std::env::var("OMNIGATE_OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(5))
}

/// `meanwhile` is what happens while the clients work, before each kill.
fn kill(settings: &str, kills: usize, meanwhile: &dyn Fn(usize)) {
    let seed = rand::random::<u64>();
    println!("seed {seed}, {kills} kills");
    let mut rng = StdRng::seed_from_u64(seed);
    let receiver = Receiver::start();
    let mut service = Service::start(&format!(
        "recording.min_free_mib = 1\nrooms.empty_seconds = 86400\n{settings}\n{}{EVENTS}",
        receiver.settings()
    ));
    let mut all = vec![Promises::default(); CLIENTS];
    let mut rooms = 0;
    for kill in 0..kills {
        let (to, stop) = (service.http, Arc::new(AtomicBool::new(false)));
        let begin = |(n, promised): (usize, Promises)| {
            let stop = stop.clone();
            std::thread::spawn(move || {
                let user = format!("user{n}");
                let mut worker = Worker {
                    to,
                    user: &user,
                    promised,
                    recorder: None,
                };
                let _ = worker.work(&stop);
                worker.promised
            })
        };
        let working: Vec<_> = all.drain(..).enumerate().map(begin).collect();
        meanwhile(kill);
        std::thread::sleep(Duration::from_millis(rng.random_range(50..2_000)));
        service = service.kill_and_restart();
        stop.store(true, Relaxed);
        all = working.into_iter().map(|one| one.join().unwrap()).collect();
        check(&service, &all);
        // What nobody knows is not asked for again.
        for promised in &mut all {
            let gone = std::mem::take(&mut promised.in_doubt);
            promised.numbers.retain(|_, target| !gone.contains(target));
        }
        rooms = all.iter().map(|one| one.rooms.len() + one.destroyed.len()).sum();
    }
    told(&service, &receiver, &all);
    let recordings: usize = all.iter().map(|one| one.recordings.len()).sum();
    println!("{rooms} rooms and {recordings} recordings were promised");
    assert!(
        rooms > kills * CLIENTS / 2 && recordings > 0,
        "too little was promised: {rooms}, {recordings}"
    );
}

#[test]
fn whatever_was_promised_outlives_every_kill_with_sqlite() {
    kill("", kills(6), &|_| {});
}

#[test]
fn whatever_was_promised_outlives_every_kill_and_an_outage_with_postgresql() {
    let postgres = Postgres::start("kills");
    let kills = kills(3);
    kill(&format!("store.url = \"{}\"", postgres.url()), kills, &|kill| {
        if kill == kills / 2 {
            std::thread::sleep(Duration::from_millis(300));
            postgres.stop();
            std::thread::sleep(outage());
            postgres.start_again();
        }
    });
}

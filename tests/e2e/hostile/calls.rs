//! The ten calls of the good service: five recorded rooms, each with our telephone and one of somebody else's making, which say a tone
//! without a pause; and what became of it at the other end and on the disk.

use super::client::{Client, success};
use super::rests;
use super::sound::Heard;
use crate::audio::tone;
use crate::harness::{Phone, Service};
use crate::receiver::Receiver;
use crate::recordings::{api, decoded, seconds, write};
use crate::softphone::{Dtls, Softphone, Voice};
use omnigate_audio::resample::resample_all;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const ROOMS: usize = 5;
pub const CALLS: usize = 2 * ROOMS;
pub const TRUNK: &str = "07012345678";
/// What our telephones say, and the others.
const OURS: f64 = 440.0;
const THEIRS: f64 = 1_000.0;

/// A room with two telephones.
struct Talk {
    room: String,
    ours: Phone,
    theirs: Softphone,
    /// What ours has heard.
    hears: PathBuf,
    since: Instant,
}

/// All calls of a phase.
pub struct Calls {
    talks: Vec<Talk>,
    pub rooms: Vec<String>,
    pub numbers: Vec<String>,
}

/// What became of them.
#[derive(Debug, Default)]
pub struct Outcome {
    /// RTP packets that were lost on the way to our telephones, and how many came.
    pub lost: u64,
    pub received: u64,
    /// RTP packets of which the recordings miss some, and what they have.
    pub unrecorded: u64,
    pub recorded: u64,
    /// What the telephones have heard of each other.
    pub heard: Heard,
    /// The same of what was recorded.
    pub kept: Heard,
    /// Seconds of all recordings.
    pub seconds: f64,
}

impl Calls {
    /// Rooms of this host, and the calls in them; `phase` makes names differ.
    pub fn begin(service: &Service, host: &mut Client, phase: usize, most: Duration) -> Calls {
        let mut made = Vec::new();
        for _ in 0..ROOMS {
            let room = host
                .ask("CREATE_ROOM", json!({ "room_type": "audioroom" }))
                .unwrap();
            let room = success(&room, "room_id").unwrap();
            let number = host.ask("MAKE_SIPNUM", json!({ "room_id": room })).unwrap();
            made.push((room, success(&number, "call_number").unwrap()));
        }
        let talks = std::thread::scope(|scope| {
            let begin = |(n, (room, number)): (usize, &(String, String))| {
                let (room, number) = (room.clone(), number.clone());
                scope.spawn(move || Talk::begin(service, room, &number, &format!("{phase}{n}"), most))
            };
            let all: Vec<_> = made.iter().enumerate().map(begin).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        service.until("all talk", || {
            rests();
            talking(service) == CALLS
        });
        let (rooms, numbers) = made.into_iter().unzip();
        Calls {
            talks,
            rooms,
            numbers,
        }
    }

    /// They hang up, and their recordings are looked at when they are told of.
    pub fn end(self, service: &Service, receiver: &Receiver) -> Outcome {
        assert_eq!(talking(service), CALLS, "all talk until they hang up");
        let mut outcome = Outcome::default();
        let mut lasted = Vec::new();
        for talk in self.talks {
            lasted.push((talk.room.clone(), talk.since.elapsed().as_secs_f64()));
            talk.hang_up(&mut outcome);
        }
        for (room, least) in lasted {
            let id = completed(service, receiver, &room);
            look_at(service, &id, least, &mut outcome);
        }
        outcome
    }
}

/// Calls of the good trunk that are in their rooms.
fn talking(service: &Service) -> usize {
    let talks = |call: &&Value| call["trunk"] == "good" && call["state"] == "talking";
    service.calls().iter().filter(talks).count()
}

impl Talk {
    fn begin(service: &Service, room: String, number: &str, name: &str, most: Duration) -> Talk {
        let says = |hertz| tone(hertz, most.as_secs_f64());
        let file = service.dir.join(format!("says-{name}.wav"));
        let hears = service.dir.join(format!("hears-{name}.wav"));
        omnigate_audio::wav::write(&file, &says(OURS), 8_000).unwrap();
        let (say, hear, most) = (
            file.to_str().unwrap(),
            hears.to_str().unwrap(),
            most.as_secs().to_string(),
        );
        let from = format!("010333300{name}");
        let ours = service.phone(
            TRUNK,
            &[
                "--digits", number, "--from", &from, "--say", say, "--hear", hear, "--for", &most,
            ],
        );
        let voice = Voice {
            codec: "PCMA/8000/1",
            says: says(THEIRS),
            rate_hz: 8_000,
            mediaenc: "",
            dtls: Dtls::default(),
        };
        let uri = format!("sip:{TRUNK}@{}", service.sip_udp);
        let mut theirs = Softphone::dial_saying(service, &format!("010444400{name}"), &uri, &voice);
        theirs.press(number);
        Talk {
            room,
            ours,
            theirs,
            hears,
            since: Instant::now(),
        }
    }

    fn hang_up(self, outcome: &mut Outcome) {
        let by_theirs = self.theirs.hang_up();
        self.ours.hang_up();
        let report = self.ours.report();
        assert_eq!(report["end"], "hung_up", "{report}");
        outcome.lost += report["packets_lost"].as_u64().unwrap();
        outcome.received += report["packets_received"].as_u64().unwrap();
        let by_ours = omnigate_audio::wav::read(&self.hears, 8_000).unwrap();
        outcome.heard += Heard::of(&by_theirs, &[OURS]);
        outcome.heard += Heard::of(&by_ours, &[THEIRS]);
    }
}

/// The recording of a room, when the webhook has told of it.
fn completed(service: &Service, receiver: &Receiver, room: &str) -> String {
    let mut id = String::new();
    service.until_within("the recording is told of", Duration::from_secs(120), || {
        let posts = receiver.posts().into_iter().map(|post| post.json());
        let mut of_room = posts.filter(|told| told["room_id"] == room);
        let told = of_room.next().unwrap_or_default();
        told["recording_id"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut id);
        !id.is_empty()
    });
    id
}

/// It lasts at least so many seconds, of each of two telephones.
fn look_at(service: &Service, id: &str, least: f64, outcome: &mut Outcome) {
    let path = format!("/api/v1/recordings/{id}");
    let shown = api(service, &path);
    let timeline = &shown["timeline"];
    assert_eq!(
        (&timeline["missing"], &timeline["damaged"]),
        (&json!(0), &json!(0)),
        "{shown}"
    );
    let members = timeline["members"].as_object().unwrap();
    assert_eq!(members.len(), 2, "{shown}");
    for member in members.values() {
        outcome.unrecorded += member["lost"].as_u64().unwrap();
        outcome.recorded += member["packets"].as_u64().unwrap();
        assert_eq!(member["gaps"], json!([]), "{shown}");
    }
    let (status, _, bytes) = service.fetch(&format!("{path}/file?format=wav"), &[]);
    assert_eq!(status, 200);
    let pcm = decoded(&write(service, &format!("{id}.wav"), &bytes), 1).remove(0);
    assert!(
        seconds(&pcm) >= least,
        "{} s of {least} s are recorded",
        seconds(&pcm)
    );
    outcome.seconds += seconds(&pcm);
    let narrow = resample_all(&pcm, 48_000, 8_000).unwrap();
    outcome.kept += Heard::of(&narrow, &[OURS, THEIRS]);
}

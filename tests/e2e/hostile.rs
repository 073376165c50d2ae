//! A hostile tenant does all at once that a hostile tenant can, while another one's clients and calls work: those have their answers,
//! their sound and their recordings as without it.
//!
//! `OMNIGATE_HOSTILE_SECONDS` says how long; the suite does it for a moment. It is first done without the attack, then under it.

mod attack;
mod by_http;
mod by_sip;
mod by_websocket;
mod calls;
mod client;
mod clients;
mod disk;
mod line;
mod newcomers;
mod phase;
mod sound;

use crate::harness::Service;
use crate::receiver::{Receiver, SECRET};
use crate::recordings_kept::omnigate;
use attack::{Attack, Scene, Tally, run_all};
use by_sip::{FORGED, recorded_room};
use by_websocket::CROWD;
use calls::CALLS;
use clients::within;
use phase::Stage;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const FIRST_PORT: u16 = 10_000;
const LAST_PORT: u16 = 13_999;

const ATTACKS: &[Attack] = &[
    of(
        "H1",
        "rooms for a year",
        4,
        true,
        by_websocket::rooms_by_the_thousand,
    ),
    of(
        "H2",
        "numbers of others",
        1,
        true,
        by_websocket::numbers_of_others,
    ),
    of(
        "H2",
        "numbers at random",
        2,
        false,
        by_websocket::numbers_at_random,
    ),
    of(
        "H2",
        "guesses by telephone",
        6,
        false,
        by_sip::guesses_by_telephone,
    ),
    of("H3", "RTP of strangers", 1, false, by_sip::packets_of_strangers),
    of("H4", "lists of rooms", 4, false, by_websocket::lists),
    of("H4", "pages on one connection", 2, true, by_http::page),
    of("H4", "figures on one connection", 2, true, by_http::figures),
    of("H5", "recordings", 2, true, by_websocket::recordings),
    of(
        "H5",
        "RTP sources in a recorded room",
        1,
        false,
        by_sip::sources_without_end,
    ),
    of(
        "H6",
        "the API for what is others'",
        2,
        true,
        by_http::api_of_others,
    ),
    of(
        "M1",
        "events that nobody takes",
        2,
        false,
        by_websocket::events_that_nobody_takes,
    ),
    of("M2", "INVITEs without an ACK", 1, true, by_sip::blind_invites),
    of(
        "M4",
        "downloads that stall",
        3,
        true,
        by_http::downloads_that_stall,
    ),
    of("M8", "chat in a full room", 1, true, by_websocket::chat),
    of("M9", "rooms of others", 1, true, by_websocket::rooms_of_others),
    of("low", "frames too long", 1, true, by_websocket::endless_frames),
    of(
        "low",
        "sockets that do not read",
        1,
        false,
        by_websocket::sockets_that_do_not_read,
    ),
    of(
        "low",
        "heads without an end",
        1,
        true,
        by_http::heads_without_an_end,
    ),
    of("low", "what is no SIP", 1, false, by_sip::what_is_no_sip),
    of("low", "calls from nowhere", 1, false, by_sip::calls_from_nowhere),
];

const fn of(
    row: &'static str,
    what: &'static str,
    threads: u8,
    is_refused: bool,
    run: fn(&Scene, &Tally, [u8; 4]),
) -> Attack {
    Attack {
        row,
        what,
        threads,
        is_refused,
        run,
    }
}

/// What the service itself says of an attack.
const SEEN: &[&str] = &[
    "omnigate_http_refused_total{kind=\"requests\"}",
    "omnigate_http_refused_total{kind=\"connections\"}",
    "omnigate_http_refused_total{kind=\"host\"}",
    "omnigate_rtp_rejected_packets_total",
    "omnigate_sip_dropped_total{kind=\"malformed\"}",
    "omnigate_sip_dropped_total{kind=\"rate_limit\"}",
    "omnigate_sip_dropped_total{kind=\"unknown_source\"}",
    "omnigate_recording_over_rate_packets_total",
    "omnigate_recording_downloads_refused_total",
    "omnigate_lookups_total{kind=\"unknown\"}",
];

fn start(good: &Receiver, hostile: &Receiver) -> Service {
    let settings = format!(
        "ivr.language = \"en\"\nsip.calls = 400\nrecording.min_free_mib = 1\nhttp.limits.loopback = true\n\
         webhook.allow_private = [\"127.0.0.0/8\"]\n\
         [[trunk]]\nname = \"good\"\nallow = [\"127.0.0.1/32\"]\n\
         [[trunk]]\nname = \"hostile\"\nallow = [\"127.0.2.0/24\"]\n\
         [[trunk]]\nname = \"forged\"\nallow = [\"{FORGED}/32\"]\n\
         [[service]]\nid = \"demo\"\nkey = \"demo\"\nrecord = [\"audioroom\"]\n\
         webhook.url = \"http://{}/hook\"\nwebhook.secret = \"{SECRET}\"\n\
         [[service]]\nid = \"hostile\"\nkey = \"hostile\"\nquota.rooms = 2000\nquota.recordings = 20\n\
         webhook.url = \"http://{}/hook\"\nwebhook.secret = \"{SECRET}\"\n\
         webhook.events = [\"recording_completed\", \"recording_failed\", \"call_started\", \"call_answered\", \
         \"call_ended\", \"participant_joined\", \"participant_left\"]\n",
        good.address, hostile.address
    );
    let ports = format!("{FIRST_PORT}-{LAST_PORT}");
    let env = [
        ("OMNIGATE__MEDIA__RTP_PORTS", ports),
        ("OMNIGATE__LOG__LEVEL", "info".to_owned()),
    ];
    Service::start_with(&settings, &env)
}

/// Says that it is over, however it ends.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Even ports of the range that are open.
fn open_ports() -> Vec<u16> {
    let sockets = std::fs::read_to_string("/proc/net/udp").unwrap();
    let port = |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.split_once(':')?.1, 16).ok();
    let in_range = |port: &u16| (FIRST_PORT..=LAST_PORT).contains(port) && port.is_multiple_of(2);
    sockets.lines().filter_map(port).filter(in_range).collect()
}

/// A recording of the hostile service, as the path of its file.
fn own_recording(service: &Service) -> String {
    let (room, member, line) = recorded_room(service.http, service.sip_udp, [127, 0, 2, 250]).unwrap();
    for sequence in 0..250 {
        line.say(sequence, 1);
        std::thread::sleep(Duration::from_millis(20));
    }
    drop((room, member, line));
    let mut id = String::new();
    service.until_within("its files are made", Duration::from_secs(60), || {
        rests();
        let first = first_recording(service, "hostile");
        first["recording_id"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut id);
        first["state"] == "finished"
    });
    format!("/api/v1/recordings/{id}/file?format=wav")
}

fn first_recording(service: &Service, of: &str) -> Value {
    let (_, list) = service.get(&format!("/api/v1/recordings?service_id={of}"));
    serde_json::from_str::<Value>(&list).unwrap()["recordings"][0].clone()
}

fn scene(service: &Service, stage: &Stage, download: String) -> Scene {
    let all =
        json!({ "name": "all", "service_id": "hostile", "scopes": ["read", "rooms", "calls", "recordings"] });
    let (status, token) = service.post("/api/v1/tokens", &all.to_string());
    assert_eq!(status, 201, "{token}");
    let token: Value = serde_json::from_str(&token).unwrap();
    let calls = &stage.calls;
    let (_, members) = service.get(&format!("/api/v1/rooms/{}/participants", calls.rooms[0]));
    let members: Value = serde_json::from_str(&members).unwrap();
    let recording = first_recording(service, "demo");
    assert_eq!(recording["state"], "recording", "{recording}");
    let ports = open_ports();
    assert!(ports.len() >= CALLS, "{ports:?}");
    Scene {
        http: service.http,
        sip: service.sip_udp,
        rooms: calls.rooms.clone(),
        numbers: calls.numbers.clone(),
        session: members["participants"][0]["session"].as_str().unwrap().to_owned(),
        recording: recording["recording_id"].as_str().unwrap().to_owned(),
        ports,
        all_ports: FIRST_PORT..=LAST_PORT,
        bearer: format!("Bearer {}", token["token"].as_str().unwrap()),
        download,
        over: AtomicBool::new(false),
    }
}

/// Each attack was made, and the service says so too.
fn was_attacked(service: &Service, done: &[(&Attack, Tally)], hostile: &Receiver) {
    for (attack, tally) in done {
        // Each many times; what waits for the disk may be slow.
        let (sent, refused) = (tally.sent.load(Relaxed), tally.refused.load(Relaxed));
        assert!(sent > 10, "{}: {sent} were sent", attack.what);
        let as_it_should = refused > 0 || !attack.is_refused;
        assert!(as_it_should, "{}: nothing was refused", attack.what);
    }
    for figure in SEEN {
        assert!(service.metric(figure) > 0.0, "{figure} is 0");
    }
    assert!(!hostile.posts().is_empty(), "it was told nothing");
}

#[test]
fn a_hostile_tenant_takes_nothing_from_another_ones_clients_calls_and_recordings() {
    let (good, hostile) = (Receiver::start(), Receiver::start());
    hostile.answers("hang");
    let service = start(&good, &hostile);
    let download = own_recording(&service);
    let without = Stage::set(&service, 1).play(&service, &good);
    without.tell("without");
    let disturbed = without.is_disturbed();
    without.check("without", disturbed);
    let stage = Stage::set(&service, 2);
    let scene = scene(&service, &stage, download);
    let (under, done) = std::thread::scope(|scope| {
        let attackers = scope.spawn(|| run_all(&scene, ATTACKS));
        let ends = Ends(&scene.over);
        let under = stage.play(&service, &good);
        drop(ends);
        (under, attackers.join().unwrap())
    });
    for (attack, Tally { sent, refused, .. }) in &done {
        println!(
            "{} {}: {sent:?} sent, {refused:?} refused",
            attack.row, attack.what
        );
    }
    under.tell("attacked");
    under.check("attacked", disturbed);
    was_attacked(&service, &done, &hostile);
    // What a starved service does to them is seconds, and sound with holes; a busy machine shows in both phases.
    let (before, now) = (&without.work, &under.work);
    is_no_slower(&before.times, &now.times, 0.5, 200);
    is_no_slower(&before.times, &now.times, 0.99, 1_000);
    // Whoever wants much waits for it himself.
    let rooms = done.iter().find(|(attack, _)| attack.row == "H1").unwrap();
    let theirs = within(&rooms.1.waits.lock().unwrap(), 0.5);
    let ours = within(&now.promises, 0.5);
    println!("attacked: the attacker's {CROWD} rooms at once take {theirs:?}, a promise of others {ours:?}");
    if !disturbed {
        is_no_slower(&before.promises, &now.promises, 0.99, 3_000);
        assert!(ours < theirs / 2, "{ours:?} and {theirs:?}");
    }
    assert!(under.calls.heard.silence() < 0.02 + 2.0 * without.calls.heard.silence());
    assert!(under.calls.kept.silence() < 0.005 + 2.0 * without.calls.kept.silence());
    let verified = omnigate(&service, &["recording", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
    // Calls that nobody acknowledged are over by then.
    service.until_within("all is over", Duration::from_secs(60), || {
        rests();
        ["sip_dialogs", "media_ports_used", "signaling_sockets"]
            .iter()
            .all(|what| service.metric(&format!("omnigate_{what}")) == 0.0)
    });
}

/// So many milliseconds or five times as long as before are no fault.
fn is_no_slower(before: &[Duration], now: &[Duration], share: f64, least: u64) {
    let (before, now) = (within(before, share), within(now, share));
    let most = Duration::from_millis(least).max(before * 5);
    assert!(
        now < most,
        "{share} of the answers came within {before:?}, and under attack within {now:?}"
    );
}

/// Between two looks at the service: its limits hold for this test too.
fn rests() {
    std::thread::sleep(Duration::from_millis(200));
}

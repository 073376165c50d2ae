//! What recording costs: beside the same calls without it; what is written; how fast files are made.

use super::app::{App, Loop, Session};
use super::{HTTP, WINDOW, cpu, end, metric, opus, phones, speech, wait_for_calls, wait_for_telephones};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Calls of a phone and an app, both speaking, in one round; and rounds.
const CALLS: usize = 10;
const ROUNDS: usize = 3;
/// Rooms of fifty, in the large round.
const ROOMS: usize = 4;
const MEMBERS: usize = 50;

pub fn measure(program: &Path, service: u32, tone: &Path) {
    let (mut without, mut with, mut bytes) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        let (off, on, written) = round(program, service, tone);
        without.push(off);
        with.push(on);
        bytes += written / ROUNDS as f64;
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let (off, on) = (mean(&without), mean(&with));
    println!(
        "recording {CALLS} calls of a phone and an app: {:.2} ms CPU a second and call without, {:.2} with, {:+.1} %; \
         {bytes:.0} bytes captured a second and call",
        off * 1000.0,
        on * 1000.0,
        (on / off - 1.0) * 100.0
    );
    wait_for_files();
    let speed = metric("omnigate_recording_finished_seconds_total")
        / (metric("omnigate_recording_finish_milliseconds_total") / 1000.0);
    println!("files of calls of a phone and an app (48 kHz, Opus and WAV): {speed:.0} times real time");
    crowd(program, tone);
}

fn record(session: &mut Session, action: &str) {
    session.ask("RECORDING", json!({"action": action, "track": "audio"}));
}

/// CPU seconds a second and call, without recording and with it, and the bytes captured a second and call.
fn round(program: &Path, service: u32, tone: &Path) -> (f64, f64, f64) {
    let packets = opus(&speech());
    let mut apps = Vec::new();
    let mut all = Vec::new();
    let mut watchers = Vec::new();
    for _ in 0..CALLS {
        let mut session = Session::open(HTTP);
        let (room, digits) = session.room_with_number();
        apps.push(session.join(&room, Loop(packets.clone(), 0)));
        let mut watcher = Session::open(HTTP);
        watcher.ask("JOIN_ROOM", json!({"room_id": room}));
        watchers.push(watcher);
        all.extend(phones(
            program,
            1,
            &["--digits", &digits, "--say", tone.to_str().unwrap()],
        ));
    }
    wait_for_telephones(CALLS);
    apps.iter().for_each(App::wait_until_up);
    std::thread::sleep(Duration::from_secs(1));
    let off = cpu(service, WINDOW);
    watchers.iter_mut().for_each(|watcher| record(watcher, "start"));
    std::thread::sleep(Duration::from_secs(1));
    let before = metric("omnigate_recording_captured_bytes_total");
    let on = cpu(service, WINDOW);
    let bytes = metric("omnigate_recording_captured_bytes_total") - before;
    watchers.iter_mut().for_each(|watcher| record(watcher, "stop"));
    drop(apps);
    end(all);
    wait_for_calls(0);
    // What follows is not to be measured with the next round.
    wait_for_files();
    let calls = CALLS as f64;
    (off / calls, on / calls, bytes / WINDOW.as_secs_f64() / calls)
}

fn wait_for_files() {
    let until = Instant::now() + Duration::from_secs(120);
    std::thread::sleep(Duration::from_secs(1));
    while metric("omnigate_recordings_waiting") > 0.0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Two hundred recorded callers.
fn crowd(program: &Path, tone: &Path) {
    let mut watchers = Vec::new();
    let mut all = Vec::new();
    for _ in 0..ROOMS {
        let mut session = Session::open(HTTP);
        let (room, digits) = session.room_with_number();
        session.ask("JOIN_ROOM", json!({"room_id": room}));
        record(&mut session, "start");
        watchers.push(session);
        all.extend(phones(
            program,
            MEMBERS,
            &["--digits", &digits, "--say", tone.to_str().unwrap()],
        ));
    }
    wait_for_telephones(ROOMS * MEMBERS);
    let before = metric("omnigate_recording_captured_bytes_total");
    std::thread::sleep(WINDOW);
    let bytes = metric("omnigate_recording_captured_bytes_total") - before;
    println!(
        "{} recorded callers: {:.0} kB captured a second, at most {:.0} kB waiting, {} packets missing",
        ROOMS * MEMBERS,
        bytes / WINDOW.as_secs_f64() / 1000.0,
        metric("omnigate_recording_queue_high_water_bytes") / 1000.0,
        metric("omnigate_recording_missing_packets_total")
    );
    drop(watchers);
    end(all);
    wait_for_calls(0);
}

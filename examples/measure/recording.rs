//! What recording costs: beside the same calls without it; what is written; how fast files are made.

use super::app::{App, Loop, Session};
use super::{HTTP, WINDOW, end, metric, opus, phones, speech, wait_for_calls, wait_for_telephones};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Calls of a phone and an app, both speaking.
const CALLS: usize = 10;
/// Each without recording and then with it, one right after the other: other work on the machine comes and goes.
const PAIRS: usize = 10;
const HALF: Duration = Duration::from_secs(4);
/// Rooms of fifty, in the large round.
const ROOMS: usize = 4;
const MEMBERS: usize = 50;

pub fn measure(program: &Path, service: u32, tone: &Path) {
    calls(program, service, tone);
    wait_for_files();
    let speed = metric("omnigate_recording_finished_seconds_total")
        / (metric("omnigate_recording_finish_milliseconds_total") / 1000.0);
    println!("files of calls of a phone and an app (48 kHz, Opus and WAV): {speed:.0} times real time");
    crowd(program, tone);
}

fn record(session: &mut Session, action: &str) {
    session.ask("RECORDING", json!({"action": action, "track": "audio"}));
}

fn calls(program: &Path, service: u32, tone: &Path) {
    let packets = opus(&speech());
    let (mut apps, mut all, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let mut session = Session::open(HTTP);
        let (room, digits) = session.room_with_number();
        apps.push(session.join(&room, Loop(packets.clone(), 0)));
        rooms.push(room);
        all.extend(phones(
            program,
            1,
            &["--digits", &digits, "--say", tone.to_str().unwrap()],
        ));
    }
    wait_for_telephones(CALLS);
    apps.iter().for_each(App::wait_until_up);
    std::thread::sleep(Duration::from_secs(1));
    let (mut off, mut added, mut bytes) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..PAIRS {
        let without = per_call(service);
        // Who records has no sound, and records once a stay.
        let mut watchers: Vec<Session> = rooms.iter().map(|room| watcher(room)).collect();
        watchers.iter_mut().for_each(|one| record(one, "start"));
        let before = metric("omnigate_recording_captured_bytes_total");
        let with = per_call(service);
        bytes += metric("omnigate_recording_captured_bytes_total") - before;
        watchers.iter_mut().for_each(|one| record(one, "stop"));
        drop(watchers);
        wait_for_files();
        off.push(without);
        added.push(with - without);
    }
    drop(apps);
    end(all);
    wait_for_calls(0);
    let (off, added) = (median(off), median(added));
    let bytes = bytes / HALF.as_secs_f64() / (CALLS * PAIRS) as f64;
    println!(
        "recording {CALLS} calls of a phone and an app: {:.2} ms CPU a second and call without, {:.2} more with it \
         ({:+.1} %), medians of {PAIRS} pairs; {bytes:.0} bytes captured a second and call",
        off * 1000.0,
        added * 1000.0,
        added / off * 100.0
    );
}

fn watcher(room: &str) -> Session {
    let mut session = Session::open(HTTP);
    session.ask("JOIN_ROOM", json!({"room_id": room}));
    session
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    (all[(all.len() - 1) / 2] + all[all.len() / 2]) / 2.0
}

/// CPU seconds a second and call.
fn per_call(service: u32) -> f64 {
    let (before, at) = (run_time(service), Instant::now());
    std::thread::sleep(HALF);
    (run_time(service) - before) / at.elapsed().as_secs_f64() / CALLS as f64
}

/// Time on a processor so far, seconds: of all threads, in nanoseconds (`/proc/PID/task/TID/schedstat`).
pub fn run_time(service: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{service}/task")).unwrap();
    let nanoseconds = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    nanoseconds.sum::<u64>() as f64 / 1e9
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

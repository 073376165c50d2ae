//! Measures a running service with test phones and apps: `cargo run --release --example measure [PART]`,
//! PART being `floor`, `menu`, `phones`, `pairs`, `apps`, `delay`,
//! `signaling`, `video`, `recording`, `flood`, `crowd`, `trunks` or `sip` (with `answer`, `fast`, `pace` or `memory` for a part
//! of that); without it all.
//!
//! CPU is that of the service's process alone (`/proc/PID/stat`), memory its resident set; the phones are
//! `omnigate phone` processes on the same machine, the apps are threads of this program.

// What the parts of a program share is `pub`; nothing is public in it.
#![allow(unreachable_pub)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod app;
mod called;
mod callers;
mod delay;
mod dialler;
mod flood;
mod floor;
mod packets;
mod peer;
mod recording;
mod signaling;
mod sip;
mod trunks;
mod video;

use app::{App, Loop, Session};
use omnigate_audio::opus::{Encoder, EncoderSettings};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HTTP: &str = "127.0.0.1:28080";
const SIP: &str = "127.0.0.1:25060";
/// The API's token of the service that was started last.
static TOKEN: Mutex<String> = Mutex::new(String::new());
/// Length of one measurement.
const WINDOW: Duration = Duration::from_secs(10);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [floor::REFLECTOR, members] => return floor::reflect(members.parse().unwrap()),
        [floor::FORWARDER, ref viewers @ ..] => return floor::forward(viewers),
        [floor::PHONE, port] => return floor::phone(port.parse().unwrap()),
        _ => {}
    }
    let program = std::env::current_exe()
        .unwrap()
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("omnigate");
    if let ["sip", parts @ ..] = &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return sip::measure(&program, parts);
    }
    if arguments.first().is_some_and(|part| part == "trunks") {
        return trunks::measure(&program, Duration::from_secs(300));
    }
    let dir = std::env::temp_dir().join(format!("omnigate-measure-{}", std::process::id()));
    let text = format!(
        "http.listen = \"{HTTP}\"\nsip.listen = [\"udp://{SIP}\"]\nmedia.rtp_ports = \"34000-36000\"\nmedia.webrtc_port = 0\nlog.level = \"warn\"\nivr.first_digit_seconds = 120\nivr.language = \"en\"\n"
    );
    let mut service = serve(&program, &dir, &text);
    let tone = dir.join("tone.wav");
    omnigate_audio::wav::write(&tone, &speech(), 8_000).unwrap();
    let service_id = service.id();

    let wanted = |name| arguments.first().is_none_or(|p| p == name);
    if wanted("floor") {
        floor::measure(50);
    }
    println!(
        "idle: {:.2} ms CPU a second, {} KiB resident",
        cpu(service_id, WINDOW) * 1000.0,
        resident(service_id)
    );
    if wanted("menu") {
        callers_in_the_menu(&program, service_id);
    }
    if wanted("phones") {
        for (members, speakers) in [(2, 1), (10, 1), (10, 3), (50, 1), (50, 3)] {
            room(&program, service_id, members, speakers, &tone);
        }
    }
    if wanted("pairs") {
        pairs(&program, service_id, 10, &tone);
    }
    if wanted("apps") {
        // The memory of a room that has ended serves the next one, so the first large one counts; the smallest goes before
        // it, for what a process takes once.
        for (members, speakers) in [(2, 1), (50, 1), (50, 3), (10, 1), (10, 3)] {
            apps(service_id, members, speakers);
        }
    }
    if wanted("signaling") {
        signaling::idle_sessions(HTTP, service_id, 2_000);
        signaling::requests(HTTP, service_id, 200, 200);
        joins(50);
    }
    if wanted("flood") {
        flood::measure(HTTP, SIP, 200, WINDOW);
    }
    if wanted("video") {
        floor::measure_video(10);
        video::measure(HTTP, service_id, 10);
    }
    if wanted("crowd") {
        signaling::crowd(HTTP, service_id, 200, Duration::from_secs(300));
    }
    if wanted("recording") {
        recording::measure(&program, service_id, &tone);
    }
    if wanted("delay") {
        delay::measure(HTTP, SIP);
        delay::measure_called(&program);
    }
    let (sum, count) = (
        metric("omnigate_call_answer_seconds_sum"),
        metric("omnigate_call_answer_seconds_count"),
    );
    println!("INVITE to 200: {:.3} ms mean of {count}", sum / count * 1000.0);
    let (sum, count) = (
        metric("omnigate_call_bridge_seconds_sum"),
        metric("omnigate_call_bridge_seconds_count"),
    );
    println!(
        "last digit to bridged audio: {:.3} ms mean of {count}",
        sum / count * 1000.0
    );
    let (late, ticks) = (
        metric("omnigate_media_tick_lateness_seconds_sum"),
        metric("omnigate_media_tick_lateness_seconds_count"),
    );
    println!("tick lateness: {:.3} ms mean of {ticks}", late / ticks * 1000.0);
    service.kill().unwrap();
    service.wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
    if arguments.is_empty() {
        sip::measure(&program, &[]);
        trunks::measure(&program, Duration::from_secs(300));
    }
}

/// A service with this configuration and its data in `dir`, once it is ready.
fn serve(program: &Path, dir: &Path, text: &str) -> Child {
    std::fs::create_dir_all(dir).unwrap();
    let config = dir.join("omnigate.toml");
    std::fs::write(&config, text).unwrap();
    let mut service = Command::new(program)
        .arg("serve")
        .arg("--config")
        .arg(&config)
        // The data folder is relative.
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(service.stdout.take().unwrap())
        .read_line(&mut ready)
        .unwrap();
    let token = std::fs::read_to_string(dir.join("data/api-token")).unwrap();
    *TOKEN.lock().unwrap() = token.trim().to_owned();
    service
}

fn callers_in_the_menu(program: &Path, service: u32) {
    const CALLERS: usize = 50;
    let before = resident(service);
    let phones = phones(program, CALLERS, &[]);
    wait_for_calls(CALLERS);
    std::thread::sleep(Duration::from_secs(1));
    let per_second = cpu(service, WINDOW);
    println!(
        "{CALLERS} callers in the menu: {:.3} ms CPU a second and caller, {} KiB resident a call",
        per_second * 1000.0 / CALLERS as f64,
        (resident(service) - before) / CALLERS as i64
    );
    end(phones);
    wait_for_calls(0);
}

fn room(program: &Path, service: u32, members: usize, speakers: usize, tone: &Path) {
    let mut session = Session::open(HTTP);
    let (_, digits) = session.room_with_number();
    let mut all = phones(
        program,
        speakers,
        &["--digits", &digits, "--say", tone.to_str().unwrap()],
    );
    all.extend(phones(program, members - speakers, &["--digits", &digits]));
    wait_for_telephones(members);
    std::thread::sleep(Duration::from_secs(1));
    let per_second = cpu(service, WINDOW);
    println!(
        "room of {members} phones, {speakers} speaking: {:.3} ms CPU a second and member",
        per_second * 1000.0 / members as f64
    );
    end(all);
    wait_for_calls(0);
}

/// Calls between one phone and one app, both speaking.
fn pairs(program: &Path, service: u32, count: usize, tone: &Path) {
    let packets = opus(&speech());
    let mut apps = Vec::new();
    let mut all = Vec::new();
    for _ in 0..count {
        let mut session = Session::open(HTTP);
        let (room, digits) = session.room_with_number();
        apps.push(session.join(&room, Loop(packets.clone(), 0)));
        all.extend(phones(
            program,
            1,
            &["--digits", &digits, "--say", tone.to_str().unwrap()],
        ));
    }
    wait_for_telephones(count);
    apps.iter().for_each(App::wait_until_up);
    std::thread::sleep(Duration::from_secs(1));
    let before = metric("omnigate_rtp_sent_packets_total");
    let per_second = cpu(service, WINDOW);
    let packets = (metric("omnigate_rtp_sent_packets_total") - before) / count as f64;
    println!(
        "{count} calls of a phone and an app, both speaking: {:.3} ms CPU a second and call ({packets:.0} packets to a phone)",
        per_second * 1000.0 / count as f64
    );
    drop(apps);
    end(all);
    wait_for_calls(0);
}

/// A room of apps alone.
fn apps(service: u32, members: usize, speakers: usize) {
    let (voices, silence) = (opus(&speech()), opus(&[0; 16_000]));
    let room = Session::open(HTTP).new_room("audioroom");
    let before = resident(service);
    let apps: Vec<App> = (0..members)
        .map(|i| {
            let packets = if i < speakers { &voices } else { &silence };
            Session::open(HTTP).join(&room, Loop(packets.clone(), i))
        })
        .collect();
    apps.iter().for_each(App::wait_until_up);
    std::thread::sleep(Duration::from_secs(1));
    let per_second = cpu(service, WINDOW);
    println!(
        "room of {members} apps, {speakers} speaking: {:.3} ms CPU a second and member, {} KiB resident a member",
        per_second * 1000.0 / members as f64,
        (resident(service) - before) / members as i64
    );
}

/// How long it takes to join a room and hear it.
fn joins(count: usize) {
    let packets = opus(&speech());
    let room = Session::open(HTTP).new_room("audioroom");
    let speaker = Session::open(HTTP).join(&room, Loop(packets.clone(), 0));
    speaker.wait_until_up();
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            Session::open(HTTP)
                .join(&room, Loop(packets.clone(), 0))
                .time_to_audio()
        })
        .collect();
    times.sort();
    println!(
        "join to first audio: p50 {:.1} ms, p99 {:.1} ms of {count}",
        times[count / 2].as_secs_f64() * 1000.0,
        times[count - 1 - count / 100].as_secs_f64() * 1000.0
    );
}

/// 48 kHz packets of 20 ms as a browser would send, of speech at 8 kHz.
fn opus(speech: &[i16]) -> Vec<Arc<[u8]>> {
    let mut encoder = Encoder::new(8_000, EncoderSettings::default()).unwrap();
    let mut out = [0; 1500];
    speech
        .chunks_exact(160)
        .map(|frame| {
            let length = encoder.encode(frame, &mut out).unwrap();
            Arc::from(&out[..length])
        })
        .collect()
}

/// Two minutes of three formants under a slow envelope.
fn speech() -> Vec<i16> {
    let tau = std::f32::consts::TAU;
    let sample = |i: u32| {
        let t = i as f32 / 8000.0;
        let voice: f32 = [180.0, 540.0, 1260.0].iter().map(|f| (tau * f * t).sin()).sum();
        (voice * 3000.0 * (0.6 + 0.4 * (tau * 3.0 * t).sin())) as i16
    };
    (0..8000 * 120).map(sample).collect()
}

fn phones(program: &Path, count: usize, arguments: &[&str]) -> Vec<Child> {
    (0..count)
        .map(|_| {
            Command::new(program)
                .args([
                    "phone",
                    &format!("sip:07012345678@{SIP}"),
                    "--json",
                    "--for",
                    "110",
                ])
                .args(arguments)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect()
}

fn end(phones: Vec<Child>) {
    for phone in &phones {
        Command::new("kill")
            .args(["-INT", &phone.id().to_string()])
            .status()
            .unwrap();
    }
    for mut phone in phones {
        phone.wait().unwrap();
    }
}

fn wait_for_calls(count: usize) {
    let live = || {
        let body: Value = serde_json::from_str(&get("/api/v1/calls")).unwrap();
        body["calls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|c| c["state"] != "ended")
            .count()
    };
    let until = Instant::now() + Duration::from_secs(60);
    while live() != count && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn wait_for_telephones(count: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    while (metric("omnigate_signaling_telephones") as usize) < count && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// CPU seconds a second of process `id` over `window`.
fn cpu(id: u32, window: Duration) -> f64 {
    let (before, at) = (ticks(id), Instant::now());
    std::thread::sleep(window);
    (ticks(id) - before) / at.elapsed().as_secs_f64()
}

/// User and system time, seconds (fields 14 and 15, in units of 10 ms).
fn ticks(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn resident(id: u32) -> i64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn metric(name: &str) -> f64 {
    metric_in(&get("/metrics"), name).unwrap_or(0.0)
}

fn metric_in(page: &str, name: &str) -> Option<f64> {
    let line = page
        .lines()
        .find(|l| l.starts_with(name) && l[name.len()..].starts_with(' '));
    line?.rsplit(' ').next()?.parse().ok()
}

fn get(path: &str) -> String {
    get_from(HTTP, path)
}

fn get_from(http: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(http).unwrap();
    let token = TOKEN.lock().unwrap().clone();
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {http}\r\nAuthorization: Bearer {token}\r\nCache-Control: no-cache\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
        .split_once("\r\n\r\n")
        .map(|(_, b)| b.to_owned())
        .unwrap_or_default()
}

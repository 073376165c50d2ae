//! Calls in both directions at once over two trunks, with ends at random: nothing may be left of any, and no key be lost.
//! Telephones that call are sipp's, and key as telephone events; those that are called are `exchange`'s.

mod exchange;

use super::app::{Loop, Session};
use super::recording::run_time;
use super::sip::left;
use super::{get_from, metric_in, opus, resident, serve, speech};
use exchange::Exchange;
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const HTTP: &str = "127.0.0.1:28082";
const SIP: &str = "127.0.0.1:15062";
/// Where telephones call from, and where telephones are called.
const IN: &str = "127.0.0.2";
const OUT: &str = "127.0.0.3";
/// Calls at once in each direction.
const CALLS: usize = 100;
const ROOMS: usize = 10;
/// Longest that a call may take from its beginning to its end, with room to spare.
const LIMIT: Duration = Duration::from_secs(60);
/// What the apps have seen.
#[derive(Default)]
struct Seen {
    calls: usize,
    connected: usize,
    left_first: usize,
    telephone_first: usize,
    faults: BTreeMap<String, usize>,
}

/// For so long.
pub fn measure(program: &Path, time: Duration) {
    let dir = std::env::temp_dir().join(format!("omnigate-measure-trunks-{}", std::process::id()));
    let text = format!(
        r#"
        http.listen = "{HTTP}"
        sip.listen = ["udp://{SIP}"]
        sip.advertise = "127.0.0.1"
        media.webrtc_port = 0
        log.level = "warn"
        ivr.language = "en"
        [[trunk]]
        name = "in"
        allow = ["{IN}/32"]
        [[trunk]]
        name = "out"
        allow = ["{OUT}/32"]
        gateways = ["sip:{OUT}:15070"]
        destinations = ["*"]
        callers = [{{ number = "070-1234-5678", proof = "measured" }}]
        [[service]]
        id = "demo"
        key = "demo"
        caller = "070-1234-5678"
        calls = 1000
        minutes_a_day = 100000
        "#
    );
    let mut service = serve(program, &dir, &text);
    let exchange = Exchange::start(&format!("{OUT}:15070"), &format!("{OUT}:15072"));
    let mut keeper = Session::open(HTTP);
    let numbers: String = (0..ROOMS).map(|_| keeper.room_with_number().1 + "\n").collect();
    std::fs::write(dir.join("numbers.csv"), format!("RANDOM\n{numbers}")).unwrap();
    let cpu = run_time(service.id());
    let begun = Instant::now();
    let mut telephones = telephones(&dir);
    let (seen, voice) = (Mutex::new(Seen::default()), opus(&speech()));
    std::thread::scope(|scope| {
        for i in 0..CALLS {
            let (seen, voice) = (&seen, &voice);
            scope.spawn(move || app(i as u64, begun + time, voice, seen));
        }
        std::thread::sleep(time);
        let most = page("omnigate_sip_dialogs").unwrap_or(0.0);
        println!("dialogs after {} s: {most}", time.as_secs());
        // No further calls; those that are there go to their ends.
        signal(&telephones, "-USR1");
    });
    let ended = telephones.wait().unwrap();
    let cpu = (run_time(service.id()) - cpu) / begun.elapsed().as_secs_f64();
    let until = Instant::now() + LIMIT;
    while left(&metrics()).next().is_some() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let (seen, told) = (seen.into_inner().unwrap(), exchange.told());
    let count = |name| page(name).unwrap_or(0.0);
    let (keys, joined) = (
        count("omnigate_digits_total{kind=\"rfc4733\"}"),
        count("omnigate_call_bridge_seconds_count"),
    );
    println!(
        "in: {joined} telephones have keyed a number and joined, {keys} keys, so {} lost; sipp ends with {ended}",
        joined * 6.0 - keys
    );
    println!(
        "out: {} calls of apps, {} connected; the app left first in {}, the telephone in {}; faults {:?}",
        seen.calls, seen.connected, seen.left_first, seen.telephone_first, seen.faults
    );
    println!(
        "telephones called: {} rang, {} answered, {} cancelled, {} were hung up, {} hung up, {} heard nothing, {} left; faults {:?}",
        told.invited,
        told.answered,
        told.cancelled,
        told.they_hung_up,
        told.we_hung_up,
        told.deaf,
        told.left,
        told.faults
    );
    println!(
        "{cpu:.2} CPU seconds a second, {} KiB resident; left: {:?}",
        resident(service.id()),
        left(&metrics()).collect::<Vec<_>>()
    );
    for line in metrics().lines() {
        if line.starts_with("omnigate_calls_ended_total") && !line.ends_with(" 0") {
            println!("{line}");
        }
    }
    drop(keeper);
    service.kill().unwrap();
    service.wait().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

fn metrics() -> String {
    get_from(HTTP, "/metrics")
}

fn page(name: &str) -> Option<f64> {
    metric_in(&metrics(), name)
}

fn telephones(dir: &Path) -> Child {
    let scenario = dir.join("in.xml");
    std::fs::write(&scenario, include_str!("in.xml")).unwrap();
    Command::new("sipp")
        .arg("-sf")
        .arg(scenario)
        .args(["-i", IN, "-p", "15071", "-mi", IN, "-inf", "numbers.csv"])
        .args(["-l", &CALLS.to_string(), "-r", "20", "-nostdin", "-trace_err"])
        .arg(SIP)
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("sipp")
}

fn signal(child: &Child, name: &str) {
    let kill = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status();
    kill.unwrap();
}

/// Calls a telephone again and again, and leaves at random.
fn app(seed: u64, until: Instant, voice: &[Arc<[u8]>], seen: &Mutex<Seen>) {
    let mut random = seed.wrapping_mul(0x9e37_79b9) + 1;
    let mut any = |most: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    };
    // Not all at once in the first moment.
    std::thread::sleep(Duration::from_millis(any(5_000)));
    while Instant::now() < until {
        let mut session = Session::open(HTTP);
        let call = json!({"call_type": "sipcall", "caller": "app", "callee": "02-123-4567", "record": false});
        let (connected, left) = (Cell::new(false), Cell::new(false));
        let mut hear = |message: &Value| match message["cmd"].as_str() {
            Some("WS_CALL_CONNECTED_NOTI") => connected.set(true),
            Some("WS_LEAVE_NOTI") => left.set(true),
            _ => {}
        };
        let offered = session.ask_and_hear("OFFER_CALL", call, &mut hear);
        session.ask_and_hear("JOIN_ROOM", json!({"room_id": offered["room_id"]}), &mut hear);
        let sound = session.publish(Loop(voice.to_vec(), seed as usize), &mut hear);
        let leaves = Instant::now() + Duration::from_millis(any(30_000));
        while Instant::now() < leaves && !left.get() {
            session.hear_for(Duration::from_millis(50), &mut hear);
        }
        let (connected, gone, heard) = (connected.get(), left.get(), sound.is_heard());
        if !gone {
            session.ask("LEAVE", json!({}));
        }
        let mut seen = seen.lock().unwrap();
        seen.calls += 1;
        seen.connected += usize::from(connected);
        seen.left_first += usize::from(!gone);
        seen.telephone_first += usize::from(gone);
        let mut fault = |what: &str| *seen.faults.entry(what.to_owned()).or_default() += 1;
        if gone && !connected {
            fault("over before it was connected");
        }
        if connected && !heard {
            fault("nothing heard");
        }
    }
}

//! What SIP bears: time to answer, calls a CPU second, five hundred calls a second, memory of a call. A service of its own
//! with the RTP ports and the limits that it has by default, but for the packets a second.

use super::callers::{Callers, Load, Outcome};
use super::recording::run_time;
use super::{get_from, metric_in, resident, serve};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

const HTTP: &str = "127.0.0.1:28081";
const SIP: &str = "127.0.0.1:15061";
/// Calls before those that are measured, for what a process takes once.
const WARM: usize = 200;
/// Figures that must be zero when nobody is there any more.
const GIVEN_BACK: [&str; 7] = [
    "omnigate_media_legs",
    "omnigate_media_rooms",
    "omnigate_media_ports_used",
    "omnigate_media_failures",
    "omnigate_media_events_lost",
    "omnigate_sip_dialogs",
    "omnigate_signaling_telephones",
];

/// Everything, or what is named: `answer`, `fast`, `pace`, `memory`.
pub fn measure(program: &Path, parts: &[&str]) {
    let wanted = |name| parts.is_empty() || parts.contains(&name);
    if wanted("memory") {
        memory(program, 2_000, true);
        memory(program, 500, false);
    }
    let service = Service::start(program);
    let mut callers = Callers::new(SIP);
    report(
        "first calls",
        callers.run(load(WARM, Some(Duration::from_millis(20)), Duration::ZERO)),
    );
    if wanted("answer") {
        let load = load(1_000, Some(Duration::from_millis(20)), Duration::ZERO);
        report("50 calls a second", service.counted(&mut callers, load));
    }
    if wanted("fast") {
        for _ in 0..3 {
            let calls = 20_000;
            let before = run_time(service.child.id());
            let outcome = service.counted(&mut callers, load(calls, None, Duration::ZERO));
            let seconds = run_time(service.child.id()) - before;
            println!(
                "{calls} calls, 64 at once: {:.0} calls a CPU second of the service ({:.0} µs a call)",
                calls as f64 / seconds,
                seconds * 1e6 / calls as f64
            );
            report("as fast as it goes", outcome);
        }
    }
    if wanted("pace") {
        let (before, at) = (run_time(service.child.id()), Instant::now());
        let load = load(500 * 120, Some(Duration::from_millis(2)), Duration::from_secs(1));
        let outcome = service.counted(&mut callers, load);
        println!(
            "500 calls a second: {:.2} CPU seconds a second, {} KiB resident",
            (run_time(service.child.id()) - before) / at.elapsed().as_secs_f64(),
            resident(service.child.id())
        );
        report("500 calls a second, each for a second", outcome);
    }
}

fn load(calls: usize, pace: Option<Duration>, stay: Duration) -> Load {
    Load {
        calls,
        pace,
        at_once: if pace.is_some() { usize::MAX } else { 64 },
        stay: Some(stay),
        held: false,
    }
}

struct Service {
    child: Child,
    /// Gone in the end.
    dir: std::path::PathBuf,
}

impl Service {
    fn start(program: &Path) -> Service {
        let dir = std::env::temp_dir().join(format!("omnigate-measure-sip-{}", std::process::id()));
        let text = format!(
            "http.listen = \"{HTTP}\"\nsip.listen = [\"udp://{SIP}\"]\nsip.advertise = \"127.0.0.1\"\nsip.packets_per_second = 1000000\nmedia.webrtc_port = 0\nlog.level = \"warn\"\n"
        );
        Service {
            child: serve(program, &dir, &text),
            dir,
        }
    }

    /// Runs this and looks whether the service has counted the same.
    fn counted(&self, callers: &mut Callers, load: Load) -> Outcome {
        let names = [
            "omnigate_invites_total",
            "omnigate_call_answer_seconds_count",
            "omnigate_call_duration_seconds_count",
        ];
        let counts = |page: &str| names.map(|name| metric_in(page, name).unwrap_or(0.0));
        let before = settled();
        let mut outcome = callers.run(load);
        let after = settled();
        for (name, value) in left(&after) {
            outcome.faults.insert(format!("{name} left"), value as usize);
        }
        for (name, (now, then)) in names.iter().zip(counts(&after).into_iter().zip(counts(&before))) {
            if now - then != load.calls as f64 {
                outcome
                    .faults
                    .insert(format!("{name} counted"), (now - then) as usize);
            }
        }
        for line in after.lines().filter(|l| {
            let dropped = l.starts_with("omnigate_sip_dropped_total");
            let ended = l.starts_with("omnigate_calls_ended_total") && !l.contains("caller_hung_up");
            (dropped || ended) && !l.ends_with(" 0")
        }) {
            outcome.faults.insert(line.to_owned(), 1);
        }
        outcome
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// The figures once nobody is there any more and every end is told, or after ten seconds.
fn settled() -> String {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let page = get_from(HTTP, "/metrics");
        let count = |name| metric_in(&page, name);
        let told =
            count("omnigate_call_answer_seconds_count") == count("omnigate_call_duration_seconds_count");
        if (told && left(&page).next().is_none()) || Instant::now() >= until {
            return page;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Figures that are not zero and should be.
pub fn left(page: &str) -> impl Iterator<Item = (&'static str, f64)> {
    let figures = GIVEN_BACK.map(|name| (name, metric_in(page, name).unwrap_or(f64::NAN)));
    figures.into_iter().filter(|(_, value)| *value != 0.0)
}

/// What each of so many calls takes of the memory of a new process: in the menu, or on hold.
fn memory(program: &Path, calls: usize, held: bool) {
    let service = Service::start(program);
    let mut callers = Callers::new(SIP);
    callers.run(load(WARM, Some(Duration::from_millis(20)), Duration::ZERO));
    let before = resident(service.child.id());
    callers.hold(Load {
        calls,
        pace: Some(Duration::from_millis(4)),
        at_once: calls,
        stay: None,
        held,
    });
    // What the beginning took is given back.
    callers.stay(Duration::from_secs(3));
    let taken = resident(service.child.id()) - before;
    let outcome = callers.end();
    println!(
        "{calls} calls {}: {:.1} KiB resident a call",
        if held { "on hold" } else { "in the menu" },
        taken as f64 / calls as f64
    );
    report("held calls", outcome);
}

fn report(what: &str, outcome: Outcome) {
    let times = &outcome.answered;
    let mut times: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times
            .get(((times.len().max(1) - 1) as f64 * share) as usize)
            .copied()
    };
    let at = |share| at(share).unwrap_or(f64::NAN);
    println!(
        "{what}: {} whole calls of {} answered in {:.1} s, at most {} at once; INVITE to 200 p50 {:.2} ms, p99 {:.2} ms, worst {:.2} ms; sent again: {:?}; faults: {:?}",
        outcome.whole,
        times.len(),
        outcome.calling.as_secs_f64(),
        outcome.most,
        at(0.5),
        at(0.99),
        at(1.0),
        outcome.resent,
        outcome.faults
    );
}

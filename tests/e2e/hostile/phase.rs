//! Clients and calls of the good service for some time, and what became of them.

use super::calls::{Calls, Outcome};
use super::client::{Client, success};
use super::clients::{self, Work, within};
use super::disk::{Disk, stalls};
use super::newcomers::Newcomers;
use crate::busy::{Seen, Watch};
use crate::harness::Service;
use crate::receiver::Receiver;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long clients and calls work.
fn seconds() -> Duration {
    let seconds = std::env::var("OMNIGATE_HOSTILE_SECONDS").ok();
    Duration::from_secs(seconds.and_then(|seconds| seconds.parse().ok()).unwrap_or(12))
}

/// What a promise that is given up says.
const GIVEN_UP: [&str; 2] = ["database is absent", "gave no answer"];

/// A phase: what became of the clients and of the calls.
pub struct Phase {
    pub work: Work,
    pub calls: Outcome,
    newcomers: Newcomers,
    /// CPU seconds of the service a second.
    load: f64,
    /// The longest that the disk itself took.
    disk: Duration,
    /// How busy the machine was.
    seen: Seen,
}

/// A lobby for the clients, and the calls in their rooms.
pub struct Stage {
    lobby: String,
    to_lobby: String,
    pub calls: Calls,
    _host: Client,
}

impl Stage {
    pub fn set(service: &Service, number: usize) -> Stage {
        let mut host = Client::sign_in(service.http, [127, 0, 1, 100], "demo", "host").unwrap();
        let lobby = host.ask("CREATE_ROOM", json!({ "room_type": "videoroom" }));
        let lobby = success(&lobby.unwrap(), "room_id").unwrap();
        let to_lobby = host.ask("MAKE_SIPNUM", json!({ "room_id": lobby })).unwrap();
        Stage {
            lobby,
            to_lobby: success(&to_lobby, "call_number").unwrap(),
            calls: Calls::begin(service, &mut host, number, seconds() + Duration::from_secs(90)),
            _host: host,
        }
    }

    /// Clients and calls for some time.
    pub fn play(self, service: &Service, receiver: &Receiver) -> Phase {
        let over = AtomicBool::new(false);
        let (disk, watch) = (Disk::watch(service), Watch::start());
        let (begun, cpu) = (Instant::now(), cpu_seconds(service.pid()));
        let (work, newcomers, load) = std::thread::scope(|scope| {
            let work = scope.spawn(|| clients::work(service.http, &self.lobby, &over));
            let newcomers = scope.spawn(|| Newcomers::come(service, &self.to_lobby, &over));
            std::thread::sleep(seconds());
            let load = (cpu_seconds(service.pid()) - cpu) / begun.elapsed().as_secs_f64();
            over.store(true, Relaxed);
            (work.join().unwrap(), newcomers.join().unwrap(), load)
        });
        Phase {
            work,
            newcomers,
            load,
            disk: disk.worst(),
            seen: watch.end(),
            calls: self.calls.end(service, receiver),
        }
    }
}

impl Phase {
    /// What became of clients and calls.
    pub fn tell(&self, what: &str) {
        let Phase {
            work,
            calls,
            newcomers,
            load,
            disk,
            seen,
        } = self;
        for (kind, times) in [("answers", &work.times), ("promises", &work.promises)] {
            let ms = |share| within(times, share).as_secs_f64() * 1_000.0;
            let (p50, p99, worst) = (ms(0.5), ms(0.99), ms(1.0));
            println!(
                "{what}: {} {kind}, p50 {p50:.2} ms, p99 {p99:.2} ms, worst {worst:.1} ms",
                times.len()
            );
        }
        let answered = newcomers.worst().as_secs_f64() * 1_000.0;
        println!(
            "{what}: {} new callers, answered within {answered:.1} ms; {load:.2} CPU seconds a second; the disk took up to {disk:.0?}, {seen:.2?}",
            newcomers.answered.len()
        );
        println!(
            "{what}: {} of {} packets lost to telephones, {} of {} to recordings; no tone in {} of {} looks at what was heard, and in {} of {} at {:.0} s recorded",
            calls.lost,
            calls.received,
            calls.unrecorded,
            calls.recorded,
            calls.heard.silent,
            calls.heard.looks,
            calls.kept.silent,
            calls.kept.looks,
            calls.seconds,
        );
    }

    /// Whether others keep processors or disk too busy for promises to be judged: they wait for several threads, and for some commits.
    pub fn is_disturbed(&self) -> bool {
        self.seen.busy() || stalls(self.disk)
    }

    /// What holds on any machine. On one that others keep busy a promise may be given up, after 4 s.
    pub fn check(&self, what: &str, disturbed: bool) {
        let Phase {
            work,
            calls,
            newcomers,
            ..
        } = self;
        let given_up = |why: &&String| disturbed && GIVEN_UP.iter().any(|end| why.contains(end));
        let refused: Vec<_> = work.refused.iter().filter(|why| !given_up(why)).collect();
        assert!(refused.is_empty(), "{what}: {refused:#?}");
        assert!(work.times.len() > 300, "{what}: {} answers", work.times.len());
        assert!(newcomers.failed.is_empty(), "{what}: {:#?}", newcomers.failed);
        assert!(newcomers.answered.len() > 1, "{what}: nobody came");
        assert_eq!((calls.lost, calls.unrecorded), (0, 0), "{what}");
        let strange = (calls.heard.strange, calls.kept.strange);
        assert_eq!(strange, (0, 0), "{what}: strangers are heard");
    }
}

/// Time of all threads of a process.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |n: usize| fields[n].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

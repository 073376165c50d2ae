//! How busy the machine is: what is measured on a starved one tells nothing of the service.
//!
//! Two signs: cores that are not idle, and a thread that is woken late. The second also shows what the first cannot: a machine
//! whose own processors are lent to others for a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const SLICE: Duration = Duration::from_millis(250);
/// The share of all cores that is left idle where nobody has to wait for one.
const ENOUGH_IDLE: f64 = 0.25;
const TICK: Duration = Duration::from_millis(5);
/// A thread that sleeps is woken within this where nobody has to wait for a core: less than a packet of sound.
const LATE: Duration = Duration::from_millis(15);

/// Calls whose quality is measured on a machine that is busy each time.
const MOST_CALLS: u32 = 8;

/// Measures calls until one is as good as the codecs allow both ways (`limits`: to the app, to the telephone), less what is not
/// heard. A machine that others keep busy makes sound worse, never better: what it has spoilt is measured again.
pub fn as_good_as_its_codecs(what: &str, limits: (f64, f64), mut call: impl FnMut() -> (f64, f64, Seen)) {
    for number in 1..=MOST_CALLS {
        let (to_app, to_phone, seen) = call();
        let told = format!(
            "PESQ of {what}, call {number}: to the app {to_app:.3} (codecs alone {:.3}), to the telephone {to_phone:.3} (codecs alone {:.3}), {seen:?}",
            limits.0, limits.1
        );
        println!("{told}");
        if to_app >= limits.0 - 0.15 && to_phone >= limits.1 - 0.15 {
            return;
        }
        assert!(seen.busy() && number < MOST_CALLS, "{told}");
    }
}

/// Looks at the processors until it is asked.
pub struct Watch {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What was seen: the least idle share of a slice, and the latest waking.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub idle: f64,
    pub late: Duration,
}

impl Seen {
    /// Whether the machine was busy at any time.
    pub fn busy(self) -> bool {
        self.idle < ENOUGH_IDLE || self.late > LATE
    }
}

impl Watch {
    pub fn start() -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let thread = std::thread::spawn(move || watch(&ends));
        Watch { over, thread }
    }

    /// What was seen since.
    pub fn end(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn watch(over: &AtomicBool) -> Seen {
    let mut seen = Seen {
        idle: 1.0,
        late: Duration::ZERO,
    };
    let (mut before, mut slice) = (ticks(), Instant::now());
    while !over.load(Ordering::Relaxed) {
        let slept = Instant::now();
        std::thread::sleep(TICK);
        seen.late = seen.late.max(slept.elapsed().saturating_sub(TICK));
        if slice.elapsed() >= SLICE {
            let now = ticks();
            seen.idle = seen.idle.min(idle(before, now));
            (before, slice) = (now, Instant::now());
        }
    }
    seen
}

/// Time of all cores, idle and in all, in ticks of the kernel.
fn ticks() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    of_all_cores(&stat)
}

/// The first line: user, nice, system, idle, waiting for a disk, interrupts (2), stolen; what follows is in `user` too.
fn of_all_cores(stat: &str) -> (u64, u64) {
    let first = stat.lines().next().unwrap();
    let fields: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .take(8)
        .map(|field| field.parse().unwrap())
        .collect();
    (fields[3] + fields[4], fields.iter().sum())
}

fn idle(before: (u64, u64), now: (u64, u64)) -> f64 {
    (now.0 - before.0) as f64 / (now.1 - before.1).max(1) as f64
}

#[test]
fn the_idle_share_is_that_of_all_cores() {
    let before = of_all_cores("cpu  100 0 50 800 50 0 0 0 7 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
    let now = of_all_cores("cpu  150 10 60 810 70 0 0 0 9 0\n");
    assert_eq!((before, now), ((850, 1000), (880, 1100)));
    assert!((idle(before, now) - 0.3).abs() < 1e-9);
}

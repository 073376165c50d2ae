//! How busy the machine is: what is measured on a starved one tells nothing of the service.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const SLICE: Duration = Duration::from_millis(250);
/// The share of all cores that is left idle where nobody has to wait for one.
const ENOUGH_IDLE: f64 = 0.25;

/// Looks at the processors until it is asked.
pub struct Watch {
    over: Arc<AtomicBool>,
    slices: Arc<Mutex<Vec<f64>>>,
    thread: JoinHandle<()>,
}

impl Watch {
    pub fn start() -> Watch {
        let (over, slices) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (ends, all) = (over.clone(), slices.clone());
        let thread = std::thread::spawn(move || {
            let mut before = ticks();
            while !ends.load(Ordering::Relaxed) {
                std::thread::sleep(SLICE);
                let now = ticks();
                all.lock().unwrap().push(idle(before, now));
                before = now;
            }
        });
        Watch { over, slices, thread }
    }

    /// Whether the machine was busy at any time since.
    pub fn was_busy(self) -> bool {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        let slices = self.slices.lock().unwrap();
        slices.iter().any(|idle| *idle < ENOUGH_IDLE)
    }
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

//! How long the disk itself takes: what is promised waits for it, whoever asks.

use crate::harness::Service;
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(100);
/// A promise takes some commits, and is given up after 4 s.
const STALL: Duration = Duration::from_millis(300);

/// Writes a little to the disk of a service again and again, until it is asked.
pub struct Disk {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Disk {
    pub fn watch(service: &Service) -> Disk {
        let (over, file) = (Arc::new(AtomicBool::new(false)), service.dir.join("probe"));
        let ends = over.clone();
        let thread = std::thread::spawn(move || {
            let (mut file, mut worst) = (File::create(file).unwrap(), Duration::ZERO);
            while !ends.load(Relaxed) {
                std::thread::sleep(PAUSE);
                let begun = Instant::now();
                file.rewind().unwrap();
                file.write_all(&[7; 4_096]).unwrap();
                file.sync_all().unwrap();
                worst = worst.max(begun.elapsed());
            }
            worst
        });
        Disk { over, thread }
    }

    /// The longest that it took.
    pub fn worst(self) -> Duration {
        self.over.store(true, Relaxed);
        self.thread.join().unwrap()
    }
}

/// Whether others keep the disk too busy for promises to be judged.
pub fn stalls(worst: Duration) -> bool {
    worst > STALL
}

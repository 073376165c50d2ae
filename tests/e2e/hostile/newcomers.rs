//! Callers of the good service who come and go meanwhile: each is answered and finds its room.

use super::calls::TRUNK;
use crate::harness::Service;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// How many came, and how many of them did not get as far as they should, with the report of their telephone.
#[derive(Debug, Default)]
pub struct Newcomers {
    pub answered: Vec<Duration>,
    pub failed: Vec<String>,
}

impl Newcomers {
    /// One after the other, until it is over.
    pub fn come(service: &Service, number: &str, over: &AtomicBool) -> Newcomers {
        let mut all = Newcomers::default();
        while !over.load(Relaxed) {
            let phone = service.phone(
                TRUNK,
                &["--digits", number, "--for", "3", "--from", "01066667777"],
            );
            let report = phone.report();
            match report["answer_ms"].as_f64() {
                Some(answered) if report["end"] == "hung_up" && report["packets_lost"] == 0 => {
                    all.answered.push(Duration::from_secs_f64(answered / 1_000.0));
                }
                _ => all.failed.push(report.to_string()),
            }
        }
        all
    }

    /// The longest that one waited.
    pub fn worst(&self) -> Duration {
        self.answered.iter().max().copied().unwrap_or_default()
    }
}

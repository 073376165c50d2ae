//! Whether the service is ready for new calls.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Starting (0), ready or draining.
#[derive(Debug, Default)]
pub struct Health(AtomicU8);

impl Health {
    /// All sockets are open.
    pub fn set_ready(&self) {
        self.0.store(READY, Relaxed);
    }

    /// No new calls from here on.
    pub fn set_draining(&self) {
        self.0.store(DRAINING, Relaxed);
    }

    /// True between start and drain.
    pub fn is_ready(&self) -> bool {
        self.0.load(Relaxed) == READY
    }

    /// True once draining.
    pub fn is_draining(&self) -> bool {
        self.0.load(Relaxed) == DRAINING
    }
}

//! The trunks as they are at the moment, for all who ask them.
//!
//! Whoever asks gets those of this moment, and may keep what it has found: a call goes on with its trunk as it was when the call began.

use super::Trunks;
use std::sync::Arc;
use tokio::sync::watch;

/// See the module; clones share them.
#[derive(Debug, Clone)]
pub struct CurrentTrunks(Arc<watch::Sender<Arc<Trunks>>>);

impl CurrentTrunks {
    /// These, until there are others.
    pub fn new(trunks: Trunks) -> CurrentTrunks {
        CurrentTrunks(Arc::new(watch::Sender::new(Arc::new(trunks))))
    }

    /// Those of this moment.
    pub fn get(&self) -> Arc<Trunks> {
        self.0.borrow().clone()
    }

    /// From now on they are these.
    pub fn set(&self, trunks: Trunks) {
        self.0.send_replace(Arc::new(trunks));
    }

    /// Tells when there are others.
    pub fn changes(&self) -> watch::Receiver<Arc<Trunks>> {
        self.0.subscribe()
    }
}

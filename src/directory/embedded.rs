//! The directory of this process, in memory.

use super::{Directory, LookUpError, Numbers};
use crate::sync::lock;
use omnigate_omnitalk::{CallNumber, LookUp, NumberBook, NumberFault, NumberOwner, TargetKind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long an ended number is told apart from one that nobody had.
const MEMORY: Duration = Duration::from_secs(6 * 3600);

/// Forgets everything with the process.
pub struct EmbeddedDirectory(Mutex<NumberBook>);

impl EmbeddedDirectory {
    /// A directory without numbers; they are drawn from `seed`.
    pub fn new(seed: [u8; 32]) -> EmbeddedDirectory {
        EmbeddedDirectory(Mutex::new(NumberBook::new(MEMORY, seed)))
    }
}

#[async_trait::async_trait]
impl Directory for EmbeddedDirectory {
    async fn look_up(&self, number: CallNumber) -> Result<LookUp, LookUpError> {
        Ok(lock(&self.0).look_up(number, Instant::now()))
    }
}

#[async_trait::async_trait]
impl Numbers for EmbeddedDirectory {
    async fn assign(
        &self,
        owner: NumberOwner,
        service: &str,
        kind: TargetKind,
        wanted: Option<CallNumber>,
    ) -> Result<CallNumber, NumberFault> {
        lock(&self.0).assign(owner, service, kind, wanted, Instant::now())
    }

    async fn release(&self, owner: NumberOwner) {
        lock(&self.0).release(owner, Instant::now());
    }
}

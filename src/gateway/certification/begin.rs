//! Begins and ends certifications, and tells how they are.

use super::battery;
use super::order::{CertificationOrder, CertificationRefusal, Plan};
use super::step::Certification;
use crate::clock::today;
use crate::gateway::line::now;
use crate::gateway::shared::Gateway;
use std::sync::Arc;
use tracing::{Instrument, info, info_span};

impl Gateway {
    /// Begins the certification of a trunk.
    ///
    /// # Errors
    /// [`CertificationRefusal`]
    pub fn certify(
        self: &Arc<Self>,
        trunk: &str,
        order: &CertificationOrder,
    ) -> Result<Certification, CertificationRefusal> {
        let trunks = self.trunks.get();
        let known = trunks.named(trunk).ok_or(CertificationRefusal::NoTrunk)?;
        if self.health.is_draining() {
            return Err(CertificationRefusal::Stopping);
        }
        let plan = Plan::new(order, known, today())?;
        let running = self.certifications.begin(trunk, now())?;
        let span = info_span!("certification", trunk);
        span.in_scope(|| info!("a certification begins"));
        let run = battery::run(self.clone(), known.clone(), plan, running);
        self.tasks.spawn(run.instrument(span));
        self.certification(trunk).ok_or(CertificationRefusal::NoTrunk)
    }

    /// The certification of a trunk that goes on, or was the last; one that nobody asks after for a minute ends.
    pub fn certification(&self, trunk: &str) -> Option<Certification> {
        self.certifications.told(trunk, now())
    }

    /// Ends the certification of a trunk; false: none goes on.
    pub fn end_certification(&self, trunk: &str) -> bool {
        self.certifications.stop(trunk)
    }
}

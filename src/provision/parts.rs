//! Who is told of services and trunks.

use super::plan::Plan;
use super::translate::{hub_service, tls_settings};
use crate::access::Tokens;
use crate::config::{self, Settings};
use crate::directory::Numbers;
use crate::recording::Recorder;
use crate::rooms::{Rooms, RoomsError};
use crate::sip::{SourceFilter, Tls};
use crate::tls::TlsError;
use crate::trunks::CurrentTrunks;
use crate::webhook::Targets;
use std::sync::Arc;
use tracing::{error, warn};

/// Everybody who is told.
pub struct Parts {
    /// A hub for each service.
    pub rooms: Rooms,
    /// What they may keep of recordings.
    pub recorder: Arc<Recorder>,
    /// Where their events go.
    pub targets: Targets,
    /// Who gives out call numbers.
    pub numbers: Arc<dyn Numbers>,
    /// Tokens of services.
    pub tokens: Arc<Tokens>,
    /// The trunks.
    pub trunks: CurrentTrunks,
    /// Who may send.
    pub filter: Arc<SourceFilter>,
    /// Certificates of trunks.
    pub sip_tls: Arc<Tls>,
}

/// Why the trunks cannot be as they are wanted.
#[derive(Debug, thiserror::Error)]
pub enum TrunksFault {
    /// A certificate cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
    /// Nobody was called by TLS at the start, so there is no way to.
    #[error(
        "gateways: calls by TLS begin with the next start; until then name gateways without transport=tls and sips:"
    )]
    NoWayByTls,
}

impl Parts {
    /// Whether the trunks can be as this plan wants them. Files are read only where they are to be others.
    pub(super) fn can(&self, before: &Plan, plan: &Plan) -> Result<(), TrunksFault> {
        if before.settings.trunk == plan.settings.trunk {
            return Ok(());
        }
        let trunks = self.trunks.get().changed(&plan.settings);
        if trunks.call_by_tls() && !self.sip_tls.dials() {
            return Err(TrunksFault::NoWayByTls);
        }
        Tls::load(&tls_settings(&plan.settings, &trunks))?;
        Ok(())
    }

    /// From now on it is as this plan says, and no longer as the one before. `forget`: what a service had that is gone.
    pub(super) async fn apply(&self, before: &Plan, plan: &Plan, forget: bool) -> Result<(), RoomsError> {
        if before.settings.trunk != plan.settings.trunk {
            self.set_trunks(&plan.settings);
        } else if before.settings.service != plan.settings.service {
            // What services may call stands beside the trunks.
            self.trunks.set(self.trunks.get().changed(&plan.settings));
        }
        for service in &plan.settings.service {
            let same = |one: &&config::Service| *one == service;
            let is_as_before = before.settings.service.iter().any(|one| same(&one))
                && before.keys_of(service) == plan.keys_of(service);
            if is_as_before {
                continue;
            }
            self.targets.set(service);
            self.recorder.set_service(service);
            let taken = self
                .rooms
                .set_service(hub_service(service, plan.keys_of(service)));
            if !taken.await? {
                error!(
                    service = service.id,
                    "there have been too many services; it is there after the next start"
                );
            }
        }
        let stays = |id: &str| plan.settings.service.iter().any(|service| service.id == id);
        for service in before
            .settings
            .service
            .iter()
            .filter(|service| !stays(&service.id))
        {
            self.remove_service(&service.id, forget).await?;
        }
        Ok(())
    }

    /// Connections and calls that there are go on with what they have.
    fn set_trunks(&self, settings: &Settings) {
        let trunks = self.trunks.get().changed(settings);
        if let Err(error) = self.sip_tls.set(&tls_settings(settings, &trunks)) {
            warn!(%error, "TLS of SIP stays as it is");
        }
        self.filter.set(trunks.networks(), trunks.are_open());
        self.trunks.set(trunks);
    }

    async fn remove_service(&self, id: &str, forget: bool) -> Result<(), RoomsError> {
        self.rooms.remove_service(id, forget).await?;
        self.targets.remove(id);
        if forget {
            self.numbers.release_all(id).await;
            self.tokens.revoke_of(id).await;
        }
        Ok(())
    }
}

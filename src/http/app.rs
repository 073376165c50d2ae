//! What the routes share.

use super::denials::Denials;
use super::figures::Figures;
use super::hosts::Hosts;
use super::limits::Limits;
use super::origins::ApiOrigins;
use crate::access::Tokens;
use crate::audit::AuditLog;
use crate::calls::CallRegistry;
use crate::config::OriginPattern;
use crate::directory::{Directory, Guesses, Numbers};
use crate::gateway::Gateway;
use crate::media::MediaPlane;
use crate::observe::{Audit, Health, Metrics};
use crate::provision::Provisioning;
use crate::recording::Recorder;
use crate::rooms::{JoinKey, Rooms};
use crate::webhook::WebhookFigures;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What the routes need.
pub struct AppState {
    /// The rooms.
    pub rooms: Rooms,
    /// The numbers given out here, which other gateways ask for too.
    pub directory: Arc<dyn Directory>,
    /// Who gives numbers out here.
    pub numbers: Arc<dyn Numbers>,
    /// By which join tokens are signed.
    pub join_key: JoinKey,
    /// The budget for wrong call numbers.
    pub guesses: Arc<Guesses>,
    /// The media plane.
    pub media: Arc<MediaPlane>,
    /// Recordings.
    pub recorder: Arc<Recorder>,
    /// Counters of webhooks.
    pub webhooks: Arc<WebhookFigures>,
    /// Telephone calls and their trunks.
    pub gateway: Arc<Gateway>,
    /// Calls.
    pub calls: Arc<CallRegistry>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub health: Arc<Health>,
    /// Who may ask, and what is noted of it.
    pub api: Api,
    /// Origins whose pages may open WebSockets; empty: any.
    pub origins: Vec<OriginPattern>,
    /// What one client may take.
    pub limits: Arc<Limits>,
    /// Numbers sockets.
    pub next_socket: AtomicU64,
}

/// Who may ask the API, and what is noted of it.
pub struct Api {
    /// All tokens.
    pub tokens: Arc<Tokens>,
    /// Who did what: to be noted.
    pub audit: Audit,
    /// Who did what: to be read.
    pub log: AuditLog,
    /// For whom requests may be, and from which pages.
    pub front: Front,
    /// Services and trunks, as they are now.
    pub provisioning: Arc<Provisioning>,
    /// The page of figures.
    pub figures: Figures,
    /// How many denials are noted.
    pub denials: Denials,
}

/// Names and origins that are taken.
pub struct Front {
    /// For which names requests may be.
    pub hosts: Hosts,
    /// Which pages may use the API.
    pub origins: ApiOrigins,
}

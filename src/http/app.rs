//! What the routes share.

use super::limits::Limits;
use crate::calls::CallRegistry;
use crate::config::OriginPattern;
use crate::directory::Directory;
use crate::gateway::Gateway;
use crate::media::MediaPlane;
use crate::observe::{Health, Metrics};
use crate::recording::Recorder;
use crate::rooms::Rooms;
use crate::webhook::WebhookFigures;
use omnigate_room::Secret;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What the routes need.
pub struct AppState {
    /// The rooms.
    pub rooms: Rooms,
    /// The numbers given out here, which other gateways ask for too.
    pub directory: Arc<dyn Directory>,
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
    /// Bearer token of the API.
    pub api_token: Option<Secret>,
    /// Origins whose pages may open WebSockets; empty: any.
    pub origins: Vec<OriginPattern>,
    /// What one client may take.
    pub limits: Arc<Limits>,
    /// Numbers sockets.
    pub next_socket: AtomicU64,
}

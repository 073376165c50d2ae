//! The HTTP listener and its routes.

use super::caller::{Caller, Proxies};
use super::limits::{Limits, Place};
use super::tls::Certificates;
use super::{api, listener, page, recordings, socket};
use crate::calls::CallRegistry;
use crate::config::{OriginPattern, Secret};
use crate::media::MediaPlane;
use crate::observe::{Health, Metrics};
use crate::recording::Recorder;
use crate::rooms::HubHandle;
use crate::webhook::WebhookFigures;
use axum::Router;
use axum::extract::{Extension, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use omnigate_omnitalk::SocketId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Largest signaling message, bytes; SDP of a browser is a tenth of it.
const MAX_FRAME: usize = 128 * 1024;
/// Read buffer of a WebSocket, bytes: most messages are far smaller, and most sockets are idle.
const READ_BUFFER: usize = 4 * 1024;

/// What the routes need.
pub struct AppState {
    /// The hub.
    pub hub: HubHandle,
    /// The media plane.
    pub media: Arc<MediaPlane>,
    /// Recordings.
    pub recorder: Arc<Recorder>,
    /// Counters of webhooks.
    pub webhooks: Arc<WebhookFigures>,
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

/// Why HTTP cannot start.
#[derive(Debug, thiserror::Error)]
#[error("http.listen {address}: {source}")]
pub struct HttpError {
    address: SocketAddr,
    source: std::io::Error,
}

/// Where and how the listener serves.
pub struct Listening {
    /// Address and port; 0: any.
    pub listen: SocketAddr,
    /// With it: TLS only.
    pub certificates: Option<Arc<Certificates>>,
    /// Proxies whose word about their clients is believed.
    pub proxies: Proxies,
    /// Ends it.
    pub stop: CancellationToken,
}

/// Opens the listener and serves until it is stopped; the bound address.
pub async fn serve(listening: Listening, app: Arc<AppState>) -> Result<SocketAddr, HttpError> {
    let listen = listening.listen;
    let failed = |source| HttpError {
        address: listen,
        source,
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let guarded = Router::new()
        .route("/api/v1/call-numbers/{number}", get(api::call_number))
        .route("/api/v1/calls", get(api::calls))
        .route("/api/v1/calls/{id}", get(api::call))
        .route("/api/v1/recordings", get(recordings::list))
        .route(
            "/api/v1/recordings/{id}",
            get(recordings::show).delete(recordings::delete),
        )
        .route("/api/v1/recordings/{id}/pause", post(recordings::pause))
        .route("/api/v1/recordings/{id}/resume", post(recordings::resume))
        .layer(axum::middleware::from_fn_with_state(app.clone(), api::authorise));
    let router = Router::new()
        .route("/", get(page::index))
        .route("/ws", get(websocket))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        // These take the link of a webhook in the place of the token.
        .route("/api/v1/recordings/{id}/file", get(recordings::main_file))
        .route("/api/v1/recordings/{id}/files/{name}", get(recordings::file))
        .route("/{*path}", get(page::asset))
        .merge(guarded)
        .with_state(app.clone());
    let serving = listener::Serving {
        router,
        certificates: listening.certificates,
        limits: app.limits.clone(),
        proxies: listening.proxies,
        metrics: app.metrics.clone(),
        stop: listening.stop,
    };
    tokio::spawn(Arc::new(serving).run(listener));
    Ok(address)
}

async fn ready(State(app): State<Arc<AppState>>) -> Response {
    if app.health.is_ready() {
        return "ready\n".into_response();
    }
    let why = if app.health.is_draining() {
        "draining\n"
    } else {
        "starting\n"
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn metrics(State(app): State<Arc<AppState>>) -> Response {
    let mut page = app.metrics.page();
    app.media.figures().tell(&mut page);
    crate::rooms::tell_figures(&app.hub.figures().await, &mut page);
    app.recorder.figures().tell(&mut page);
    app.webhooks.tell(&mut page);
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        page.finish(),
    )
        .into_response()
}

async fn websocket(
    State(app): State<Arc<AppState>>,
    Extension(caller): Extension<Caller>,
    place: Option<Extension<Arc<Place>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(origin) = headers.get(header::ORIGIN)
        && !allowed(&app.origins, origin.as_bytes())
    {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        info!(client = %caller.address, %origin, "WebSocket refused: the origin is not in http.origins");
        app.metrics.http_refused("origin");
        return api::problem(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "pages of this origin may not connect here",
        );
    }
    if let Err(wait) = app.limits.session(&caller, Instant::now()) {
        app.metrics.http_refused("sessions");
        return too_many(wait);
    }
    let id = SocketId(app.next_socket.fetch_add(1, Relaxed));
    let hub = app.hub.clone();
    let pace = app.limits.messages();
    let client = app.limits.client(&caller);
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(async move |socket| {
            // Behind a proxy, the place of a client is its WebSocket's.
            let _place = place;
            socket::run(socket, id, client, hub, pace).await;
        })
}

/// Native apps send no origin and are not asked for one; a page cannot leave it out.
fn allowed(origins: &[OriginPattern], origin: &[u8]) -> bool {
    origins.is_empty() || str::from_utf8(origin).is_ok_and(|o| origins.iter().any(|known| known.matches(o)))
}

/// 429, with the time after which it is worth another try.
pub(super) fn too_many(wait: Duration) -> Response {
    let mut response = api::problem(
        StatusCode::TOO_MANY_REQUESTS,
        "Too Many Requests",
        "this client connects too often; see Retry-After",
    );
    let seconds = wait.as_secs() + 1;
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

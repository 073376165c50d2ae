//! The HTTP listener and its routes.

use super::hub::HubHandle;
use super::{api, page, socket};
use crate::config::Secret;
use crate::gateway::CallRegistry;
use crate::media::MediaPlane;
use crate::observe::{Health, Metrics};
use axum::Router;
use axum::extract::{State, WebSocketUpgrade};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use omnigate_omnitalk::SocketId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Largest signaling message, bytes; SDP of a browser is a tenth of it.
const MAX_FRAME: usize = 128 * 1024;

/// What the routes need.
pub struct AppState {
    /// The hub.
    pub hub: HubHandle,
    /// The media plane.
    pub media: Arc<MediaPlane>,
    /// Calls.
    pub calls: Arc<CallRegistry>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub health: Arc<Health>,
    /// Bearer token of the API.
    pub api_token: Option<Secret>,
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

/// Opens the listener and serves until `stop`; the bound address.
pub async fn serve(
    listen: SocketAddr,
    app: Arc<AppState>,
    stop: CancellationToken,
) -> Result<SocketAddr, HttpError> {
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
        .layer(axum::middleware::from_fn_with_state(app.clone(), api::authorise));
    let router = Router::new()
        .route("/", get(page::index))
        .route("/ws", get(websocket))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/{*path}", get(page::asset))
        .merge(guarded)
        .with_state(app)
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        let _ = axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
    });
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
    let text = app.metrics.render(&app.media.figures(), &app.hub.figures().await);
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    )
        .into_response()
}

async fn websocket(State(app): State<Arc<AppState>>, upgrade: WebSocketUpgrade) -> Response {
    let id = SocketId(app.next_socket.fetch_add(1, Relaxed));
    let hub = app.hub.clone();
    upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| socket::run(socket, id, hub))
}

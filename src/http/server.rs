//! The HTTP listener and its routes.

use super::app::AppState;
use super::limits::Place;
use super::problem::{problem, too_many};
use super::requester::{Proxies, Requester};
use super::tls::Certificates;
use super::{api, listener, page, recordings, socket, trunks};
use crate::config::OriginPattern;
use crate::supervise::Supervisor;
use crate::sync::lock;
use axum::Router;
use axum::extract::{Extension, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use omnigate_omnitalk::SocketId;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Largest signaling message, bytes; SDP of a browser is a tenth of it.
const MAX_FRAME: usize = 128 * 1024;
/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;
/// Read buffer of a WebSocket, bytes: most messages are far smaller, and most sockets are idle.
const READ_BUFFER: usize = 4 * 1024;

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
}

/// HTTP and WebSockets, on threads of their own: no browser delays telephones or the rooms.
pub struct HttpServer {
    /// Taken at the end.
    runtime: Mutex<Option<Runtime>>,
    address: SocketAddr,
    stop: CancellationToken,
}

impl HttpServer {
    /// Opens the listener and serves until it is stopped.
    ///
    /// # Errors
    /// The address cannot be had, or no thread.
    pub fn start(
        listening: Listening,
        app: Arc<AppState>,
        supervisor: &Supervisor,
    ) -> Result<HttpServer, HttpError> {
        let failed = |source| HttpError {
            address: listening.listen,
            source,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("http")
            .enable_all()
            .build()
            .map_err(failed)?;
        let stop = CancellationToken::new();
        let serving = Arc::new(listener::Serving {
            router: routes(app.clone()),
            certificates: listening.certificates,
            limits: app.limits.clone(),
            proxies: listening.proxies,
            metrics: app.metrics.clone(),
            stop: stop.clone(),
        });
        let inside = runtime.enter();
        let listener = bind(listening.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        supervisor.task("http", serving.run(listener));
        drop(inside);
        Ok(HttpServer {
            runtime: Mutex::new(Some(runtime)),
            address,
            stop,
        })
    }

    /// The bound address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections; those that are open end after the request that they are at.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        // Dropped as it is, it would wait for downloads.
        if let Some(runtime) = lock(&self.runtime).take() {
            runtime.shutdown_background();
        }
    }
}

fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    // As the listener of tokio does: a restart takes the port at once.
    let socket = match listen {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

fn routes(app: Arc<AppState>) -> Router {
    let guarded = Router::new()
        .route("/api/v1/call-numbers/{number}", get(api::call_number))
        .route("/api/v1/calls", get(api::calls))
        .route("/api/v1/calls/{id}", get(api::call))
        .route("/api/v1/calls/{id}/transfer", post(api::transfer))
        .route("/api/v1/trunks", get(trunks::list))
        .route(
            "/api/v1/trunks/{name}/certification",
            get(trunks::certification)
                .post(trunks::certify)
                .delete(trunks::end_certification),
        )
        .route("/api/v1/recordings", get(recordings::list))
        .route(
            "/api/v1/recordings/{id}",
            get(recordings::show).delete(recordings::delete),
        )
        .route("/api/v1/recordings/{id}/pause", post(recordings::pause))
        .route("/api/v1/recordings/{id}/resume", post(recordings::resume))
        .route("/api/v1/recordings/{id}/retry", post(recordings::retry))
        .layer(axum::middleware::from_fn_with_state(app.clone(), api::authorise));
    Router::new()
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
        .with_state(app)
}

async fn ready(State(app): State<Arc<AppState>>) -> Response {
    let stalled = app.health.stalled(Instant::now());
    let why = if !stalled.is_empty() {
        format!("no sign of life from {}\n", stalled.join(", "))
    } else if app.health.is_draining() {
        "draining\n".to_owned()
    } else if app.health.is_ready() {
        return "ready\n".into_response();
    } else {
        "starting\n".to_owned()
    };
    (StatusCode::SERVICE_UNAVAILABLE, why).into_response()
}

async fn metrics(State(app): State<Arc<AppState>>) -> Response {
    let mut page = app.metrics.page();
    app.media.figures().tell(&mut page);
    // Without the rooms their figures are not zero, but unknown.
    if let Ok(figures) = app.rooms.figures().await {
        crate::rooms::tell_figures(&figures, &mut page);
    }
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
    Extension(requester): Extension<Requester>,
    place: Option<Extension<Arc<Place>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Some(origin) = headers.get(header::ORIGIN)
        && !allowed(&app.origins, origin.as_bytes())
    {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        info!(client = %requester.address, %origin, "WebSocket refused: the origin is not in http.origins");
        app.metrics.http_refused("origin");
        return problem(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "pages of this origin may not connect here",
        );
    }
    if let Err(wait) = app.limits.session(&requester, Instant::now()) {
        app.metrics.http_refused("sessions");
        return too_many(wait);
    }
    let id = SocketId(app.next_socket.fetch_add(1, Relaxed));
    let rooms = app.rooms.clone();
    let pace = app.limits.messages();
    let client = app.limits.client(&requester);
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(async move |socket| {
            // Behind a proxy, the place of a client is its WebSocket's.
            let _place = place;
            socket::run(socket, id, client, rooms, pace).await;
        })
}

/// Native apps send no origin and are not asked for one; a page cannot leave it out.
fn allowed(origins: &[OriginPattern], origin: &[u8]) -> bool {
    origins.is_empty() || str::from_utf8(origin).is_ok_and(|o| origins.iter().any(|known| known.matches(o)))
}

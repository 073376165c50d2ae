//! The HTTP listener and its routes.

use super::app::AppState;
use super::descriptors::Descriptors;
use super::guard::Guarded;
use super::idempotency::Answers;
use super::limits::Place;
use super::problem::{self, too_many};
use super::requester::{Proxies, Requester};
use super::tls::Certificates;
use super::{
    audit, calls, certification, front, join_tokens, listener, look_up, metrics, numbers, page, provisioned,
    recordings, rooms, socket, tokens,
};
use crate::access::Scope;
use crate::config::OriginPattern;
use crate::rooms::SocketOrigin;
use crate::supervise::Supervisor;
use crate::sync::lock;
use axum::Router;
use axum::extract::{Extension, State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
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
#[error("{key} {address}: {source}")]
pub struct HttpError {
    key: &'static str,
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
    /// Where figures have a listener of their own.
    pub metrics: Option<SocketAddr>,
    /// Those that are left to others.
    pub descriptors: Descriptors,
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
            key: "http.listen",
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
        let answers = Answers::new();
        let serving = Arc::new(listener::Serving {
            router: routes(app.clone(), answers.clone()),
            certificates: listening.certificates,
            limits: app.limits.clone(),
            proxies: listening.proxies,
            metrics: app.metrics.clone(),
            descriptors: listening.descriptors,
            stop: stop.clone(),
        });
        let inside = runtime.enter();
        let listener = bind(listening.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        if let Some(own) = listening.metrics {
            let failed = |source| HttpError {
                key: "metrics.listen",
                address: own,
                source,
            };
            let listener = bind(own).map_err(failed)?;
            info!(listen = %listener.local_addr().map_err(failed)?, "metrics have a listener of their own");
            let serving = Arc::new(listener::Serving {
                router: figures_only(app),
                // Prometheus asks by plain HTTP; whoever opens it to others puts a proxy before it.
                certificates: None,
                limits: serving.limits.clone(),
                proxies: serving.proxies.clone(),
                metrics: serving.metrics.clone(),
                descriptors: serving.descriptors,
                stop: stop.clone(),
            });
            supervisor.task("metrics", serving.run(listener));
        }
        supervisor.restarting("answers", move || answers.clone().forget_for_ever());
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

fn routes(app: Arc<AppState>, answers: Arc<Answers>) -> Router {
    let mut pages = Router::new()
        .route("/", get(page::index))
        .route("/ws", get(websocket))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/openapi.yaml", get(page::description))
        .route("/api", any(no_route))
        .route("/api/", any(no_route))
        .route("/api/{*path}", any(no_route))
        .route("/{*path}", get(page::asset));
    if app.api.figures.is_on_main() {
        pages = pages.merge(figures_route(&app));
    }
    pages
        .merge(api_routes(app.clone(), answers))
        .layer(from_fn_with_state(app.clone(), front::front))
        .with_state(app)
}

/// What there is on `metrics.listen`.
fn figures_only(app: Arc<AppState>) -> Router {
    figures_route(&app)
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn(front::dressed))
        .with_state(app)
}

fn figures_route(app: &Arc<AppState>) -> Router<Arc<AppState>> {
    let route = get(metrics::page).route_layer(from_fn_with_state(app.clone(), metrics::guard));
    Router::new().route("/metrics", route)
}

/// `/api/v1`: each route with the scope that it needs, and the name of what it does.
fn api_routes(app: Arc<AppState>, answers: Arc<Answers>) -> Router<Arc<AppState>> {
    use Scope::{Admin, Calls, Read, Recordings, Rooms};
    Guarded::new(app, answers)
        .get("/api/v1/call-numbers/{number}", Read, look_up::call_number)
        .post(
            "/api/v1/call-numbers/{number}/uses",
            Calls,
            "call_number_use",
            look_up::redeem,
        )
        .get("/api/v1/calls", Read, calls::calls)
        .create("/api/v1/calls", Calls, "call_dial", calls::dial)
        .get("/api/v1/calls/{id}", Read, calls::call)
        .post("/api/v1/calls/{id}/hangup", Calls, "call_hang_up", calls::hang_up)
        .post("/api/v1/calls/{id}/mute", Calls, "call_mute", calls::mute)
        .post("/api/v1/calls/{id}/unmute", Calls, "call_unmute", calls::unmute)
        .post(
            "/api/v1/calls/{id}/transfer",
            Calls,
            "call_transfer",
            calls::transfer,
        )
        .get("/api/v1/services", Admin, provisioned::services)
        .create("/api/v1/services", Admin, "service_add", provisioned::add_service)
        .get("/api/v1/services/{id}", Admin, provisioned::service)
        .patch(
            "/api/v1/services/{id}",
            Admin,
            "service_set",
            provisioned::set_service,
        )
        .delete(
            "/api/v1/services/{id}",
            Admin,
            "service_remove",
            provisioned::remove_service,
        )
        .create(
            "/api/v1/services/{id}/keys",
            Admin,
            "service_key_add",
            provisioned::add_key,
        )
        .delete(
            "/api/v1/services/{id}/keys/{key}",
            Admin,
            "service_key_remove",
            provisioned::remove_key,
        )
        .get("/api/v1/trunks", Admin, provisioned::trunks)
        .create("/api/v1/trunks", Admin, "trunk_add", provisioned::add_trunk)
        .get("/api/v1/trunks/{name}", Admin, provisioned::trunk)
        .patch(
            "/api/v1/trunks/{name}",
            Admin,
            "trunk_set",
            provisioned::set_trunk,
        )
        .delete(
            "/api/v1/trunks/{name}",
            Admin,
            "trunk_remove",
            provisioned::remove_trunk,
        )
        .get(
            "/api/v1/trunks/{name}/certification",
            Admin,
            certification::certification,
        )
        .post(
            "/api/v1/trunks/{name}/certification",
            Admin,
            "trunk_certify",
            certification::certify,
        )
        .delete(
            "/api/v1/trunks/{name}/certification",
            Admin,
            "trunk_certify_end",
            certification::end_certification,
        )
        .get("/api/v1/recordings", Recordings, recordings::list)
        .get("/api/v1/recordings/{id}", Recordings, recordings::show)
        .delete(
            "/api/v1/recordings/{id}",
            Recordings,
            "recording_delete",
            recordings::delete,
        )
        .post(
            "/api/v1/recordings/{id}/pause",
            Recordings,
            "recording_pause",
            recordings::pause,
        )
        .post(
            "/api/v1/recordings/{id}/resume",
            Recordings,
            "recording_resume",
            recordings::resume,
        )
        .post(
            "/api/v1/recordings/{id}/retry",
            Recordings,
            "recording_retry",
            recordings::retry,
        )
        // These take the link of a webhook in the place of the token.
        .download(
            "/api/v1/recordings/{id}/file",
            Recordings,
            "recording_download",
            recordings::main_file,
        )
        .download(
            "/api/v1/recordings/{id}/files/{name}",
            Recordings,
            "recording_download",
            recordings::file,
        )
        .get("/api/v1/rooms", Read, rooms::list)
        .create("/api/v1/rooms", Rooms, "room_create", rooms::make)
        .get("/api/v1/rooms/{id}", Read, rooms::show)
        .delete("/api/v1/rooms/{id}", Rooms, "room_destroy", rooms::close)
        .create(
            "/api/v1/rooms/{id}/tokens",
            Rooms,
            "join_token_make",
            join_tokens::make,
        )
        .get("/api/v1/rooms/{id}/participants", Read, rooms::participants)
        .delete(
            "/api/v1/rooms/{id}/participants/{session}",
            Rooms,
            "participant_remove",
            rooms::remove,
        )
        .post(
            "/api/v1/rooms/{id}/participants/{session}/mute",
            Rooms,
            "participant_mute",
            rooms::mute,
        )
        .post(
            "/api/v1/rooms/{id}/participants/{session}/unmute",
            Rooms,
            "participant_unmute",
            rooms::unmute,
        )
        .get("/api/v1/numbers", Read, numbers::list)
        .create("/api/v1/numbers", Rooms, "number_make", numbers::make)
        .get("/api/v1/numbers/{number}", Read, numbers::show)
        .patch("/api/v1/numbers/{number}", Rooms, "number_set", numbers::set)
        .delete(
            "/api/v1/numbers/{number}",
            Rooms,
            "number_withdraw",
            numbers::withdraw,
        )
        .create(
            "/api/v1/numbers/{number}/replace",
            Rooms,
            "number_replace",
            numbers::replace,
        )
        .get("/api/v1/tokens", Admin, tokens::list)
        .create("/api/v1/tokens", Admin, "token_add", tokens::add)
        .get("/api/v1/tokens/{id}", Admin, tokens::show)
        .delete("/api/v1/tokens/{id}", Admin, "token_remove", tokens::remove)
        .get("/api/v1/audit", Admin, audit::list)
        .finish()
}

/// Below `/api` there is nothing that is no problem.
async fn no_route() -> Response {
    problem::not_found("the API has no such route")
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
        return problem::forbidden("pages of this origin may not connect here");
    }
    if let Err(wait) = app.limits.session(&requester, Instant::now()) {
        app.metrics.http_refused("sessions");
        return too_many(wait);
    }
    let id = SocketId(app.next_socket.fetch_add(1, Relaxed));
    let rooms = app.rooms.clone();
    let pace = app.limits.messages();
    let from = SocketOrigin {
        client: app.limits.client(&requester),
        address: requester.address,
    };
    let work = app.limits.clone();
    upgrade
        .read_buffer_size(READ_BUFFER)
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(async move |socket| {
            // Behind a proxy, the place of a client is its WebSocket's.
            let _place = place;
            let spend = |cost| work.spend(&requester, cost, Instant::now());
            socket::run(socket, id, from, rooms, pace, spend).await;
        })
}

/// Native apps send no origin and are not asked for one; a page cannot leave it out.
fn allowed(origins: &[OriginPattern], origin: &[u8]) -> bool {
    origins.is_empty() || str::from_utf8(origin).is_ok_and(|o| origins.iter().any(|known| known.matches(o)))
}

//! `/api/v1`: look-up of call numbers, calls.

use super::app::AppState;
use super::problem::problem;
use super::requester::Requester;
use axum::Json;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use omnigate_omnitalk::{CallNumber, LookUp, TargetKind};
use omnigate_room::CallId;
use serde_json::json;
use std::sync::Arc;

/// With a token: only its bearers. Without: only this machine, and nobody whom a proxy on it passes on.
pub(super) async fn authorise(
    State(app): State<Arc<AppState>>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    if is_authorised(&app, &requester, &headers) {
        return next.run(request).await;
    }
    unauthorised()
}

pub(super) fn is_authorised(app: &AppState, requester: &Requester, headers: &HeaderMap) -> bool {
    match &app.api_token {
        None => requester.is_this_machine(),
        Some(token) => headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.strip_prefix("Bearer "))
            .is_some_and(|given| token.matches(given)),
    }
}

pub(super) fn unauthorised() -> Response {
    problem(
        StatusCode::UNAUTHORIZED,
        "Unauthorized",
        "send `Authorization: Bearer` with the value of api.token",
    )
}

pub(super) async fn call_number(State(app): State<Arc<AppState>>, Path(number): Path<String>) -> Response {
    let Ok(parsed) = CallNumber::parse(&number) else {
        return problem(
            StatusCode::BAD_REQUEST,
            "Bad Request",
            "number: exactly six digits are expected",
        );
    };
    match app.directory.look_up(parsed).await {
        Ok(LookUp::Found(target)) => {
            let (kind, id) = match target.kind {
                TargetKind::User(user) => ("user", user),
                TargetKind::Room(room) => ("room", room.to_string()),
            };
            let body = json!({
                "call_number": number, "service_id": target.service_id, "target": { "kind": kind, "id": id },
            });
            Json(body).into_response()
        }
        Ok(LookUp::Unknown) => problem(StatusCode::NOT_FOUND, "Not Found", "no such call number"),
        Ok(LookUp::Expired) => problem(StatusCode::GONE, "Gone", "the call number has expired"),
        Err(e) => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "Service Unavailable",
            &e.to_string(),
        ),
    }
}

pub(super) async fn calls(State(app): State<Arc<AppState>>) -> Response {
    Json(json!({ "calls": app.calls.all() })).into_response()
}

pub(super) async fn call(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    match CallId::parse(&id).and_then(|id| app.calls.get(id)) {
        Some(call) => Json(call).into_response(),
        None => problem(StatusCode::NOT_FOUND, "Not Found", "no such call"),
    }
}

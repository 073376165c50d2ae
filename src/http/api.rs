//! `/api/v1`: look-up of call numbers, calls.

use super::app::AppState;
use super::problem::problem;
use super::requester::Requester;
use crate::directory::LookUpError;
use crate::gateway::TransferRefusal;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use omnigate_omnitalk::{CallNumber, LookUp, TargetKind};
use omnigate_room::CallId;
use serde::Deserialize;
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
    found(app.directory.look_up(parsed).await)
}

/// What is said of a number.
pub(super) fn found(answer: Result<LookUp, LookUpError>) -> Response {
    match answer {
        Ok(LookUp::Found(target)) => {
            let number = target.call_number.expose();
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
        Ok(LookUp::NotForCaller) => problem(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "the call number is not for this caller, or of another service",
        ),
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

/// What a transfer is asked for with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferBody {
    /// A telephone number in any usual notation, or a call number.
    to: String,
}

pub(super) async fn transfer(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
    body: Result<Json<TransferBody>, JsonRejection>,
) -> Response {
    let Ok(Json(body)) = body else {
        let detail = "to: a telephone number or a call number is expected, as {\"to\": \"02-123-4567\"}";
        return problem(StatusCode::BAD_REQUEST, "Bad Request", detail);
    };
    let answer = match CallId::parse(&id) {
        Some(call) => app.gateway.transfer(call, &body.to).await,
        None => Err(TransferRefusal::NoCall),
    };
    let Err(refusal) = answer else {
        return StatusCode::ACCEPTED.into_response();
    };
    let (status, title) = match refusal {
        TransferRefusal::NoCall => (StatusCode::NOT_FOUND, "Not Found"),
        TransferRefusal::NotTalking | TransferRefusal::Pending => (StatusCode::CONFLICT, "Conflict"),
        TransferRefusal::Target => (StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Content"),
        TransferRefusal::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        TransferRefusal::NotAllowed | TransferRefusal::Called | TransferRefusal::Rule(_) => {
            (StatusCode::FORBIDDEN, "Forbidden")
        }
    };
    problem(status, title, &refusal.to_string())
}

pub(super) async fn call(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    match CallId::parse(&id).and_then(|id| app.calls.get(id)) {
        Some(call) => Json(call).into_response(),
        None => problem(StatusCode::NOT_FOUND, "Not Found", "no such call"),
    }
}

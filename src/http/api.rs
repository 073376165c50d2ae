//! `/api/v1/calls`: calls.

use super::app::AppState;
pub(super) use super::guard::{is_authorised, unauthorised};
use super::inputs::Path;
use super::problem::{self, problem};
use crate::access::Access;
use crate::calls::CallRecord;
use crate::gateway::TransferRefusal;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omnigate_room::CallId;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

fn no_call() -> Response {
    problem::not_found("no such call")
}

pub(super) async fn calls(State(app): State<Arc<AppState>>, access: Access) -> Response {
    let mut calls = app.calls.all();
    calls.retain(|call| access.sees(call.service.as_deref()));
    Json(json!({ "calls": calls })).into_response()
}

/// The call of an id in a path, if it is there for this requester.
fn found(app: &AppState, access: &Access, id: &str) -> Option<CallRecord> {
    let call = app.calls.get(CallId::parse(id)?)?;
    access.sees(call.service.as_deref()).then_some(call)
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
    access: Access,
    Path(id): Path<String>,
    body: Result<Json<TransferBody>, JsonRejection>,
) -> Response {
    let Ok(Json(body)) = body else {
        let detail = "to: a telephone number or a call number is expected, as {\"to\": \"02-123-4567\"}";
        return problem::bad_request(detail);
    };
    let call = CallId::parse(&id);
    if access.only().is_some() && found(&app, &access, &id).is_none() {
        return no_call();
    }
    let answer = match call {
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

pub(super) async fn call(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
) -> Response {
    found(&app, &access, &id).map_or_else(no_call, |call| Json(call).into_response())
}

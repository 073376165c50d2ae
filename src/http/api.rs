//! `/api/v1/calls`: calls.

use super::app::AppState;
use super::guard::Subject;
pub(super) use super::guard::{is_authorised, unauthorised};
use super::inputs::{Body, Path};
use super::problem::{self, problem};
use super::rooms;
use crate::access::Access;
use crate::calls::CallRecord;
use crate::gateway::TransferRefusal;
use crate::rooms::RoomOrder;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omnigate_omnitalk::DialRefusal;
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

/// Has a call ended.
pub(super) async fn hang_up(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
) -> Response {
    let call = match live(&app, &access, &id) {
        Ok(call) => call,
        Err(why) => return why.into_response(),
    };
    match app.gateway.hang_up(call.id).await {
        true => StatusCode::ACCEPTED.into_response(),
        false => NotLive::Over.into_response(),
    }
}

/// A call that goes on, to whoever sees it. One that has not reached a service yet is there for admins.
fn live(app: &AppState, access: &Access, id: &str) -> Result<CallRecord, NotLive> {
    let call = found(app, access, id).ok_or(NotLive::Unknown)?;
    match call.state {
        "ended" => Err(NotLive::Over),
        _ => Ok(call),
    }
}

/// Why a call cannot be told anything.
enum NotLive {
    Unknown,
    Over,
}

impl IntoResponse for NotLive {
    fn into_response(self) -> Response {
        match self {
            NotLive::Unknown => no_call(),
            NotLive::Over => problem::conflict("the call is over"),
        }
    }
}

pub(super) async fn mute(state: State<Arc<AppState>>, access: Access, path: Path<String>) -> Response {
    set_muted(state, access, path, true).await
}

pub(super) async fn unmute(state: State<Arc<AppState>>, access: Access, path: Path<String>) -> Response {
    set_muted(state, access, path, false).await
}

async fn set_muted(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
    muted: bool,
) -> Response {
    let call = match live(&app, &access, &id) {
        Ok(call) => call,
        Err(why) => return why.into_response(),
    };
    let Some(service) = &call.service else {
        return problem::conflict("the call has not reached anybody yet");
    };
    let order = RoomOrder::MuteCall(call.id, muted);
    rooms::done(app.rooms.manage(service, order).await)
}

/// A telephone that is to be called.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CallBody {
    /// Where it is brought when it answers.
    room_id: String,
    /// A telephone number in any usual notation.
    to: String,
}

/// Calls a telephone into a room.
pub(super) async fn dial(
    State(app): State<Arc<AppState>>,
    access: Access,
    Body(body): Body<CallBody>,
) -> Response {
    let (room, service) = match rooms::found(&app, &access, &body.room_id).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let (id, answer) = match app.gateway.call_into_room(&service, room, &body.to) {
        Ok(call) => {
            let id = call.to_string();
            let answer = (StatusCode::ACCEPTED, Json(json!({ "call_id": id })));
            (id, answer.into_response())
        }
        Err(refusal) => (String::new(), not_dialled(refusal)),
    };
    let mut answer = answer;
    answer.extensions_mut().insert(Subject {
        id,
        service: Some(service),
        detail: json!({ "room": room.to_string() }),
    });
    answer
}

fn not_dialled(refusal: DialRefusal) -> Response {
    let why = refusal.to_string();
    match refusal {
        DialRefusal::NotANumber => problem::unprocessable(&format!("to: {why}")),
        DialRefusal::TooMany { .. } | DialRefusal::MinutesUsed => problem::conflict(&why),
        DialRefusal::Emergency
        | DialRefusal::Forbidden { .. }
        | DialRefusal::NoCaller { .. }
        | DialRefusal::NoTrunk => problem::forbidden(&why),
        _ => problem::unavailable(&why),
    }
}

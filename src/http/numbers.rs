//! `/api/v1/call-numbers/{number}/uses`: a gateway elsewhere asks for one of its callers.

use super::api::found;
use super::app::AppState;
use super::problem::problem;
use crate::directory::Calling;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use omnigate_omnitalk::CallNumber;
use omnigate_room::CallId;
use serde::Deserialize;
use std::sync::Arc;

/// Who calls.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UseBody {
    /// The call: it uses a number once, however often it asks.
    call: String,
    /// E.164 without `+`; empty when withheld.
    #[serde(default)]
    caller: String,
    /// The one service whose numbers are meant; none: all.
    service_id: Option<String>,
}

pub(super) async fn redeem(
    State(app): State<Arc<AppState>>,
    Path(number): Path<String>,
    body: Result<Json<UseBody>, JsonRejection>,
) -> Response {
    let bad = |detail: &str| problem(StatusCode::BAD_REQUEST, "Bad Request", detail);
    let Ok(number) = CallNumber::parse(&number) else {
        return bad("number: exactly six digits are expected");
    };
    let body = match body {
        Ok(Json(body)) => body,
        Err(error) => return bad(&error.body_text()),
    };
    let Some(call) = CallId::parse(&body.call) else {
        return bad("call: 32 hex digits are expected, the id of the call");
    };
    let calling = Calling {
        call,
        caller: body.caller,
        service: body.service_id,
    };
    found(app.directory.redeem(number, &calling).await)
}

//! `/api/v1/call-numbers/{number}`: where it leads; `…/uses`: a gateway elsewhere asks for one of its callers.

use super::app::AppState;
use super::inputs::{Body, Path};
use super::problem::{self, problem};
use crate::access::Access;
use crate::directory::{Calling, Guesser, LookUpError};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omnigate_omnitalk::{CallNumber, LookUp, TargetKind};
use omnigate_room::CallId;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

pub(super) async fn call_number(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(number): Path<String>,
) -> Response {
    let Ok(parsed) = CallNumber::parse(&number) else {
        return problem::bad_request("number: exactly six digits are expected");
    };
    found(&access, app.directory.look_up(parsed).await)
}

/// What is said of a number.
fn found(access: &Access, answer: Result<LookUp, LookUpError>) -> Response {
    match answer {
        Ok(LookUp::Found(target)) if !access.sees(target.service_id.as_str()) => no_number(),
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
        Ok(LookUp::Unknown) => no_number(),
        // Whose it was is not known any more.
        Ok(LookUp::Expired) if access.only().is_some() => no_number(),
        Ok(LookUp::Expired) => problem(StatusCode::GONE, "Gone", "the call number has expired"),
        Ok(LookUp::NotForCaller) => {
            problem::forbidden("the call number is not for this caller, or of another service")
        }
        Err(e) => problem::unavailable(&e.to_string()),
    }
}

fn no_number() -> Response {
    problem::not_found("no such call number")
}

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
    access: Access,
    Path(number): Path<String>,
    Body(body): Body<UseBody>,
) -> Response {
    let Ok(number) = CallNumber::parse(&number) else {
        return problem::bad_request("number: exactly six digits are expected");
    };
    let Some(call) = CallId::parse(&body.call) else {
        return problem::bad_request("call: 32 hex digits are expected, the id of the call");
    };
    let guesser = Guesser::Caller(body.caller.clone());
    if app.guesses.is_used_up(&guesser, Instant::now()) {
        return problem(
            StatusCode::TOO_MANY_REQUESTS,
            "Too Many Requests",
            "this caller has keyed in too many wrong numbers within an hour",
        );
    }
    let calling = Calling {
        call,
        caller: body.caller,
        service: access.only().map(str::to_owned).or(body.service_id),
    };
    let answer = app.directory.redeem(number, &calling).await;
    if matches!(
        answer,
        Ok(LookUp::Unknown | LookUp::Expired | LookUp::NotForCaller)
    ) {
        app.guesses.wrong(&guesser, Instant::now());
    }
    found(&access, answer)
}

//! `/api/v1/calls`: calls.

use super::app::AppState;
use super::guard::Subject;
use super::inputs::{Body, Parameters, Path, page_length};
use super::problem::{self, problem};
use super::rooms;
use crate::access::Access;
use crate::calls::CallRecord;
use crate::gateway::TransferRefusal;
use crate::rooms::RoomOrder;
use axum::Json;
use axum::extract::State;
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

/// Calls of one page, where pages are asked for, unless it says how many; and at most.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 500;

/// Which calls are wanted; none of both: all of them.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    before: Option<String>,
    limit: Option<u32>,
}

/// Those of one page, the newest first by their ids: a call that ends meanwhile keeps its place.
fn page(mut calls: Vec<CallRecord>, before: Option<CallId>, limit: u32) -> Vec<CallRecord> {
    calls.retain(|call| before.is_none_or(|before| call.id < before));
    calls.sort_unstable_by_key(|call| std::cmp::Reverse(call.id));
    calls.truncate(limit as usize);
    calls
}

pub(super) async fn calls(
    State(app): State<Arc<AppState>>,
    access: Access,
    Parameters(query): Parameters<ListQuery>,
) -> Response {
    let before = match query.before.as_deref().map(CallId::parse) {
        Some(None) => {
            return problem::bad_request("before: the id of the last call of the page before is expected");
        }
        other => other.flatten(),
    };
    let limit = match page_length(query.limit, PAGE, LONGEST_PAGE) {
        Ok(limit) => limit,
        Err(fault) => return problem::bad_request(&fault),
    };
    let mut calls = app.calls.all();
    calls.retain(|call| access.sees(call.service.as_deref()));
    if query.limit.is_some() || before.is_some() {
        calls = page(calls, before, limit);
    }
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
    Body(body): Body<TransferBody>,
) -> Response {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calls::{CallAbout, CallEnd, CallEvent, CallRegistry, CallTeller, Origin};
    use crate::observe::Metrics;

    #[test]
    fn pages_go_by_the_time_of_the_call_whichever_ends_meanwhile() {
        let calls = Arc::new(CallRegistry::default());
        let begin = |number| {
            let id = CallId::new(1_700_000_000_000, number);
            let teller = CallTeller::new(id, "carrier", &calls, &Arc::new(Metrics::new()));
            teller.tell(CallEvent::Started(CallAbout {
                caller: String::new(),
                called: String::new(),
                origin: Origin::Certification,
            }));
            teller
        };
        let all: Vec<CallTeller> = (1..=5).map(begin).collect();
        let end = |teller: &CallTeller| {
            teller.tell(CallEvent::Ended {
                end: CallEnd::Congestion,
                talked: None,
            });
        };
        let ids = |before: Option<CallId>| -> Vec<CallId> {
            let page = page(calls.all(), before, 2);
            page.iter().map(|call| call.id).collect()
        };
        end(&all[3]);
        let first = ids(None);
        assert_eq!(first, [all[4].id(), all[3].id()]);
        end(&all[4]);
        end(&all[1]);
        let second = ids(Some(first[1]));
        assert_eq!(second, [all[2].id(), all[1].id()]);
        assert_eq!(ids(Some(second[1])), [all[0].id()]);
        // One that is not there any more has its place all the same.
        assert_eq!(ids(Some(CallId::new(1_800_000_000_000, 1))), first);
    }
}

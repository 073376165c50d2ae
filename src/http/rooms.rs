//! `/api/v1/rooms`: a service's rooms, for its own servers.

use super::app::AppState;
use super::guard::Subject;
use super::inputs::{Body, Parameters, Path, instant, page_length, service_of};
use super::problem::{self, problem};
use crate::access::Access;
use crate::clock::utc;
use crate::rooms::{RoomOrder, RoomsError};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omnigate_omnitalk::{Hub, ParticipantShown, Refusal, RoomShown, RoomsBefore, Tenants};
use omnigate_room::RoomId;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Rooms in one page unless asked otherwise, and at most.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 500;

/// Which rooms are wanted.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    service_id: Option<String>,
    room_type: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

/// A room that is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoomBody {
    service_id: Option<String>,
    room_type: String,
    subject: Option<String>,
    secret: Option<String>,
    /// RFC 3339.
    start_date: Option<String>,
    /// RFC 3339.
    end_date: Option<String>,
}

fn missing() -> Response {
    problem::not_found("no such room")
}

fn broken(error: RoomsError) -> Response {
    problem::unavailable(&error.to_string())
}

fn refused(refusal: &Refusal) -> Response {
    let (status, title) = match refusal.code {
        "room-unknown" | "participant-unknown" | "service-invalid" => (StatusCode::NOT_FOUND, "Not Found"),
        "store-absent" => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        "rooms-full" => (StatusCode::CONFLICT, "Conflict"),
        _ => (StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Content"),
    };
    problem(status, title, &refusal.reason)
}

/// What the rooms have said of it.
pub(super) type Said<T> = Result<Result<T, Refusal>, RoomsError>;

/// Looks at a service's hub.
pub(super) async fn look<T: Send + 'static>(
    app: &AppState,
    service: &str,
    look: impl FnOnce(&Hub) -> Result<T, Refusal> + Send + 'static,
) -> Said<T> {
    let service = service.to_owned();
    let look = move |tenants: &Tenants| look(tenants.hub(&service).ok_or_else(Refusal::no_service)?);
    app.rooms.look(look).await
}

/// The answer: what is shown, or why it is not.
fn answered<T>(said: Said<T>, shown: impl FnOnce(T) -> Response) -> Response {
    match said {
        Ok(Ok(said)) => shown(said),
        Ok(Err(refusal)) => refused(&refusal),
        Err(error) => broken(error),
    }
}

/// The room of a path, and its service; to whoever does not see it, it is not there.
pub(super) async fn found(app: &AppState, access: &Access, id: &str) -> Result<(RoomId, String), Response> {
    let room = RoomId::parse(id).ok_or_else(missing)?;
    let service = app
        .rooms
        .look(move |tenants| tenants.service_of_room(room).map(str::to_owned));
    let service = service.await.map_err(broken)?;
    match service.filter(|service| access.sees(service.as_str())) {
        Some(service) => Ok((room, service)),
        None => Err(missing()),
    }
}

fn room_shown(service: &str, room: &RoomShown) -> Value {
    json!({
        "room_id": room.id.to_string(), "service_id": service, "room_type": room.room_type,
        "subject": room.subject, "secret": room.secret,
        "creator": Some(&room.creator).filter(|creator| !creator.is_empty()),
        "start_date": utc(room.start_date), "end_date": utc(room.end_date), "reg_date": utc(room.reg_date),
        "call_number": room.call_number, "participants": room.participants,
    })
}

fn participant_shown(one: &ParticipantShown) -> Value {
    json!({
        "session": one.session, "user_id": one.user_id, "user_name": one.user_name, "call_type": one.call_type,
        "call_id": one.telephone.map(|call| call.to_string()),
        "audio_mute": one.audio_mute, "video_mute": one.video_mute, "video": one.video,
    })
}

pub(super) async fn list(
    State(app): State<Arc<AppState>>,
    access: Access,
    Parameters(query): Parameters<ListQuery>,
) -> Response {
    let service = match service_of(&access, query.service_id) {
        Ok(service) => service,
        Err(fault) => return problem::unprocessable(&fault),
    };
    let before = match query.before.as_deref().map(RoomsBefore::parse) {
        Some(None) => {
            return problem::bad_request("before: `next` of the page before is expected, or a room_id");
        }
        other => other.flatten(),
    };
    let limit = match page_length(query.limit, PAGE, LONGEST_PAGE) {
        Ok(limit) => limit,
        Err(fault) => return problem::bad_request(&fault),
    };
    let kind = query.room_type;
    let rooms = look(&app, &service, move |hub| {
        hub.shown_rooms(kind.as_deref(), before, limit as usize)
    });
    answered(rooms.await, |page| {
        let rooms = page.rooms.iter().map(|room| room_shown(&service, room));
        let next = page.next.map(|next| next.to_string());
        Json(json!({ "rooms": rooms.collect::<Vec<_>>(), "next": next })).into_response()
    })
}

pub(super) async fn make(
    State(app): State<Arc<AppState>>,
    access: Access,
    Body(body): Body<RoomBody>,
) -> Response {
    let (service, fields) = match wish(&access, body) {
        Ok(wish) => wish,
        Err(fault) => return problem::unprocessable(&fault),
    };
    match app.rooms.manage(&service, RoomOrder::Make(fields)).await {
        Err(error) => broken(error),
        Ok(Err(refusal)) => refused(&refusal),
        Ok(Ok(room)) => {
            let answer = one(&app, &service, room, StatusCode::CREATED).await;
            about(answer, room, service, Value::Null)
        }
    }
}

/// The answer, with what it was done to, for the audit log.
fn about(mut answer: Response, room: RoomId, service: String, detail: Value) -> Response {
    answer.extensions_mut().insert(Subject {
        id: room.to_string(),
        service: Some(service),
        detail,
    });
    answer
}

/// Whose room it is to be, and its fields as the protocol has them.
fn wish(access: &Access, body: RoomBody) -> Result<(String, Map<String, Value>), String> {
    let service = service_of(access, body.service_id)?;
    let (start, end) = (
        instant("start_date", body.start_date.as_deref())?,
        instant("end_date", body.end_date.as_deref())?,
    );
    let given = [
        ("room_type", Some(Value::from(body.room_type))),
        ("subject", body.subject.map(Value::from)),
        ("secret", body.secret.map(Value::from)),
        ("start_date", start.map(Value::from)),
        ("end_date", end.map(Value::from)),
    ];
    let fields = given
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok((service, fields.collect()))
}

async fn one(app: &AppState, service: &str, room: RoomId, status: StatusCode) -> Response {
    let room = look(app, service, move |hub| hub.shown_room(room)).await;
    answered(room, |room| {
        (status, Json(room_shown(service, &room))).into_response()
    })
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
) -> Response {
    match found(&app, &access, &id).await {
        Ok((room, service)) => one(&app, &service, room, StatusCode::OK).await,
        Err(answer) => answer,
    }
}

pub(super) async fn close(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
) -> Response {
    match found(&app, &access, &id).await {
        Ok((room, service)) => {
            let answer = order(&app, &service, RoomOrder::Close(room)).await;
            about(answer, room, service, Value::Null)
        }
        Err(answer) => answer,
    }
}

/// 204 when it is done.
async fn order(app: &AppState, service: &str, order: RoomOrder) -> Response {
    done(app.rooms.manage(service, order).await)
}

/// 204, or why it is not done.
pub(super) fn done<T>(said: Said<T>) -> Response {
    answered(said, |_| StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn participants(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
) -> Response {
    let (room, service) = match found(&app, &access, &id).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    let all = look(&app, &service, move |hub| hub.shown_participants(room)).await;
    answered(all, |all| {
        let all: Vec<Value> = all.iter().map(participant_shown).collect();
        Json(json!({ "participants": all })).into_response()
    })
}

pub(super) async fn remove(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path((id, session)): Path<(String, String)>,
) -> Response {
    match found(&app, &access, &id).await {
        Ok((room, service)) => {
            let removed = json!({ "session": session });
            let answer = order(&app, &service, RoomOrder::Remove(room, session)).await;
            about(answer, room, service, removed)
        }
        Err(answer) => answer,
    }
}

pub(super) async fn mute(
    state: State<Arc<AppState>>,
    access: Access,
    path: Path<(String, String)>,
) -> Response {
    set_muted(state, access, path, true).await
}

pub(super) async fn unmute(
    state: State<Arc<AppState>>,
    access: Access,
    path: Path<(String, String)>,
) -> Response {
    set_muted(state, access, path, false).await
}

async fn set_muted(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path((id, session)): Path<(String, String)>,
    muted: bool,
) -> Response {
    match found(&app, &access, &id).await {
        Ok((room, service)) => {
            let whom = json!({ "session": session });
            let answer = order(&app, &service, RoomOrder::Mute(room, session, muted)).await;
            about(answer, room, service, whom)
        }
        Err(answer) => answer,
    }
}

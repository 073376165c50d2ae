//! `/api/v1/rooms`: a service's rooms, for its own servers.

use super::app::AppState;
use super::guard::Subject;
use super::problem::{self, problem};
use crate::access::Access;
use crate::clock::utc;
use crate::rooms::{RoomOrder, RoomsError};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use omnigate_omnitalk::{ParticipantShown, Refusal, RoomShown};
use omnigate_room::RoomId;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Rooms in one page unless asked otherwise, and at most.
const PAGE: usize = 50;
const LONGEST_PAGE: usize = 500;

/// Which rooms are wanted.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    service_id: Option<String>,
    room_type: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
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

/// The service that a request is about: that of the token, or the one that an admin names.
fn service_of(access: &Access, given: Option<String>) -> Result<String, String> {
    match (access.only(), given) {
        (Some(own), Some(given)) if given != own => {
            Err("service_id: the token is another service's; leave it out".to_owned())
        }
        (Some(own), _) => Ok(own.to_owned()),
        (None, Some(given)) => Ok(given),
        (None, None) => Err("service_id: is missing; an admin names the service".to_owned()),
    }
}

/// The room of a path, and its service; to whoever does not see it, it is not there.
async fn found(app: &AppState, access: &Access, id: &str) -> Result<(RoomId, String), Response> {
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

/// Unix seconds of an RFC 3339 time.
fn seconds(field: &str, text: Option<&str>) -> Result<Option<u64>, String> {
    let Some(text) = text else { return Ok(None) };
    let time = DateTime::parse_from_rfc3339(text).ok();
    let seconds = time.and_then(|time| u64::try_from(time.timestamp()).ok());
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(format!("{field}: a time as 2027-12-31T23:59:59Z is expected")),
    }
}

pub(super) async fn list(
    State(app): State<Arc<AppState>>,
    access: Access,
    Query(query): Query<ListQuery>,
) -> Response {
    let service = match service_of(&access, query.service_id) {
        Ok(service) => service,
        Err(fault) => return problem::unprocessable(&fault),
    };
    let before = match query.before.as_deref().map(RoomId::parse) {
        Some(None) => {
            return problem::bad_request(
                "before: the room_id of the last room of the page before is expected",
            );
        }
        other => other.flatten(),
    };
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=LONGEST_PAGE).contains(&limit) {
        return problem::bad_request(&format!("limit: 1 to {LONGEST_PAGE} is expected"));
    }
    let (of, kind) = (service.clone(), query.room_type);
    let rooms = app.rooms.look(move |tenants| {
        let hub = tenants.hub(&of).ok_or_else(Refusal::no_service)?;
        hub.shown_rooms(kind.as_deref(), before, limit)
    });
    match rooms.await {
        Err(error) => broken(error),
        Ok(Err(refusal)) => refused(&refusal),
        Ok(Ok(rooms)) => {
            let rooms: Vec<Value> = rooms.iter().map(|room| room_shown(&service, room)).collect();
            Json(json!({ "rooms": rooms })).into_response()
        }
    }
}

pub(super) async fn make(
    State(app): State<Arc<AppState>>,
    access: Access,
    body: Result<Json<RoomBody>, JsonRejection>,
) -> Response {
    let body = match body {
        Ok(Json(body)) => body,
        Err(error) => return problem::bad_request(&error.body_text()),
    };
    let (service, fields) = match wish(&access, body) {
        Ok(wish) => wish,
        Err(fault) => return problem::unprocessable(&fault),
    };
    match app.rooms.manage(&service, RoomOrder::Make(fields)).await {
        Err(error) => broken(error),
        Ok(Err(refusal)) => refused(&refusal),
        Ok(Ok(room)) => {
            let mut answer = one(&app, &service, room, StatusCode::CREATED).await;
            answer.extensions_mut().insert(Subject {
                id: room.to_string(),
                service: Some(service),
                detail: Value::Null,
            });
            answer
        }
    }
}

/// Whose room it is to be, and its fields as the protocol has them.
fn wish(access: &Access, body: RoomBody) -> Result<(String, Map<String, Value>), String> {
    let service = service_of(access, body.service_id)?;
    let (start, end) = (
        seconds("start_date", body.start_date.as_deref())?,
        seconds("end_date", body.end_date.as_deref())?,
    );
    let mut fields = Map::new();
    fields.insert("room_type".to_owned(), body.room_type.into());
    let texts = [("subject", body.subject), ("secret", body.secret)];
    fields.extend(
        texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), text?.into()))),
    );
    let dates = [("start_date", start), ("end_date", end)];
    fields.extend(
        dates
            .into_iter()
            .filter_map(|(name, date)| Some((name.to_owned(), date?.into()))),
    );
    Ok((service, fields))
}

async fn one(app: &AppState, service: &str, room: RoomId, status: StatusCode) -> Response {
    let of = service.to_owned();
    let shown = app.rooms.look(move |tenants| {
        let hub = tenants.hub(&of).ok_or_else(Refusal::no_service)?;
        hub.shown_room(room)
    });
    match shown.await {
        Err(error) => broken(error),
        Ok(Err(refusal)) => refused(&refusal),
        Ok(Ok(room)) => (status, Json(room_shown(service, &room))).into_response(),
    }
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
        Ok((room, service)) => order(&app, &service, RoomOrder::Close(room)).await,
        Err(answer) => answer,
    }
}

/// 204 when it is done.
async fn order(app: &AppState, service: &str, order: RoomOrder) -> Response {
    match app.rooms.manage(service, order).await {
        Err(error) => broken(error),
        Ok(Err(refusal)) => refused(&refusal),
        Ok(Ok(_)) => StatusCode::NO_CONTENT.into_response(),
    }
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
    let shown = app.rooms.look(move |tenants| {
        let hub = tenants.hub(&service).ok_or_else(Refusal::no_service)?;
        hub.shown_participants(room)
    });
    match shown.await {
        Err(error) => broken(error),
        Ok(Err(refusal)) => refused(&refusal),
        Ok(Ok(all)) => {
            let all: Vec<Value> = all.iter().map(participant_shown).collect();
            Json(json!({ "participants": all })).into_response()
        }
    }
}

pub(super) async fn remove(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path((id, session)): Path<(String, String)>,
) -> Response {
    match found(&app, &access, &id).await {
        Ok((room, service)) => order(&app, &service, RoomOrder::Remove(room, session)).await,
        Err(answer) => answer,
    }
}

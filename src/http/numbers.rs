//! `/api/v1/numbers`: call numbers of a service, for its own servers. A number is a capability: until when, how often, for which
//! callers.

use super::app::AppState;
use super::guard::Subject;
use super::inputs::{Body, Parameters, Path, instant, page_length, service_of};
use super::problem::{self, problem};
use super::requester::Requester;
use super::rooms;
use crate::access::Access;
use crate::clock::{unix_now, utc};
use crate::directory::Guesser;
use crate::rooms::RoomOrder;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use omnigate_number::{Country, PhoneNumber, mask};
use omnigate_omnitalk::{
    CallNumber, NumberEntry, NumberFault, NumberMaker, NumberOrder, NumberTerms, TargetKind, TermsFault,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Numbers in one page unless asked otherwise, and at most.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 500;
/// Callers that one number may be for.
const MOST_CALLERS: usize = 100;
/// Longest purpose, and longest id of a user, characters.
const LONGEST_TEXT: usize = 200;

/// Which numbers are wanted.
#[derive(Deserialize)]
pub(super) struct ListQuery {
    service_id: Option<String>,
    room_id: Option<String>,
    user_id: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

/// A number that is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberBody {
    service_id: Option<String>,
    /// One of the two.
    room_id: Option<String>,
    user_id: Option<String>,
    /// The wanted one; none: the plain one that the target has, or any.
    number: Option<String>,
    // What narrows it, as in `TermsBody`.
    expires_at: Option<String>,
    uses: Option<u32>,
    #[serde(default)]
    callers: Vec<String>,
    #[serde(default)]
    purpose: String,
}

/// What narrows a number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TermsBody {
    /// RFC 3339.
    expires_at: Option<String>,
    uses: Option<u32>,
    #[serde(default)]
    callers: Vec<String>,
    #[serde(default)]
    purpose: String,
}

fn missing() -> Response {
    problem::not_found("no such call number")
}

fn not_read() -> Response {
    problem::unavailable("the call numbers cannot be read at the moment; see the log")
}

/// What narrows a number, checked.
fn terms(body: TermsBody) -> Result<NumberTerms, String> {
    let expires_at = instant("expires_at", body.expires_at.as_deref())?;
    if expires_at.is_some_and(|end| end <= unix_now()) {
        return Err("expires_at: is not in the future".to_owned());
    }
    if body.uses == Some(0) {
        return Err("uses: 1 or more is expected".to_owned());
    }
    if body.callers.len() > MOST_CALLERS {
        return Err(format!("callers: {MOST_CALLERS} at most"));
    }
    let caller = |text: &String| {
        let number = PhoneNumber::parse(text, Country::korea());
        let number = number.map(|number| number.digits().to_owned());
        number.ok_or_else(|| format!("callers: `{}` is no telephone number", mask(text)))
    };
    Ok(NumberTerms {
        expires_at,
        uses: body.uses,
        callers: body.callers.iter().map(caller).collect::<Result<_, _>>()?,
        purpose: plain_text("purpose", body.purpose)?,
    })
}

fn plain_text(field: &str, text: String) -> Result<String, String> {
    let odd = text.chars().any(char::is_control) || text.chars().count() > LONGEST_TEXT;
    match odd {
        true => Err(format!("{field}: {LONGEST_TEXT} characters of text at most")),
        false => Ok(text),
    }
}

/// Where a number is to lead to; the room is looked for.
async fn target(
    app: &AppState,
    access: &Access,
    body: &NumberBody,
) -> Result<(String, TargetKind), Response> {
    let service = service_of(access, body.service_id.clone());
    match (&body.room_id, &body.user_id) {
        (Some(room), None) => {
            let (room, service) = rooms::found(app, access, room).await?;
            match body.service_id.as_ref().is_some_and(|given| *given != service) {
                true => Err(problem::not_found("no such room")),
                false => Ok((service, TargetKind::Room(room))),
            }
        }
        (None, Some(user)) => {
            let service = service.map_err(|fault| problem::unprocessable(&fault))?;
            if user.is_empty() {
                return Err(problem::unprocessable("user_id: is empty"));
            }
            let user = plain_text("user_id", user.clone()).map_err(|fault| problem::unprocessable(&fault))?;
            Ok((service, TargetKind::User(user)))
        }
        _ => Err(problem::unprocessable(
            "room_id, user_id: exactly one of the two is expected: where the number leads to",
        )),
    }
}

/// How many numbers a service may have.
async fn most(app: &AppState, service: &str) -> Result<usize, Response> {
    let service = service.to_owned();
    let most = app
        .rooms
        .look(move |tenants| Some(tenants.hub(&service)?.quota().numbers));
    let most = most
        .await
        .map_err(|error| problem::unavailable(&error.to_string()))?;
    most.ok_or_else(|| problem::unprocessable("service_id: there is no such service"))
}

fn refused(fault: NumberFault) -> Response {
    match fault {
        NumberFault::InUse => problem::conflict("number: is somebody else's, or reserved for whoever had it"),
        NumberFault::Exhausted => problem::unavailable("no call number is free"),
        NumberFault::Quota => {
            problem::conflict("the service has as many numbers as it may have; see service.quota.numbers")
        }
        NumberFault::Guessed => problem(
            StatusCode::TOO_MANY_REQUESTS,
            "Too Many Requests",
            "too many wanted numbers were somebody else's within an hour; leave `number` out",
        ),
        NumberFault::Unavailable => problem::unavailable("the directory cannot keep a number at the moment"),
    }
}

fn shown(entry: &NumberEntry) -> Value {
    let (kind, id) = match &entry.kind {
        TargetKind::User(user) => ("user", user.clone()),
        TargetKind::Room(room) => ("room", room.to_string()),
    };
    json!({
        "call_number": entry.number.expose(), "service_id": entry.service_id, "target": { "kind": kind, "id": id },
        "made_by": match &entry.maker {
            NumberMaker::Service => "service",
            NumberMaker::User(_) | NumberMaker::Nobody => "user",
        },
        "made_at": utc(entry.made_at), "expires_at": entry.terms.expires_at.map(utc), "uses": entry.terms.uses,
        "callers": entry.terms.callers, "purpose": entry.terms.purpose, "plain": entry.terms.is_plain(),
    })
}

/// The answer, with what it was done to: call numbers are secrets, so the audit log has their target.
fn about(mut answer: Response, service: String, kind: &TargetKind) -> Response {
    let (target, id) = match kind {
        TargetKind::User(user) => ("user", mask(user)),
        TargetKind::Room(room) => ("room", room.to_string()),
    };
    answer.extensions_mut().insert(Subject {
        id,
        service: Some(service),
        detail: json!({ "target": target }),
    });
    answer
}

/// The number of a path, to whoever sees it.
async fn found(app: &AppState, access: &Access, number: &str) -> Result<NumberEntry, Response> {
    let number = CallNumber::parse(number)
        .map_err(|_| problem::bad_request("number: exactly six digits are expected"))?;
    let found = app.numbers.of(number).await.ok_or_else(not_read)?;
    let seen = found.filter(|entry| access.sees(entry.service_id.as_str()));
    seen.ok_or_else(missing)
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
    let limit = match page_length(query.limit, PAGE, LONGEST_PAGE) {
        Ok(limit) => limit as usize,
        Err(fault) => return problem::bad_request(&fault),
    };
    let before = match query.before.as_deref().map(position) {
        Some(None) => return problem::bad_request("before: what `next` of the page before says is expected"),
        other => other.flatten(),
    };
    let Some(mut all) = app.numbers.of_service(&service).await else {
        return not_read();
    };
    all.retain(|entry| {
        let (room, user) = match &entry.kind {
            TargetKind::Room(room) => (Some(room.to_string()), None),
            TargetKind::User(user) => (None, Some(user.clone())),
        };
        let is_before = before.as_ref().is_none_or(|before| place(entry) < *before);
        let is_wanted = |wanted: &Option<String>, has: Option<String>| wanted.is_none() || *wanted == has;
        is_before && is_wanted(&query.room_id, room) && is_wanted(&query.user_id, user)
    });
    all.sort_by_key(|entry| std::cmp::Reverse(place(entry)));
    let next = all.get(limit).and_then(|_| all.get(limit - 1)).map(|last| {
        let (made_at, number) = place(last);
        format!("{made_at}-{number}")
    });
    all.truncate(limit);
    let all: Vec<Value> = all.iter().map(shown).collect();
    Json(json!({ "numbers": all, "next": next })).into_response()
}

/// Where a number stands in the list; it stays there when others go.
fn place(entry: &NumberEntry) -> (u64, String) {
    (entry.made_at, entry.number.expose().to_owned())
}

fn position(text: &str) -> Option<(u64, String)> {
    let (made_at, number) = text.split_once('-')?;
    let number = CallNumber::parse(number).ok()?;
    Some((made_at.parse().ok()?, number.expose().to_owned()))
}

pub(super) async fn make(
    State(app): State<Arc<AppState>>,
    access: Access,
    Extension(requester): Extension<Requester>,
    Body(body): Body<NumberBody>,
) -> Response {
    let (service, kind) = match target(&app, &access, &body).await {
        Ok(target) => target,
        Err(answer) => return answer,
    };
    let wanted = match body.number.as_deref().map(CallNumber::parse) {
        Some(Err(_)) => return problem::unprocessable("number: exactly six digits are expected"),
        other => other.and_then(Result::ok),
    };
    let terms = match terms(TermsBody {
        expires_at: body.expires_at,
        uses: body.uses,
        callers: body.callers,
        purpose: body.purpose,
    }) {
        Ok(terms) => terms,
        Err(fault) => return problem::unprocessable(&fault),
    };
    let order = NumberOrder {
        service_id: service.clone(),
        kind: kind.clone(),
        maker: NumberMaker::Service,
        wanted,
        terms,
    };
    about(give(&app, &requester, order).await, service, &kind)
}

/// Gives a number out, and has a room know that it leads to it.
async fn give(app: &AppState, requester: &Requester, order: NumberOrder) -> Response {
    let most = match most(app, &order.service_id).await {
        Ok(most) => most,
        Err(answer) => return answer,
    };
    let client = app.limits.client(requester);
    let guesser = client.map_or(Guesser::Caller(requester.address.to_string()), Guesser::Client);
    let (wished, now) = (order.wanted.is_some(), Instant::now());
    if wished && app.guesses.is_used_up(&guesser, now) {
        return refused(NumberFault::Guessed);
    }
    let (service, kind, plain) = (
        order.service_id.clone(),
        order.kind.clone(),
        order.terms.is_plain(),
    );
    let number = match app.numbers.assign(order, most).await {
        Ok(number) => number,
        Err(fault) => {
            if wished && fault == NumberFault::InUse {
                app.guesses.wrong(&guesser, now);
            }
            return refused(fault);
        }
    };
    leads(app, &service, kind, number, plain).await
}

/// Has a room know that a number leads to it; the number.
async fn leads(app: &AppState, service: &str, kind: TargetKind, number: CallNumber, plain: bool) -> Response {
    if let TargetKind::Room(room) = kind {
        let order = RoomOrder::Numbered(room, number, plain);
        let known = app.rooms.manage(service, order).await;
        if !matches!(known, Ok(Ok(_))) {
            return rooms::done(known);
        }
    }
    match app.numbers.of(number).await {
        Some(Some(entry)) => (StatusCode::CREATED, Json(shown(&entry))).into_response(),
        Some(None) => missing(),
        None => not_read(),
    }
}

pub(super) async fn show(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(number): Path<String>,
) -> Response {
    match found(&app, &access, &number).await {
        Ok(entry) => Json(shown(&entry)).into_response(),
        Err(answer) => answer,
    }
}

/// Changes what narrows a number.
pub(super) async fn set(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(number): Path<String>,
    Body(body): Body<TermsBody>,
) -> Response {
    let entry = match found(&app, &access, &number).await {
        Ok(entry) => entry,
        Err(answer) => return answer,
    };
    let (service, kind) = (entry.service_id.clone(), entry.kind.clone());
    let terms = match terms(body) {
        Ok(terms) => terms,
        Err(fault) => return about(problem::unprocessable(&fault), service, &kind),
    };
    let answer = match app.numbers.set_terms(&service, entry.number, terms).await {
        Ok(()) => match app.numbers.of(entry.number).await {
            Some(Some(entry)) => Json(shown(&entry)).into_response(),
            _ => missing(),
        },
        Err(TermsFault::NoNumber) => missing(),
        Err(TermsFault::Plain) => problem::conflict(
            "a target's plain number stays plain, and no other number becomes it: give expires_at, uses, callers or purpose, or \
             make another number beside it",
        ),
        Err(TermsFault::Unavailable) => not_read(),
    };
    about(answer, service, &kind)
}

/// Another number in the place of one, to the same target and narrowed alike; the old one ends.
pub(super) async fn replace(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(number): Path<String>,
) -> Response {
    let entry = match found(&app, &access, &number).await {
        Ok(entry) => entry,
        Err(answer) => return answer,
    };
    let (service, kind) = (entry.service_id.clone(), entry.kind.clone());
    let number = match app.numbers.replace(&service, entry.number).await {
        Ok(Some(number)) => number,
        Ok(None) => return missing(),
        Err(fault) => return about(refused(fault), service, &kind),
    };
    let order = RoomOrder::Withdrawn(kind.clone(), entry.number);
    let _ = app.rooms.manage(&service, order).await;
    let answer = leads(&app, &service, kind.clone(), number, entry.terms.is_plain()).await;
    about(answer, service, &kind)
}

/// Ends a number; false: it has ended meanwhile.
async fn withdrawn(app: &AppState, entry: &NumberEntry) -> bool {
    let ended = app.numbers.withdraw(&entry.service_id, entry.number).await;
    let order = RoomOrder::Withdrawn(entry.kind.clone(), entry.number);
    // A hub that does not answer learns it with the next start.
    let _ = app.rooms.manage(&entry.service_id, order).await;
    ended
}

pub(super) async fn withdraw(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(number): Path<String>,
) -> Response {
    match found(&app, &access, &number).await {
        Ok(entry) => {
            let answer = match withdrawn(&app, &entry).await {
                true => StatusCode::NO_CONTENT.into_response(),
                false => missing(),
            };
            about(answer, entry.service_id.clone(), &entry.kind)
        }
        Err(answer) => answer,
    }
}

//! `/api/v1/rooms/{id}/tokens`: join tokens, by which a guest enters one room without a Service Key.

use super::app::AppState;
use super::guard::Subject;
use super::inputs::{Body, Path};
use super::problem;
use super::rooms;
use crate::access::Access;
use crate::clock::{unix_now, utc};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use omnigate_number::mask;
use omnigate_omnitalk::Grant;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// How long a token begins sessions unless asked otherwise, and at most, seconds.
const USUAL: u64 = 600;
const LONGEST: u64 = 86_400;
/// Longest id and name, characters.
const LONGEST_NAME: usize = 50;

/// A guest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    user_id: String,
    user_name: Option<String>,
    /// `host`, or none.
    #[serde(default)]
    rights: Vec<Right>,
    expires_in_seconds: Option<u64>,
}

/// What a guest may do beside talking.
#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Right {
    /// What hosts may: remove others, record.
    Host,
}

fn fault(body: &TokenBody) -> Option<String> {
    let is_name = |text: &String| {
        (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control)
    };
    if !is_name(&body.user_id) {
        return Some(format!("user_id: 1 to {LONGEST_NAME} characters are expected"));
    }
    if body.user_name.as_ref().is_some_and(|name| !is_name(name)) {
        return Some(format!("user_name: 1 to {LONGEST_NAME} characters are expected"));
    }
    let seconds = body.expires_in_seconds.unwrap_or(USUAL);
    (!(1..=LONGEST).contains(&seconds)).then(|| format!("expires_in_seconds: 1 to {LONGEST} is expected"))
}

pub(super) async fn make(
    State(app): State<Arc<AppState>>,
    access: Access,
    Path(id): Path<String>,
    Body(body): Body<TokenBody>,
) -> Response {
    let (room, service) = match rooms::found(&app, &access, &id).await {
        Ok(found) => found,
        Err(answer) => return answer,
    };
    if let Some(fault) = fault(&body) {
        return problem::unprocessable(&fault);
    }
    let Some(key) = app.join_key.get() else {
        return problem::unavailable("the store cannot be read at the moment; see the log");
    };
    let shown = match rooms::look(&app, &service, move |hub| hub.shown_room(room)).await {
        Ok(Ok(shown)) => shown,
        other => return rooms::done(other),
    };
    let grant = Grant {
        service,
        room,
        room_type: shown.room_type.to_owned(),
        subject: shown.subject,
        user_id: body.user_id,
        user_name: body.user_name,
        host: body.rights.contains(&Right::Host),
        until: unix_now() + body.expires_in_seconds.unwrap_or(USUAL),
    };
    let Some(token) = grant.sign(&key) else {
        return problem::unavailable("the key of join tokens is of no use");
    };
    let shown = json!({
        "token": token.expose(), "room_id": id, "user_id": grant.user_id, "expires_at": utc(grant.until),
    });
    let mut answer = (
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(shown),
    )
        .into_response();
    answer.extensions_mut().insert(Subject {
        id: room.to_string(),
        service: Some(grant.service),
        detail: json!({ "user": mask(&grant.user_id), "host": grant.host }),
    });
    answer
}

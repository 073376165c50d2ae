//! `/api/v1/tokens`

use super::app::AppState;
use super::guard::Subject;
use super::inputs::{Body, Path};
use super::problem;
use crate::access::{NewToken, Scopes, Token, TokenError};
use crate::clock::unix_now_signed;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tracing::warn;

/// Id of the token that stands in the configuration.
const CONFIGURATION: &str = "configuration";
/// Id of that of the first start.
const FILE: &str = "file";

/// What a new token is asked for with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    name: String,
    scopes: Vec<String>,
    #[serde(default)]
    service_id: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    expires_at: Option<String>,
}

fn not_read() -> Response {
    problem::unavailable("the store cannot be read at the moment; see the log")
}

fn missing() -> Response {
    problem::not_found("no such token")
}

pub(super) async fn list(State(app): State<Arc<AppState>>) -> Response {
    let Some(all) = app.api.tokens.all() else {
        return not_read();
    };
    let now = unix_now_signed();
    let of_store = all.iter().map(|token| token.shown(now));
    let all: Vec<Value> = of_store.chain(outside(&app)).collect();
    Json(json!({ "tokens": all })).into_response()
}

pub(super) async fn show(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    let Some(all) = app.api.tokens.all() else {
        return not_read();
    };
    let of_store = all.iter().find(|token| token.id == id);
    let of_store = of_store.map(|token| token.shown(unix_now_signed()));
    match of_store.or_else(|| outside(&app).find(|token| token["id"] == *id)) {
        Some(token) => Json(token).into_response(),
        None => missing(),
    }
}

/// The admin's tokens that are not in the store.
fn outside(app: &AppState) -> impl Iterator<Item = Value> {
    let shown = |id: &str, name: String| {
        json!({
            "id": id, "source": id, "name": name, "scopes": ["admin"], "service_id": null, "state": "active",
            "created_at": null, "expires_at": null, "last_used_at": null, "revoked_at": null,
        })
    };
    let tokens = &app.api.tokens;
    let configured = tokens
        .is_configured()
        .then(|| shown(CONFIGURATION, "api.token".to_owned()));
    let file = tokens.file();
    let in_file = matches!(file.read(), Ok(Some(_)));
    let in_file = in_file.then(|| shown(FILE, file.path().display().to_string()));
    configured.into_iter().chain(in_file)
}

pub(super) async fn add(State(app): State<Arc<AppState>>, Body(body): Body<TokenBody>) -> Response {
    let wish = match wish(&app, body) {
        Ok(wish) => wish,
        Err(fault) => return problem::unprocessable(&fault),
    };
    match app.api.tokens.add(wish).await {
        Ok(made) => {
            let mut shown = made.token.shown(unix_now_signed());
            // The only time that it is shown.
            shown["token"] = made.text.expose().into();
            let mut answer = (StatusCode::CREATED, Json(shown)).into_response();
            answer.extensions_mut().insert(subject(&made.token));
            answer
        }
        Err(TokenError::Store(error)) => unavailable(&error),
        Err(TokenError::TooMany) => problem::conflict(&TokenError::TooMany.to_string()),
        Err(fault) => problem::unprocessable(&fault.to_string()),
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Response {
    warn!(%error, "tokens cannot be changed");
    problem::unavailable("the store does not take it at the moment; see the log")
}

fn subject(token: &Token) -> Subject {
    Subject {
        id: token.id.clone(),
        service: token.service_id.clone(),
        detail: json!({ "name": token.name, "scopes": token.scopes.words() }),
    }
}

fn wish(app: &AppState, body: TokenBody) -> Result<NewToken, String> {
    let scopes = Scopes::parse(body.scopes.iter().map(String::as_str)).map_err(|fault| fault.to_string())?;
    if let Some(service) = &body.service_id
        && !app.api.provisioning.services().contains(service)
    {
        return Err("service_id: there is no such service".to_owned());
    }
    let expires_at = match body.expires_at {
        None => None,
        Some(text) => match DateTime::parse_from_rfc3339(&text) {
            Ok(time) => Some(time.timestamp()),
            Err(_) => return Err("expires_at: a time as 2027-12-31T23:59:59Z is expected".to_owned()),
        },
    };
    Ok(NewToken {
        name: body.name,
        scopes,
        service_id: body.service_id,
        expires_at,
    })
}

pub(super) async fn remove(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    match id.as_str() {
        CONFIGURATION if app.api.tokens.is_configured() => {
            let why = "it is api.token of the configuration: take it out there, and restart";
            return problem::conflict(why);
        }
        FILE => return remove_file(&app),
        _ => {}
    }
    match app.api.tokens.revoke(&id).await {
        Ok(Some(token)) => {
            let mut answer = StatusCode::NO_CONTENT.into_response();
            answer.extensions_mut().insert(subject(&token));
            answer
        }
        Ok(None) if app.api.tokens.all().is_none() => not_read(),
        Ok(None) => missing(),
        Err(error) => unavailable(&error),
    }
}

/// The next start makes another one, unless there is an admin's token elsewhere.
fn remove_file(app: &AppState) -> Response {
    match app.api.tokens.file().remove() {
        Ok(true) => StatusCode::NO_CONTENT.into_response(),
        Ok(false) => missing(),
        Err(error) => unavailable(&error),
    }
}

//! `/api/v1/services` and what changes `/api/v1/trunks`: provisioning while it runs.

use super::app::AppState;
use super::guard::Subject;
use super::inputs::{Body, Path};
use super::problem;
use crate::config::{Entry, Kind};
use crate::gateway::TrunksStatus;
use crate::provision::{ProvisionError, Provisioned};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use omnigate_omnitalk::{Quota, ServiceUse, Tenants};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// What a new key is asked for with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyBody {
    /// How long those that there are hold on, seconds; none: a week.
    keep_seconds: Option<u64>,
}

fn refused(error: &ProvisionError) -> Response {
    let detail = error.to_string().replace('\n', "; ");
    match error {
        ProvisionError::Unknown { .. } | ProvisionError::NoKey => problem::not_found(&detail),
        ProvisionError::Exists { .. }
        | ProvisionError::InFile(_)
        | ProvisionError::TooMany
        | ProvisionError::TooManyKeys
        | ProvisionError::LastKey => problem::conflict(&detail),
        ProvisionError::Faults(_) | ProvisionError::Trunks(_) => problem::unprocessable(&detail),
        ProvisionError::NotRead | ProvisionError::Store(_) | ProvisionError::Rooms(_) => {
            problem::unavailable(&detail)
        }
    }
}

/// What was done to which one, for the audit log: of what is set, the keys alone.
fn about(mut answer: Response, kind: Kind, name: &str, detail: Value) -> Response {
    answer.extensions_mut().insert(Subject {
        id: name.to_owned(),
        service: (kind == Kind::Service).then(|| name.to_owned()),
        detail,
    });
    answer
}

fn keys(entry: &Entry) -> Value {
    json!({ "keys": entry.keys().collect::<Vec<_>>() })
}

/// The answer to a change; a new key is shown in it, and never again.
fn changed(done: Result<Provisioned, ProvisionError>, status: StatusCode) -> Response {
    match done {
        Err(error) => refused(&error),
        Ok(Provisioned { mut shown, key }) => {
            if let Some(key) = key {
                shown["key"] = key.into();
            }
            (status, Json(shown)).into_response()
        }
    }
}

async fn add(app: &AppState, kind: Kind, wish: Entry) -> Response {
    let name = wish
        .get(kind.name_key())
        .and_then(Value::as_str)
        .unwrap_or_default();
    let (name, detail) = (name.chars().take(64).collect::<String>(), keys(&wish));
    let done = app.api.provisioning.add(kind, wish).await;
    about(changed(done, StatusCode::CREATED), kind, &name, detail)
}

async fn set(app: &AppState, kind: Kind, name: &str, patch: Entry) -> Response {
    let detail = keys(&patch);
    let done = app.api.provisioning.set(kind, name, patch).await;
    about(changed(done, StatusCode::OK), kind, name, detail)
}

async fn remove(app: &AppState, kind: Kind, name: &str) -> Response {
    let answer = match app.api.provisioning.remove(kind, name).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(&error),
    };
    about(answer, kind, name, Value::Null)
}

/// What the services have, and may have.
async fn uses(app: &AppState) -> Vec<ServiceUse> {
    app.rooms.look(Tenants::uses).await.unwrap_or_default()
}

fn with_use(mut shown: Value, uses: &[ServiceUse]) -> Value {
    let used = uses.iter().find(|one| shown["id"] == *one.service_id);
    shown["use"] = used.map_or(Value::Null, |one| {
        let of = |quota: fn(&Quota) -> usize| json!({ "used": quota(&one.used), "most": quota(&one.most) });
        json!({
            "sessions": of(|quota| quota.sessions), "rooms": of(|quota| quota.rooms),
            "participants": of(|quota| quota.participants), "calls": of(|quota| quota.calls),
            "numbers": of(|quota| quota.numbers), "recordings": of(|quota| quota.recordings),
        })
    });
    shown
}

pub(super) async fn services(State(app): State<Arc<AppState>>) -> Response {
    let uses = uses(&app).await;
    let all = app.api.provisioning.all(Kind::Service).into_iter();
    let all: Vec<Value> = all.map(|one| with_use(one, &uses)).collect();
    Json(json!({ "services": all })).into_response()
}

pub(super) async fn service(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    match app.api.provisioning.one(Kind::Service, &id) {
        Ok(shown) => Json(with_use(shown, &uses(&app).await)).into_response(),
        Err(error) => refused(&error),
    }
}

pub(super) async fn add_service(State(app): State<Arc<AppState>>, Body(wish): Body<Entry>) -> Response {
    add(&app, Kind::Service, wish).await
}

pub(super) async fn set_service(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
    Body(patch): Body<Entry>,
) -> Response {
    set(&app, Kind::Service, &id, patch).await
}

pub(super) async fn remove_service(State(app): State<Arc<AppState>>, Path(id): Path<String>) -> Response {
    remove(&app, Kind::Service, &id).await
}

pub(super) async fn add_key(
    State(app): State<Arc<AppState>>,
    Path(id): Path<String>,
    Body(body): Body<KeyBody>,
) -> Response {
    let done = app.api.provisioning.add_key(&id, body.keep_seconds).await;
    about(
        changed(done, StatusCode::CREATED),
        Kind::Service,
        &id,
        Value::Null,
    )
}

pub(super) async fn remove_key(
    State(app): State<Arc<AppState>>,
    Path((id, key)): Path<(String, String)>,
) -> Response {
    let answer = match app.api.provisioning.remove_key(&id, &key).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => refused(&error),
    };
    let key: String = key.chars().take(64).collect();
    about(answer, Kind::Service, &id, json!({ "key": key }))
}

/// How they are set, and how they are.
pub(super) async fn trunks(State(app): State<Arc<AppState>>) -> Response {
    let status = app.gateway.trunks_status().await;
    let set = app.api.provisioning.all(Kind::Trunk).into_iter();
    let all: Vec<Value> = set.map(|one| with_status(one, &status)).collect();
    Json(json!({ "trunks": all, "refusal": status.refusal, "strangers": status.strangers })).into_response()
}

pub(super) async fn trunk(State(app): State<Arc<AppState>>, Path(name): Path<String>) -> Response {
    match app.api.provisioning.one(Kind::Trunk, &name) {
        Ok(shown) => Json(with_status(shown, &app.gateway.trunks_status().await)).into_response(),
        Err(error) => refused(&error),
    }
}

/// A trunk that is left out has none.
fn with_status(mut shown: Value, status: &TrunksStatus) -> Value {
    let mut all = status.trunks.iter();
    let found = all.find(|one| shown["name"] == *one.name);
    if let (Some(status), Some(shown)) = (found.map(|one| json!(one)), shown.as_object_mut())
        && let Value::Object(status) = status
    {
        shown.extend(status);
    }
    shown
}

pub(super) async fn add_trunk(State(app): State<Arc<AppState>>, Body(wish): Body<Entry>) -> Response {
    add(&app, Kind::Trunk, wish).await
}

pub(super) async fn set_trunk(
    State(app): State<Arc<AppState>>,
    Path(name): Path<String>,
    Body(patch): Body<Entry>,
) -> Response {
    set(&app, Kind::Trunk, &name, patch).await
}

pub(super) async fn remove_trunk(State(app): State<Arc<AppState>>, Path(name): Path<String>) -> Response {
    remove(&app, Kind::Trunk, &name).await
}

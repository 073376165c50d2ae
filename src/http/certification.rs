//! `/api/v1/trunks/{name}/certification`: how a trunk behaves

use super::app::AppState;
use super::inputs::{Body, Path};
use super::problem::{self, problem};
use crate::gateway::{CertificationOrder, CertificationRefusal};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Begins a certification.
pub(super) async fn certify(
    State(app): State<Arc<AppState>>,
    Path(trunk): Path<String>,
    Body(order): Body<CertificationOrder>,
) -> Response {
    match app.gateway.certify(&trunk, &order) {
        Ok(begun) => (StatusCode::ACCEPTED, Json(begun)).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &CertificationRefusal) -> Response {
    let (status, title) = match refusal {
        CertificationRefusal::NoTrunk => (StatusCode::NOT_FOUND, "Not Found"),
        CertificationRefusal::Running => (StatusCode::CONFLICT, "Conflict"),
        CertificationRefusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        CertificationRefusal::Rule(_) => (StatusCode::FORBIDDEN, "Forbidden"),
        CertificationRefusal::NotServed | CertificationRefusal::TooLong(..) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Content")
        }
    };
    problem(status, title, &refusal.to_string())
}

/// How the certification of a trunk is.
pub(super) async fn certification(State(app): State<Arc<AppState>>, Path(trunk): Path<String>) -> Response {
    match app.gateway.certification(&trunk) {
        Some(told) => Json(told).into_response(),
        None => problem::not_found("no certification of such a trunk has begun"),
    }
}

/// Ends it.
pub(super) async fn end_certification(
    State(app): State<Arc<AppState>>,
    Path(trunk): Path<String>,
) -> Response {
    match app.gateway.end_certification(&trunk) {
        true => StatusCode::NO_CONTENT.into_response(),
        false => problem::not_found("no certification of such a trunk goes on"),
    }
}

//! `/api/v1/trunks`

use super::app::AppState;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

pub(super) async fn list(State(app): State<Arc<AppState>>) -> Response {
    Json(app.gateway.trunks_status().await).into_response()
}

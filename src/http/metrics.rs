//! `/metrics`: the page of figures. Whoever may see it cannot load the rooms with it: it is made once a second at most, but for
//! admins of the API, who may ask for a fresh one (`Cache-Control: no-cache`).

use super::app::AppState;
use super::guard::{is_admin, unauthorised};
use super::requester::Requester;
use crate::observe::api_authentication_failed;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// How long a page is as good as new.
const FRESH: Duration = Duration::from_secs(1);

/// Lets those in who have `metrics.token`, if there is one, and admins of the API.
pub(super) async fn guard(
    State(app): State<Arc<AppState>>,
    Extension(requester): Extension<Requester>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    match app.api.figures.opens(headers) || is_admin(&app, &requester, headers) {
        true => next.run(request).await,
        false => {
            app.metrics.http_refused("metrics_token");
            if headers.contains_key(header::AUTHORIZATION) {
                api_authentication_failed(requester.address);
            }
            unauthorised()
        }
    }
}

/// Whether the requester may have the page made anew, and wants it.
fn wants_fresh(app: &AppState, requester: &Requester, headers: &HeaderMap) -> bool {
    let control = headers.get(header::CACHE_CONTROL).map(HeaderValue::as_bytes);
    control == Some(b"no-cache") && is_admin(app, requester, headers)
}

pub(super) async fn page(
    State(app): State<Arc<AppState>>,
    Extension(requester): Extension<Requester>,
    headers: HeaderMap,
) -> Response {
    let holds = match wants_fresh(&app, &requester, &headers) {
        true => Duration::ZERO,
        false => FRESH,
    };
    let text = app.api.figures.within(holds, make(&app)).await;
    (
        [(
            header::CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text.to_string(),
    )
        .into_response()
}

async fn make(app: &AppState) -> String {
    let mut page = app.metrics.page();
    app.media.figures().tell(&mut page);
    // Without the rooms their figures are not zero, but unknown.
    if let Ok(figures) = app.rooms.figures().await {
        crate::rooms::tell_figures(&figures, &mut page);
    }
    app.recorder.figures().tell(&mut page);
    let of = |(service, bytes): (String, u64)| ([("service", service)], bytes);
    let storage = app.recorder.storage();
    let used = storage
        .iter()
        .map(|(service, used, _)| of((service.clone(), *used)));
    page.gauges(
        "service_storage_used_bytes",
        used,
        "Files of recordings that a service with a storage quota has",
    );
    let most = storage
        .iter()
        .map(|(service, _, most)| of((service.clone(), *most)));
    page.gauges("service_storage_quota_bytes", most, "What a service may keep");
    app.webhooks.tell(&mut page);
    app.api.audit.tell(&mut page);
    page.finish()
}

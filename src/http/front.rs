//! What every request passes before it comes to a route: is it for us, may its page ask, is its client within its budget; and the
//! headers that every answer has.

use super::app::AppState;
use super::origins::{Asking, permit, prepare};
use super::problem::{self, problem, too_many};
use super::requester::{Requester, Way};
use crate::observe::{Entry, Who};
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

const CROSS_ORIGIN_OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// What pages may do. blob: a recording that was fetched with the API token.
const PAGES: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; media-src 'self' blob:; \
                     frame-ancestors 'none'; base-uri 'none'; object-src 'none'; form-action 'self'";
/// What is no page loads nothing, even when somebody takes it for one.
const NO_PAGE: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/// For machines that only look whether the service is alive, by whatever name.
fn is_health(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

fn is_api(path: &str) -> bool {
    path.starts_with("/api/")
}

/// The host that a request is for: that of an absolute target counts, RFC 9112 section 3.2.2.
fn host_of(request: &Request) -> String {
    let of_target = request.uri().authority().map(ToString::to_string);
    let of_header = || {
        let mut all = request.headers().get_all(header::HOST).iter();
        match (all.next(), all.next()) {
            (Some(one), None) => one.to_str().ok().map(str::to_owned),
            _ => None,
        }
    };
    of_target.or_else(of_header).unwrap_or_default()
}

pub(super) async fn front(
    State(app): State<Arc<AppState>>,
    Extension(requester): Extension<Requester>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let mut answer = pass(&app, requester, request, next, &path).await;
    dress(&path, answer.headers_mut());
    answer
}

/// Only the headers: for the listener of the figures.
pub(super) async fn dressed(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut answer = next.run(request).await;
    dress(&path, answer.headers_mut());
    answer
}

async fn pass(
    app: &Arc<AppState>,
    requester: Requester,
    request: Request,
    next: Next,
    path: &str,
) -> Response {
    if let Err(wait) = app.limits.request(&requester, Instant::now()) {
        app.metrics.http_refused("requests");
        return too_many(wait);
    }
    let host = host_of(&request);
    let by_proxy = requester.way == Way::TrustedProxy;
    if !is_health(path) && !app.api.front.hosts.take(&host, by_proxy) {
        return misdirected(app, requester, &host);
    }
    if !is_api(path) {
        return next.run(request).await;
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    match (app.api.front.origins.judge(request.headers(), &host), origin) {
        (Asking::Foreign, origin) => {
            app.metrics.http_refused("api_origin");
            let origin = origin
                .as_ref()
                .map(|origin| String::from_utf8_lossy(origin.as_bytes()));
            note(
                app,
                requester,
                &origin.unwrap_or_default(),
                "the origin is not in http.api_origins",
            );
            problem::forbidden(
                "pages of this origin may not use the API; name the origin in http.api_origins",
            )
        }
        (Asking::Allowed, Some(origin)) => {
            let mut answer = match is_preflight(&request) {
                true => {
                    let mut answer = StatusCode::NO_CONTENT.into_response();
                    prepare(answer.headers_mut());
                    answer
                }
                false => next.run(request).await,
            };
            permit(&origin, answer.headers_mut());
            answer
        }
        _ => next.run(request).await,
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// 421 (RFC 9110 section 15.5.20).
fn misdirected(app: &AppState, requester: Requester, host: &str) -> Response {
    app.metrics.http_refused("host");
    note(
        app,
        requester,
        host,
        "the name in Host is none of http.public_url and http.hosts",
    );
    problem(
        StatusCode::MISDIRECTED_REQUEST,
        "Misdirected Request",
        "the name in Host is not one of this server; name it in http.hosts, or as http.public_url",
    )
}

fn note(app: &AppState, requester: Requester, what: &str, why: &str) {
    if app.api.denials.take() {
        let entry = Entry::new("denied", what).by(Who::Stranger, requester.address);
        let entry = entry.result("denied").detail(json!({ "why": why }));
        app.api.audit.note(entry);
    }
}

/// The headers that browsers go by. What a route has said itself stays.
fn dress(path: &str, answer: &mut HeaderMap) {
    let mut say = |name: HeaderName, value: &'static str| {
        answer.entry(name).or_insert(HeaderValue::from_static(value));
    };
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::REFERRER_POLICY, "no-referrer");
    let is_page = !is_api(path) && !is_health(path) && !["/metrics", "/openapi.yaml"].contains(&path);
    if !is_page {
        say(header::CACHE_CONTROL, "no-store");
        return say(header::CONTENT_SECURITY_POLICY, NO_PAGE);
    }
    say(header::CONTENT_SECURITY_POLICY, PAGES);
    say(CROSS_ORIGIN_OPENER, "same-origin");
    say(
        PERMISSIONS,
        "microphone=(self), camera=(self), display-capture=(self), geolocation=(), usb=(), serial=(), bluetooth=()",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dressed(path: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        dress(path, &mut headers);
        headers
    }

    #[test]
    fn a_page_may_not_be_framed_and_what_is_none_may_do_nothing() {
        let page = dressed("/");
        let policy = page[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in [
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "object-src 'none'",
            "default-src 'self'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(page[CROSS_ORIGIN_OPENER], "same-origin");
        assert!(page[PERMISSIONS].to_str().unwrap().contains("microphone=(self)"));
        for path in ["/api/v1/calls", "/metrics", "/healthz"] {
            let other = dressed(path);
            assert_eq!(other[header::CACHE_CONTROL], "no-store", "{path}");
            assert_eq!(other[header::CONTENT_SECURITY_POLICY], NO_PAGE);
        }
        for path in ["/", "/api/v1/calls", "/metrics"] {
            assert_eq!(dressed(path)[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
            assert_eq!(dressed(path)[header::REFERRER_POLICY], "no-referrer");
        }
    }
}

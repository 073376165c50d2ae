//! The guard of the API: each route names the scope that it needs, and what it does in the audit log when it changes something.
//!
//! ```text
//! Guarded::new(app, answers)
//!     .get("/api/v1/calls", Scope::Read, calls)
//!     .post("/api/v1/calls/{id}/hangup", Scope::Calls, "call_hang_up", hang_up)
//!     .create("/api/v1/rooms", Scope::Rooms, "room_create", make)
//! ```
//!
//! There is no way to add a route without either. A handler that shows or touches what is a service's takes [`Access`] as an
//! argument and filters by it: what it does not see is not there (404). Who, from where, what, its subject (the first parameter of the
//! path, or what the handler says by [`Subject`]) and how it went are noted here, once for all routes. A route that creates something takes
//! `Idempotency-Key`: what is sent again is neither done nor noted again.

use super::app::AppState;
use super::idempotency::{Answers, Asker, Key};
use super::problem::{self, problem};
use super::requester::Requester;
use super::service_recordings;
use crate::access::{Access, Bearer, Denial, Scope};
use crate::observe::{Entry, Who, api_authentication_failed};
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use axum::{Extension, RequestExt, Router};
use serde_json::{Value, json};
use std::sync::Arc;

/// What a request was done to, where its path does not say all: an answer's extension.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) service: Option<String>,
    /// For the audit log: an object, or null. Without secrets.
    pub(super) detail: Value,
}

/// Routes of the API, none of them without a guard.
pub(super) struct Guarded {
    app: Arc<AppState>,
    answers: Arc<Answers>,
    router: Router<Arc<AppState>>,
}

/// What one route needs.
#[derive(Clone)]
struct Rule {
    app: Arc<AppState>,
    need: Scope,
    /// What is noted of it; `None`: it changes nothing.
    what: Option<&'static str>,
    /// Lets those without a token through: the handler looks at a signed link itself.
    link: bool,
    /// Answers that are kept for whoever asks again with the same key.
    once: Option<Arc<Answers>>,
}

impl Guarded {
    pub(super) fn new(app: Arc<AppState>, answers: Arc<Answers>) -> Guarded {
        Guarded {
            app,
            answers,
            router: Router::new(),
        }
    }

    /// A route that shows something.
    pub(super) fn get<H, T>(self, path: &str, need: Scope, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let rule = self.rule(need, None);
        self.add(path, MethodFilter::GET, rule, handler)
    }

    /// One that begins or changes something: `what` it is called in the audit log.
    pub(super) fn post<H, T>(self, path: &str, need: Scope, what: &'static str, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let rule = self.rule(need, Some(what));
        self.add(path, MethodFilter::POST, rule, handler)
    }

    /// A POST that creates something: with an `Idempotency-Key` it does so once.
    pub(super) fn create<H, T>(self, path: &str, need: Scope, what: &'static str, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let mut rule = self.rule(need, Some(what));
        rule.once = Some(self.answers.clone());
        self.add(path, MethodFilter::POST, rule, handler)
    }

    /// One that changes some fields of what is there.
    pub(super) fn patch<H, T>(self, path: &str, need: Scope, what: &'static str, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let rule = self.rule(need, Some(what));
        self.add(path, MethodFilter::PATCH, rule, handler)
    }

    /// One that takes something away.
    pub(super) fn delete<H, T>(self, path: &str, need: Scope, what: &'static str, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let rule = self.rule(need, Some(what));
        self.add(path, MethodFilter::DELETE, rule, handler)
    }

    /// One that hands something out, which is noted, to bearers and to those who come by a signed link. Whoever has no token
    /// is the handler's to judge.
    pub(super) fn download<H, T>(self, path: &str, need: Scope, what: &'static str, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let mut rule = self.rule(need, Some(what));
        rule.link = true;
        self.add(path, MethodFilter::GET, rule, handler)
    }

    fn rule(&self, need: Scope, what: Option<&'static str>) -> Rule {
        Rule {
            app: self.app.clone(),
            need,
            what,
            link: false,
            once: None,
        }
    }

    fn add<H, T>(mut self, path: &str, method: MethodFilter, rule: Rule, handler: H) -> Guarded
    where
        H: Handler<T, Arc<AppState>>,
        T: 'static,
    {
        let guarded = on(method, handler).route_layer(from_fn_with_state(rule, guard));
        self.router = self.router.route(path, guarded);
        self
    }

    /// All routes; other methods get 405 with `Allow`.
    pub(super) fn finish(self) -> Router<Arc<AppState>> {
        self.router.method_not_allowed_fallback(async || {
            let detail = "the route has other methods: see Allow";
            problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", detail)
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = Response;

    /// The guard has put it there; without a guard nobody gets in.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Access, Response> {
        parts.extensions.get().cloned().ok_or_else(unauthorised)
    }
}

async fn guard(
    State(rule): State<Rule>,
    Extension(requester): Extension<Requester>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let denied = Denied {
        rule: &rule,
        requester,
        asked: &asked,
    };
    let by_link = rule.link && !request.headers().contains_key(header::AUTHORIZATION);
    let who = match bearer(&rule.app, &requester, request.headers()) {
        Ok(bearer) if !bearer.access.may(rule.need) => return denied.scope(&bearer),
        Ok(bearer) => {
            if rule.need == Scope::Recordings
                && let Err(answer) = service_recordings::limit(&rule.app, &bearer.access, &mut request).await
            {
                return answer;
            }
            let once = match rule
                .once
                .as_ref()
                .map(|answers| (answers, Key::of(request.headers())))
            {
                Some((_, Err(fault))) => return problem::bad_request(fault),
                Some((answers, Ok(Some(key)))) => Some((answers.clone(), asker(&bearer), key)),
                Some((_, Ok(None))) | None => None,
            };
            request.extensions_mut().insert(bearer.access);
            if let Some((answers, asker, key)) = once {
                let carry_out = |request| carry_out(rule, bearer.who, requester, request, next);
                return answers.once(asker, key, request, carry_out).await;
            }
            bearer.who
        }
        Err(_) if by_link => Who::Stranger,
        Err(refusal) => return denied.token(&refusal),
    };
    carry_out(rule, who, requester, request, next).await
}

/// Whose keys a bearer's are: those of a service's tokens count together.
fn asker(bearer: &Bearer) -> Asker {
    let token = bearer.who.id().to_owned();
    let owner = match bearer.access.only() {
        Some(service) => format!("service {service}"),
        None => format!("token {token}"),
    };
    Asker { owner, token }
}

/// Has the handler do it, and notes that.
async fn carry_out(rule: Rule, who: Who, requester: Requester, mut request: Request, next: Next) -> Response {
    let path = request.extract_parts::<RawPathParams>().await.ok();
    let subject = path.and_then(|all| all.iter().next().map(|(_, value)| value.to_owned()));
    let what = rule
        .what
        .filter(|_| !rule.link || !is_later_part(request.headers()));
    let answer = next.run(request).await;
    if let Some(what) = what {
        let subject = answer
            .extensions()
            .get::<Subject>()
            .cloned()
            .unwrap_or_else(|| Subject {
                id: subject.unwrap_or_default(),
                service: None,
                detail: Value::Null,
            });
        let entry = Entry::new(what, subject.id)
            .by(who, requester.address)
            .result(result(answer.status()))
            .detail(subject.detail);
        rule.app.api.audit.note(match subject.service {
            Some(service) => entry.of(service),
            None => entry,
        });
    }
    answer
}

/// A player fetches a file in many parts: the first one is noted.
fn is_later_part(headers: &HeaderMap) -> bool {
    let range = headers.get(header::RANGE).map(HeaderValue::as_bytes);
    range.is_some_and(|range| !range.starts_with(b"bytes=0-"))
}

/// How a request went.
fn result(status: StatusCode) -> String {
    match status.is_success() {
        true => "ok".to_owned(),
        false => status.as_u16().to_string(),
    }
}

/// Why there is no bearer.
enum Refusal {
    /// No token at all: nobody has guessed anything.
    None,
    /// One that opens nothing.
    Denied(Denial),
}

fn bearer(app: &AppState, requester: &Requester, headers: &HeaderMap) -> Result<Bearer, Refusal> {
    let given = headers.get(header::AUTHORIZATION).ok_or(Refusal::None)?;
    let given = given.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    });
    let given = given.ok_or(Refusal::Denied(Denial::Unknown))?;
    app.api
        .tokens
        .judge(given, Some(requester.address))
        .map_err(Refusal::Denied)
}

/// Whether a bearer of the recordings asks: for handlers that also take links.
pub(super) fn is_authorised(app: &AppState, requester: &Requester, headers: &HeaderMap) -> bool {
    bearer(app, requester, headers).is_ok_and(|bearer| bearer.access.may(Scope::Recordings))
}

/// Whether an admin asks.
pub(super) fn is_admin(app: &AppState, requester: &Requester, headers: &HeaderMap) -> bool {
    bearer(app, requester, headers).is_ok_and(|bearer| bearer.access.may(Scope::Admin))
}

/// 401 to those who have no token.
pub(super) fn unauthorised() -> Response {
    refused(NO_TOKEN)
}

/// 401.
fn refused(detail: &str) -> Response {
    let mut answer = problem(StatusCode::UNAUTHORIZED, "Unauthorized", detail);
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// What is said to those who have no token.
const NO_TOKEN: &str = "send `Authorization: Bearer` with an API token: that of the file api-token in the state directory, \
                                   api.token of the configuration, or one of `omnigate token add`";

struct Denied<'a> {
    rule: &'a Rule,
    requester: Requester,
    asked: &'a str,
}

impl Denied<'_> {
    fn token(&self, refusal: &Refusal) -> Response {
        let app = &self.rule.app;
        let denial = match refusal {
            Refusal::None => {
                app.metrics.http_refused("no_token");
                return unauthorised();
            }
            Refusal::Denied(denial) => denial,
        };
        if *denial == Denial::NotRead {
            return problem::unavailable(&denial.to_string());
        }
        app.metrics.http_refused("token");
        api_authentication_failed(self.requester.address);
        self.note(Who::Stranger, &denial.to_string());
        refused(&denial.to_string())
    }

    fn scope(&self, bearer: &Bearer) -> Response {
        let need = self.rule.need;
        self.rule.app.metrics.http_refused("scope");
        self.note(bearer.who.clone(), &format!("needs the scope {need}"));
        let detail = format!("the token has not the scope `{need}`, which this needs");
        problem::forbidden(&detail)
    }

    fn note(&self, who: Who, why: &str) {
        let api = &self.rule.app.api;
        if api.denials.take() {
            let entry = Entry::new("denied", self.asked).by(who, self.requester.address);
            api.audit
                .note(entry.result("denied").detail(json!({ "why": why })));
        }
    }
}

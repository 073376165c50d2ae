//! What a request carries, as handlers take it; what cannot be read is refused with a problem.

use super::problem;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::response::Response;
use serde::de::DeserializeOwned;

/// The JSON of the body.
pub(super) struct Body<T>(pub T);

/// The parts of the path that a route leaves open.
pub(super) struct Path<T>(pub T);

/// The parameters behind the `?`.
pub(super) struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Response> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Body(body)),
            Err(error) => Err(problem::bad_request(&error.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters<T>, Response> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Parameters(parameters)),
            Err(error) => Err(problem::bad_request(&error.body_text())),
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Response> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(open)) => Ok(Path(open)),
            Err(error) => Err(problem::bad_request(&error.body_text())),
        }
    }
}

/// How many entries a page has: `usual` unless asked otherwise.
///
/// # Errors
/// What is wrong, when none are asked for or more than `longest`.
pub(super) fn page_length(asked: Option<u32>, usual: u32, longest: u32) -> Result<u32, String> {
    let length = asked.unwrap_or(usual);
    match (1..=longest).contains(&length) {
        true => Ok(length),
        false => Err(format!("limit: 1 to {longest} is expected")),
    }
}

//! What a request carries, as handlers take it; what cannot be read is refused with a problem.

use super::problem::{self, problem};
use crate::access::Access;
use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::DateTime;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;

/// The JSON of the body.
pub(super) struct Body<T>(pub T);

/// A JSON object and nothing else: by themselves, structures are read out of arrays, too.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The parts of the path that a route leaves open.
pub(super) struct Path<T>(pub T);

/// The parameters behind the `?`.
pub(super) struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Response> {
        match Json::from_request(request, state).await {
            Ok(Json(Object(body))) => Ok(Body(body)),
            Err(error) => Err(refused_body(error.status(), &error.body_text())),
        }
    }
}

/// A body that cannot be read: it is too long, or no JSON by its type, or by its content.
pub(super) fn refused_body(status: StatusCode, detail: &str) -> Response {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => problem(status, "Content Too Large", detail),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => problem(status, "Unsupported Media Type", detail),
        _ => problem::bad_request(detail),
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

/// The service that a request is about: that of the token, or the one that an admin names.
pub(super) fn service_of(access: &Access, given: Option<String>) -> Result<String, String> {
    match (access.only(), given) {
        (Some(own), Some(given)) if given != own => {
            Err("service_id: the token is another service's; leave it out".to_owned())
        }
        (Some(own), _) => Ok(own.to_owned()),
        (None, Some(given)) => Ok(given),
        (None, None) => Err("service_id: is missing; an admin names the service".to_owned()),
    }
}

/// Unix seconds of an RFC 3339 time.
pub(super) fn instant(field: &str, text: Option<&str>) -> Result<Option<u64>, String> {
    let Some(text) = text else { return Ok(None) };
    let time = DateTime::parse_from_rfc3339(text).ok();
    let seconds = time.and_then(|time| u64::try_from(time.timestamp()).ok());
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(format!("{field}: a time as 2027-12-31T23:59:59Z is expected")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        #[serde(default)]
        name: Option<String>,
    }

    #[test]
    fn a_body_is_an_object() {
        let read = |text: &str| serde_json::from_str::<Object<Wish>>(text).map(|Object(wish)| wish.name);
        assert_eq!(read("{\"name\": \"x\"}").unwrap().as_deref(), Some("x"));
        assert_eq!(read("{}").unwrap(), None);
        for wrong in ["[null]", "[]", "null", "\"x\"", "{\"nmae\": \"x\"}", "{} {}"] {
            let why = read(wrong).unwrap_err().to_string();
            assert!(why.contains("line 1"), "{wrong}: {why}");
        }
    }
}

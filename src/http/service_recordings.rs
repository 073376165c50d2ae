//! Recordings are a service's: to the tokens of others they are not there, and of a list those get what is theirs.

use super::app::AppState;
use super::problem;
use crate::access::Access;
use axum::RequestExt;
use axum::extract::{RawPathParams, Request};
use axum::http::Uri;
use axum::response::Response;
use omnigate_room::RecordingId;
use url::form_urlencoded;

/// Limits a request for recordings to those of the token's service.
///
/// # Errors
/// The answer, when it is for another one's.
pub(super) async fn limit(app: &AppState, access: &Access, request: &mut Request) -> Result<(), Response> {
    let Some(only) = access.only() else {
        return Ok(());
    };
    let path = request.extract_parts::<RawPathParams>().await.ok();
    match path.and_then(|all| all.iter().next().map(|(_, value)| value.to_owned())) {
        Some(id) if is_of(app, &id, only).await => Ok(()),
        Some(_) => Err(problem::not_found("no such recording")),
        None => {
            *request.uri_mut() = limited_to(request.uri(), only)
                .ok_or_else(|| problem::forbidden("service_id: the token is another service's"))?;
            Ok(())
        }
    }
}

async fn is_of(app: &AppState, id: &str, service: &str) -> bool {
    let Some(id) = RecordingId::parse(id) else {
        return false;
    };
    // One that cannot be read is not shown to a service, whose it may be or not.
    let found = app.recorder.index().get(id).await.ok().flatten();
    found.is_some_and(|entry| entry.manifest.service_id == service)
}

/// The same question about this service alone; `None`: it is about another one.
fn limited_to(uri: &Uri, service: &str) -> Option<Uri> {
    let mut limited = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "service_id" if value != service => return None,
            "service_id" => {}
            _ => drop(limited.append_pair(&name, &value)),
        }
    }
    limited.append_pair("service_id", service);
    format!("{}?{}", uri.path(), limited.finish()).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_limited_to_the_tokens_service() {
        let limited = |uri: &str| limited_to(&uri.parse().unwrap(), "a shop").map(|uri| uri.to_string());
        assert_eq!(
            limited("/api/v1/recordings?limit=5&room_id=r%261").unwrap(),
            "/api/v1/recordings?limit=5&room_id=r%261&service_id=a+shop"
        );
        assert_eq!(
            limited("/api/v1/recordings?service_id=a%20shop").unwrap(),
            "/api/v1/recordings?service_id=a+shop"
        );
        assert_eq!(limited("/api/v1/recordings?service_id=bank"), None);
        assert_eq!(
            limited("/api/v1/recordings?service_id=a+shop&service_id=bank"),
            None
        );
    }
}

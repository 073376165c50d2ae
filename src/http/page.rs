//! The page and its files, out of the binary.

use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{ETag, HeaderMapExt, IfNoneMatch};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

static WEB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web");
/// The description of the API, as it is for this binary.
const DESCRIPTION: &str = include_str!("../../docs/openapi.yaml");

pub(super) async fn index(asked: HeaderMap) -> Response {
    file("page/index.html", &asked)
}

pub(super) async fn asset(Path(path): Path<String>, asked: HeaderMap) -> Response {
    match path.as_str() {
        // The published address of the types; beside it `omnitalk.js` is a file that names the module.
        "omnitalk.d.ts" => file("client/omnitalk.d.ts", &asked),
        path => file(path, &asked),
    }
}

/// `/openapi.yaml`; the type is that of RFC 9512.
pub(super) async fn description(asked: HeaderMap) -> Response {
    served("application/yaml", DESCRIPTION.as_bytes(), &asked)
}

fn file(path: &str, asked: &HeaderMap) -> Response {
    let Some(found) = WEB.get_file(path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("ts") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    served(kind, found.contents(), asked)
}

/// What does not change while this binary runs: a browser asks again each time, and gets it when it has another one.
fn served(kind: &'static str, content: &'static [u8], asked: &HeaderMap) -> Response {
    let tag = tag(content);
    let has_it = asked
        .typed_get::<IfNoneMatch>()
        .is_some_and(|known| tag.as_ref().is_some_and(|tag| !known.precondition_passes(tag)));
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    let mut answer = match has_it {
        true => (StatusCode::NOT_MODIFIED, [(header::CACHE_CONTROL, "no-cache")]).into_response(),
        false => (headers, content).into_response(),
    };
    if let Some(tag) = tag {
        answer.headers_mut().typed_insert(tag);
    }
    answer
}

fn tag(content: &[u8]) -> Option<ETag> {
    let digest = Sha256::digest(content);
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_it_already_is_not_sent_it_again() {
        let first = served("application/yaml", b"openapi: 3.1.0", &HeaderMap::new());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].clone();
        let asked = |tag| HeaderMap::from_iter([(header::IF_NONE_MATCH, tag)]);
        let again = served("application/yaml", b"openapi: 3.1.0", &asked(tag.clone()));
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[header::ETAG], tag);
        let other = served("application/yaml", b"openapi: 3.1.1", &asked(tag));
        assert_eq!(other.status(), StatusCode::OK);
    }
}

//! The page and its files, out of the binary.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, include_dir};

static WEB: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/web");

pub(super) async fn index() -> Response {
    file("page/index.html")
}

pub(super) async fn asset(Path(path): Path<String>) -> Response {
    match path.as_str() {
        // The published address of the types; beside it `omnitalk.js` is a file that names the module.
        "omnitalk.d.ts" => file("client/omnitalk.d.ts"),
        path => file(path),
    }
}

fn file(path: &str) -> Response {
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
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    (headers, found.contents()).into_response()
}

//! Pages of which origins may use the API from a browser (CORS). Others are refused, though without a token they would get nowhere;
//! no cookie counts here, so none is asked for.

use crate::config::{Http, OriginPattern};
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, HeaderValue, header};
use url::Url;

/// How long a browser may remember that it may ask, seconds.
const REMEMBERED: &str = "600";
/// Methods of the API.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// Headers of requests that are no simple ones.
const ASKED_WITH: &str = "authorization, content-type, idempotency-key, range";
/// Headers of answers that a page may read.
const SHOWN: &str =
    "retry-after, content-disposition, content-range, accept-ranges, location, idempotent-replayed";

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What an `Origin` header means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// Our own page, or no page.
    Own,
    /// A page of `http.api_origins`.
    Allowed,
    /// Any other.
    Foreign,
}

/// The origins.
#[derive(Debug, Clone)]
pub struct ApiOrigins {
    public: Option<OriginPattern>,
    allowed: Vec<OriginPattern>,
}

impl ApiOrigins {
    /// Those of the settings.
    #[must_use]
    pub fn new(http: &Http) -> ApiOrigins {
        let public = http.public_url.as_deref().map(|url| url.trim_end_matches('/'));
        ApiOrigins {
            public: public.and_then(|url| url.parse().ok()),
            allowed: http.api_origins.clone(),
        }
    }

    /// Who asks for something at this `host`, as the headers say that a browser sends and no page can change.
    pub(super) fn judge(&self, headers: &HeaderMap, host: &str) -> Asking {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Asking::Own;
        };
        // A proxy may pass another host on than the one that the browser has asked; the browser knows (Fetch Metadata).
        if headers.get(FETCH_SITE).is_some_and(|site| site == "same-origin") {
            return Asking::Own;
        }
        let Ok(origin) = origin.to_str() else {
            return Asking::Foreign;
        };
        if self.allowed.iter().any(|one| one.matches(origin)) {
            return Asking::Allowed;
        }
        let public = self.public.as_ref().is_some_and(|public| public.matches(origin));
        match public || is_same(origin, host) {
            true => Asking::Own,
            false => Asking::Foreign,
        }
    }
}

/// Whether an origin is that of the host which the request is for. Which of both schemes it came by a proxy knows, not we.
fn is_same(origin: &str, host: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else {
        return false;
    };
    if !["http", "https"].contains(&origin.scheme()) {
        return false;
    }
    let Ok(ours) = Url::parse(&format!("{}://{host}", origin.scheme())) else {
        return false;
    };
    ours.origin() == origin.origin()
}

/// What a page that may ask is told, whatever it asked for.
pub(super) fn permit(origin: &HeaderValue, answer: &mut HeaderMap) {
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    answer.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(SHOWN),
    );
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// What it is told beforehand.
pub(super) fn prepare(answer: &mut HeaderMap) {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED_WITH),
        (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;

    fn judge(toml: &str, origin: &str, host: &str) -> Asking {
        let origins = ApiOrigins::new(&load_text(toml, []).unwrap().http);
        let headers = HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())]);
        origins.judge(&headers, host)
    }

    #[test]
    fn behind_a_proxy_that_passes_another_host_on_the_browser_says_whose_page_it_is() {
        let origins = ApiOrigins::new(&load_text("", []).unwrap().http);
        let judge = |site: &str| {
            let headers = HeaderMap::from_iter([
                (header::ORIGIN, "https://rooms.example.com".parse().unwrap()),
                (FETCH_SITE, site.parse().unwrap()),
            ]);
            origins.judge(&headers, "127.0.0.1:8080")
        };
        assert_eq!(judge("same-origin"), Asking::Own);
        assert_eq!(judge("same-site"), Asking::Foreign);
        assert_eq!(judge("cross-site"), Asking::Foreign);
    }

    #[test]
    fn our_own_page_may_whatever_its_scheme_and_port() {
        assert_eq!(judge("", "http://127.0.0.1:8080", "127.0.0.1:8080"), Asking::Own);
        assert_eq!(
            judge("", "https://rooms.example.com", "rooms.example.com"),
            Asking::Own
        );
        assert_eq!(
            judge("", "https://rooms.example.com", "rooms.example.com:443"),
            Asking::Own
        );
        let public = "http.public_url = \"https://rooms.example.com/\"\n";
        // A proxy may pass another host on.
        assert_eq!(
            judge(public, "https://rooms.example.com", "127.0.0.1:8080"),
            Asking::Own
        );
    }

    #[test]
    fn other_pages_may_when_their_very_origin_is_set() {
        let toml = "http.api_origins = [\"https://app.example.com\"]\n";
        assert_eq!(judge(toml, "https://app.example.com", "gate"), Asking::Allowed);
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://evil.example",
            "null",
            "file://",
            "https://gate.evil.example",
        ] {
            assert_eq!(judge(toml, origin, "gate"), Asking::Foreign, "{origin}");
        }
        assert_eq!(
            judge("", "http://127.0.0.1:9090", "127.0.0.1:8080"),
            Asking::Foreign
        );
    }

    #[test]
    fn a_star_is_refused_with_its_key() {
        let faults = load_text("http.api_origins = [\"https://*.example.com\"]\n", []).unwrap_err();
        assert!(faults.has("http.api_origins"), "{faults}");
    }
}

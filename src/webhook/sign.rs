//! Signatures of Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A secret with this prefix is base64.
const PREFIX: &str = "whsec_";

/// The bytes of a secret: what follows `whsec_` is base64; anything else is taken as it is.
fn key(secret: &str) -> Vec<u8> {
    secret
        .strip_prefix(PREFIX)
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .unwrap_or_else(|| secret.as_bytes().to_vec())
}

fn mac(secret: &str, parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    // HMAC takes a key of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(&key(secret)).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac)
}

fn code(mac: Option<Hmac<Sha256>>) -> Vec<u8> {
    mac.map(|mac| mac.finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

/// The value of `webhook-signature`: one signature a secret.
pub(super) fn signature(secrets: &[&str], id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let one = |secret: &&str| format!("v1,{}", STANDARD.encode(code(mac(secret, &parts))));
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn link(secret: &str, path: &str, expires: i64) -> Option<Hmac<Sha256>> {
    let expires = expires.to_string();
    mac(secret, &[b"link.", path.as_bytes(), b".", expires.as_bytes()])
}

/// Signs a link that is good until `expires`, unix seconds.
fn sign_link(secret: &str, path: &str, expires: i64) -> String {
    URL_SAFE_NO_PAD.encode(code(link(secret, path, expires)))
}

/// How long a link in a webhook is good, seconds: a week from the moment that it is sent.
const LINK_SECONDS: i64 = 7 * 86_400;
/// Where what a link leads to begins, whatever proxy stands before it.
const ROUTE: &str = "/api/v1/recordings/";

/// Signs the links to files in an event about a recording, so that their life begins `now`, unix seconds: an event may have
/// waited for its receiver longer than a link lives.
pub(super) fn sign_links(body: &mut Value, secret: &str, now: i64) {
    let sign = |file: &mut Value| {
        let Some(url) = file.get("url").and_then(Value::as_str) else {
            return;
        };
        let bare = url.split_once('?').map_or(url, |(bare, _)| bare);
        let Some(path) = bare.find(ROUTE).and_then(|at| bare.get(at..)) else {
            return;
        };
        let expires = now + LINK_SECONDS;
        let signature = sign_link(secret, path, expires);
        file["url"] = format!("{bare}?expires={expires}&signature={signature}").into();
    };
    if let Some(file) = body.get_mut("file") {
        sign(file);
    }
    if let Some(files) = body.get_mut("files").and_then(Value::as_array_mut) {
        files.iter_mut().for_each(sign);
    }
}

/// Whether a link has the signature of this secret; takes the same time wherever it differs.
pub(crate) fn link_is_signed(secret: &str, path: &str, expires: i64, signature: &str) -> bool {
    let Ok(given) = URL_SAFE_NO_PAD.decode(signature) else {
        return false;
    };
    link(secret, path, expires).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_reproduced() {
        // https://github.com/standard-webhooks/standard-webhooks, the test vector of its libraries.
        let signature = signature(
            &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn during_rotation_there_is_a_signature_a_secret() {
        let both = signature(&["new", "old"], "msg_1", 1, b"{}");
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!(first, signature(&["new"], "msg_1", 1, b"{}"));
        assert_eq!(second, signature(&["old"], "msg_1", 1, b"{}"));
    }

    #[test]
    fn a_link_is_good_for_its_path_its_time_and_its_secret() {
        let signature = sign_link("hush", "/a", 100);
        assert!(link_is_signed("hush", "/a", 100, &signature));
        for (secret, path, expires) in [("other", "/a", 100), ("hush", "/b", 100), ("hush", "/a", 101)] {
            assert!(!link_is_signed(secret, path, expires, &signature));
        }
        for signature in ["", "!", &signature[1..]] {
            assert!(!link_is_signed("hush", "/a", 100, signature));
        }
    }

    #[test]
    fn links_live_from_the_moment_that_they_are_sent() {
        let path = "/api/v1/recordings/6b05/files/mix.wav";
        let url = format!("https://example.com/behind{path}");
        let mut body = serde_json::json!({ "file": { "url": url }, "files": [{ "url": url }, {}], "at": 7 });
        for now in [1_000, 5_000_000] {
            sign_links(&mut body, "hush", now);
            for file in [&body["file"], &body["files"][0]] {
                let (bare, query) = file["url"].as_str().unwrap().split_once('?').unwrap();
                assert_eq!(bare, url);
                let expires = now + LINK_SECONDS;
                let signature = query
                    .strip_prefix(&format!("expires={expires}&signature="))
                    .unwrap();
                assert!(link_is_signed("hush", path, expires, signature));
            }
        }
        let mut other = serde_json::json!({ "file": { "url": "https://example.com/x" }, "files": 3 });
        let before = other.clone();
        sign_links(&mut other, "hush", 1);
        assert_eq!(other, before);
    }
}

//! Signatures of Standard Webhooks: `v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
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
pub(crate) fn sign_link(secret: &str, path: &str, expires: i64) -> String {
    URL_SAFE_NO_PAD.encode(code(link(secret, path, expires)))
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
}

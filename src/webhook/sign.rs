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

fn mac(secret: &str, parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key(secret)) else {
        return Vec::new();
    };
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// The value of `webhook-signature`: one signature a secret.
pub(super) fn signature(secrets: &[&str], id: &str, timestamp: i64, body: &[u8]) -> String {
    let timestamp = timestamp.to_string();
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let one = |secret: &&str| format!("v1,{}", STANDARD.encode(mac(secret, &parts)));
    secrets.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Signs a link that is good until `expires`, unix seconds.
pub(crate) fn sign_link(secret: &str, path: &str, expires: i64) -> String {
    let expires = expires.to_string();
    URL_SAFE_NO_PAD.encode(mac(
        secret,
        &[b"link.", path.as_bytes(), b".", expires.as_bytes()],
    ))
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
}

//! `a=crypto`: keys of sealed media in a description (RFC 4568).

use omnigate_srtp::{MasterKey, Suite};

/// One `a=crypto` that we can do. Those with a master key identifier, several keys, or parameters that change how packets
/// are sealed are not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    /// By which an answer names it.
    pub tag: u32,
    /// The key of what its writer sends.
    pub key: MasterKey,
}

impl Crypto {
    /// Reads the value of the attribute: `1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^48 WSH=64`.
    pub fn parse(value: &str) -> Option<Crypto> {
        let mut fields = value.split_whitespace();
        let tag = fields.next()?.parse().ok()?;
        let suite = Suite::named(fields.next()?)?;
        let keys = fields.next()?.strip_prefix("inline:")?;
        // The window of replays is ours alone; what begins with a minus may be passed over (section 6.3.7).
        let harmless = |field: &str| field.starts_with("WSH=") || field.starts_with('-');
        if keys.contains(';') || !fields.all(harmless) {
            return None;
        }
        let mut parts = keys.split('|');
        let key = MasterKey::from_base64(suite, parts.next()?).ok()?;
        // A lifetime is a number, perhaps a power of two; with a colon it is a master key identifier.
        if parts.any(|part| part.contains(':')) {
            return None;
        }
        Some(Crypto { tag, key })
    }

    /// The value of the attribute.
    pub fn write(&self) -> String {
        let (tag, suite, key) = (self.tag, self.key.suite().name(), self.key.to_base64());
        format!("{tag} {suite} inline:{key}")
    }
}

/// Whether media are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Secrecy {
    /// Never.
    #[default]
    Off,
    /// When the other side can; what we offer says so to those who understand it (RTP/AVP with `a=crypto`).
    Optional,
    /// Always: a session without is refused.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

    #[test]
    fn what_telephones_write_is_read() {
        for value in [
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^48"),
            format!("1  aes_cm_128_hmac_sha1_80  inline:{KEY}|1048576 WSH=128"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} -NEW=1"),
        ] {
            let crypto = Crypto::parse(&value).unwrap();
            assert_eq!(crypto.write(), format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
        }
    }

    #[test]
    fn what_is_not_ours_is_passed_over() {
        for value in [
            format!("1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^48|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY};inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AEAD_AES_128_GCM inline:{KEY}"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:short".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            "x".to_owned(),
            String::new(),
        ] {
            assert_eq!(Crypto::parse(&value), None, "{value}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let crypto = Crypto::parse(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}")).unwrap();
        assert!(!format!("{crypto:?}").contains("d0Rm"));
    }
}

//! Crypto suites.

/// What seals a packet, and by how much it grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES in Galois/counter mode with 128 bits (RFC 7714).
    AeadAes128Gcm,
    /// AES in counter mode with HMAC-SHA1 of 80 bits (RFC 3711, RFC 4568 section 6.2).
    AesCm128HmacSha1_80,
}

impl Suite {
    /// All of them, the better one first.
    pub const ALL: [Suite; 2] = [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80];

    /// The name in SDP (RFC 4568 section 6.2, RFC 7714 section 14.2).
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
        }
    }

    /// The suite of a name in SDP.
    pub fn named(name: &str) -> Option<Suite> {
        Suite::ALL
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of the master key.
    pub const fn key_bytes(self) -> usize {
        16
    }

    /// Bytes of the master salt.
    pub const fn salt_bytes(self) -> usize {
        match self {
            Suite::AeadAes128Gcm => 12,
            Suite::AesCm128HmacSha1_80 => 14,
        }
    }

    /// Bytes of the tag behind a packet.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Suite::AeadAes128Gcm => 16,
            Suite::AesCm128HmacSha1_80 => 10,
        }
    }
}

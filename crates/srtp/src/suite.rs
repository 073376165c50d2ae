//! Crypto suites.

/// What seals a packet, and by how much it grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES in Galois/counter mode with 256 bits (RFC 7714).
    AeadAes256Gcm,
    /// The same with 128 bits.
    AeadAes128Gcm,
    /// AES in counter mode with HMAC-SHA1 of 80 bits (RFC 3711, RFC 4568 section 6.2).
    AesCm128HmacSha1_80,
}

impl Suite {
    /// All of them, the better one first: those that a DTLS handshake may choose from.
    pub const ALL: [Suite; 3] = [
        Suite::AeadAes256Gcm,
        Suite::AeadAes128Gcm,
        Suite::AesCm128HmacSha1_80,
    ];

    /// Those whose keys are said in SDP, the preferred one first.
    pub const IN_SDP: [Suite; 2] = [Suite::AeadAes128Gcm, Suite::AesCm128HmacSha1_80];

    /// The name in SDP (RFC 4568 section 6.2, RFC 7714 section 14.2).
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AeadAes256Gcm => "AEAD_AES_256_GCM",
            Suite::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Suite::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
        }
    }

    /// The suite of a name in SDP, as far as keys are said there.
    pub fn named(name: &str) -> Option<Suite> {
        Suite::IN_SDP
            .into_iter()
            .find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of the master key.
    pub const fn key_bytes(self) -> usize {
        match self {
            Suite::AeadAes256Gcm => 32,
            Suite::AeadAes128Gcm | Suite::AesCm128HmacSha1_80 => 16,
        }
    }

    /// Bytes of the master salt.
    pub const fn salt_bytes(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => 12,
            Suite::AesCm128HmacSha1_80 => 14,
        }
    }

    /// Bytes of the tag behind a packet.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Suite::AeadAes256Gcm | Suite::AeadAes128Gcm => 16,
            Suite::AesCm128HmacSha1_80 => 10,
        }
    }
}

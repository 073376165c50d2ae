//! Who begins a DTLS handshake.

/// Which side of a handshake we are (RFC 5763 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// We begin it, as its client.
    Active,
    /// The other side begins it; we are its server.
    Passive,
}

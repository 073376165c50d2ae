//! How large a message may be. What is over a limit is refused with its name, never cut.

/// Largest message read, bytes: what fits in a datagram. Longer ones get 513 on a stream and cannot come by UDP.
pub const MAX_MESSAGE: usize = 65_535;
/// Largest start line with all header fields, bytes; longer heads get 513.
pub const MAX_HEAD: usize = 32 * 1024;
/// Most header fields in a message; more get 400.
pub const MAX_FIELDS: usize = 256;
/// Longest start line or header field after unfolding, bytes; longer ones get 400.
pub const MAX_LINE: usize = 8 * 1024;
/// Most parts of a multipart body that are looked at.
pub const MAX_PARTS: usize = 16;
/// Deepest nesting of multipart bodies.
pub const MAX_DEPTH: usize = 4;
/// Largest CSeq number, exclusive (RFC 3261 section 8.1.1.5).
pub const MAX_CSEQ: u32 = 1 << 31;

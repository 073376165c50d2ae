//! How large a message may be.

/// Largest request handed on, bytes; longer ones get 513.
pub const MAX_MESSAGE: usize = 8 * 1024;
/// Most header lines in a message.
pub const MAX_HEADERS: usize = 128;
/// Longest header line after unfolding, bytes.
pub const MAX_LINE: usize = 4 * 1024;

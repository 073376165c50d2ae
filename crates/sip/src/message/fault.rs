//! What can be wrong with a message.

use super::limits::{MAX_FIELDS, MAX_HEAD, MAX_LINE, MAX_MESSAGE};
use super::status::Status;

/// Why a message is refused. The text goes into the Reason-Phrase of the answer, as RFC 3261 section 21.4.1 asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No empty line, or nothing before it.
    #[error("no empty line after the header fields")]
    NoEnd,
    /// The request line is not method, URI and version with one space between (RFC 3261 section 7.1).
    #[error("request line is not method, URI and version")]
    RequestLine,
    /// The Request-URI cannot be read, or has headers (RFC 3261 section 19.1.1).
    #[error("{0}")]
    RequestUri(&'static str),
    /// A scheme that is not served.
    #[error("Request-URI is not sip, sips or tel")]
    Scheme,
    /// Another version than SIP/2.0.
    #[error("only SIP/2.0 is spoken")]
    Version,
    /// The status line is not version, three digits and a phrase.
    #[error("status line is malformed")]
    StatusLine,
    /// A line that is neither a field nor a continuation of one.
    #[error("header field without a colon")]
    Field,
    /// A control character.
    #[error("control character in a header field")]
    Control,
    /// More than [`MAX_FIELDS`] fields.
    #[error("more than {MAX_FIELDS} header fields")]
    Fields,
    /// A line of more than [`MAX_LINE`] bytes.
    #[error("header field of more than {MAX_LINE} bytes")]
    Line,
    /// More than [`MAX_HEAD`] bytes of head.
    #[error("more than {MAX_HEAD} bytes of header fields")]
    Head,
    /// More than [`MAX_MESSAGE`] bytes.
    #[error("more than {MAX_MESSAGE} bytes")]
    Message,
    /// A mandatory field is not there (RFC 3261 section 8.1.1).
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that may occur once occurs again (RFC 4475 section 3.3.8).
    #[error("{0} occurs twice")]
    Twice(&'static str),
    /// A field that cannot be read.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// CSeq names another method than the request line (RFC 4475 section 3.1.2.17).
    #[error("CSeq names another method")]
    OtherMethod,
    /// Content-Length is more than there is (RFC 4475 section 3.1.2.2), or missing on a stream.
    #[error("Content-Length does not fit the message")]
    Length,
}

impl Fault {
    /// The status of the answer.
    pub fn status(self) -> Status {
        match self {
            Fault::Version => Status::VERSION_NOT_SUPPORTED,
            Fault::Scheme => Status::UNSUPPORTED_URI_SCHEME,
            Fault::Head | Fault::Message => Status::MESSAGE_TOO_LARGE,
            _ => Status::BAD_REQUEST,
        }
    }
}

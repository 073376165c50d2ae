//! Our id of a call in our SIP responses: with it the carrier's people and ours name the same call.

use omnigate_room::CallId;
use omnigate_sip::header;
use omnigate_sip::message::{Header, Response};

/// Name of the header.
const NAME: &str = "X-Omnigate-Call-ID";

/// The header for this call.
pub(super) fn mark(id: CallId) -> Header {
    header::make(NAME, id.to_string())
}

/// The response with the header.
pub(super) fn marked(mut response: Response, id: CallId) -> Response {
    response.headers.push(mark(id));
    response
}

//! Our id of a call in our SIP responses: with it the carrier's people and ours name the same call.

use omnigate_room::CallId;
use omnigate_sip::message::Headers;

/// Name of the field.
const NAME: &str = "X-Omnigate-Call-ID";

/// The field for this call.
pub(super) fn mark(id: CallId) -> Headers {
    let mut fields = Headers::default();
    fields.push_other(NAME, id);
    fields
}

//! Our id of a call in our SIP responses: with it the carrier's people and ours name the same call.

use crate::clock::unix_millis;
use omnigate_room::CallId;
use omnigate_sip::message::Headers;

/// Name of the field.
const NAME: &str = "X-Omnigate-Call-ID";

/// The field of a new call.
pub(super) fn mark() -> Headers {
    let mut fields = Headers::default();
    fields.push_other(NAME, CallId::new(unix_millis(), rand::random()));
    fields
}

/// The id in a mark.
pub(super) fn id(mark: Option<&Headers>) -> CallId {
    let id = mark.and_then(|mark| mark.get_other(NAME)).and_then(CallId::parse);
    id.unwrap_or_else(|| CallId::new(unix_millis(), rand::random()))
}

//! Why a session is refused, as SIP says it.

use omnigate_sip::Refusal;
use omnigate_sip::message::{Headers, Name, Status, quote};

/// Longest text of a Warning, characters.
const TEXT: usize = 200;

/// A Warning (RFC 3261 section 20.43).
pub(super) fn warning(code: u16, text: &str) -> Headers {
    let mut fields = Headers::default();
    let text: String = text.chars().take(TEXT).collect();
    fields.push(Name::Warning, format_args!("{code} omnigate {}", quote(&text)));
    fields
}

/// The status and the Warning for a session that cannot be had.
pub(super) fn refusal(why: &Refusal) -> (Status, Headers) {
    match why {
        Refusal::NotAcceptable { code, .. } => {
            (Status::NOT_ACCEPTABLE_HERE, warning(*code, &why.to_string()))
        }
        _ => (Status::BAD_REQUEST, warning(399, &why.to_string())),
    }
}

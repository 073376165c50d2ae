//! Why a session is refused, as SIP says it.

use omnigate_sip::Refusal;
use omnigate_sip::message::{Headers, Name, Status, quote};

/// Longest text of a Warning, characters.
const TEXT: usize = 200;

/// Warn-code "incompatible network address formats" (RFC 3261 section 20.43).
const INCOMPATIBLE_ADDRESS: u16 = 301;

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
        Refusal::AddressFamily { .. } => (
            Status::NOT_ACCEPTABLE_HERE,
            warning(INCOMPATIBLE_ADDRESS, &why.to_string()),
        ),
        Refusal::SealedOnly(_) | Refusal::Fingerprint(_) => {
            (Status::NOT_ACCEPTABLE_HERE, warning(399, &why.to_string()))
        }
        Refusal::Malformed(_) => (Status::BAD_REQUEST, warning(399, &why.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_address_of_the_other_family_is_refused_with_488_and_warning_301() {
        let why = Refusal::AddressFamily {
            offered: "2001:db8::7".parse().unwrap(),
        };
        let (status, fields) = refusal(&why);
        assert_eq!(status, Status::NOT_ACCEPTABLE_HERE);
        let warning = fields.get(Name::Warning).unwrap();
        assert!(
            warning.starts_with("301 omnigate \"media address 2001:db8::7"),
            "{warning}"
        );
    }
}

//! Who is called and who calls, from an INVITE.

use omnigate_number::{Country, PhoneNumber, mask};
use omnigate_sip::message::{Headers, Name, NameAddr, Params, Request, UriParts, readable, unescape};
use std::fmt;

/// The calling party.
#[derive(Clone, PartialEq, Eq)]
pub enum Caller {
    /// A number, or the user part of an address that is no number (at most 64 characters).
    Known(String),
    /// The caller asked for privacy or the network withheld the number.
    Anonymous,
}

impl Caller {
    /// What apps see: the number as received, `anonymous` when withheld.
    pub fn shown(&self) -> &str {
        match self {
            Caller::Known(text) => text,
            Caller::Anonymous => "anonymous",
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caller::Known(text) => f.write_str(&mask(text)),
            Caller::Anonymous => f.write_str("anonymous"),
        }
    }
}

/// The called number: the Request-URI's user part, else that of To. When that user is an `account`, as registrars write
/// what is registered there, P-Called-Party-ID (RFC 3455 section 4.2) and To come first.
pub fn called(request: &Request, country: Country, account: bool) -> Option<PhoneNumber> {
    let number = |user: Option<String>| PhoneNumber::parse(&user?, country);
    let of = |name| number(user_part(request.headers.address(name)?.parts()));
    let from_request = || number(user_part(request.uri.parts()));
    if account {
        return of(Name::PCalledPartyId)
            .or_else(|| of(Name::To))
            .or_else(from_request);
    }
    from_request().or_else(|| of(Name::To))
}

/// The Request-URI's user part.
pub fn user(request: &Request) -> Option<String> {
    user_part(request.uri.parts())
}

/// The calling number: P-Asserted-Identity (RFC 3325), Remote-Party-ID, From, in that order. Withheld by
/// `Privacy: id` (RFC 3323), `privacy=full` or an anonymous From.
pub fn caller(headers: &Headers) -> Caller {
    let private = headers
        .all(Name::Privacy)
        .flat_map(|v| v.split([';', ',']))
        .any(|p| {
            matches!(
                p.trim().to_ascii_lowercase().as_str(),
                "id" | "user" | "header" | "full"
            )
        });
    if private {
        return Caller::Anonymous;
    }
    let mut asserted = headers.list(Name::PAssertedIdentity).filter_map(NameAddr::parse);
    if let Some(caller) = asserted.find_map(known) {
        return caller;
    }
    if let Some(remote) = headers.address(Name::RemotePartyId) {
        if withheld(remote.params) {
            return Caller::Anonymous;
        }
        if let Some(caller) = known(remote) {
            return caller;
        }
    }
    headers
        .address(Name::From)
        .and_then(known)
        .unwrap_or(Caller::Anonymous)
}

fn withheld(params: Params<'_>) -> bool {
    params
        .get("privacy")
        .is_some_and(|p| !p.eq_ignore_ascii_case("off"))
}

fn known(address: NameAddr<'_>) -> Option<Caller> {
    let user = user_part(address.parts())?;
    let user = user.split(';').next().unwrap_or("").trim();
    let nameless = user.is_empty()
        || user.eq_ignore_ascii_case("anonymous")
        || user.eq_ignore_ascii_case("unavailable")
        || user.eq_ignore_ascii_case("restricted")
        || address.uri.to_ascii_lowercase().ends_with("anonymous.invalid");
    if nameless {
        return Some(Caller::Anonymous);
    }
    let digits: String = user
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' '))
        .collect();
    let shown = if digits.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()) {
        digits
    } else {
        user.to_owned()
    };
    Some(Caller::Known(
        readable(&shown)
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect(),
    ))
}

/// User part of a `sip:` or `sips:` URI or the number of a `tel:` URI, unescaped.
fn user_part(uri: UriParts<'_>) -> Option<String> {
    match uri {
        UriParts::Sip(uri) => uri.user.map(unescape),
        UriParts::Tel { number, .. } => Some(unescape(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &str) -> Request {
        let to = if headers.contains("To:") {
            ""
        } else {
            "To: <sip:x@y>\r\n"
        };
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{to}{headers}\r\n"
        );
        match omnigate_sip::message::parse(text.as_bytes()).unwrap() {
            omnigate_sip::message::Message::Request(request) => request,
            omnigate_sip::message::Message::Response(_) => panic!("a request"),
        }
    }

    #[test]
    fn the_called_number_is_read_from_every_form_of_uri() {
        for uri in [
            "sip:07012345678@gw",
            "sip:+82-70-1234-5678@gw;user=phone",
            "tel:+827012345678",
            "sip:%2B827012345678@gw",
            "sips:070-1234-5678:secret@gw",
        ] {
            let r = request(uri, "To: <sip:x@y>\r\nFrom: <sip:a@b>;tag=1\r\n");
            assert_eq!(
                called(&r, Country::korea(), false).unwrap().digits(),
                "827012345678",
                "{uri}"
            );
        }
        let r = request(
            "sip:gw.example",
            "To: <tel:07012345678>\r\nFrom: <sip:a@b>;tag=1\r\n",
        );
        assert_eq!(
            called(&r, Country::korea(), false).unwrap().digits(),
            "827012345678"
        );
    }

    #[test]
    fn the_caller_is_asserted_identity_then_remote_party_id_then_from() {
        let all = "P-Asserted-Identity: \"Kim\" <sip:01011112222@c>\r\nRemote-Party-ID: <sip:01033334444@c>\r\nFrom: <sip:01055556666@c>;tag=1\r\n";
        assert_eq!(caller(&request("sip:1@g", all).headers).shown(), "01011112222");
        let rpid = "Remote-Party-ID: <sip:01033334444@c>;privacy=off\r\nFrom: <sip:01055556666@c>;tag=1\r\n";
        assert_eq!(caller(&request("sip:1@g", rpid).headers).shown(), "01033334444");
        let from = "From: \"x\" <sip:+82-10-5555-6666@c>;tag=1\r\n";
        assert_eq!(caller(&request("sip:1@g", from).headers).shown(), "+821055556666");
    }

    #[test]
    fn a_withheld_number_is_anonymous() {
        for headers in [
            "Privacy: id\r\nP-Asserted-Identity: <sip:01011112222@c>\r\nFrom: <sip:01055556666@c>;tag=1\r\n",
            "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n",
            "Remote-Party-ID: <sip:01033334444@c>;privacy=full\r\nFrom: <sip:01055556666@c>;tag=1\r\n",
        ] {
            assert_eq!(
                caller(&request("sip:1@g", headers).headers),
                Caller::Anonymous,
                "{headers}"
            );
        }
    }
}

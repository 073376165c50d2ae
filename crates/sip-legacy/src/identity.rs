//! Who is called and who calls, from an INVITE.

use crate::header;
use omnigate_number::{Country, PhoneNumber, mask};
use rsipstack::sip::{Headers, Request};
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

/// The called number: the Request-URI's user part, else that of To.
pub fn called(request: &Request, country: Country) -> Option<PhoneNumber> {
    let from_request = user_part(&request.uri.to_string()).and_then(|u| PhoneNumber::parse(&u, country));
    from_request.or_else(|| {
        let to = header::address(header::value(&request.headers, "To")?)?;
        PhoneNumber::parse(&user_part(to.uri)?, country)
    })
}

/// The calling number: P-Asserted-Identity (RFC 3325), Remote-Party-ID, From, in that order. Withheld by
/// `Privacy: id` (RFC 3323), `privacy=full` or an anonymous From.
pub fn caller(headers: &Headers) -> Caller {
    let private = header::values(headers, "Privacy")
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
    let asserted = header::values(headers, "P-Asserted-Identity")
        .flat_map(header::list)
        .find_map(known);
    if let Some(caller) = asserted {
        return caller;
    }
    if let Some(rpid) = header::value(headers, "Remote-Party-ID") {
        let withheld = header::address(rpid)
            .and_then(|a| header::parameter(a.parameters, "privacy"))
            .is_some_and(|p| !p.eq_ignore_ascii_case("off"));
        if withheld {
            return Caller::Anonymous;
        }
        if let Some(caller) = known(rpid) {
            return caller;
        }
    }
    header::value(headers, "From")
        .and_then(known)
        .unwrap_or(Caller::Anonymous)
}

fn known(address: &str) -> Option<Caller> {
    let a = header::address(address)?;
    let user = user_part(a.uri)?;
    let user = user.split(';').next().unwrap_or("").trim();
    let nameless = user.is_empty()
        || user.eq_ignore_ascii_case("anonymous")
        || user.eq_ignore_ascii_case("unavailable")
        || user.eq_ignore_ascii_case("restricted")
        || a.uri.to_ascii_lowercase().ends_with("anonymous.invalid");
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
        shown.chars().filter(|c| !c.is_control()).take(64).collect(),
    ))
}

/// User part of a `sip:`/`sips:` URI or the number of a `tel:` URI, unescaped.
fn user_part(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let user = match scheme.to_ascii_lowercase().as_str() {
        "tel" => rest,
        "sip" | "sips" => rest.rsplit_once('@')?.0,
        _ => return None,
    };
    // A password may follow the user after a colon (RFC 3261 section 19.1.1).
    let user = user.split(':').next().unwrap_or("");
    Some(unescape(user))
}

fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut i = 0;
    while let Some(&b) = bytes.get(i) {
        let escaped = (b == b'%')
            .then(|| bytes.get(i + 1..i + 3))
            .flatten()
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match escaped {
            Some(v) => {
                out.push(v);
                i += 3;
            }
            None => {
                out.push(b);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &str) -> Request {
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
        );
        Request::try_from(text).unwrap()
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
                called(&r, Country::korea()).unwrap().digits(),
                "827012345678",
                "{uri}"
            );
        }
        let r = request(
            "sip:gw.example",
            "To: <tel:07012345678>\r\nFrom: <sip:a@b>;tag=1\r\n",
        );
        assert_eq!(called(&r, Country::korea()).unwrap().digits(), "827012345678");
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

//! Who is called and who calls, from an INVITE.

use super::Trunk;
use crate::config::{CalledField, CallerField};
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

    /// Its number in international form without `+`, as seen from `country`; what is no number as it is; empty when withheld.
    pub fn international(&self, country: Country) -> String {
        match self {
            Caller::Known(text) => match PhoneNumber::parse(text, country) {
                Some(number) => number.digits().to_owned(),
                None => text.clone(),
            },
            Caller::Anonymous => String::new(),
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

impl Trunk {
    /// The called number, from where the trunk says that it stands. Where it says nothing: the Request-URI's user part, else
    /// that of To; when that user is an `account`, as registrars write what is registered there, P-Called-Party-ID (RFC 7315
    /// section 4.2), To, Request-URI.
    pub fn called(&self, request: &Request, account: bool) -> Option<PhoneNumber> {
        use CalledField::{CalledParty, RequestUri, To};
        let usual: &[CalledField] = match account {
            true => &[CalledParty, To, RequestUri],
            false => &[RequestUri, To],
        };
        let said = self.called_from.as_slice();
        let order = if said.is_empty() { usual } else { said };
        let number = |field: &CalledField| PhoneNumber::parse(&called_user(request, *field)?, self.country);
        order.iter().find_map(number)
    }

    /// Whether this caller is taken.
    pub fn takes_caller(&self, caller: &Caller) -> bool {
        self.takes_anonymous || *caller != Caller::Anonymous
    }

    /// The calling number, from where the trunk says that it stands.
    pub fn caller(&self, headers: &Headers) -> Caller {
        caller_of(headers, self.caller_order())
    }

    /// The address in which it stands.
    pub(super) fn caller_address<'a>(&self, headers: &'a Headers) -> Option<NameAddr<'a>> {
        found_of(headers, self.caller_order()).map(|(_, address)| address)
    }

    fn caller_order(&self) -> &[CallerField] {
        match self.caller_from.as_slice() {
            [] => &USUAL,
            order => order,
        }
    }
}

/// User part of the address in this field of an INVITE.
pub fn called_user(request: &Request, field: CalledField) -> Option<String> {
    let headers = &request.headers;
    let address = match field {
        CalledField::RequestUri => return user(request),
        CalledField::To => headers.address(Name::To)?,
        CalledField::CalledParty => headers.address(Name::PCalledPartyId)?,
        CalledField::Diversion => headers.list(Name::Diversion).find_map(NameAddr::parse)?,
        CalledField::HistoryInfo => headers
            .list(Name::HistoryInfo)
            .filter_map(NameAddr::parse)
            .last()?,
    };
    user_part(address.parts())
}

/// The same of the caller's.
pub fn calling_user(headers: &Headers, field: CallerField) -> Option<String> {
    let name = match field {
        CallerField::Asserted => Name::PAssertedIdentity,
        CallerField::Preferred => Name::PPreferredIdentity,
        CallerField::RemoteParty => Name::RemotePartyId,
        CallerField::From => {
            return headers
                .address(Name::From)
                .and_then(|from| user_part(from.parts()));
        }
    };
    let mut all = headers.list(name).filter_map(NameAddr::parse);
    all.find_map(|address| user_part(address.parts()))
}

/// The Request-URI's user part.
pub fn user(request: &Request) -> Option<String> {
    user_part(request.uri.parts())
}

/// Where the calling number stands by default.
const USUAL: [CallerField; 3] = [CallerField::Asserted, CallerField::RemoteParty, CallerField::From];

/// The calling number: P-Asserted-Identity (RFC 3325), Remote-Party-ID, From, in that order. Withheld by
/// `Privacy: id` (RFC 3323), `privacy=full` or an anonymous From.
pub fn caller(headers: &Headers) -> Caller {
    caller_of(headers, &USUAL)
}

fn caller_of(headers: &Headers, order: &[CallerField]) -> Caller {
    found_of(headers, order).map_or(Caller::Anonymous, |(caller, _)| caller)
}

/// The caller, and the address in which it stands.
fn found_of<'a>(headers: &'a Headers, order: &[CallerField]) -> Option<(Caller, NameAddr<'a>)> {
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
        return None;
    }
    let with = |address: NameAddr<'a>| Some((known(address)?, address));
    let of = |name| headers.list(name).filter_map(NameAddr::parse).find_map(with);
    order.iter().find_map(|field| match field {
        CallerField::Asserted => of(Name::PAssertedIdentity),
        CallerField::Preferred => of(Name::PPreferredIdentity),
        CallerField::From => headers.address(Name::From).and_then(with),
        CallerField::RemoteParty => match headers.address(Name::RemotePartyId)? {
            remote if withheld(remote.params) => Some((Caller::Anonymous, remote)),
            remote => with(remote),
        },
    })
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

    fn trunk(toml: &str) -> Trunk {
        let toml = format!("[[trunk]]\nname = \"t\"\n{toml}\n");
        let trunks = crate::trunks::Trunks::new(&crate::config::load_text(&toml, []).unwrap());
        trunks.all().next().unwrap().as_ref().clone()
    }

    #[test]
    fn the_called_number_is_read_from_every_form_of_uri() {
        let digits = |r: &Request| trunk("").called(r, false).unwrap().digits().to_owned();
        for uri in [
            "sip:07012345678@gw",
            "sip:+82-70-1234-5678@gw;user=phone",
            "tel:+827012345678",
            "sip:%2B827012345678@gw",
            "sips:070-1234-5678:secret@gw",
        ] {
            let r = request(uri, "To: <sip:x@y>\r\nFrom: <sip:a@b>;tag=1\r\n");
            assert_eq!(digits(&r), "827012345678", "{uri}");
        }
        let r = request(
            "sip:gw.example",
            "To: <tel:07012345678>\r\nFrom: <sip:a@b>;tag=1\r\n",
        );
        assert_eq!(digits(&r), "827012345678");
    }

    #[test]
    fn the_called_number_stands_where_the_trunk_says() {
        let all = "To: <sip:07000000002@g>\r\nP-Called-Party-ID: <sip:07000000003@g>\r\nDiversion: <sip:07000000004@g>;reason=unconditional\r\nHistory-Info: <sip:07000000009@g>;index=1, <sip:07000000005@g>;index=1.1\r\nFrom: <sip:a@b>;tag=1\r\n";
        let r = request("sip:07000000001@gw", all);
        for (says, last) in [
            ("", '1'),
            ("called_from = \"to\"", '2'),
            ("called_from = [\"called-party\", \"to\"]", '3'),
            ("called_from = \"diversion\"", '4'),
            ("called_from = \"history-info,to\"", '5'),
        ] {
            let number = trunk(says).called(&r, false).unwrap();
            assert_eq!(number.digits().chars().last(), Some(last), "{says}");
        }
        let account = trunk("").called(&r, true).unwrap();
        assert_eq!(account.digits(), "827000000003");
        let bare = request("sip:07000000001@gw", "From: <sip:a@b>;tag=1\r\n");
        assert!(
            trunk("called_from = \"diversion\"")
                .called(&bare, false)
                .is_none()
        );
    }

    #[test]
    fn the_calling_number_stands_where_the_trunk_says() {
        let all = "P-Asserted-Identity: <sip:01011112222@c>\r\nP-Preferred-Identity: <sip:01033334444@c>\r\nFrom: <sip:01055556666@c>;tag=1\r\n";
        let headers = request("sip:1@g", all).headers;
        for (says, shown) in [
            ("", "01011112222"),
            ("caller_from = \"preferred\"", "01033334444"),
            ("caller_from = [\"remote-party\", \"from\"]", "01055556666"),
        ] {
            assert_eq!(trunk(says).caller(&headers).shown(), shown, "{says}");
        }
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

//! URIs: `sip:`, `sips:`, `tel:` and whatever else comes (RFC 3261 section 19.1, RFC 3966).

use super::scan::{Params, number};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A checked URI, kept as it was written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri(Box<str>);

/// Why a text is no URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UriError(&'static str);

impl UriError {
    /// The reason in words, for a Reason-Phrase.
    pub fn reason(&self) -> &'static str {
        self.0
    }
}

/// The parts of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriParts<'a> {
    /// `sip:` or `sips:`
    Sip(SipUri<'a>),
    /// `tel:` with the number as written and its parameters.
    Tel {
        /// Digits and separators, with the plus of a global number.
        number: &'a str,
        /// `phone-context` and others.
        params: Params<'a>,
    },
    /// Another scheme: its name, and what follows.
    Other(&'a str, &'a str),
}

impl UriParts<'_> {
    /// True for `sips:`: TLS on all of the way (RFC 3261 section 26.2.2).
    pub fn is_sips(&self) -> bool {
        matches!(self, UriParts::Sip(SipUri { secure: true, .. }))
    }
}

/// The parts of a `sip:` or `sips:` URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipUri<'a> {
    /// True for `sips:`.
    pub secure: bool,
    /// User part without password, escaped as written.
    pub user: Option<&'a str>,
    /// Host.
    pub host: Host<'a>,
    /// Port, when written.
    pub port: Option<u16>,
    /// Parameters of the URI.
    pub params: Params<'a>,
    /// What follows the question mark.
    pub headers: Option<&'a str>,
}

/// A host: a name or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// A domain name.
    Name(&'a str),
    /// An address; IPv6 in brackets or without.
    Address(IpAddr),
}

impl<'a> Host<'a> {
    /// Reads a host.
    pub fn parse(text: &'a str) -> Option<Host<'a>> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Host::Address(address.into()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Some(Host::Address(address));
        }
        let name = !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        name.then_some(Host::Name(text))
    }

    /// Reads `host` or `host:port`.
    pub fn parse_with_port(text: &'a str) -> Option<(Host<'a>, Option<u16>)> {
        let at = match text.rfind(']') {
            Some(end) => text.get(end..)?.find(':').map(|at| end + at),
            // More than one colon without brackets: a bare IPv6 address, which some send.
            None if text.bytes().filter(|b| *b == b':').count() > 1 => None,
            None => text.find(':'),
        };
        let (host, port) = match at {
            Some(at) => (text.get(..at)?.trim_end(), Some(number(text.get(at + 1..)?)?)),
            None => (text, None),
        };
        Some((Host::parse(host.trim())?, port))
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Address(IpAddr::V4(a)) => write!(f, "{a}"),
            Host::Address(IpAddr::V6(a)) => write!(f, "[{a}]"),
        }
    }
}

impl Uri {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts.
    pub fn parts(&self) -> UriParts<'_> {
        // It was read before it became a Uri.
        parse(&self.0).unwrap_or(UriParts::Other("", &self.0))
    }

    /// The parts of a `sip:` or `sips:` URI.
    pub fn sip(&self) -> Option<SipUri<'_>> {
        match self.parts() {
            UriParts::Sip(uri) => Some(uri),
            _ => None,
        }
    }

    /// A text that could not be read, for an answer to the message that it came with.
    pub(crate) fn unread(text: &str) -> Uri {
        Uri(text.into())
    }
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Uri, UriError> {
        parse(text)?;
        Ok(Uri(text.into()))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Uri {
    /// Scheme and host only: the user part is a telephone number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            UriParts::Sip(uri) => write!(f, "sip:…@{}", uri.host),
            UriParts::Tel { .. } => f.write_str("tel:…"),
            UriParts::Other(scheme, _) => write!(f, "{scheme}:…"),
        }
    }
}

/// Reads a URI.
///
/// # Errors
/// No scheme, an unusable host or port, or a character that no URI has.
pub(crate) fn parse(text: &str) -> Result<UriParts<'_>, UriError> {
    if text
        .bytes()
        .any(|b| b <= b' ' || b == 0x7f || matches!(b, b'<' | b'>' | b'"'))
    {
        return Err(UriError("URI has a character that must be escaped"));
    }
    let (scheme, rest) = text.split_once(':').ok_or(UriError("URI has no scheme"))?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !is_scheme {
        return Err(UriError("URI has no scheme"));
    }
    if scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips") {
        return sip(rest, scheme.len() == 4).map(UriParts::Sip);
    }
    if scheme.eq_ignore_ascii_case("tel") {
        let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
        return Ok(UriParts::Tel {
            number,
            params: Params::new(params),
        });
    }
    Ok(UriParts::Other(scheme, rest))
}

fn sip(rest: &str, secure: bool) -> Result<SipUri<'_>, UriError> {
    // The user part may hold `;`, `?` and `/`, but its only `@` is escaped or the last one.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user.split_once(':').map_or(user, |(user, _)| user)), rest),
        None => (None, rest),
    };
    let (rest, headers) = match rest.split_once('?') {
        Some((rest, headers)) => (rest, Some(headers)),
        None => (rest, None),
    };
    let (host, params) = rest.split_once(';').unwrap_or((rest, ""));
    let (host, port) = Host::parse_with_port(host).ok_or(UriError("URI has no usable host and port"))?;
    Ok(SipUri {
        secure,
        user,
        host,
        port,
        params: Params::new(params),
        headers,
    })
}

/// The user part with its escapes resolved (RFC 3261 section 19.1.2); bytes that are no UTF-8 then are replaced.
pub fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let rest = bytes.clone();
        let digits: Vec<u32> = rest.take(2).filter_map(|d| char::from(d).to_digit(16)).collect();
        match digits.as_slice() {
            [high, low] => {
                out.push((high * 16 + low) as u8);
                bytes.nth(1);
            }
            _ => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A user part with escapes where the grammar wants them.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&b) {
            out.push(char::from(b));
        } else {
            out.push_str(&format!("%{b:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sip_of(text: &str) -> SipUri<'_> {
        match parse(text).unwrap() {
            UriParts::Sip(uri) => uri,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_ipv6_address_without_brackets_has_no_port() {
        let host = Host::Address("2001:db8::1".parse().unwrap());
        assert_eq!(Host::parse_with_port("2001:db8::1"), Some((host, None)));
        assert_eq!(Host::parse_with_port("[2001:db8::1]:70"), Some((host, Some(70))));
    }

    #[test]
    fn parts_of_a_sip_uri_are_read() {
        let uri =
            sip_of("sips:user;par=u%40example.net:secret@[2001:db8::1]:5061;transport=tcp;lr?Subject=x");
        assert!(uri.secure);
        assert_eq!(uri.user, Some("user;par=u%40example.net"));
        assert_eq!(uri.host, Host::Address("2001:db8::1".parse().unwrap()));
        assert_eq!(uri.port, Some(5061));
        assert_eq!(uri.params.get("transport"), Some("tcp"));
        assert!(uri.params.has("lr"));
        assert_eq!(uri.headers, Some("Subject=x"));
        assert_eq!(sip_of("SIP:gateway").host, Host::Name("gateway"));
        assert_eq!(sip_of("sip:192.0.2.1:5070").port, Some(5070));
    }

    #[test]
    fn tel_and_unknown_schemes_are_understood() {
        let UriParts::Tel { number, params } = parse("tel:+82-70;phone-context=example.com").unwrap() else {
            panic!("no tel")
        };
        assert_eq!(
            (number, params.get("phone-context")),
            ("+82-70", Some("example.com"))
        );
        assert_eq!(
            parse("soap.beep://192.0.2.103:3002").unwrap(),
            UriParts::Other("soap.beep", "//192.0.2.103:3002")
        );
        assert_eq!(
            parse("nobodyKnowsThisScheme:totallyopaquecontent").unwrap(),
            UriParts::Other("nobodyKnowsThisScheme", "totallyopaquecontent")
        );
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for text in [
            "",
            "host",
            "sip:",
            "sip:a@",
            "sip:a@[::1",
            "sip:a@b:port",
            "sip:a@b:99999",
            "sip:a b@c",
            "<sip:a@b>",
            "sip:a@b:",
            "1x:a",
            "sip:a@b c",
            "sip:a@b\0",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn users_are_escaped_and_back() {
        assert_eq!(unescape("sips%3Auser%40example.com"), "sips:user@example.com");
        assert_eq!(unescape("100%"), "100%");
        assert_eq!(unescape("%zz%4"), "%zz%4");
        assert_eq!(escape("a b#1@c"), "a%20b%231%40c");
        assert_eq!(unescape(&escape("한국 #1")), "한국 #1");
    }

    #[test]
    fn debug_hides_the_number() {
        let uri: Uri = "sip:01012345678@example.com".parse().unwrap();
        assert_eq!(format!("{uri:?}"), "sip:…@example.com");
    }
}

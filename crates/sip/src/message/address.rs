//! Addresses with a name: From, To, Contact, Route and their like (RFC 3261 section 20.10).

use super::scan::{self, Params, find};
use super::text::readable;
use super::uri::{UriParts, parse};

/// `"Name" <uri>;parameters`, or a bare URI with the field's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    display: &'a str,
    /// The URI, which could be read as one.
    pub uri: &'a str,
    /// Parameters of the field, not of the URI.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one address.
    pub fn parse(text: &'a str) -> Option<NameAddr<'a>> {
        let text = text.trim();
        if !scan::is_balanced(text) {
            return None;
        }
        let (display, uri, params) = match find(text, b'<') {
            Some(open) => {
                let close = open + text.get(open..)?.find('>')?;
                let display = text.get(..open)?.trim();
                if !is_display(display) {
                    return None;
                }
                (
                    display,
                    text.get(open + 1..close)?,
                    text.get(close + 1..)?.trim_start(),
                )
            }
            // Without brackets the parameters are the field's (RFC 3261 section 20).
            None => match text.find(';') {
                Some(at) => ("", text.get(..at)?.trim_end(), text.get(at..)?),
                None => ("", text, ""),
            },
        };
        if !(params.is_empty() || params.starts_with(';')) || parse(uri.trim()).is_err() {
            return None;
        }
        let bare = display.is_empty() && !text.starts_with('<');
        // A bare address may hold neither comma nor question mark (RFC 3261 section 20).
        if bare && uri.contains([',', '?']) {
            return None;
        }
        Some(NameAddr {
            display,
            uri: uri.trim(),
            params: Params::new(params),
        })
    }

    /// The name for people, without quotes; empty when there is none.
    pub fn display(&self) -> String {
        let inner = self.display.strip_prefix('"').and_then(|d| d.strip_suffix('"'));
        let text = inner.map_or_else(|| self.display.into(), scan::unquote);
        readable(&text).into_owned()
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|t| !t.is_empty())
    }

    /// The parts of the URI.
    pub fn parts(&self) -> UriParts<'a> {
        parse(self.uri).unwrap_or(UriParts::Other("", self.uri))
    }
}

/// A quoted string, or tokens with white space between.
///
/// More is taken than the grammar has: RFC 4475 section 3.1.2.13 leaves open what is done with characters that should have
/// been quoted, and carriers send them.
fn is_display(text: &str) -> bool {
    match text.strip_prefix('"') {
        Some(rest) => rest.ends_with('"'),
        None => !text.contains(['"', '>']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parameters_are_read() {
        let a =
            NameAddr::parse(r#""J Rosenberg \\\"" <sip:jdrosen@example.com;lr> ; tag = 98asjd8"#).unwrap();
        assert_eq!(a.display(), r#"J Rosenberg \""#);
        assert_eq!(a.uri, "sip:jdrosen@example.com;lr");
        assert_eq!(a.tag(), Some("98asjd8"));
        let a = NameAddr::parse("caller<sip:caller@example.com>;tag=323").unwrap();
        assert_eq!((a.display().as_str(), a.tag()), ("caller", Some("323")));
        assert_eq!(
            NameAddr::parse("T. desk phone <sip:ted@test>").unwrap().display(),
            "T. desk phone"
        );
    }

    #[test]
    fn parameters_behind_a_bare_address_are_the_fields() {
        let a = NameAddr::parse("sip:+19725552222@gw1.example.net;unknownparam;tag=1").unwrap();
        assert_eq!((a.uri, a.tag()), ("sip:+19725552222@gw1.example.net", Some("1")));
        assert!(a.params.has("unknownparam"));
        assert!(NameAddr::parse("sip:a@b?x=y").is_none());
    }

    #[test]
    fn other_schemes_are_addresses_too() {
        assert!(NameAddr::parse("isbn:2983792873").is_some());
        assert!(NameAddr::parse("<tel:+8270>;tag=3").is_some());
        assert_eq!(
            NameAddr::parse("<http://www.example.com>;tag=3234")
                .unwrap()
                .tag(),
            Some("3234")
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "\"Mr. J. User <sip:j.user@example.com>",
            "<sip:a@b",
            "<sip:a@b> x",
            "<>",
            "a <b>",
            "\"Bob\" sip:a@b",
            "<sip:a b@c>",
        ] {
            assert!(NameAddr::parse(text).is_none(), "{text}");
        }
    }
}

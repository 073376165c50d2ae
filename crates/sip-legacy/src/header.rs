//! Small readings of header text that the message types do not offer.

use rsipstack::sip::{Header, Headers, Uri};

/// Value of the first header called `name` (long form, any case).
pub fn value<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|h| h.name().eq_ignore_ascii_case(name))
        .map(|h| h.value())
}

/// Values of all headers called `name`, in order.
pub fn values<'a>(headers: &'a Headers, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |h| h.name().eq_ignore_ascii_case(name))
        .map(|h| h.value())
}

/// Splits a comma-separated list outside quotes and angle brackets (RFC 3261 section 7.3.1).
pub fn list(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut start, mut quoted, mut escaped, mut depth) = (0, false, false, 0u32);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                out.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    out.push(text[start..].trim());
    out.retain(|s| !s.is_empty());
    out
}

/// A `name-addr` or `addr-spec` with its header parameters (RFC 3261 section 25.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'a> {
    /// Display name without quotes.
    pub display: &'a str,
    /// URI text.
    pub uri: &'a str,
    /// Header parameters after the address, without the leading semicolon.
    pub parameters: &'a str,
}

/// Splits an address header; `None` when brackets do not match.
pub fn address(text: &str) -> Option<Address<'_>> {
    let text = text.trim();
    let (mut quoted, mut escaped, mut open) = (false, false, None);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => {
                open = Some(i);
                break;
            }
            _ => {}
        }
    }
    if quoted {
        return None;
    }
    match open {
        Some(open) => {
            let close = open + text[open..].find('>')?;
            Some(Address {
                display: text[..open].trim().trim_matches('"'),
                uri: text[open + 1..close].trim(),
                parameters: text[close + 1..].trim().trim_start_matches(';'),
            })
        }
        None => {
            let (uri, parameters) = text.split_once(';').unwrap_or((text, ""));
            Some(Address {
                display: "",
                uri: uri.trim(),
                parameters,
            })
        }
    }
}

/// Value of header parameter `name`, in any case; `Some("")` for one without value.
pub fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|p| {
        let (n, v) = p.split_once('=').unwrap_or((p, ""));
        n.trim()
            .eq_ignore_ascii_case(name)
            .then(|| v.trim().trim_matches('"'))
    })
}

/// The `tag` parameter of a From or To value.
pub fn tag(text: &str) -> Option<&str> {
    address(text)
        .and_then(|a| parameter(a.parameters, "tag"))
        .filter(|t| !t.is_empty())
}

/// Parses the URI of an address header.
pub fn uri(text: &str) -> Option<Uri> {
    Uri::try_from(address(text)?.uri).ok()
}

/// Option tags of `Require`-like headers, lower case (RFC 3261 section 20.32).
pub fn option_tags(headers: &Headers, name: &str) -> Vec<String> {
    values(headers, name)
        .flat_map(list)
        .map(|t| t.to_ascii_lowercase())
        .collect()
}

/// A header by name and value, also for names that the message types do not know.
pub fn make(name: &str, value: impl Into<String>) -> Header {
    rsipstack::sip::headers::make_header(name, value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_outside_quotes() {
        let a = address(r#""Kim, \"<Su>\"" <sip:010@x;user=phone>;tag=9;x"#).unwrap();
        assert_eq!(a.uri, "sip:010@x;user=phone");
        assert_eq!(parameter(a.parameters, "TAG"), Some("9"));
        assert_eq!(parameter(a.parameters, "x"), Some(""));
        assert_eq!(tag("sip:a@b;tag=q"), Some("q"));
        assert!(address("\"open <sip:a@b>").is_none());
    }

    #[test]
    fn a_list_is_split_at_commas_between_addresses_only() {
        assert_eq!(
            list("<sip:a,b@c>, \"x,y\" <sip:d>,"),
            vec!["<sip:a,b@c>", "\"x,y\" <sip:d>"]
        );
    }
}

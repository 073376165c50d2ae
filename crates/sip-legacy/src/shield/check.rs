//! What must be true of a message before it is parsed further.

use super::fault::Fault;
use super::head::Head;
use crate::header;

const fn bad(reason: &'static str) -> Option<Fault> {
    Some(Fault {
        status: 400,
        phrase: "Bad Request",
        reason,
    })
}

/// A status line with a three-digit code, and the headers that match it to a request.
pub(super) fn response(head: &Head) -> bool {
    let mut parts = head.start.splitn(3, ' ');
    let version = parts.next().is_some_and(|v| v.eq_ignore_ascii_case("SIP/2.0"));
    let code = parts
        .next()
        .is_some_and(|c| c.len() == 3 && c.parse::<u16>().is_ok_and(|c| (100..700).contains(&c)));
    version
        && code
        && ["via", "from", "to", "call-id", "cseq"]
            .iter()
            .all(|n| head.all(n).count() >= 1)
        && sequence(head).is_some()
}

/// The first fault of a request.
pub(super) fn request(head: &Head, message_length: usize) -> Option<Fault> {
    start_line(head)
        .or_else(|| once(head))
        .or_else(|| sequence_matches(head))
        .or_else(|| addresses(head))
        .or_else(|| via(head))
        .or_else(|| length(head, message_length))
        .or_else(|| hops(head))
}

fn start_line(head: &Head) -> Option<Fault> {
    let parts: Vec<&str> = head.start.trim_end().split(' ').collect();
    let [method, uri, version] = parts.as_slice() else {
        return bad("request line is not method, URI and version with one space between");
    };
    if method.is_empty() || uri.is_empty() {
        return bad("request line is not method, URI and version with one space between");
    }
    if !version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/")) {
        return bad("request line does not end in SIP/2.0");
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return Some(Fault {
            status: 505,
            phrase: "Version Not Supported",
            reason: "only SIP/2.0 is spoken",
        });
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return bad("Request-URI has no scheme");
    };
    if uri.contains(['<', '>', '"']) {
        return bad("Request-URI is in angle brackets");
    }
    match scheme.to_ascii_lowercase().as_str() {
        "sip" | "sips" if rest.contains('?') => bad("Request-URI has headers"),
        "sip" | "sips" if rest.contains('[') && !rest.contains(']') => {
            bad("Request-URI has an unterminated IPv6 address")
        }
        "sip" | "sips" | "tel" => None,
        _ => Some(Fault {
            status: 416,
            phrase: "Unsupported URI Scheme",
            reason: "Request-URI scheme is not sip, sips or tel",
        }),
    }
}

fn once(head: &Head) -> Option<Fault> {
    for (name, missing, twice) in [
        ("from", "From is missing", "From occurs twice"),
        ("to", "To is missing", "To occurs twice"),
        ("call-id", "Call-ID is missing", "Call-ID occurs twice"),
        ("cseq", "CSeq is missing", "CSeq occurs twice"),
    ] {
        match head.all(name).filter(|v| !v.is_empty()).count() {
            0 => return bad(missing),
            1 => {}
            _ => return bad(twice),
        }
    }
    if head.all("via").next().is_none() {
        bad("Via is missing")
    } else {
        None
    }
}

/// CSeq number below 2^31 (RFC 3261 section 8.1.1.5) and its method.
fn sequence(head: &Head) -> Option<(u32, &str)> {
    let value = head.all("cseq").next()?;
    let (number, method) = value.split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    u32::try_from(number)
        .ok()
        .filter(|n| *n < 1 << 31)
        .map(|n| (n, method.trim()))
}

fn sequence_matches(head: &Head) -> Option<Fault> {
    match sequence(head) {
        None => bad("CSeq is not a number below 2^31 and a method"),
        Some((_, method)) if method != head.method() => bad("CSeq names another method"),
        Some(_) => None,
    }
}

fn addresses(head: &Head) -> Option<Fault> {
    let readable = |name: &'static str| {
        head.all(name).flat_map(header::list).all(|v| {
            v == "*"
                || (header::address(v).is_some_and(|a| !a.uri.is_empty() && a.uri.contains(':'))
                    && !empty_parts(v))
        })
    };
    if !readable("from") {
        return bad("From is not an address");
    }
    if !readable("to") {
        return bad("To is not an address");
    }
    if !readable("contact") || head.all("contact").any(empty_parts) {
        return bad("Contact is not an address");
    }
    if head.all("from").all(|v| header::tag(v).is_none()) {
        return bad("From has no tag");
    }
    None
}

/// `;;` or `,,` outside quotes and brackets, or a separator at the end.
fn empty_parts(value: &str) -> bool {
    let (mut quoted, mut depth, mut last) = (false, 0u32, ' ');
    for c in value.chars() {
        match c {
            '"' => quoted = !quoted,
            '<' if !quoted => depth += 1,
            '>' if !quoted => depth = depth.saturating_sub(1),
            ';' | ',' if !quoted && depth == 0 && matches!(last, ';' | ',') => return true,
            _ => {}
        }
        if c != ' ' {
            last = c;
        }
    }
    !quoted && matches!(last, ';' | ',')
}

fn via(head: &Head) -> Option<Fault> {
    let top = head
        .all("via")
        .next()
        .and_then(|v| header::list(v).into_iter().next())
        .unwrap_or("");
    let usable = || -> Option<bool> {
        let (protocol, rest) = top.split_once(' ')?;
        let mut parts = protocol.split('/');
        let known = parts.next()?.eq_ignore_ascii_case("SIP") && parts.next()? == "2.0";
        let transport = parts.next()?.to_ascii_uppercase();
        let sent_by = rest.split(';').next()?.trim();
        let port = match sent_by.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                port.trim().parse::<u16>().is_ok()
            }
            _ => true,
        };
        Some(
            known
                && ["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"].contains(&transport.as_str())
                && !sent_by.is_empty()
                && port,
        )
    };
    if head.all("via").any(empty_parts) || !usable().unwrap_or(false) {
        return bad("Via is malformed");
    }
    None
}

fn length(head: &Head, message_length: usize) -> Option<Fault> {
    let mut all = head.all("content-length");
    let first = all.next();
    if all.any(|other| Some(other) != first) {
        return bad("Content-Length occurs with two values");
    }
    match head.content_length() {
        None => None,
        Some(Err(())) => bad("Content-Length is not a number"),
        Some(Ok(n)) if head.length + n > message_length => bad("Content-Length is larger than the message"),
        Some(Ok(_)) => None,
    }
}

fn hops(head: &Head) -> Option<Fault> {
    match head.all("max-forwards").next() {
        Some(v) if v.trim().parse::<u32>().map_or(true, |n| n > 255) => {
            bad("Max-Forwards is not a number up to 255")
        }
        _ => None,
    }
}

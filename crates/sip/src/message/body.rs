//! Multipart bodies (RFC 2046, RFC 5621): SIP-I trunks put ISUP beside SDP, others add XML.

use super::fields::value_and_params;
use super::headers::Headers;
use super::limits::{MAX_DEPTH, MAX_PARTS};
use super::name::Name;
use super::scan::number;

/// One part of a body, or the whole of one that has no parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// Content-Type without parameters; empty when it is not said.
    pub content_type: &'a str,
    /// True when whoever does not understand the part must refuse the request: `handling=required`, which is what is meant
    /// when nothing is said (RFC 3204 section 2, RFC 5621 section 8).
    pub required: bool,
    /// Content.
    pub content: &'a [u8],
}

/// The parts of a body in order, those of nested multiparts too; at most [`MAX_PARTS`]. A body that is no multipart is one
/// part, an empty body none.
pub fn parts<'a>(headers: &'a Headers, body: &'a [u8]) -> Vec<Part<'a>> {
    let mut out = Vec::new();
    if !body.is_empty() {
        let content_type = headers.get(Name::ContentType).unwrap_or_default();
        let disposition = headers.get(Name::ContentDisposition).unwrap_or_default();
        collect(content_type, disposition, body, MAX_DEPTH, &mut out);
    }
    out
}

fn collect<'a>(
    content_type: &'a str,
    disposition: &'a str,
    content: &'a [u8],
    depth: usize,
    out: &mut Vec<Part<'a>>,
) {
    let (kind, params) = value_and_params(content_type);
    let is_multipart = kind
        .get(..10)
        .is_some_and(|k| k.eq_ignore_ascii_case("multipart/"));
    let Some(boundary) = params
        .get("boundary")
        .filter(|b| is_multipart && depth > 0 && !b.is_empty())
    else {
        let (_, disposition) = value_and_params(disposition);
        if out.len() < MAX_PARTS {
            out.push(Part {
                content_type: kind,
                required: !disposition
                    .get("handling")
                    .is_some_and(|h| h.eq_ignore_ascii_case("optional")),
                content,
            });
        }
        return;
    };
    for piece in pieces(content, boundary) {
        let (head, body) = split_head(piece);
        let field = |name: Name| {
            let line = head.lines().find(|line| {
                let named = line
                    .split_once(':')
                    .and_then(|(n, _)| Name::from_text(n.trim_end()));
                named == Some(name)
            });
            line.and_then(|line| line.split_once(':'))
                .map_or("", |(_, value)| value.trim())
        };
        let length = number::<usize>(field(Name::ContentLength)).and_then(|n| body.get(..n));
        let (kind, disposition) = (field(Name::ContentType), field(Name::ContentDisposition));
        collect(kind, disposition, length.unwrap_or(body), depth - 1, out);
    }
}

/// What stands between the lines `--boundary`, without the line end that belongs to the next of them.
fn pieces<'a>(content: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let mut out = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    while at < content.len() && out.len() < MAX_PARTS {
        let end = memchr::memchr(b'\n', content.get(at..).unwrap_or_default())
            .map_or(content.len(), |n| at + n + 1);
        let line = content.get(at..end).unwrap_or_default().trim_ascii_end();
        let marker = line
            .strip_prefix(b"--")
            .and_then(|l| l.strip_prefix(boundary.as_bytes()));
        if let Some(rest) = marker.filter(|rest| rest.is_empty() || *rest == b"--") {
            if let Some(piece) = begun.and_then(|from| content.get(from..at)) {
                let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
                out.push(piece.strip_suffix(b"\r").unwrap_or(piece));
            }
            begun = rest.is_empty().then_some(end);
        }
        at = end;
    }
    out
}

/// The header fields of a part and its content; a part may have no fields, then it begins with an empty line.
fn split_head(piece: &[u8]) -> (&str, &[u8]) {
    let body_at = if piece.starts_with(b"\r\n") {
        2
    } else if piece.starts_with(b"\n") {
        1
    } else {
        super::parse::head_length(piece).unwrap_or(piece.len())
    };
    let (head, body) = piece.split_at_checked(body_at).unwrap_or((piece, &[]));
    (std::str::from_utf8(head).unwrap_or_default(), body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> Headers {
        let mut headers = Headers::default();
        headers.push(Name::ContentType, content_type);
        headers
    }

    #[test]
    fn sdp_is_found_beside_isup() {
        let body = b"--unique-boundary-1\r\nContent-Type: application/SDP; charset=ISO-10646\r\n\r\nv=0\r\nm=audio 1 RTP/AVP 0\r\n\r\n--unique-boundary-1\r\nContent-Type: application/ISUP; version=nxv3\r\nContent-Disposition: signal; handling=optional\r\n\r\n\x01\x00\n\xff\r\n--unique-boundary-1--\r\n";
        let headers = headers("multipart/mixed; boundary=unique-boundary-1");
        let found = parts(&headers, body);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].content_type, found[0].required),
            ("application/SDP", true)
        );
        assert_eq!(found[0].content, b"v=0\r\nm=audio 1 RTP/AVP 0\r\n");
        assert_eq!(
            (found[1].content_type, found[1].required),
            ("application/ISUP", false)
        );
        assert_eq!(found[1].content, b"\x01\x00\n\xff");
    }

    #[test]
    fn a_body_without_parts_is_one_part() {
        let headers = headers("application/sdp;x=y");
        let found = parts(&headers, b"v=0");
        assert_eq!(
            (found.len(), found[0].content_type, found[0].content),
            (1, "application/sdp", &b"v=0"[..])
        );
        assert!(parts(&headers, b"").is_empty());
    }

    #[test]
    fn what_is_nested_is_read_as_deep_and_as_often_as_is_said() {
        let wrap = |name: &str, kind: &str, inner: &str, times: usize| {
            let part = format!("--{name}\r\nContent-Type: {kind}\r\n\r\n{inner}\r\n");
            format!("{}--{name}--\r\n", part.repeat(times))
        };
        let mixed = |name: &str| format!("multipart/mixed; boundary={name}");
        let deep = |levels: usize| {
            let start = ("text/plain".to_owned(), "x".to_owned());
            let (kind, text) = (0..levels).fold(start, |(kind, text), n| {
                let name = format!("b{n}");
                (mixed(&name), wrap(&name, &kind, &text, 1))
            });
            parts(&headers(&kind), text.as_bytes())[0].content_type.to_owned()
        };
        assert_eq!(deep(MAX_DEPTH), "text/plain");
        assert_eq!(deep(MAX_DEPTH + 1), "multipart/mixed");
        let inner = wrap("in", "text/plain", "x", MAX_PARTS - 1);
        let twice = wrap("out", &mixed("in"), &inner, 2);
        assert_eq!(parts(&headers(&mixed("out")), twice.as_bytes()).len(), MAX_PARTS);
    }

    #[test]
    fn a_part_is_as_long_as_its_own_content_length_says() {
        let body = b"--b\r\nContent-Length: 3\r\n\r\nv=0 and more\r\n--b--\r\n";
        assert_eq!(
            parts(&headers("multipart/mixed; boundary=b"), body)[0].content,
            b"v=0"
        );
    }

    #[test]
    fn nesting_has_an_end() {
        let mut body = b"x".to_vec();
        let mut kind = "text/plain".to_owned();
        for n in 0..40 {
            body = [
                format!("--b{n}\r\nContent-Type: {kind}\r\n\r\n").as_bytes(),
                &body,
                format!("\r\n--b{n}--").as_bytes(),
            ]
            .concat();
            kind = format!("multipart/mixed;boundary=b{n}");
        }
        let headers = headers(&kind);
        assert_eq!(parts(&headers, &body).len(), 1);
    }

    #[test]
    fn a_part_without_fields_has_no_type() {
        let headers = headers("multipart/mixed;boundary=\"a b\"");
        let found = parts(&headers, b"preamble\n--a b\n\nhello\n--a b--");
        assert_eq!((found[0].content_type, found[0].content), ("", &b"hello"[..]));
    }
}

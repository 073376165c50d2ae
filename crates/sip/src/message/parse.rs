//! Bytes into a message.
//!
//! What is unusual but clear is read: folded lines, compact names, white space around separators, line ends without CR,
//! empty lines before the message, bytes that are no UTF-8, a datagram without Content-Length. What is not clear is refused
//! with its [`Fault`], together with as much of the request as an answer needs.

use super::check;
use super::fault::Fault;
use super::headers::Headers;
use super::limits::{MAX_FIELDS, MAX_HEAD, MAX_LINE, MAX_MESSAGE};
use super::method::Method;
use super::name::Name;
use super::request::{Message, Request, Response};
use super::scan::{is_control, is_token, number};
use super::status::Status;
use super::text;
use super::uri::Uri;
use std::borrow::Cow;

/// White space of the grammar; what else Unicode calls so belongs to the value.
const WHITE: [char; 2] = [' ', '\t'];

/// Bytes that are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Unreadable {
    /// Why.
    pub fault: Fault,
    /// What could be read of it, when it is a request that can be answered: its Via can be followed.
    pub request: Option<Box<Request>>,
}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Unreadable {
        Unreadable { fault, request: None }
    }
}

/// Reads one whole message: a datagram, or what was framed out of a stream.
///
/// # Errors
/// [`Unreadable`]; its request is to be answered with the fault's status, and is not for anything else.
pub fn parse(bytes: &[u8]) -> Result<Message, Unreadable> {
    let start = bytes
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n'))
        .unwrap_or(bytes.len());
    let bytes = bytes.get(start..).unwrap_or_default();
    let end = head_length(bytes).ok_or(Fault::NoEnd)?;
    let (head, rest) = bytes.split_at_checked(end).ok_or(Fault::NoEnd)?;
    let head = text::decode(head);
    let mut lines = head
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line));
    let start_line = lines.next().unwrap_or_default();
    let (headers, mut fault) = fields(lines, head.len());
    if start_line.len() > MAX_LINE {
        fault = Some(Fault::Line);
    }
    if bytes.len() > MAX_MESSAGE {
        fault = Some(Fault::Message);
    } else if head.len() > MAX_HEAD {
        fault = Some(Fault::Head);
    }
    if starts_with_version(start_line) {
        let (status, phrase) = status_line(start_line).ok_or(Fault::StatusLine)?;
        let body = body(&headers, rest)?;
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        let response = Response {
            status,
            phrase: Cow::Owned(phrase.to_owned()),
            headers,
            body: body.to_vec(),
        };
        check::response(&response)?;
        return Ok(Message::Response(response));
    }
    request(start_line, headers, rest, fault).map(Message::Request)
}

fn request(line: &str, headers: Headers, rest: &[u8], fault: Option<Fault>) -> Result<Request, Unreadable> {
    let (method, uri) = request_line(line);
    let (body, length) = match body(&headers, rest) {
        Ok(body) => (body, None),
        Err(fault) => (rest, Some(fault)),
    };
    let mut fault = fault;
    let uri = uri.unwrap_or_else(|(wrong, text)| {
        fault = fault.or(Some(wrong));
        Uri::unread(text)
    });
    let request = Request {
        method: Method::from_name(method),
        uri,
        headers,
        body: body.to_vec(),
    };
    match fault.or(length).or_else(|| check::request(&request).err()) {
        None => Ok(request),
        Some(fault) => {
            let answerable = request.headers.via().is_some() && request.method != Method::Ack;
            Err(Unreadable {
                fault,
                request: answerable.then(|| Box::new(request)),
            })
        }
    }
}

/// Method, and the Request-URI or what is wrong with the line.
fn request_line(line: &str) -> (&str, Result<Uri, (Fault, &str)>) {
    let mut parts = line.trim_end_matches(WHITE).split(' ');
    let method = parts.next().unwrap_or_default();
    let (Some(uri), Some(version), None) = (parts.next(), parts.next(), parts.next()) else {
        return (method, Err((Fault::RequestLine, "")));
    };
    if !is_token(method) || uri.is_empty() || !starts_with_version(version) {
        return (method, Err((Fault::RequestLine, uri)));
    }
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return (method, Err((Fault::Version, uri)));
    }
    let read = uri
        .parse::<Uri>()
        .map_err(|e| (Fault::RequestUri(e.reason()), uri));
    (method, read)
}

fn status_line(line: &str) -> Option<(Status, &str)> {
    let (version, rest) = line.split_once(' ')?;
    let (code, phrase) = rest.split_once(' ').unwrap_or((rest, ""));
    if phrase.bytes().any(is_control) {
        return None;
    }
    let status = (version.eq_ignore_ascii_case("SIP/2.0") && code.len() == 3).then(|| number(code))?;
    Some((Status::new(status?)?, phrase))
}

fn starts_with_version(text: &str) -> bool {
    text.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("SIP/"))
}

/// The fields, and the first fault among them: those behind a fault are read too, for the answer needs them.
fn fields<'a>(lines: impl Iterator<Item = &'a str>, length: usize) -> (Headers, Option<Fault>) {
    // Some room, so that it need not grow when `received` and `rport` are noted in Via.
    let mut headers = Headers::with_capacity(24, length + 128);
    let mut fault = None;
    for line in lines.filter(|line| !line.is_empty()) {
        let found = if line.bytes().any(is_control) {
            Some(Fault::Control)
        } else if line.len() > MAX_LINE {
            Some(Fault::Line)
        } else if line.starts_with(WHITE) {
            match headers.fold(line.trim_matches(WHITE)) {
                None => Some(Fault::Field),
                Some(length) => (length > MAX_LINE).then_some(Fault::Line),
            }
        } else if headers.len() >= MAX_FIELDS {
            return (headers, Some(Fault::Fields));
        } else {
            match line.split_once(':') {
                Some((name, value)) if is_token(name.trim_end_matches(WHITE)) => {
                    headers.begin(name.trim_end_matches(WHITE), value.trim_matches(WHITE));
                    None
                }
                _ => Some(Fault::Field),
            }
        };
        fault = fault.or(found);
    }
    (headers, fault)
}

/// The body within `rest`: as long as Content-Length says, all of it where nothing is said.
fn body<'a>(headers: &Headers, rest: &'a [u8]) -> Result<&'a [u8], Fault> {
    let mut lengths = headers.all(Name::ContentLength);
    let Some(first) = lengths.next() else {
        return Ok(rest);
    };
    if lengths.any(|other| other != first) {
        return Err(Fault::Twice("Content-Length"));
    }
    let length: usize = number(first)
        .filter(|_| !first.is_empty())
        .ok_or(Fault::Malformed("Content-Length"))?;
    rest.get(..length).ok_or(Fault::Length)
}

/// Bytes of the head with its empty line; `None` while that has not come.
pub fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut line = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        if line > 0 && matches!(bytes.get(line..end), Some(b"" | b"\r")) {
            return Some(end + 1);
        }
        line = end + 1;
    }
    None
}

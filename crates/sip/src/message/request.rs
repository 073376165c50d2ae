//! A request, a response, and what both have.

use super::address::NameAddr;
use super::fields::CSeq;
use super::headers::Headers;
use super::method::Method;
use super::name::Name;
use super::status::Status;
use super::uri::Uri;
use super::via::Via;
use std::borrow::Cow;
use std::fmt;

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Request-URI.
    pub uri: Uri,
    /// Header fields, without Content-Length when built here: writing adds it.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: Status,
    /// Reason-Phrase.
    pub phrase: Cow<'static, str>,
    /// Header fields, without Content-Length when built here: writing adds it.
    pub headers: Headers,
    /// Body.
    pub body: Vec<u8>,
}

/// One of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: Method, uri: Uri) -> Request {
        Request {
            method,
            uri,
            headers: Headers::with_capacity(16, 640),
            body: Vec::new(),
        }
    }

    /// Adds a body of this type.
    pub fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Request {
        self.headers.push(Name::ContentType, content_type);
        self.body = body;
        self
    }
}

impl Response {
    /// A response to `request` (RFC 3261 section 8.2.6.2): Via, From, To, Call-ID and CSeq as they came. `tag` goes into To
    /// where it has none and the status is not 100.
    pub fn new(request: &Request, status: Status, tag: Option<&str>) -> Response {
        let from = &request.headers;
        let mut headers = Headers::with_capacity(from.len().min(12), 512);
        headers.copy(from, Name::Via);
        headers.copy(from, Name::From);
        let to = from.get(Name::To).unwrap_or_default();
        match tag.filter(|_| status != Status::TRYING && from.to_tag().is_none()) {
            Some(tag) => headers.push(Name::To, format_args!("{to};tag={tag}")),
            None => headers.push(Name::To, to),
        }
        headers.copy(from, Name::CallId);
        headers.copy(from, Name::CSeq);
        if status == Status::TRYING {
            headers.copy(from, Name::Timestamp);
        }
        Response {
            status,
            phrase: Cow::Borrowed(status.phrase()),
            headers,
            body: Vec::new(),
        }
    }

    /// Adds a body of this type.
    pub fn with_body(mut self, content_type: &str, body: Vec<u8>) -> Response {
        self.headers.push(Name::ContentType, content_type);
        self.body = body;
        self
    }

    /// Adds a field.
    pub fn with(mut self, name: Name, value: impl fmt::Display) -> Response {
        self.headers.push(name, value);
        self
    }
}

/// Start line and names of fields only: values and bodies hold numbers, keys and addresses.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?} {:?} +{}",
            self.method,
            self.uri,
            self.headers,
            self.body.len()
        )
    }
}

/// As of a request.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} +{}", self.status, self.headers, self.body.len())
    }
}

/// Typed views that requests and responses share.
impl Headers {
    /// The first Via.
    pub fn via(&self) -> Option<Via<'_>> {
        self.list(Name::Via).next().and_then(Via::parse)
    }

    /// Call-ID; empty when it is missing.
    pub fn call_id(&self) -> &str {
        self.get(Name::CallId).unwrap_or_default()
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq> {
        CSeq::parse(self.get(Name::CSeq)?)
    }

    /// Tag of From.
    pub fn from_tag(&self) -> Option<&str> {
        self.address(Name::From)?.tag()
    }

    /// Tag of To.
    pub fn to_tag(&self) -> Option<&str> {
        self.address(Name::To)?.tag()
    }

    /// The first address of a field. From and To hold one, so a comma in them is part of a name that was not quoted.
    pub fn address(&self, name: Name) -> Option<NameAddr<'_>> {
        let text = match name {
            Name::From | Name::To => self.get(name),
            _ => self.list(name).next(),
        };
        text.and_then(NameAddr::parse)
    }

    /// The first Contact, when it is an address.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.address(Name::Contact)
    }

    /// True when `name` lists `token`, in any case: option tags, methods, event packages.
    pub fn lists(&self, name: Name, token: &str) -> bool {
        self.list(name).any(|t| t.eq_ignore_ascii_case(token))
    }

    /// Content-Type without its parameters; empty when it is missing.
    pub fn content_type(&self) -> &str {
        super::fields::value_and_params(self.get(Name::ContentType).unwrap_or_default()).0
    }
}

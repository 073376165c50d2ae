//! What must be true of a message before anything acts on it.

use super::address::NameAddr;
use super::fault::Fault;
use super::name::Name;
use super::request::{Request, Response};
use super::scan::{self, number};
use super::uri::UriParts;
use super::via::{Transport, Via};

/// Fields without which nothing can be answered or matched (RFC 3261 section 8.1.1). Each occurs once.
const MANDATORY: [Name; 4] = [Name::From, Name::To, Name::CallId, Name::CSeq];
/// Fields that occur once where they occur.
const ONCE: [Name; 5] = [
    Name::MaxForwards,
    Name::ContentType,
    Name::Replaces,
    Name::ReferTo,
    Name::SessionExpires,
];

/// Checks a request.
pub(super) fn request(request: &Request) -> Result<(), Fault> {
    let headers = &request.headers;
    match request.uri.parts() {
        UriParts::Sip(uri) if uri.headers.is_some() => {
            return Err(Fault::RequestUri("Request-URI has header fields"));
        }
        UriParts::Other(..) => return Err(Fault::Scheme),
        _ => {}
    }
    mandatory(headers)?;
    if let Some(name) = ONCE.into_iter().find(|name| headers.all(*name).count() > 1) {
        return Err(Fault::Twice(name.as_str()));
    }
    let cseq = headers.cseq().ok_or(Fault::Malformed("CSeq"))?;
    if cseq.method != request.method {
        return Err(Fault::OtherMethod);
    }
    let top = headers.via().ok_or(Fault::Malformed("Via"))?;
    let known = Transport::from_name(top.transport).is_some() || top.transport.eq_ignore_ascii_case("SCTP");
    if !known || headers.list(Name::Via).any(|v| Via::parse(v).is_none()) {
        return Err(Fault::Malformed("Via"));
    }
    for name in [Name::Contact, Name::Route, Name::RecordRoute, Name::ReferTo] {
        let readable = |v: &str| NameAddr::parse(v).is_some() || (name == Name::Contact && v == "*");
        if !headers.list(name).all(readable) {
            return Err(Fault::Malformed(name.as_str()));
        }
    }
    let hops = headers.get(Name::MaxForwards);
    if hops.is_some_and(|v| number::<u32>(v).is_none_or(|n| n > 255)) {
        return Err(Fault::Malformed("Max-Forwards"));
    }
    Ok(())
}

/// Checks a response.
pub(super) fn response(response: &Response) -> Result<(), Fault> {
    mandatory(&response.headers)?;
    response.headers.via().ok_or(Fault::Malformed("Via"))?;
    response.headers.cseq().ok_or(Fault::Malformed("CSeq"))?;
    Ok(())
}

fn mandatory(headers: &super::headers::Headers) -> Result<(), Fault> {
    for name in MANDATORY {
        match headers.all(name).filter(|v| !v.is_empty()).count() {
            1 => {}
            0 => return Err(Fault::Missing(name.as_str())),
            _ => return Err(Fault::Twice(name.as_str())),
        }
    }
    if headers.get(Name::Via).is_none() {
        return Err(Fault::Missing("Via"));
    }
    for name in [Name::From, Name::To] {
        // One address, not a list: a comma outside of quotes is part of a name that should have been quoted.
        let value = headers.get(name).unwrap_or_default();
        if NameAddr::parse(value).is_none() || !scan::is_balanced(value) {
            return Err(Fault::Malformed(name.as_str()));
        }
    }
    Ok(())
}

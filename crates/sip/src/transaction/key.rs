//! What a request belongs to: keys of server transactions (RFC 3261 sections 8.2.2.2 and 17.2.3).

use crate::message::{Method, Request, Via};
use std::fmt::Write;

/// How every branch of RFC 3261 begins.
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

/// The transaction of a request. An ACK has the key of its INVITE; `of` is the method that a CANCEL cancels.
pub(super) fn server(request: &Request, method: &Method) -> Option<Box<str>> {
    let via = request.headers.via()?;
    let method = if *method == Method::Ack {
        &Method::Invite
    } else {
        method
    };
    let mut key = String::with_capacity(96);
    // Writing into a String does not fail.
    match via
        .branch()
        .filter(|b| b.len() > MAGIC_COOKIE.len() && b.starts_with(MAGIC_COOKIE))
    {
        Some(branch) => {
            let _ = write!(key, "{branch}|{}|{method}|", via.host);
            let _ = via.port.map_or(Ok(()), |port| write!(key, "{port}"));
        }
        None => {
            let _ = before_3261(&mut key, request, &via, method);
        }
    }
    Some(key.into())
}

/// Without a branch that names it, a transaction is known by everything else. The To tag is left out: the ACK has the one
/// of the response, the INVITE has none.
fn before_3261(key: &mut String, request: &Request, via: &Via<'_>, method: &Method) -> std::fmt::Result {
    let headers = &request.headers;
    let number = headers.cseq().map_or(0, |c| c.number);
    write!(
        key,
        "{}|{}|{}|{number}|{method}|{}|{:?}|{}",
        request.uri,
        headers.from_tag().unwrap_or_default(),
        headers.call_id(),
        via.host,
        via.port,
        via.branch().unwrap_or_default(),
    )
}

/// What two requests have in common that are one request come by two ways.
pub(super) fn merged(request: &Request) -> Option<Box<str>> {
    let headers = &request.headers;
    if headers.to_tag().is_some() || matches!(request.method, Method::Ack | Method::Cancel) {
        return None;
    }
    let number = headers.cseq()?.number;
    Some(
        format!(
            "{}|{}|{number}|{}",
            headers.call_id(),
            headers.from_tag()?,
            request.method
        )
        .into(),
    )
}

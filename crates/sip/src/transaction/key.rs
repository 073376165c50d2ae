//! What a request belongs to: keys of server transactions (RFC 3261 sections 8.2.2.2 and 17.2.3).

use crate::message::{Method, Request, Via};
use std::fmt::Write;

/// How every branch of RFC 3261 begins.
pub(super) const MAGIC_COOKIE: &str = "z9hG4bK";

/// Writes the transaction of a request into `key`; false when its Via cannot be read. An ACK has the key of its INVITE;
/// `method` is the one that a CANCEL cancels.
pub(super) fn server(key: &mut String, request: &Request, method: &Method) -> bool {
    key.clear();
    let Some(via) = request.headers.via() else {
        return false;
    };
    let method = if *method == Method::Ack {
        &Method::Invite
    } else {
        method
    };
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
            let _ = before_3261(key, request, &via, method);
        }
    }
    true
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

/// Writes into `key` what two requests have in common that are one request come by two ways; false for those that may.
pub(super) fn merged(key: &mut String, request: &Request) -> bool {
    key.clear();
    let headers = &request.headers;
    if headers.to_tag().is_some() || matches!(request.method, Method::Ack | Method::Cancel) {
        return false;
    }
    let (Some(cseq), Some(tag)) = (headers.cseq(), headers.from_tag()) else {
        return false;
    };
    let (call_id, method) = (headers.call_id(), &request.method);
    write!(key, "{call_id}|{tag}|{}|{method}", cseq.number).is_ok()
}

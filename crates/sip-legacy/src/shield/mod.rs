//! What stands between the network and the SIP parser.
//!
//! The parser behind it loses headers after a byte that is not UTF-8, loses the body of a datagram without
//! Content-Length and gives no answer to what it cannot read. [`inspect`] repairs what carriers really send,
//! answers what is wrong without keeping state (RFC 3261 sections 8.2 and 16.11), and drops the rest.

mod check;
mod fault;
mod head;
mod limits;

pub(crate) use head::head_length as head_end;
pub use head::{Field, Head};
pub use limits::{MAX_HEADERS, MAX_LINE, MAX_MESSAGE};

use crate::dialog::{AGENT, ALLOW};
use fault::Fault;
use std::net::SocketAddr;

/// Methods that the parser knows; others get 501.
const METHODS: [&str; 14] = [
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
];
/// Methods that this service answers in or out of a dialog; other known ones get 405.
const SERVED: [&str; 8] = [
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "OPTIONS", "PRACK", "UPDATE",
];

/// What to do with a received message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Hand these bytes to the parser.
    Pass(Vec<u8>),
    /// Send this response to the source and forget the message.
    Reply {
        /// The response, ready for the wire.
        bytes: Vec<u8>,
        /// Its status code.
        status: u16,
        /// Why, for the log.
        reason: &'static str,
    },
    /// A keep-alive of line ends (RFC 5626 section 3.5.1); `true` when it wants the single-CRLF pong.
    KeepAlive(bool),
    /// Forget it.
    Drop(&'static str),
}

/// Inspects one whole message: a datagram, or one framed out of a stream.
pub fn inspect(message: &[u8], source: SocketAddr) -> Verdict {
    let start = message
        .iter()
        .position(|b| !matches!(b, b'\r' | b'\n' | b' ' | b'\t' | 0))
        .unwrap_or(message.len());
    if start == message.len() {
        return Verdict::KeepAlive(message == b"\r\n\r\n");
    }
    let Some(message) = message.get(start..) else {
        return Verdict::Drop("empty");
    };
    let head = match Head::parse(message) {
        Ok(head) => head,
        Err(reason) => return Verdict::Drop(reason),
    };
    if head.is_response() {
        return if check::response(&head) {
            Verdict::Pass(head.write(body(message, &head)))
        } else {
            Verdict::Drop("malformed response")
        };
    }
    let fault = if message.len() > MAX_MESSAGE {
        Some(Fault {
            status: 513,
            phrase: "Message Too Large",
            reason: "message is larger than 8192 bytes",
        })
    } else {
        check::request(&head, message.len())
    };
    let fault = fault.or_else(|| served(&head));
    match fault {
        None => Verdict::Pass(head.write(body(message, &head))),
        Some(_) if head.method() == "ACK" => Verdict::Drop("malformed ACK"),
        Some(fault) => match reply(&head, &fault, source) {
            Some(bytes) => Verdict::Reply {
                bytes,
                status: fault.status,
                reason: fault.reason,
            },
            None => Verdict::Drop(fault.reason),
        },
    }
}

fn body<'a>(message: &'a [u8], head: &Head) -> &'a [u8] {
    let rest = message.get(head.length..).unwrap_or_default();
    match head.content_length() {
        Some(Ok(n)) => rest.get(..n).unwrap_or(rest),
        _ => rest,
    }
}

fn served(head: &Head) -> Option<Fault> {
    let method = head.method();
    if !METHODS.contains(&method) {
        return Some(Fault {
            status: 501,
            phrase: "Not Implemented",
            reason: "unknown method",
        });
    }
    if !SERVED.contains(&method) {
        return Some(Fault {
            status: 405,
            phrase: "Method Not Allowed",
            reason: "method is not served",
        });
    }
    None
}

fn reply(head: &Head, fault: &Fault, source: SocketAddr) -> Option<Vec<u8>> {
    let mut out = format!("SIP/2.0 {} {}\r\n", fault.status, fault.phrase);
    let mut vias = 0;
    for f in &head.fields {
        let value = match f.name.as_str() {
            "via" => {
                vias += 1;
                if vias == 1 {
                    received(&f.value, source)
                } else {
                    f.value.clone()
                }
            }
            "to" if !f.value.to_ascii_lowercase().contains("tag=") => format!("{};tag=omnigate", f.value),
            "from" | "to" | "call-id" | "cseq" => f.value.clone(),
            _ => continue,
        };
        out.push_str(&format!("{}: {value}\r\n", head::canonical(&f.name)));
    }
    // Without Via nobody can match the response to anything.
    if vias == 0 {
        return None;
    }
    out.push_str(&format!(
        "Server: {AGENT}\r\nWarning: 399 omnigate \"{}\"\r\n",
        fault.reason
    ));
    if matches!(fault.status, 405 | 501) {
        out.push_str(&format!("Allow: {ALLOW}\r\n"));
    }
    out.push_str("Content-Length: 0\r\n\r\n");
    Some(out.into_bytes())
}

/// RFC 3261 section 18.2.1 and RFC 3581 section 4.
fn received(via: &str, source: SocketAddr) -> String {
    let (first, rest) = via.split_once(',').map_or((via, None), |(f, r)| (f, Some(r)));
    let mut first = first.trim().to_owned();
    for bare in [";rport;", ";rport"] {
        if let Some(at) = first.to_ascii_lowercase().find(bare) {
            let end = at + ";rport".len();
            if first.get(end..end + 1).is_none_or(|c| c == ";") {
                first.insert_str(end, &format!("={}", source.port()));
                break;
            }
        }
    }
    first.push_str(&format!(";received={}", source.ip()));
    match rest {
        Some(rest) => format!("{first}, {}", rest.trim()),
        None => first,
    }
}

//! The messages of RFC 4475, shortened, with the same fault or curiosity: what is valid is understood, what is not has its
//! fault.

mod invalid;
mod valid;

use omnigate_sip::message::{Fault, Message, Request, parse};

const VIA: &str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKkdjuw";
const SDP: &str =
    "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n";

/// A request with the mandatory fields that `more` does not bring itself.
fn message(line: &str, more: &str, body: &str) -> String {
    let method = line.split(' ').next().unwrap_or_default();
    let mut text = format!("{line}\r\n");
    for (name, value) in [
        ("Via", VIA.to_owned()),
        ("From", "<sip:a@example.com>;tag=9".to_owned()),
        ("To", "<sip:b@example.com>".to_owned()),
        ("Call-ID", "c1@192.0.2.1".to_owned()),
        ("CSeq", format!("8 {method}")),
        ("Max-Forwards", "70".to_owned()),
        ("Content-Length", body.len().to_string()),
    ] {
        let own = more.lines().any(|l| {
            l.split_once(':')
                .is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case(name))
        });
        if !own {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    format!("{text}{more}\r\n{body}")
}

fn read(text: &str) -> Request {
    match parse(text.as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?} from\n{text}"),
    }
}

fn fault(text: &str) -> Fault {
    match parse(text.as_bytes()) {
        Err(unreadable) => unreadable.fault,
        Ok(message) => panic!("{message:?} from\n{text}"),
    }
}

fn response(line: &str, more: &str) -> String {
    message(line, &format!("CSeq: 35 INVITE\r\n{more}"), "")
}

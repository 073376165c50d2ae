//! Messages read and written: what is kept as it came, what is tolerated, where the limits are.

use omnigate_sip::message::limits::{MAX_FIELDS, MAX_HEAD, MAX_LINE, MAX_MESSAGE};
use omnigate_sip::message::{
    Fault, Host, Message, Method, Name, Refresher, Request, Response, SessionExpires, Status, Transport,
    UriParts, parse,
};
use proptest::prelude::*;

/// A request with `more` fields.
fn invite(more: &str) -> String {
    format!(
        "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n{more}\r\n"
    )
}

fn read(bytes: &[u8]) -> Request {
    match parse(bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// What a message says, without the place of Content-Length.
fn said(message: &Message) -> (String, Vec<(String, String)>, Vec<u8>) {
    let (line, headers, body) = match message {
        Message::Request(r) => (format!("{} {}", r.method, r.uri.as_str()), &r.headers, &r.body),
        Message::Response(r) => (format!("{} {}", r.status.code(), r.phrase), &r.headers, &r.body),
    };
    let fields = headers
        .iter()
        .filter(|(name, _)| Name::from_text(name) != Some(Name::ContentLength))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    (line, fields.collect(), body.clone())
}

#[test]
fn values_come_back_byte_by_byte() {
    let values: [&[u8]; 6] = [
        b"X-Odd: a  b\t;;=,\"\\\"",
        b"P-Asserted-Identity: \"J\xfcrgen\" <tel:+49-30;phone-context=x>",
        b"Subject: \xed\x95\x9c\xea\xb5\xad \xef\x9f\xbc",
        b"x-Lower: \xc0\x80",
        b"Organization: \xe3\x80\x80wide spaces stay\xe3\x80\x80",
        b"UserToUser: 00a1;encoding=hex",
    ];
    let mut bytes = invite("").into_bytes();
    bytes.truncate(bytes.len() - 2);
    for value in values {
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n\x00\xff");
    let written = read(&bytes).to_bytes();
    for value in values {
        assert!(
            written.windows(value.len()).any(|w| w == value),
            "{}",
            String::from_utf8_lossy(value)
        );
    }
    assert!(written.ends_with(b"Content-Length: 2\r\n\r\n\x00\xff"));
}

#[test]
fn a_folded_field_is_one_line_afterwards() {
    let request = read(invite("Subject: one\r\n\ttwo\r\n   three  \r\n  \r\n").as_bytes());
    assert_eq!(request.headers.get(Name::Subject), Some("one two three"));
    assert!(
        String::from_utf8(request.to_bytes())
            .unwrap()
            .contains("\r\nSubject: one two three\r\n")
    );
}

#[test]
fn compact_names_are_the_long_ones() {
    let text = "INVITE sip:bob@example.com SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nf: <sip:a@example.com>;tag=1\r\nt: <sip:b@example.com>\r\ni: c1\r\nCSeq: 1 INVITE\r\nm: <sip:a@192.0.2.1>\r\nk: timer\r\nx: 1800\r\nc: application/sdp\r\nl: 3\r\n\r\nv=0ignored";
    let request = read(text.as_bytes());
    assert_eq!(request.headers.call_id(), "c1");
    assert!(request.headers.lists(Name::Supported, "TIMER"));
    assert_eq!(request.headers.content_type(), "application/sdp");
    assert_eq!(request.body, b"v=0");
}

#[test]
fn lines_without_cr_and_empty_lines_in_front_are_read() {
    let text = invite("Content-Length: 2\r\n") + "hi";
    let request = read(text.replace("\r\n", "\n").as_bytes());
    assert_eq!(request.body, b"hi");
    assert_eq!(
        read(format!("\r\n\r\n\n{text}").as_bytes()).headers.call_id(),
        "c1"
    );
}

#[test]
fn without_content_length_the_datagram_ends_the_body() {
    assert_eq!(read((invite("") + "v=0\r\n").as_bytes()).body, b"v=0\r\n");
}

#[test]
fn ipv6_is_read_everywhere() {
    let text = "INVITE sip:bob@[2001:db8::10]:5070;transport=tcp SIP/2.0\r\nVia: SIP/2.0/TCP [2001:db8::9:1]:5060;received=2001:db8::9:255;rport=9;branch=z9hG4bK1\r\nRoute: <sip:[2001:db8::5];lr>\r\nFrom: <sip:a@[::1]>;tag=1\r\nTo: sip:b@[::ffff:192.0.2.3]\r\nContact: <sip:[2001:db8::1]:5060>\r\nCall-ID: c1@[::1]\r\nCSeq: 1 INVITE\r\n\r\n";
    let request = read(text.as_bytes());
    let address = |text: &str| Host::Address(text.parse().unwrap());
    let uri = request.uri.sip().unwrap();
    assert_eq!((uri.host, uri.port), (address("2001:db8::10"), Some(5070)));
    let via = request.headers.via().unwrap();
    assert_eq!((via.host, via.port), (address("2001:db8::9:1"), Some(5060)));
    assert_eq!(
        (via.received(), via.rport()),
        ("2001:db8::9:255".parse().ok(), Some(9))
    );
    for (name, host) in [
        (Name::Route, "2001:db8::5"),
        (Name::From, "::1"),
        (Name::To, "::ffff:192.0.2.3"),
        (Name::Contact, "2001:db8::1"),
    ] {
        let UriParts::Sip(uri) = request.headers.address(name).unwrap().parts() else {
            panic!("no sip")
        };
        assert_eq!(uri.host, address(host));
    }
    assert_eq!(uri.host.to_string(), "[2001:db8::10]");
}

#[test]
fn a_telephone_number_may_be_called() {
    let text = invite("").replace(
        "INVITE sip:bob@example.com",
        "INVITE tel:+82-70-1;phone-context=x",
    );
    let request = read(text.as_bytes());
    let UriParts::Tel { number, params } = request.uri.parts() else {
        panic!("no tel")
    };
    assert_eq!((number, params.get("phone-context")), ("+82-70-1", Some("x")));
}

#[test]
fn limits_are_where_they_are_said() {
    let fault = |text: &str| parse(text.as_bytes()).map(|_| ()).map_err(|u| u.fault);
    let fields = |n: usize| invite(&"X-A: y\r\n".repeat(n - 5));
    assert_eq!(fault(&fields(MAX_FIELDS)), Ok(()));
    assert_eq!(fault(&fields(MAX_FIELDS + 1)), Err(Fault::Fields));
    let line = |n: usize| invite(&format!("X-A: {}\r\n", "y".repeat(n - 5)));
    assert_eq!(fault(&line(MAX_LINE)), Ok(()));
    assert_eq!(fault(&line(MAX_LINE + 1)), Err(Fault::Line));
    let folded = invite(&format!(
        "X-A: a\r\n{}",
        format!(" {}\r\n", "y".repeat(4000)).repeat(3)
    ));
    assert_eq!(fault(&folded), Err(Fault::Line));
    let start = |n: usize| invite("").replacen("sip:bob", &format!("sip:{}", "b".repeat(n)), 1);
    assert_eq!(fault(&start(MAX_LINE + 1)), Err(Fault::Line));
    let head = invite(&format!("X-A: {}\r\n", "y".repeat(8000)).repeat(MAX_HEAD / 8000 + 1));
    assert_eq!(fault(&head), Err(Fault::Head));
    let head = invite("");
    let body = |n: usize| head.clone() + &"b".repeat(n - head.len());
    assert_eq!(fault(&body(MAX_MESSAGE)), Ok(()));
    assert_eq!(fault(&body(MAX_MESSAGE + 1)), Err(Fault::Message));
    assert_eq!(Fault::Message.status(), Status::MESSAGE_TOO_LARGE);
}

#[test]
fn what_can_be_answered_is_kept_of_a_bad_request() {
    let kept = |text: &str| parse(text.as_bytes()).unwrap_err().request;
    let request = kept(&invite("no colon here\r\nRequire: x\r\n")).unwrap();
    assert_eq!(request.headers.get(Name::Require), Some("x"));
    let answer = Response::new(&request, Status::BAD_REQUEST, Some("t"));
    assert_eq!(answer.headers.to_tag(), Some("t"));
    assert!(parse(&answer.to_bytes()).is_ok());
    // Nobody waits for an answer to an ACK, and without Via it has no way.
    assert!(kept(&invite("no colon\r\n").replace("INVITE", "ACK")).is_none());
    assert!(kept(&invite("no colon\r\n").replace("Via: ", "X: ")).is_none());
    assert!(kept("garbage\r\n\r\n").is_none());
}

#[test]
fn what_is_no_message_has_its_fault() {
    let fault = |bytes: &[u8]| parse(bytes).unwrap_err().fault;
    assert_eq!(fault(b""), Fault::NoEnd);
    assert_eq!(fault(b"\r\n\r\n"), Fault::NoEnd);
    assert_eq!(fault(invite("").trim_end().as_bytes()), Fault::NoEnd);
    assert_eq!(fault(b"\x00\x01\r\n\r\n"), Fault::RequestLine);
    assert_eq!(fault(b"GET / HTTP/1.1\r\n\r\n"), Fault::RequestLine);
    assert_eq!(fault(b"SIP/2.0 20 OK\r\n\r\n"), Fault::StatusLine);
    assert_eq!(fault(b"SIP/2.0 099 Low\r\n\r\n"), Fault::StatusLine);
    assert_eq!(fault(invite("Subject: a\0b\r\n").as_bytes()), Fault::Control);
    assert_eq!(fault(invite("Subject: a\rb\r\n").as_bytes()), Fault::Control);
    let fold_first = invite("").replacen("Via:", " Via:", 1);
    assert_eq!(fault(fold_first.as_bytes()), Fault::Field);
    assert_eq!(fault(b"SIP/2.0 0200 OK\r\n\r\n"), Fault::StatusLine);
    assert_eq!(fault(b"SIP/3.0 200 OK\r\n\r\n"), Fault::StatusLine);
    assert_eq!(
        fault(invite("").replace("INVITE sip", "IN{VITE sip").as_bytes()),
        Fault::RequestLine
    );
    for from in [
        "\"no end <sip:a@example.com>;tag=1",
        "<sip:a@example.com",
        "a > b <sip:a@example.com>",
    ] {
        let text = invite("").replace("<sip:a@example.com>;tag=1", from);
        assert_eq!(fault(text.as_bytes()), Fault::Malformed("From"), "{from}");
    }
    assert_eq!(Fault::Scheme.status(), Status::UNSUPPORTED_URI_SCHEME);
}

#[test]
fn a_phrase_with_control_characters_is_refused() {
    let ok = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n";
    assert!(parse(ok.as_bytes()).is_ok());
    let odd = ok.replacen("OK", "O\rK", 1);
    assert_eq!(parse(odd.as_bytes()).unwrap_err().fault, Fault::StatusLine);
}

#[test]
fn no_name_makes_a_second_field() {
    let mut request = Request::new(Method::Options, "sip:a@b".parse().unwrap());
    request.headers.push_other("X-A: 1\r\nX-B", "2");
    let text = String::from_utf8(request.to_bytes()).unwrap();
    assert_eq!(
        text,
        "OPTIONS sip:a@b SIP/2.0\r\nX-A1X-B: 2\r\nContent-Length: 0\r\n\r\n"
    );
}

/// Messages to begin with.
fn seeds() -> Vec<Vec<u8>> {
    let rich = invite(
        "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nm: \"A, \\\"B\" <sip:a@[::1]:5060;transport=tcp>;q=0.5\r\nSession-Expires: 90;refresher=uac\r\nRAck: 1 2 INVITE\r\nSubject: \u{fc}\r\n fold\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n",
    ) + "v=0";
    let response = Response::new(&read(invite("").as_bytes()), Status::RINGING, Some("tag")).to_bytes();
    vec![rich.into_bytes(), response, invite("").into_bytes()]
}

#[test]
fn every_status_says_the_phrase_of_the_registry_and_an_unknown_one_that_of_its_class() {
    let all = [
        (100, "Trying"),
        (180, "Ringing"),
        (181, "Call Is Being Forwarded"),
        (182, "Queued"),
        (183, "Session Progress"),
        (199, "Early Dialog Terminated"),
        (200, "OK"),
        (202, "Accepted"),
        (204, "No Notification"),
        (300, "Multiple Choices"),
        (301, "Moved Permanently"),
        (302, "Moved Temporarily"),
        (305, "Use Proxy"),
        (380, "Alternative Service"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (402, "Payment Required"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (406, "Not Acceptable"),
        (407, "Proxy Authentication Required"),
        (408, "Request Timeout"),
        (410, "Gone"),
        (412, "Conditional Request Failed"),
        (413, "Request Entity Too Large"),
        (414, "Request-URI Too Long"),
        (415, "Unsupported Media Type"),
        (416, "Unsupported URI Scheme"),
        (420, "Bad Extension"),
        (421, "Extension Required"),
        (422, "Session Interval Too Small"),
        (423, "Interval Too Brief"),
        (428, "Use Identity Header"),
        (433, "Anonymity Disallowed"),
        (439, "First Hop Lacks Outbound Support"),
        (469, "Bad Info Package"),
        (480, "Temporarily Unavailable"),
        (481, "Call/Transaction Does Not Exist"),
        (482, "Loop Detected"),
        (483, "Too Many Hops"),
        (484, "Address Incomplete"),
        (485, "Ambiguous"),
        (486, "Busy Here"),
        (487, "Request Terminated"),
        (488, "Not Acceptable Here"),
        (489, "Bad Event"),
        (491, "Request Pending"),
        (493, "Undecipherable"),
        (494, "Security Agreement Required"),
        (500, "Server Internal Error"),
        (501, "Not Implemented"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Server Time-out"),
        (505, "Version Not Supported"),
        (513, "Message Too Large"),
        (580, "Precondition Failure"),
        (600, "Busy Everywhere"),
        (603, "Decline"),
        (604, "Does Not Exist Anywhere"),
        (606, "Not Acceptable"),
        (607, "Unwanted"),
        (608, "Rejected"),
        (179, "Progress"),
        (299, "Success"),
        (399, "Redirection"),
        (499, "Request Failure"),
        (599, "Server Failure"),
        (699, "Global Failure"),
    ];
    for (code, phrase) in all {
        assert_eq!(Status::new(code).unwrap().to_string(), format!("{code} {phrase}"));
    }
}

#[test]
fn a_session_interval_has_who_refreshes_when_it_says_so() {
    let read = |text| {
        let field = SessionExpires::parse(text).unwrap();
        (field.seconds, field.refresher)
    };
    assert_eq!(read("90"), (90, None));
    assert_eq!(read("1800 ; Refresher=UAC"), (1800, Some(Refresher::Uac)));
    assert_eq!(read("1800;refresher=uas;x=y"), (1800, Some(Refresher::Uas)));
    assert_eq!(read("1800;refresher=both"), (1800, None));
}

#[test]
fn limits_are_the_largest_that_is_taken() {
    let faults = |text: &str| parse(text.as_bytes()).err().map(|e| e.fault);
    for (hops, fault) in [("255", None), ("256", Some(Fault::Malformed("Max-Forwards")))] {
        assert_eq!(faults(&invite(&format!("Max-Forwards: {hops}\r\n"))), fault);
    }
    assert_eq!(faults(&invite("Contact: *\r\n")), None);
    assert_eq!(faults(&invite("Route: *\r\n")), Some(Fault::Malformed("Route")));
    let line = |user: usize| {
        let start = format!("INVITE sip:{}@example.com SIP/2.0", "b".repeat(user));
        (
            start.len(),
            invite("").replace("INVITE sip:bob@example.com SIP/2.0", &start),
        )
    };
    let rest = line(0).0;
    assert_eq!(faults(&line(MAX_LINE - rest).1), None);
    assert_eq!(faults(&line(MAX_LINE - rest + 1).1), Some(Fault::Line));
    // A folded line is as long as what it becomes.
    let folded = |n: usize| {
        invite(&format!(
            "X-A: {}\r\n {}\r\n",
            "a".repeat(n - 4001 - 5),
            "b".repeat(4000)
        ))
    };
    assert_eq!(faults(&folded(MAX_LINE)), None);
    assert_eq!(faults(&folded(MAX_LINE + 1)), Some(Fault::Line));
    let head = |n: usize| {
        let fields = format!("X-A: {}\r\n", "y".repeat(4000)).repeat(7);
        let rest = invite(&fields).len() + "X-B: \r\n".len();
        invite(&format!("{fields}X-B: {}\r\n", "y".repeat(n - rest)))
    };
    assert_eq!(faults(&head(MAX_HEAD)), None);
    assert_eq!(faults(&head(MAX_HEAD + 1)), Some(Fault::Head));
}

#[test]
fn a_phrase_of_several_lines_is_written_as_one() {
    let text = invite("");
    let request = read(text.as_bytes());
    let mut response = Response::new(&request, Status::OK, None);
    response.phrase = "Fine\r\nX-Not: a field".into();
    let bytes = response.to_bytes();
    let line = bytes.split(|b| *b == b'\r').next().unwrap();
    assert_eq!(line, b"SIP/2.0 200 Fine  X-Not: a field");
}

#[test]
fn a_method_that_carries_contact_refreshes_the_target() {
    assert!(Method::Invite.refreshes_target() && Method::Update.refreshes_target());
    for method in [
        Method::Bye,
        Method::Info,
        Method::Refer,
        Method::Options,
        Method::Prack,
    ] {
        assert!(!method.refreshes_target(), "{method}");
    }
}

#[test]
fn a_transport_has_its_name_in_uris_and_says_whether_it_is_secure() {
    for (transport, name, secure) in [
        (Transport::Udp, "udp", false),
        (Transport::Tcp, "tcp", false),
        (Transport::Tls, "tls", true),
        (Transport::Ws, "ws", false),
        (Transport::Wss, "wss", true),
    ] {
        assert_eq!((transport.param(), transport.is_secure()), (name, secure));
        assert_eq!(Transport::from_name(name), Some(transport));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_is_read_is_written_as_the_same_message(
        seed in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<u8>(), 0_usize..12), 0..8),
    ) {
        let mut bytes = seeds().swap_remove(seed);
        for (at, kind, byte, count) in changes {
            let at = at.index(bytes.len().max(1)).min(bytes.len());
            let interesting = b"\r\n :;,\"\\<>@%\t\0\xff=/[]0z";
            let byte = if count % 2 == 0 { interesting[usize::from(byte) % interesting.len()] } else { byte };
            match kind {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                2 => drop(bytes.drain(at..(at + count).min(bytes.len()))),
                _ => {
                    let copy = bytes[at..(at + 4 * count).min(bytes.len())].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
        }
        if let Ok(first) = parse(&bytes) {
            let again = parse(&first.to_bytes());
            prop_assert!(again.is_ok(), "{:?}", again);
            prop_assert_eq!(said(&first), said(&again.unwrap()));
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }
}

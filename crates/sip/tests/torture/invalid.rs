//! Messages that have a fault.

use super::{VIA, fault, message, response};
use omnigate_sip::message::{Fault, Host, parse};

#[test]
fn what_is_invalid_has_its_fault() {
    let invite = "INVITE sip:user@example.com SIP/2.0";
    let options = "OPTIONS sip:user@example.com SIP/2.0";
    let register = "REGISTER sip:example.com SIP/2.0";
    let badinv = format!("Via: {VIA};;,;,,\r\n");
    let unquoted = Fault::RequestUri("URI has a character that must be escaped");
    for (name, line, more, wanted) in [
        ("badinv01", invite, badinv.as_str(), Fault::Malformed("Via")),
        ("clerr", invite, "Content-Length: 9999\r\n", Fault::Length),
        (
            "ncl",
            invite,
            "Content-Length: -999\r\n",
            Fault::Malformed("Content-Length"),
        ),
        (
            "scalar02",
            register,
            "CSeq: 36893488147419103232 REGISTER\r\n",
            Fault::Malformed("CSeq"),
        ),
        (
            "scalar02",
            register,
            "Max-Forwards: 300\r\n",
            Fault::Malformed("Max-Forwards"),
        ),
        (
            "quotbal",
            invite,
            "To: \"Mr. J. User <sip:j.user@example.com>\r\n",
            Fault::Malformed("To"),
        ),
        ("ltgtruri", "INVITE <sip:user@example.com> SIP/2.0", "", unquoted),
        (
            "lwsruri",
            "INVITE sip:user@example.com; lr SIP/2.0",
            "",
            Fault::RequestLine,
        ),
        (
            "lwsstart",
            "INVITE  sip:user@example.com  SIP/2.0",
            "",
            Fault::RequestLine,
        ),
        (
            "escruri",
            "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0",
            "",
            Fault::RequestUri("Request-URI has header fields"),
        ),
        (
            "badvers",
            "OPTIONS sip:t.watson@example.org SIP/7.0",
            "",
            Fault::Version,
        ),
        ("mismatch01", options, "CSeq: 8 INVITE\r\n", Fault::OtherMethod),
        (
            "mismatch02",
            "NEWMETHOD sip:user@example.com SIP/2.0",
            "CSeq: 8 INVITE\r\n",
            Fault::OtherMethod,
        ),
        (
            "unkscm",
            "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
            "",
            Fault::Scheme,
        ),
        (
            "novelsc",
            "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
            "",
            Fault::Scheme,
        ),
        (
            "multi01",
            invite,
            "CSeq: 5 INVITE\r\nCSeq: 59 INVITE\r\n",
            Fault::Twice("CSeq"),
        ),
        (
            "mcl01",
            options,
            "Content-Length: 13\r\nContent-Length: 5\r\n",
            Fault::Twice("Content-Length"),
        ),
        (
            "regbadct",
            register,
            "Contact: sip:user@example.com?Route=%3Csip:a%3E\r\n",
            Fault::Malformed("Contact"),
        ),
    ] {
        let text = message(line, more, "");
        assert_eq!(fault(&text), wanted, "{name}");
        let request = parse(text.as_bytes()).unwrap_err().request;
        assert!(name == "badinv01" || request.is_some(), "{name} can be answered");
    }
}

#[test]
fn insuf_names_what_is_missing() {
    for name in ["From", "To", "Call-ID", "CSeq"] {
        let text = message("INVITE sip:user@example.com SIP/2.0", "", "");
        let without: Vec<&str> = text
            .split_inclusive("\r\n")
            .filter(|l| !l.starts_with(&format!("{name}:")))
            .collect();
        let unreadable = parse(without.concat().as_bytes()).unwrap_err();
        assert_eq!(unreadable.fault, Fault::Missing(name));
        assert!(unreadable.request.is_some());
    }
}

#[test]
fn badvers_is_answered_though_its_via_has_that_version_too() {
    let text = message(
        "OPTIONS sip:t.watson@example.org SIP/7.0",
        "Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\r\n",
        "",
    );
    let unreadable = parse(text.as_bytes()).unwrap_err();
    assert_eq!(unreadable.fault.status().code(), 505);
    let request = unreadable.request.unwrap();
    assert_eq!(request.headers.via().unwrap().host, Host::Name("c.example.com"));
}

#[test]
fn bad_responses_are_dropped() {
    let bigcode = response("SIP/2.0 4294967301 better not break the receiver", "");
    assert_eq!(fault(&bigcode), Fault::StatusLine);
    let scalarlg = message(
        "SIP/2.0 503 Service Unavailable",
        "CSeq: 9292394834772304023312 OPTIONS\r\n",
        "",
    );
    assert_eq!(fault(&scalarlg), Fault::Malformed("CSeq"));
    // "bcast": its first Via is somebody else's, which only the one who gets it can tell.
    let bcast = response(
        "SIP/2.0 200 OK",
        &format!("Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\nVia: {VIA}\r\n"),
    );
    assert!(parse(bcast.as_bytes()).is_ok());
}

//! Messages that are understood.

use super::{SDP, VIA, message, read, response};
use omnigate_sip::message::{Host, Message, Method, Name, UriParts, parse, unescape};

#[test]
fn wsinv_white_space_folding_and_compact_names_are_read() {
    let text = format!(
        "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\nTO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\nfrom   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.1\r\nContent-Length   : {}\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\nUnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\nRoute:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\nv:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\nm:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n{SDP}",
        SDP.len()
    );
    let request = read(&text);
    let headers = &request.headers;
    assert_eq!(request.method, Method::Invite);
    assert_eq!(
        (headers.to_tag(), headers.from_tag()),
        (Some("1918181833n"), Some("98asjd8"))
    );
    assert_eq!(headers.address(Name::From).unwrap().display(), "J Rosenberg \\\"");
    assert_eq!(headers.cseq().unwrap().number, 9);
    assert_eq!(headers.get(Name::MaxForwards), Some("0068"));
    assert_eq!(headers.get(Name::Subject), Some(""));
    assert_eq!(
        headers.get_other("newfangledheader"),
        Some("newfangled value continued newfangled value")
    );
    assert_eq!(headers.list(Name::Via).count(), 3);
    assert_eq!(headers.via().unwrap().branch(), Some("390skdjuw"));
    let contact = headers.contact().unwrap();
    assert_eq!(contact.params.get("newparam"), Some("newvalue"));
    assert_eq!(contact.params.get("q"), Some("0.33"));
    assert!(contact.params.has("secondparam"));
    let route = headers.address(Name::Route).unwrap();
    let UriParts::Sip(uri) = route.parts() else {
        panic!("no sip")
    };
    assert!(uri.params.has("lr") && uri.params.has("unknown-no-value"));
    assert_eq!(request.body, SDP.as_bytes());
}

#[test]
fn intmeth_unusual_methods_and_users_are_read() {
    let method = "!interesting-Method0123456789_*+`.%indeed'~";
    let uri = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
    let request = read(&message(
        &format!("{method} {uri} SIP/2.0"),
        "To: \"B\\EL \\\"\" <sip:1_unusual.URI@example.com>\r\n",
        "",
    ));
    assert_eq!(request.method.as_str(), method);
    assert_eq!(request.uri.as_str(), uri);
    let sip = request.uri.sip().unwrap();
    assert_eq!(sip.user, Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(sip.host, Host::Name("example.com"));
}

#[test]
fn esc01_escnull_and_semiuri_keep_their_escapes() {
    let user = |uri: &str| {
        let request = read(&message(&format!("INVITE {uri} SIP/2.0"), "", SDP));
        unescape(request.uri.sip().unwrap().user.unwrap())
    };
    assert_eq!(
        user("sip:sips%3Auser%40example.com@example.net"),
        "sips:user@example.com"
    );
    assert_eq!(user("sip:null-%00-null@example.com"), "null-\0-null");
    assert_eq!(
        user("sip:user;par=u%40example.net@example.com"),
        "user;par=u@example.net"
    );
}

#[test]
fn esc02_an_escaped_method_is_another_method() {
    let request = read(&message("RE%47IST%45R sip:example.com SIP/2.0", "", ""));
    assert_eq!(request.method, Method::Other("RE%47IST%45R".into()));
}

#[test]
fn lwsdisp_longreq_dblreq_and_transports_are_read() {
    let request = read(&message(
        "OPTIONS sip:user@example.com SIP/2.0",
        "From: caller<sip:caller@example.com>;tag=323\r\n",
        "",
    ));
    assert_eq!(request.headers.from_tag(), Some("323"));
    assert_eq!(request.headers.address(Name::From).unwrap().display(), "caller");

    let long = "x".repeat(400);
    let request = read(&message(
        "INVITE sip:user@example.com SIP/2.0",
        &format!("Unknown-{long}: unknown-{long}-value; param={long}\r\n"),
        SDP,
    ));
    assert_eq!(
        request.headers.get_other(&format!("unknown-{long}")),
        Some(format!("unknown-{long}-value; param={long}").as_str())
    );

    let twice = format!(
        "{}INVITE sip:joe@example.com SIP/2.0\r\n\r\n",
        message("REGISTER sip:example.com SIP/2.0", "", "")
    );
    assert!(read(&twice).body.is_empty());

    let request = read(&message(
        "OPTIONS sip:user@example.com SIP/2.0",
        &format!(
            "Via: {VIA}\r\nVia: SIP/2.0/SCTP t2.example.com;branch=z9hG4bK2\r\nVia: SIP/2.0/TLS t3.example.com;branch=z9hG4bK3\r\nVia: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK4\r\n"
        ),
        "",
    ));
    assert_eq!(request.headers.list(Name::Via).count(), 4);
}

#[test]
fn unreason_and_noreason_are_responses() {
    let phrase = |text: &str| match parse(text.as_bytes()).unwrap() {
        Message::Response(r) => (r.status.code(), r.phrase.into_owned()),
        other => panic!("{other:?}"),
    };
    let text = "= 2**3 * 5**2 \u{43d}\u{43e} \u{441}\u{442}\u{43e}";
    assert_eq!(
        phrase(&response(&format!("SIP/2.0 200 {text}"), "")),
        (200, text.to_owned())
    );
    assert_eq!(phrase(&response("SIP/2.0 100 ", "")), (100, String::new()));
    assert_eq!(phrase(&response("SIP/2.0 100", "")), (100, String::new()));
}

#[test]
fn what_the_application_has_to_judge_is_read() {
    let register = "REGISTER sip:example.com SIP/2.0";
    let options = "OPTIONS sip:user@example.com SIP/2.0";
    let invite = "INVITE sip:user@example.com SIP/2.0";
    for (name, line, more) in [
        ("mpart01", register, "Content-Type: multipart/signed\r\n"),
        ("trws", "OPTIONS sip:remote-target@example.com SIP/2.0  ", ""),
        ("baddate", invite, "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n"),
        (
            "badaspec",
            options,
            "To: \"Watson, Thomas\" < sip:t.watson@example.org >\r\n",
        ),
        (
            "badbranch",
            options,
            "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n",
        ),
        (
            "unksm2",
            register,
            "To: isbn:2983792873\r\nFrom: <http://www.example.com>;tag=3234\r\n",
        ),
        (
            "bext01",
            options,
            "Require: nothingSupportsThis, nothingSupportsThisEither\r\n",
        ),
        ("invut", invite, "Content-Type: application/unknownformat\r\n"),
        (
            "regaut01",
            register,
            "Authorization: NoOneKnowsThisScheme opaque-data=here\r\n",
        ),
        ("zeromf", options, "Max-Forwards: 0\r\n"),
        (
            "cparam01",
            register,
            "Contact: sip:+19725552222@gw1.example.net;unknownparam\r\n",
        ),
        (
            "cparam02",
            register,
            "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\r\n",
        ),
        (
            "regescrt",
            register,
            "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\r\n",
        ),
        ("sdp01", invite, "Accept: text/nobodyKnowsThis\r\n"),
        (
            "inv2543",
            invite,
            "Via: SIP/2.0/UDP iftgw.example.com\r\nFrom: <sip:a@b>\r\n",
        ),
    ] {
        let text = message(line, more, "");
        assert!(parse(text.as_bytes()).is_ok(), "{name}");
    }
}

#[test]
fn baddn_a_comma_that_was_not_quoted_is_part_of_the_name() {
    let request = read(&message(
        "OPTIONS sip:user@example.com SIP/2.0",
        "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\r\n",
        "",
    ));
    assert_eq!(request.headers.from_tag(), Some("43"));
    assert_eq!(
        request.headers.address(Name::From).unwrap().display(),
        "Bell, Alexander"
    );
}

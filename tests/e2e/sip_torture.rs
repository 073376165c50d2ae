//! The messages of RFC 4475 (shortened, with the same fault or curiosity), over UDP and TCP, beside a call.

use crate::harness::Service;
use crate::raw_sip::{Peer, SDP, is_final, request, status};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest that an answer may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(10);

/// Final status of the answer; `None`: silence.
type Answer = Option<u16>;

/// Name, message, answer.
fn torture(via: &str) -> Vec<(&'static str, String, Answer)> {
    let options = |more: &str| request("OPTIONS sip:user@example.com SIP/2.0", "OPTIONS", via, more, "");
    let invite = |uri: &str, more: &str, body: &str| {
        let kind = if body.is_empty() || more.contains("Content-Type") {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        request(
            &format!("INVITE {uri} SIP/2.0"),
            "INVITE",
            via,
            &format!("{more}{kind}"),
            body,
        )
    };
    let other = |method: &str, more: &str| {
        request(
            &format!("{method} sip:example.com SIP/2.0"),
            method,
            via,
            more,
            "",
        )
    };
    let (host, branch) = via["SIP/2.0/UDP ".len()..].split_once(";branch=").unwrap();
    let long = "x".repeat(400);
    vec![
        (
            "wsinv",
            format!(
                "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\nTO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\nfrom   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nMaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.{branch}\r\nContent-Length   : {}\r\ncseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    {host};branch={branch}\r\ns :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\nUnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\nm:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n{SDP}",
                SDP.len()
            ),
            Some(481),
        ),
        (
            "intmeth",
            request(
                "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
                "!interesting-Method0123456789_*+`.%indeed'~",
                via,
                "",
                "",
            ),
            Some(501),
        ),
        (
            "esc01",
            invite("sip:sips%3Auser%40example.com@example.net", "", SDP),
            Some(404),
        ),
        (
            "escnull",
            other("REGISTER", "To: sip:null-%00-null@example.com\r\n"),
            Some(405),
        ),
        ("esc02", other("RE%47IST%45R", ""), Some(501)),
        (
            "lwsdisp",
            options("From: caller<sip:caller@example.com>;tag=323\r\n"),
            Some(200),
        ),
        (
            "longreq",
            invite(
                "sip:user@example.com",
                &format!("Unknown-{long}: unknown-{long}-value; param={long}\r\nSubject: {long}\r\n"),
                SDP,
            ),
            Some(404),
        ),
        (
            "dblreq",
            format!(
                "{}INVITE sip:joe@example.com SIP/2.0\r\n\r\n",
                other("REGISTER", "")
            ),
            Some(405),
        ),
        (
            "semiuri",
            request(
                "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
                "OPTIONS",
                via,
                "",
                "",
            ),
            Some(200),
        ),
        (
            "transports",
            options(&format!(
                "Via: {via}\r\nVia: SIP/2.0/SCTP t2.example.com;branch=z9hG4bK2\r\nVia: SIP/2.0/TLS t3.example.com;branch=z9hG4bK3\r\nVia: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bK4\r\n"
            )),
            Some(200),
        ),
        (
            "mpart01",
            other("MESSAGE", "Content-Type: multipart/signed\r\n"),
            Some(405),
        ),
        (
            "unreason",
            format!(
                "SIP/2.0 200 = 2**3 * 5**2\r\nVia: {via}\r\nCall-ID: u\r\nCSeq: 35 INVITE\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nContent-Length: 0\r\n\r\n"
            ),
            None,
        ),
        (
            "noreason",
            format!(
                "SIP/2.0 100 \r\nVia: {via}\r\nCall-ID: u\r\nCSeq: 35 INVITE\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nContent-Length: 0\r\n\r\n"
            ),
            None,
        ),
        (
            "badinv01",
            invite(
                "sip:user@example.com",
                &format!("Via: {via};;,;,,\r\nCSeq: 8 INVITE\r\n"),
                SDP,
            ),
            Some(400),
        ),
        (
            "clerr",
            invite("sip:user@example.com", "Content-Length: 9999\r\n", SDP),
            Some(400),
        ),
        (
            "ncl",
            invite("sip:user@example.com", "Content-Length: -999\r\n", SDP),
            Some(400),
        ),
        (
            "scalar02",
            other("REGISTER", "CSeq: 36893488147419103232 REGISTER\r\n"),
            Some(400),
        ),
        (
            "max-forwards",
            options("Max-Forwards: 300\r\n").replacen("Max-Forwards: 70\r\n", "", 1),
            Some(400),
        ),
        (
            "scalarlg",
            format!(
                "SIP/2.0 503 Service Unavailable\r\nVia: {via}\r\nCall-ID: s\r\nCSeq: 9292394834772304023312 OPTIONS\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\r\n"
            ),
            None,
        ),
        (
            "quotbal",
            invite(
                "sip:user@example.com",
                "To: \"Mr. J. User <sip:j.user@example.com>\r\n",
                SDP,
            ),
            Some(400),
        ),
        ("ltgtruri", invite("<sip:user@example.com>", "", SDP), Some(400)),
        ("lwsruri", invite("sip:user@example.com; lr", "", SDP), Some(400)),
        ("lwsstart", invite(" sip:user@example.com ", "", SDP), Some(400)),
        (
            "trws",
            request(
                "OPTIONS sip:remote-target@example.com SIP/2.0  ",
                "OPTIONS",
                via,
                "",
                "",
            ),
            Some(200),
        ),
        (
            "escruri",
            invite("sip:user@example.com?Route=%3Csip:example.com%3E", "", SDP),
            Some(400),
        ),
        (
            "baddate",
            invite(
                "sip:user@example.com",
                "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n",
                SDP,
            ),
            // Date is passed over: nothing here needs it.
            Some(404),
        ),
        (
            "badaspec",
            options("To: \"Watson, Thomas\" < sip:t.watson@example.org >\r\n"),
            Some(200),
        ),
        (
            "baddn",
            options("From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\r\n"),
            Some(200),
        ),
        (
            "badvers",
            request(
                "OPTIONS sip:t.watson@example.org SIP/7.0",
                "OPTIONS",
                &via.replacen("2.0", "7.0", 1),
                "",
                "",
            ),
            Some(505),
        ),
        ("mismatch01", options("CSeq: 8 INVITE\r\n"), Some(400)),
        ("mismatch02", other("NEWMETHOD", "CSeq: 8 INVITE\r\n"), Some(400)),
        (
            "bigcode",
            format!(
                "SIP/2.0 4294967301 better not break the receiver\r\nVia: {via}\r\nCall-ID: b\r\nCSeq: 8 INVITE\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n\r\n"
            ),
            None,
        ),
        (
            "badbranch",
            options(&format!("Via: SIP/2.0/UDP {host};branch=z9hG4bK\r\n")),
            Some(200),
        ),
        (
            "insuf",
            format!(
                "INVITE sip:user@example.com SIP/2.0\r\nCSeq: 8 INVITE\r\nVia: {via}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            ),
            Some(400),
        ),
        (
            "unkscm",
            request(
                "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0",
                "OPTIONS",
                via,
                "",
                "",
            ),
            Some(416),
        ),
        (
            "novelsc",
            request(
                "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
                "OPTIONS",
                via,
                "",
                "",
            ),
            Some(416),
        ),
        (
            "unksm2",
            other(
                "REGISTER",
                "To: isbn:2983792873\r\nFrom: <http://www.example.com>;tag=3234\r\n",
            ),
            Some(405),
        ),
        (
            "bext01",
            options("Require: nothingSupportsThis, nothingSupportsThisEither\r\n"),
            Some(420),
        ),
        (
            "invut",
            request(
                "INVITE sip:07012345678@example.com SIP/2.0",
                "INVITE",
                via,
                "Content-Type: application/unknownformat\r\n",
                "<audio>\r\n",
            ),
            Some(415),
        ),
        (
            "regaut01",
            other(
                "REGISTER",
                "Authorization: NoOneKnowsThisScheme opaque-data=here\r\n",
            ),
            Some(405),
        ),
        (
            "multi01",
            invite(
                "sip:user@example.com",
                "CSeq: 5 INVITE\r\nCSeq: 59 INVITE\r\n",
                SDP,
            ),
            Some(400),
        ),
        (
            "mcl01",
            options("Content-Length: 13\r\nContent-Length: 5\r\n"),
            Some(400),
        ),
        (
            "bcast",
            format!(
                "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\nVia: {via}\r\nCall-ID: b\r\nCSeq: 8 INVITE\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nContent-Length: 0\r\n\r\n"
            ),
            None,
        ),
        (
            "zeromf",
            options("Max-Forwards: 0\r\n").replacen("Max-Forwards: 70\r\n", "", 1),
            Some(200),
        ),
        (
            "cparam01",
            other(
                "REGISTER",
                "Contact: sip:+19725552222@gw1.example.net;unknownparam\r\n",
            ),
            Some(405),
        ),
        (
            "sdp01",
            invite("sip:user@example.com", "Accept: text/nobodyKnowsThis\r\n", SDP),
            Some(404),
        ),
        (
            "inv2543",
            format!(
                "INVITE sip:UserB@example.com SIP/2.0\r\nVia: {via}\r\nFrom: <sip:UserA@example.com>\r\nTo: <sip:UserB@example.com>\r\nCall-ID: old\r\nCSeq: 8 INVITE\r\nContent-Length: 0\r\n\r\n"
            ),
            Some(400),
        ),
    ]
}

/// What is different over a stream: there a body is as long as its Content-Length says.
fn over_tcp(name: &str) -> Option<Answer> {
    match name {
        "clerr" => Some(Some(404)),
        _ => None,
    }
}

/// A request behind the message: once it is answered, the message has been read.
fn probe(via: &str) -> String {
    let more = "CSeq: 4712 OPTIONS\r\n";
    request(
        "OPTIONS sip:example.com SIP/2.0",
        "OPTIONS",
        &format!("{via}probe"),
        more,
        "",
    )
}

fn is_probe(message: &str) -> bool {
    is_final(message) && message.contains("CSeq: 4712 OPTIONS\r\n")
}

fn answer(messages: &[String]) -> Answer {
    let first = messages.iter().find(|m| is_final(m) && !is_probe(m));
    first.map(|m| status(m))
}

/// True once all has come: the probe's answer, and the message's where there is to be one. A call is refused by another task
/// than the one that answers the probe.
fn is_complete(messages: &[String], right: Answer) -> bool {
    let probed = messages.iter().any(|m| is_probe(m));
    probed && (right.is_none() || answer(messages).is_some())
}

/// What comes back until all has come or the connection is closed.
fn ask_over_tcp(to: SocketAddr, message: &str, probe: &str, right: Answer) -> Vec<String> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let mut bytes = message.replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    if bytes.contains("Content-Length: 9999\r\n") {
        let body = bytes.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        bytes.push_str(&"\n".repeat(9999 - body));
    }
    bytes.push_str(&probe.replace("SIP/2.0/UDP", "SIP/2.0/TCP"));
    let _ = stream.write_all(bytes.as_bytes());
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    let all = |seen: &str| {
        seen.split_inclusive("\r\n\r\n")
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    while !is_complete(&all(&seen), right) {
        let Ok(n @ 1..) = stream.read(&mut buffer) else {
            break;
        };
        seen.push_str(&String::from_utf8_lossy(&buffer[..n]));
    }
    all(&seen)
}

#[test]
fn the_messages_of_rfc_4475_get_the_answer_that_it_asks_for_and_disturb_no_call() {
    let service = Service::start("");
    let phone = service.phone("07012345678", &["--for", "12"]);
    service.until("the call is up", || {
        service.calls().iter().any(|c| !c["answered_at"].is_null())
    });
    let mut wrong = Vec::new();
    let names: Vec<&str> = torture("SIP/2.0/UDP x;branch=y").iter().map(|c| c.0).collect();
    for (i, name) in names.iter().enumerate() {
        let peer = Peer::new(service.sip_udp);
        let (_, message, right) = torture(&peer.via()).swap_remove(i);
        peer.send(message.as_bytes());
        peer.send(probe(&peer.via()).as_bytes());
        let got = answer(&peer.collect(LIMIT, |all| is_complete(all, right)));
        if got != right {
            wrong.push(format!("{name}: {got:?} instead of {right:?}"));
        }
        let right = over_tcp(name).unwrap_or(right);
        // With the branch of before it would be the same request once more.
        let via = format!("{}tcp", peer.via());
        let (_, message, _) = torture(&via).swap_remove(i);
        let got = answer(&ask_over_tcp(service.sip_tcp, &message, &probe(&via), right));
        if got != right {
            wrong.push(format!("{name} over TCP: {got:?} instead of {right:?}"));
        }
    }
    let report = phone.report();
    assert_eq!(
        (&report["end"], &report["packets_lost"]),
        (&"hung_up".into(), &0.into()),
        "{report}"
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

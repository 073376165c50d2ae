//! Responses: RFC 3261 section 18.2.2, RFC 3581.

use super::*;

/// Where the response to an OPTIONS with this Via goes that came by `hop`, and its Via.
fn answered(hop: &Hop, via: &str) -> (Hop, String) {
    let mut wire = wire(house(), hop.clone());
    let options = request(
        "OPTIONS",
        "sip:omnigate@192.0.2.2",
        "1",
        "",
        1,
        "Require: strange\r\n",
        "",
    );
    wire.send(&options.replace("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", via));
    let (_, transmit) = wire.sent.pop_front().unwrap();
    let response = response(&transmit);
    assert_eq!(response.status.code(), 420);
    (transmit.hop, response.headers.get(Name::Via).unwrap().to_owned())
}

#[track_caller]
fn check(hop: &Hop, via: &str, to: &str, stamped: &str) {
    let (way, written) = answered(hop, via);
    assert_eq!((way.remote.to_string().as_str(), written.as_str()), (to, stamped));
    assert_eq!((way.listener, way.connection), (hop.listener, hop.connection));
}

#[test]
fn without_rport_a_response_goes_to_the_source_at_the_port_of_via() {
    let hop = udp("192.0.2.1:40000");
    check(
        &hop,
        "SIP/2.0/UDP 192.0.2.1:5071;branch=z9hG4bK1",
        "192.0.2.1:5071",
        "SIP/2.0/UDP 192.0.2.1:5071;branch=z9hG4bK1",
    );
    check(
        &hop,
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1",
        "192.0.2.1:5060",
        "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1;received=192.0.2.1",
    );
}

#[test]
fn with_rport_it_goes_to_where_the_request_came_from() {
    check(
        &udp("192.0.2.1:40000"),
        "SIP/2.0/UDP 192.0.2.1:5071;rport;branch=z9hG4bK1",
        "192.0.2.1:40000",
        "SIP/2.0/UDP 192.0.2.1:5071;branch=z9hG4bK1;rport=40000;received=192.0.2.1",
    );
}

#[test]
fn over_ipv6_it_goes_back_whatever_via_names() {
    let hop = Hop::datagram(ListenerId(3), at("[2001:db8::2]:5060"), at("[2001:db8::1]:40000"));
    check(
        &hop,
        "SIP/2.0/UDP phone.example:5071;branch=z9hG4bK1",
        "[2001:db8::1]:5071",
        "SIP/2.0/UDP phone.example:5071;branch=z9hG4bK1;received=2001:db8::1",
    );
    check(
        &hop,
        "SIP/2.0/UDP [2001:db8::1]:5071;branch=z9hG4bK1",
        "[2001:db8::1]:5071",
        "SIP/2.0/UDP [2001:db8::1]:5071;branch=z9hG4bK1",
    );
    check(
        &hop,
        "SIP/2.0/UDP [2001:db8::1]:5071;branch=z9hG4bK1;rport",
        "[2001:db8::1]:40000",
        "SIP/2.0/UDP [2001:db8::1]:5071;branch=z9hG4bK1;rport=40000;received=2001:db8::1",
    );
}

#[test]
fn ipv4_on_a_listener_of_ipv6_is_ipv4_on_the_wire() {
    let listeners = Listeners::new(vec![listener(Transport::Udp, "[::]:5060")]);
    let hop = Hop::datagram(
        ListenerId(0),
        at("[::ffff:192.0.2.2]:5060"),
        at("[::ffff:192.0.2.1]:40000"),
    );
    let mut wire = wire(listeners, hop);
    let named = "SIP/2.0/UDP phone.example;rport;branch=z9hG4bK1";
    wire.send(&invite("1", "", OFFER).replace("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", named));
    let call = wire.incoming().call;
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &Headers::default()))
        .unwrap();
    let (_, ok) = wire.sent.pop_back().unwrap();
    assert_eq!(ok.hop.remote, at("192.0.2.1:40000"));
    let ok = response(&ok);
    assert_eq!(
        ok.headers.get(Name::Contact),
        Some("<sip:omnigate@192.0.2.2:5060>")
    );
    let via = ok.headers.get(Name::Via).unwrap();
    assert!(via.ends_with(";rport=40000;received=192.0.2.1"), "{via}");
    let tag = ok.headers.to_tag().unwrap().to_owned();
    wire.send(&request("ACK", "sip:omnigate@192.0.2.2", "ack", &tag, 1, "", ""));
    wire.sent.clear();
    let (hop, bye) = bye(&mut wire, call);
    assert_eq!(hop.remote, at("192.0.2.1:5060"));
    let via = bye.headers.get(Name::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/UDP 192.0.2.2:5060;"), "{via}");
}

#[test]
fn on_a_stream_it_goes_back_by_the_connection() {
    check(
        &tcp(3, "192.0.2.1:40001"),
        "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1",
        "192.0.2.1:5060",
        "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1",
    );
}

#[test]
fn a_maddr_is_followed_and_what_it_claims_of_itself_is_not() {
    let (hop, _) = answered(
        &udp("192.0.2.1:40000"),
        "SIP/2.0/UDP 192.0.2.1:5071;maddr=192.0.2.77;branch=z9hG4bK1",
    );
    assert_eq!(hop.remote, at("192.0.2.77:5071"));
    let (hop, via) = answered(
        &udp("192.0.2.1:40000"),
        "SIP/2.0/UDP 192.0.2.1:5071;received=203.0.113.9;branch=z9hG4bK1",
    );
    assert_eq!(hop.remote, at("192.0.2.1:5071"));
    assert!(!via.contains("203.0.113.9"), "{via}");
}

#[test]
fn what_cannot_be_read_is_answered_by_the_same_rules() {
    let mut wire = wire(house(), udp("192.0.2.1:40000"));
    let text = request("INVITE", "sip:a@b", "1", "", 1, "", "");
    wire.send(
        &text
            .replace("sip:a@b SIP/2.0", "sip:a@b SIP/7.0")
            .replace(":5060;branch", ":5071;branch"),
    );
    let (_, transmit) = wire.sent.pop_front().unwrap();
    assert_eq!(response(&transmit).status.code(), 505);
    assert_eq!(transmit.hop.remote, at("192.0.2.1:5071"));
}

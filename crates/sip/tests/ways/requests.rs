//! In-dialog requests (RFC 3261 section 12.2.1.1), and the rule for peers behind a NAT.

use super::*;

/// Where our BYE goes in a call that came by `hop` with this Contact and these further lines.
fn way(hop: &Hop, rule: Option<NatRule>, contact: &str, more: &str) -> String {
    let mut wire = wire(house(), hop.clone());
    let (call, _) = up(&mut wire, contact, more);
    if let Some(rule) = rule {
        wire.act(|e, _| e.set_nat_rule(call, rule));
    }
    bye(&mut wire, call).0.to_string()
}

const ROUTE: &str = "Record-Route: <sip:192.0.2.9:5066;lr>, <sip:192.0.2.8;lr>\r\n";

#[test]
fn without_a_rule_for_nat_contact_is_followed_wherever_it_points() {
    let never = Some(NatRule::Never);
    let hop = udp("198.51.100.1:40000");
    assert_eq!(way(&hop, never, "<sip:a@10.0.0.5:5062>", ""), "UDP 10.0.0.5:5062");
    assert_eq!(way(&hop, never, "<sip:a@192.0.2.7>", ""), "UDP 192.0.2.7:5060");
    assert_eq!(way(&hop, never, "<sip:a@10.0.0.5>", ROUTE), "UDP 192.0.2.9:5066");
}

#[test]
fn a_private_contact_from_a_public_source_is_passed_over() {
    let public = udp("198.51.100.1:40000");
    for contact in [
        "10.0.0.5:5062",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.9",
        "169.254.1.1",
        "127.0.0.1",
    ] {
        let contact = format!("<sip:a@{contact}>");
        assert_eq!(way(&public, None, &contact, ""), "UDP 198.51.100.1:40000");
        // A proxy that stays in the way knows where it is.
        assert_eq!(way(&public, None, &contact, ROUTE), "UDP 192.0.2.9:5066");
    }
    // Not so where it is meant: public, of the same host, or in the same private network.
    assert_eq!(
        way(&public, None, "<sip:a@192.0.2.7:5062>", ""),
        "UDP 192.0.2.7:5062"
    );
    assert_eq!(
        way(&public, None, "<sip:a@198.51.100.1:5062>", ""),
        "UDP 198.51.100.1:5062"
    );
    let private = udp("10.0.0.9:40000");
    assert_eq!(
        way(&private, None, "<sip:a@10.0.0.5:5062>", ""),
        "UDP 10.0.0.5:5062"
    );
    assert_eq!(
        way(&private, None, "<sip:a@100.128.0.9>", ""),
        "UDP 100.128.0.9:5060"
    );
}

#[test]
fn the_rule_always_passes_over_contact_and_not_the_route_set() {
    let always = Some(NatRule::Always);
    let hop = udp("198.51.100.1:40000");
    assert_eq!(
        way(&hop, always, "<sip:a@192.0.2.7:5062>", ""),
        "UDP 198.51.100.1:40000"
    );
    assert_eq!(
        way(&hop, always, "<sip:a@198.51.100.1:5062>", ""),
        "UDP 198.51.100.1:40000"
    );
    assert_eq!(
        way(&hop, always, "<sip:a@192.0.2.7>", ROUTE),
        "UDP 192.0.2.9:5066"
    );
}

#[test]
fn a_loose_route_is_in_route_and_contact_in_the_request_uri() {
    let mut wire = wire(house(), udp("192.0.2.9:5060"));
    let (call, _) = up(&mut wire, "<sip:a@192.0.2.1:5061>", ROUTE);
    let (hop, bye) = bye(&mut wire, call);
    assert_eq!(hop.remote, at("192.0.2.9:5066"));
    assert_eq!(bye.uri.as_str(), "sip:a@192.0.2.1:5061");
    let routes: Vec<&str> = bye.headers.list(Name::Route).collect();
    assert_eq!(routes, ["<sip:192.0.2.9:5066;lr>", "<sip:192.0.2.8;lr>"]);
}

#[test]
fn a_strict_route_is_in_the_request_uri_and_contact_last_in_route() {
    let mut wire = wire(house(), udp("192.0.2.9:5060"));
    let routes = "Record-Route: <sip:192.0.2.9:5066>, <sip:192.0.2.8;lr>\r\n";
    let (call, _) = up(&mut wire, "<sip:a@192.0.2.1:5061>", routes);
    let (hop, bye) = bye(&mut wire, call);
    assert_eq!(hop.remote, at("192.0.2.9:5066"));
    assert_eq!(bye.uri.as_str(), "sip:192.0.2.9:5066");
    let routes: Vec<&str> = bye.headers.list(Name::Route).collect();
    assert_eq!(routes, ["<sip:192.0.2.8;lr>", "<sip:a@192.0.2.1:5061>"]);
}

#[test]
fn maddr_is_where_it_goes() {
    let hop = udp("192.0.2.1:5060");
    let contact = "<sip:a@192.0.2.1:5062;maddr=192.0.2.77>";
    assert_eq!(way(&hop, None, contact, ""), "UDP 192.0.2.77:5062");
    let contact = "<sip:a@example.com;maddr=192.0.2.77>";
    assert_eq!(way(&hop, None, contact, ""), "UDP 192.0.2.77:5060");
}

#[test]
fn a_contact_that_names_another_transport_is_reached_by_it() {
    let mut udp_call = wire(house(), udp("192.0.2.1:5060"));
    let (call, _) = up(&mut udp_call, "<sip:a@192.0.2.1:5062;transport=TCP>", "");
    let (hop, bye) = bye(&mut udp_call, call);
    assert_eq!(
        (hop.listener, hop.transport, hop.connection, hop.remote),
        (ListenerId(1), Transport::Tcp, None, at("192.0.2.1:5062"))
    );
    let via = bye.headers.via().unwrap();
    assert_eq!((via.transport, via.port), ("TCP", Some(5060)));
    // RFC 3263 section 4.1: an address without a transport is reached by UDP, also out of a call by TCP.
    let hop = tcp(1, "192.0.2.1:40001");
    assert_eq!(
        way(&hop, None, "<sip:a@192.0.2.1:5062>", ""),
        "UDP 192.0.2.1:5062"
    );
    assert_eq!(
        way(&hop, None, "<sip:a@192.0.2.1;transport=udp>", ""),
        "UDP 192.0.2.1:5060"
    );
}

#[test]
fn a_transport_that_we_do_not_have_leaves_the_way_of_the_call() {
    for contact in [
        "<sip:a@192.0.2.1;transport=ws>",
        "<sips:a@192.0.2.1>",
        "<sip:a@192.0.2.1;transport=tls>",
    ] {
        assert_eq!(
            way(&udp("192.0.2.1:5064"), None, contact, ""),
            "UDP 192.0.2.1:5064"
        );
    }
    let alone = Listeners::new(vec![listener(Transport::Udp, "192.0.2.2:5060")]);
    let mut wire = wire(alone, udp("192.0.2.1:5064"));
    let (call, _) = up(&mut wire, "<sip:a@[2001:db8::1]>", "");
    assert_eq!(bye(&mut wire, call).0.remote, at("192.0.2.1:5064"));
}

#[test]
fn ipv6_is_reached_out_of_ipv6() {
    let mut wire = wire(house(), udp("192.0.2.1:5060"));
    let (call, _) = up(&mut wire, "<sip:a@[2001:db8::1]:5062>", "");
    let (hop, bye) = bye(&mut wire, call);
    assert_eq!(
        (hop.listener, hop.remote),
        (ListenerId(3), at("[2001:db8::1]:5062"))
    );
    let via = bye.headers.get(Name::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/UDP [2001:db8::2]:5060;"), "{via}");
}

#[test]
fn a_name_is_asked_for_once_and_followed_when_it_is_known() {
    let mut wire = wire(house(), udp("192.0.2.1:5060"));
    let (call, tag) = up(&mut wire, "<sip:a@phone.example>", "");
    let asked = |wire: &mut Wire| -> Vec<String> {
        let events = wire.events.drain(..);
        events
            .filter_map(|e| match e {
                Event::Resolve(_, uri) => Some(uri),
                _ => None,
            })
            .collect()
    };
    assert_eq!(asked(&mut wire), ["sip:a@phone.example"]);
    let ping = |wire: &mut Wire| {
        wire.act(|e, now| e.info(now, call, "application/dtmf", b"1".to_vec()))
            .unwrap();
        let (_, transmit) = wire.sent.pop_front().unwrap();
        transmit.hop.to_string()
    };
    // Until then requests take the way that its own came.
    assert_eq!(ping(&mut wire), "UDP 192.0.2.1:5060");
    wire.act(|e, _| e.resolved(call, "sip:other.example", Transport::Tcp, at("192.0.2.66:5060")));
    assert_eq!(ping(&mut wire), "UDP 192.0.2.1:5060");
    wire.act(|e, _| e.resolved(call, "sip:a@phone.example", Transport::Tcp, at("192.0.2.77:5066")));
    assert_eq!(ping(&mut wire), "TCP 192.0.2.77:5066");
    assert!(asked(&mut wire).is_empty());
    // A new target is a new question, and the old answer is not its answer.
    let update = request("UPDATE", "sip:omnigate@192.0.2.2", "u", &tag, 2, "", "");
    wire.send(&update.replace("<sip:caller@192.0.2.1:5060>", "<sip:a@moved.example>"));
    assert_eq!(asked(&mut wire), ["sip:a@moved.example"]);
    wire.sent.clear();
    assert_eq!(ping(&mut wire), "UDP 192.0.2.1:5060");
}

#[test]
fn of_a_route_set_its_first_name_is_asked_for() {
    let mut wire = wire(house(), udp("192.0.2.1:5060"));
    let (call, _) = up(
        &mut wire,
        "<sip:a@phone.example>",
        "Record-Route: <sip:edge.example;lr>\r\n",
    );
    let uri = wire.events.iter().find_map(|e| match e {
        Event::Resolve(_, uri) => Some(uri.clone()),
        _ => None,
    });
    assert_eq!(uri.as_deref(), Some("sip:edge.example;lr"));
    wire.act(|e, _| e.resolved(call, "sip:edge.example;lr", Transport::Udp, at("192.0.2.9:5060")));
    assert_eq!(bye(&mut wire, call).0.to_string(), "UDP 192.0.2.9:5060");
}

#[test]
fn of_two_listeners_contact_and_requests_have_the_one_that_the_call_came_by() {
    let hop = Hop::datagram(ListenerId(2), at("192.0.2.2:5070"), at("192.0.2.1:5060"));
    let mut wire = wire(house(), hop);
    wire.send(&invite("1", "", OFFER));
    let call = wire.incoming().call;
    wire.act(|e, now| e.answer(now, call, Some(ANSWER.into()), &Headers::default()))
        .unwrap();
    let (_, ok) = wire.sent.pop_back().unwrap();
    let ok = response(&ok);
    assert_eq!(
        ok.headers.get(Name::Contact),
        Some("<sip:omnigate@192.0.2.2:5070>")
    );
    let tag = ok.headers.to_tag().unwrap().to_owned();
    wire.send(&request("ACK", "sip:omnigate@192.0.2.2", "ack", &tag, 1, "", ""));
    wire.sent.clear();
    let (hop, bye) = bye(&mut wire, call);
    assert_eq!((hop.listener, hop.local), (ListenerId(2), at("192.0.2.2:5070")));
    assert_eq!(bye.headers.via().unwrap().port, Some(5070));
}

#[test]
fn a_connection_is_used_for_its_own_neighbour_and_dialled_anew_at_the_port_that_listens() {
    let mut wire_1 = wire(house(), tcp(1, "192.0.2.1:40001"));
    let (call, _) = up(&mut wire_1, "<sip:a@192.0.2.1:5061;transport=tcp>", "");
    assert!(wire_1.endpoint.uses(ConnectionId(1)));
    let (hop, _) = bye(&mut wire_1, call);
    assert_eq!(
        (hop.connection, hop.remote),
        (Some(ConnectionId(1)), at("192.0.2.1:5061"))
    );
    assert!(!wire_1.endpoint.uses(ConnectionId(1)));

    let mut wire_2 = wire(house(), tcp(1, "192.0.2.1:40001"));
    let (call, _) = up(&mut wire_2, "<sip:a@192.0.2.7;transport=tcp>", "");
    let (hop, _) = bye(&mut wire_2, call);
    assert_eq!((hop.connection, hop.remote), (None, at("192.0.2.7:5060")));
}

/// A call from a neighbour with a certificate, and a request in it that came by `other`.
fn after_a_request_by(other: &Hop) -> Hop {
    let first = Hop {
        peer: Some(Peer::new("carrier.example", Proof::Certificate)),
        ..tcp(1, "192.0.2.1:40001")
    };
    let mut wire = wire(house(), first);
    let (call, tag) = up(&mut wire, "<sip:a@192.0.2.1:5060;transport=tcp>", "");
    wire.hop = other.clone();
    let info = request("INFO", "sip:omnigate@192.0.2.2", "i", &tag, 2, "", "");
    wire.send(&info);
    assert_eq!(wire.next_status(), 200);
    wire.endpoint.hop(call).unwrap().clone()
}

#[test]
fn a_call_moves_with_its_peer_and_with_nobody_else() {
    let named = |peer: Option<&str>| Hop {
        peer: peer.map(|name| Peer::new(name, Proof::Certificate)),
        ..tcp(2, "192.0.2.1:40002")
    };
    let same = after_a_request_by(&named(Some("carrier.example")));
    assert_eq!(same.connection, Some(ConnectionId(2)));
    // Who sends from its address only has shown no certificate.
    let mut by_address = udp("192.0.2.1:5060");
    by_address.peer = Some(Peer::new("carrier.example", Proof::Address));
    let others = [named(Some("other.example")), named(None)];
    for stranger in others.into_iter().chain([udp("192.0.2.66:5060"), by_address]) {
        let hop = after_a_request_by(&stranger);
        assert_eq!(hop.connection, Some(ConnectionId(1)));
        let peer = Peer::new("carrier.example", Proof::Certificate);
        assert_eq!(hop.peer, Some(peer));
    }
}

#[test]
fn a_request_that_is_refused_does_not_move_the_call() {
    let mut wire = wire(house(), udp("198.51.100.1:40000"));
    let (call, tag) = up(&mut wire, "<sip:a@10.0.0.5>", "");
    let info = |number, more| request("INFO", "sip:omnigate@192.0.2.2", "i", &tag, number, more, "");
    wire.hop = udp("203.0.113.1:5060");
    wire.send(&info(2, "Require: strange\r\n"));
    assert_eq!(wire.next_status(), 420);
    wire.send(&info(1, "").replace("z9hG4bKi", "z9hG4bKj"));
    assert_eq!(wire.next_status(), 500);
    wire.send(
        &info(3, "")
            .replace("from1", "forged")
            .replace("z9hG4bKi", "z9hG4bKk"),
    );
    assert_eq!(wire.next_status(), 481);
    assert_eq!(bye(&mut wire, call).0.to_string(), "UDP 198.51.100.1:40000");
}

/// Where our BYE goes in a call that came by this hop, in a house that has listeners of all kinds.
fn way_of_all(hop: &Hop, contact: &str) -> String {
    let mut wire = wire(
        Listeners::new(vec![
            listener(Transport::Udp, "192.0.2.2:5060"),
            listener(Transport::Tcp, "192.0.2.2:5060"),
            listener(Transport::Tls, "192.0.2.2:5061"),
            listener(Transport::Wss, "192.0.2.2:443"),
            listener(Transport::Ws, "192.0.2.2:80"),
            listener(Transport::Udp, "[2001:db8::2]:5060"),
        ]),
        hop.clone(),
    );
    let (call, _) = up(&mut wire, contact, "");
    bye(&mut wire, call).0.to_string()
}

#[test]
fn a_secure_uri_is_reached_by_tls_whichever_stream_it_names() {
    let hop = udp("192.0.2.1:5060");
    assert_eq!(
        way_of_all(&hop, "<sips:a@192.0.2.7;transport=tcp>"),
        "TLS 192.0.2.7:5061"
    );
    assert_eq!(
        way_of_all(&hop, "<sip:a@192.0.2.7;transport=tcp>"),
        "TCP 192.0.2.7:5060"
    );
    assert_eq!(way_of_all(&hop, "<sips:a@192.0.2.7>"), "TLS 192.0.2.7:5061");
}

#[test]
fn a_private_contact_is_known_by_all_bits_of_its_network() {
    let public = udp("198.51.100.1:40000");
    for followed in ["100.128.0.9", "8.64.0.9"] {
        assert_eq!(
            way_of_all(&public, &format!("<sip:a@{followed}>")),
            format!("UDP {followed}:5060")
        );
    }
    let public = Hop::datagram(
        ListenerId(5),
        at("[2001:db8::2]:5060"),
        at("[2001:db8:1::1]:40000"),
    );
    for passed_over in ["::1", "::", "fd00::1", "fe80::1"] {
        assert_eq!(
            way_of_all(&public, &format!("<sip:a@[{passed_over}]>")),
            "UDP [2001:db8:1::1]:40000"
        );
    }
    assert_eq!(
        way_of_all(&public, "<sip:a@[2001:db8:2::1]>"),
        "UDP [2001:db8:2::1]:5060"
    );
}

fn tls(connection: u64, remote: &str) -> Hop {
    let hop = Hop::stream(
        ListenerId(5),
        Transport::Tls,
        ConnectionId(connection),
        at("192.0.2.2:5061"),
        at(remote),
    );
    hop.certified("carrier", "carrier.example")
}

fn house_with_tls() -> Listeners {
    let mut all = vec![listener(Transport::Udp, "192.0.2.2:5060")];
    all.resize(5, all[0].clone());
    all.push(listener(Transport::Tls, "192.0.2.2:5061"));
    Listeners::new(all)
}

#[test]
fn a_connection_by_tls_that_is_made_anew_is_to_the_same_peer() {
    let mut wire = wire(house_with_tls(), tls(1, "192.0.2.1:40001"));
    let (call, _) = up(&mut wire, "<sip:a@192.0.2.7;transport=tls>", "");
    let (hop, bye) = bye(&mut wire, call);
    assert_eq!((hop.connection, hop.remote), (None, at("192.0.2.7:5061")));
    assert_eq!(hop.server_name.as_deref(), Some("carrier.example"));
    assert_eq!(hop.peer, Some(Peer::new("carrier", Proof::Certificate)));
    let via = bye.headers.get(Name::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/TLS 192.0.2.2:5061;"), "{via}");
}

/// Our Contact in the answer to a call by this way, with these changes to its INVITE.
fn our_contact(hop: Hop, change: impl Fn(&str) -> String) -> String {
    let mut wire = wire(house_with_tls(), hop);
    wire.send(&change(&invite("1", "", OFFER)));
    let Some(Event::Incoming(incoming)) = wire.events.pop_front() else {
        panic!("a call")
    };
    wire.act(|e, now| e.answer(now, incoming.call, Some(ANSWER.into()), &Headers::default()))
        .unwrap();
    let (_, ok) = wire.sent.pop_back().unwrap();
    response(&ok).headers.get(Name::Contact).unwrap().to_owned()
}

#[test]
fn contact_is_sips_where_the_dialog_began_so_and_else_names_its_transport() {
    let by_tls = || tls(1, "192.0.2.1:40001");
    let (plain, sips) = (
        "<sip:omnigate@192.0.2.2:5061;transport=tls>",
        "<sips:omnigate@192.0.2.2:5061>",
    );
    let uri = |invite: &str| invite.replace("INVITE sip:", "INVITE sips:");
    let contact = |invite: &str| invite.replace("Contact: <sip:", "Contact: <sips:");
    let routed = |scheme: &str| {
        let route = format!("Record-Route: <{scheme}:192.0.2.9;lr>\r\nContact: <sips:");
        move |invite: &str| invite.replace("Contact: <sip:", &route)
    };
    assert_eq!(our_contact(by_tls(), str::to_owned), plain);
    assert_eq!(our_contact(by_tls(), uri), sips);
    assert_eq!(our_contact(by_tls(), contact), sips);
    assert_eq!(our_contact(by_tls(), routed("sips")), sips);
    assert_eq!(our_contact(by_tls(), routed("sip")), plain);
    // Nobody could reach it.
    let by_udp = our_contact(udp("192.0.2.1:5060"), uri);
    assert_eq!(by_udp, "<sip:omnigate@192.0.2.2:5060>");
}

/// `transport=ws` does not say whether it is secure: the way by which the call came does (RFC 7118 section 5.3).
#[test]
fn a_web_socket_stays_as_secure_as_it_was() {
    let sockets = || {
        Listeners::new(vec![
            listener(Transport::Wss, "192.0.2.2:443"),
            listener(Transport::Ws, "192.0.2.2:80"),
        ])
    };
    for (number, transport, bound, way) in [
        (0, Transport::Wss, "192.0.2.2:443", "WSS 192.0.2.7:443"),
        (1, Transport::Ws, "192.0.2.2:80", "WS 192.0.2.7:80"),
    ] {
        let hop = Hop::stream(
            ListenerId(number),
            transport,
            ConnectionId(1),
            at(bound),
            at("192.0.2.7:40000"),
        );
        let mut wire = wire(sockets(), hop);
        let (call, _) = up(&mut wire, "<sip:a@192.0.2.7;transport=ws>", "");
        assert_eq!(bye(&mut wire, call).0.to_string(), way);
    }
}

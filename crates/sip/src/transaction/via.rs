//! Where a response goes (RFC 3261 section 18.2, RFC 3581).

use crate::hop::Hop;
use crate::message::{Host, Name, Request, Transport, Via, list};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// Notes in the first Via where the request came from: `received` when it does not say so itself, `rport` when it asks.
pub(super) fn stamp(request: &mut Request, hop: &Hop) {
    let Some(line) = request.headers.get(Name::Via) else {
        return;
    };
    let mut elements = list(line);
    let Some((first, via)) = elements
        .next()
        .and_then(|first| Some((first, Via::parse(first)?)))
    else {
        return;
    };
    let source = hop.remote.ip();
    let says_so = via.host == Host::Address(source);
    let asks = via.wants_rport();
    let forged = via.received().is_some();
    if says_so && !asks && !forged {
        return;
    }
    let head = first.split_once(';').map_or(first, |(head, _)| head);
    let mut stamped = String::with_capacity(line.len() + 48);
    stamped.push_str(head.trim_end());
    for (name, value) in via.params.iter() {
        // Both are ours to say.
        if name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport") {
            continue;
        }
        let _ = match value {
            Some(value) => write!(stamped, ";{name}={value}"),
            None => write!(stamped, ";{name}"),
        };
    }
    if asks {
        let _ = write!(stamped, ";rport={}", hop.remote.port());
    }
    // RFC 3581 section 4: with rport, received is there even when it tells nothing new.
    let _ = write!(stamped, ";received={source}");
    for element in elements {
        let _ = write!(stamped, ", {element}");
    }
    request.headers.replace_first(Name::Via, stamped);
}

/// The way of the responses to a request that came by `hop`.
///
/// Over datagrams: to `maddr`; else back to the source when `rport` asked for it; else to the source's address at the port
/// of `sent-by`. Over a stream: by its connection, and when that is gone, by a new one to the port of `sent-by`.
pub(super) fn way_back(request: &Request, hop: &Hop) -> Hop {
    let Some(via) = request.headers.via() else {
        return hop.clone();
    };
    let port = via.port.unwrap_or(hop.transport.default_port());
    let source = hop.remote.ip();
    let remote = if hop.transport == Transport::Udp {
        match via.maddr() {
            Some(Host::Address(maddr)) if is_reachable(maddr) => SocketAddr::new(maddr, port),
            _ if via.wants_rport() => hop.remote,
            _ => SocketAddr::new(source, port),
        }
    } else {
        SocketAddr::new(source, port)
    };
    Hop {
        remote,
        ..hop.clone()
    }
}

/// `maddr` is of use to multicast and to proxies that share a name. A stranger must not turn it against this machine.
fn is_reachable(address: IpAddr) -> bool {
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hop::{ConnectionId, ListenerId};
    use crate::message::{Message, parse};

    fn request(via: &str) -> Request {
        let text = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: {via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"
        );
        match parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    fn udp(remote: &str) -> Hop {
        let local = if remote.starts_with('[') {
            "[::1]:5060"
        } else {
            "192.0.2.100:5060"
        };
        Hop::datagram(ListenerId(0), local.parse().unwrap(), remote.parse().unwrap())
    }

    #[track_caller]
    fn check(via: &str, hop: &Hop, stamped: &str, back: &str) {
        let mut request = request(via);
        stamp(&mut request, hop);
        assert_eq!(request.headers.get(Name::Via), Some(stamped));
        assert_eq!(way_back(&request, hop).remote, back.parse().unwrap());
    }

    #[test]
    fn without_rport_the_response_goes_to_the_port_of_sent_by() {
        check(
            "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1",
            &udp("192.0.2.1:40000"),
            "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1",
            "192.0.2.1:5070",
        );
        check(
            "SIP/2.0/UDP pc33.example.com;branch=z9hG4bK1",
            &udp("192.0.2.1:40000"),
            "SIP/2.0/UDP pc33.example.com;branch=z9hG4bK1;received=192.0.2.1",
            "192.0.2.1:5060",
        );
    }

    #[test]
    fn with_rport_it_goes_to_where_the_request_came_from() {
        check(
            "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkj",
            &udp("192.0.2.1:9988"),
            "SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bKkj;rport=9988;received=192.0.2.1",
            "192.0.2.1:9988",
        );
    }

    #[test]
    fn ipv6_addresses_are_written_without_brackets_in_received() {
        check(
            "SIP/2.0/UDP host.example;branch=z9hG4bK1;rport",
            &udp("[2001:db8::5]:5060"),
            "SIP/2.0/UDP host.example;branch=z9hG4bK1;rport=5060;received=2001:db8::5",
            "[2001:db8::5]:5060",
        );
        check(
            "SIP/2.0/UDP [2001:db8::5]:5062;branch=z9hG4bK1",
            &udp("[2001:db8::5]:40000"),
            "SIP/2.0/UDP [2001:db8::5]:5062;branch=z9hG4bK1",
            "[2001:db8::5]:5062",
        );
    }

    #[test]
    fn what_the_sender_claims_of_its_address_is_written_over() {
        check(
            "SIP/2.0/UDP 192.0.2.1;received=198.51.100.1;rport=1;branch=z9hG4bK1, SIP/2.0/UDP next;branch=z9hG4bK0",
            &udp("192.0.2.1:5060"),
            "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;rport=5060;received=192.0.2.1, SIP/2.0/UDP next;branch=z9hG4bK0",
            "192.0.2.1:5060",
        );
    }

    #[test]
    fn maddr_is_followed_over_datagrams_but_not_home() {
        let way = |via: &str, hop: &Hop| way_back(&request(via), hop).remote.to_string();
        let hop = udp("192.0.2.1:40000");
        assert_eq!(
            way(
                "SIP/2.0/UDP 192.0.2.1:5070;maddr=192.0.2.77;branch=z9hG4bK1",
                &hop
            ),
            "192.0.2.77:5070"
        );
        for home in ["127.0.0.1", "0.0.0.0", "239.1.1.1"] {
            let via = format!("SIP/2.0/UDP 192.0.2.1:5070;maddr={home};branch=z9hG4bK1");
            assert_eq!(way(&via, &hop), "192.0.2.1:5070");
        }
    }

    #[test]
    fn a_stream_goes_back_by_its_connection_and_else_to_the_port_of_sent_by() {
        let hop = Hop::stream(
            ListenerId(1),
            Transport::Tcp,
            ConnectionId(7),
            "192.0.2.100:5060".parse().unwrap(),
            "192.0.2.1:51234".parse().unwrap(),
        );
        let back = way_back(&request("SIP/2.0/TCP 192.0.2.1;branch=z9hG4bK1"), &hop);
        assert_eq!(
            (back.connection, back.remote.to_string().as_str()),
            (Some(ConnectionId(7)), "192.0.2.1:5060")
        );
    }
}

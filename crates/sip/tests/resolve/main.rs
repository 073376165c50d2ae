//! Targets into addresses, with a DNS that is a table.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod dns;

use dns::{Dns, TTL, target, ways};
use omnigate_sip::message::Transport;
use omnigate_sip::resolve::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::time::{Duration, Instant};

#[test]
fn an_address_needs_no_question() {
    let mut dns = Dns::default();
    for (uri, wanted) in [
        ("sip:192.0.2.1", "UDP 192.0.2.1:5060 192.0.2.1"),
        ("sip:192.0.2.1:5070;transport=tcp", "TCP 192.0.2.1:5070 192.0.2.1"),
        ("sips:[2001:db8::1]", "TLS [2001:db8::1]:5061 2001:db8::1"),
        ("sips:192.0.2.1;transport=tcp", "TLS 192.0.2.1:5061 192.0.2.1"),
        (
            "sip:a@example.com;maddr=192.0.2.9",
            "UDP 192.0.2.9:5060 192.0.2.9",
        ),
    ] {
        assert_eq!(dns.resolve(uri), Ok(vec![wanted.to_owned()]));
    }
    assert!(dns.asked.is_empty());
}

#[test]
fn a_port_asks_for_addresses_alone() {
    let mut dns = Dns::default().host("example.com", &["192.0.2.1"]);
    assert_eq!(
        dns.resolve("sip:Example.com.:5080").unwrap(),
        ["UDP 192.0.2.1:5080 example.com"]
    );
    assert_eq!(
        dns.resolve("sips:example.com:5080").unwrap(),
        ["TLS 192.0.2.1:5080 example.com"]
    );
    assert!(
        dns.asked
            .iter()
            .all(|q| matches!(q, Question::A(_) | Question::Aaaa(_)))
    );
}

#[test]
fn naptr_decides_transport_and_order() {
    let mut dns = Dns::default()
        .naptr(
            "example.com",
            &[
                (90, 50, "SIP+D2T", "_sip._tcp.example.com."),
                (50, 60, "SIP+D2X", "_x.example.com"),
                (50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
                (90, 40, "sip+d2u", "_sip._udp.other.example.net"),
            ],
        )
        .srv(
            "_sips._tcp.example.com",
            &[(1, 0, 5061, "s1.example.com"), (2, 0, 5061, "s2.example.com")],
        )
        .srv("_sip._tcp.example.com", &[(0, 1, 5060, "s1.example.com")])
        .srv("_sip._udp.other.example.net", &[(0, 1, 5070, "U.example.net.")])
        .host("s1.example.com", &["192.0.2.1"])
        .host("s2.example.com", &["192.0.2.2", "2001:db8::2"])
        .host("u.example.net", &["192.0.2.3"]);
    assert_eq!(
        dns.resolve("sip:user@example.com").unwrap(),
        [
            "TLS 192.0.2.1:5061 example.com",
            "TLS 192.0.2.2:5061 example.com",
            "TLS [2001:db8::2]:5061 example.com",
            "UDP 192.0.2.3:5070 example.com",
            "TCP 192.0.2.1:5060 example.com",
        ]
    );
}

#[test]
fn sips_never_yields_what_is_not_secure() {
    let mut dns = Dns::default()
        .naptr(
            "example.com",
            &[
                (1, 1, "SIP+D2U", "_sip._udp.example.com"),
                (2, 1, "SIP+D2T", "_sip._tcp.example.com"),
            ],
        )
        .srv("_sip._udp.example.com", &[(0, 0, 5060, "a.example.com")])
        .srv("_sip._tcp.example.com", &[(0, 0, 5060, "a.example.com")])
        .host("example.com", &["192.0.2.1"])
        .host("a.example.com", &["192.0.2.2"]);
    assert_eq!(
        dns.resolve("sips:example.com").unwrap(),
        ["TLS 192.0.2.1:5061 example.com"]
    );
    assert!(
        dns.asked
            .contains(&Question::Srv("_sips._tcp.example.com".into()))
    );
    assert_eq!(
        dns.resolve("sips:example.com;transport=udp"),
        Err(ResolveError::Transport)
    );
    let plain = Ways {
        transports: vec![Transport::Udp, Transport::Tcp],
        families: Families::V4,
    };
    for uri in [
        "sips:example.com",
        "sips:192.0.2.1",
        "sips:example.com:5060",
        "sip:example.com;transport=tls",
    ] {
        assert_eq!(
            dns.run(&[target(uri)], plain.clone(), 1),
            Err(ResolveError::Transport),
            "{uri}"
        );
    }
}

#[test]
fn without_naptr_services_are_guessed_and_then_the_name_itself() {
    let mut dns = Dns::default()
        .srv("_sip._tcp.example.com", &[(0, 0, 5062, "a.example.com")])
        .host("a.example.com", &["192.0.2.1"])
        .host("example.com", &["192.0.2.9"])
        .failing(Question::Naptr("example.com".into()));
    assert_eq!(
        dns.resolve("sip:example.com").unwrap(),
        ["TCP 192.0.2.1:5062 example.com"]
    );
    dns.zone.remove(&Question::Srv("_sip._tcp.example.com".into()));
    assert_eq!(
        dns.resolve("sip:example.com").unwrap(),
        ["UDP 192.0.2.9:5060 example.com"]
    );
    assert_eq!(
        dns.resolve("sip:example.com;transport=tcp").unwrap(),
        ["TCP 192.0.2.9:5060 example.com"]
    );
}

#[test]
fn a_service_that_is_decidedly_not_there_is_not_looked_for_elsewhere() {
    let mut dns = Dns::default()
        .srv("_sip._udp.example.com", &[(0, 0, 0, ".")])
        .host("example.com", &["192.0.2.9"]);
    assert_eq!(
        dns.resolve("sip:example.com;transport=udp"),
        Err(ResolveError::NotFound)
    );
}

#[test]
fn negative_answers_are_told_from_none() {
    assert_eq!(
        Dns::default().resolve("sip:example.com"),
        Err(ResolveError::NotFound)
    );
    let mut dns = Dns::default().failing(Question::A("example.com".into()));
    assert_eq!(dns.resolve("sip:example.com:5060"), Err(ResolveError::Failed));
    let mut dns = Dns::default()
        .host("example.com", &["2001:db8::1"])
        .failing(Question::A("example.com".into()));
    assert_eq!(dns.resolve("sip:example.com:5060").unwrap().len(), 1);
}

#[test]
fn families_take_turns() {
    let mut dns = Dns::default().host("a.example", &["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    let mut order = |families| {
        let found = dns
            .run(&[target("sip:a.example:5060")], ways(families), 1)
            .unwrap();
        let ips = found.candidates.iter().map(|c| c.address.ip().to_string());
        ips.collect::<Vec<_>>()
    };
    assert_eq!(
        order(Families::V4First),
        ["192.0.2.1", "2001:db8::1", "192.0.2.2"]
    );
    assert_eq!(
        order(Families::V6First),
        ["2001:db8::1", "192.0.2.1", "192.0.2.2"]
    );
    assert_eq!(order(Families::V4), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(order(Families::V6), ["2001:db8::1"]);
    assert_eq!(
        dns.run(&[target("sip:[::1]")], ways(Families::V4), 1),
        Err(ResolveError::NotFound)
    );
}

#[test]
fn weights_are_shares_within_a_priority() {
    let mut dns = Dns::default()
        .srv(
            "_sip._udp.example.com",
            &[
                (1, 10, 1, "s.example"),
                (1, 30, 2, "s.example"),
                (1, 0, 3, "s.example"),
                (0, 0, 9, "s.example"),
            ],
        )
        .host("s.example", &["192.0.2.1"]);
    let mut second = HashMap::new();
    for seed in 0..4000 {
        let found = dns
            .run(
                &[target("sip:example.com;transport=udp")],
                ways(Families::V4),
                seed,
            )
            .unwrap();
        let ports: Vec<u16> = found.candidates.iter().map(|c| c.address.port()).collect();
        assert_eq!((ports.len(), ports[0]), (4, 9));
        *second.entry(ports[1]).or_insert(0) += 1;
    }
    // 30 of 41, 10 of 41, 1 of 41.
    assert!((2700..3150).contains(&second[&2]), "{second:?}");
    assert!((800..1150).contains(&second[&1]), "{second:?}");
    assert!((40..200).contains(&second[&3]), "{second:?}");
}

#[test]
fn a_list_is_looked_for_in_its_order_without_repeating_a_question() {
    let mut dns = Dns::default()
        .host("a.example", &["192.0.2.1"])
        .host("b.example", &["192.0.2.2"]);
    let list = [
        "sip:b.example:1",
        "sip:192.0.2.3",
        "sip:a.example:1",
        "sip:b.example:1",
        "sip:b.example:2",
    ]
    .map(target);
    let found = dns.run(&list, ways(Families::V4), 1).unwrap();
    let addresses: Vec<String> = found.candidates.iter().map(|c| c.address.to_string()).collect();
    assert_eq!(
        addresses,
        ["192.0.2.2:1", "192.0.2.3:5060", "192.0.2.1:1", "192.0.2.2:2"]
    );
    assert_eq!(dns.asked.len(), 2);
}

#[test]
fn records_without_end_are_bounded() {
    let services: Vec<(u16, u16, &str, String)> = (0..40)
        .map(|i| (i, 0, "SIP+D2U", format!("n{i}.example")))
        .collect();
    let services: Vec<(u16, u16, &str, &str)> = services
        .iter()
        .map(|(a, b, c, d)| (*a, *b, *c, d.as_str()))
        .collect();
    let mut dns = Dns::default().naptr("example.com", &services);
    for i in 0..40 {
        let hosts: Vec<(u16, u16, u16, String)> = (0..40)
            .map(|j| (0, 1, 5060, format!("h{i}-{j}.example")))
            .collect();
        let hosts: Vec<(u16, u16, u16, &str)> = hosts
            .iter()
            .map(|(a, b, c, d)| (*a, *b, *c, d.as_str()))
            .collect();
        dns = dns.srv(&format!("n{i}.example"), &hosts);
    }
    assert_eq!(dns.resolve("sip:example.com"), Err(ResolveError::TooMany));
    assert!(dns.asked.len() <= MAX_QUESTIONS);
    let many: Vec<String> = (0..100).map(|i| format!("192.0.2.{i}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut dns = Dns::default().host("example.com", &many);
    assert_eq!(dns.resolve("sip:example.com").unwrap().len(), MAX_RECORDS);
}

#[test]
fn a_host_alone_is_looked_for_without_tls() {
    let place = Place::parse("A.example.").unwrap();
    let mut dns = Dns::default().host("a.example", &["192.0.2.1"]);
    let found = dns.run(&[Target::new(place)], ways(Families::V4), 1).unwrap();
    assert_eq!(found.candidates[0].transport, Transport::Udp);
    assert_eq!(
        Place::parse("[::1]"),
        Some(Place::Address("::1".parse().unwrap()))
    );
    assert_eq!(Place::parse("a b"), None);
}

#[test]
fn answers_that_nobody_asked_for_change_nothing() {
    let mut random = omnigate_sip::Random::new(1);
    let mut lookup = Lookup::new(&[target("sip:a.example:1")], ways(Families::V4), &mut random);
    let question = Question::A("a.example".into());
    assert_eq!(
        (lookup.poll(), lookup.poll()),
        (Step::Ask(question.clone()), Step::Wait)
    );
    let found = |address: &str| {
        let records = Records::Addresses(vec![address.parse().unwrap()]);
        Ok(Found { records, ttl: TTL })
    };
    lookup.answer(&Question::A("b.example".into()), found("192.0.2.66"), &mut random);
    assert_eq!(lookup.poll(), Step::Wait);
    lookup.answer(&question, found("192.0.2.1"), &mut random);
    lookup.answer(&question, found("192.0.2.66"), &mut random);
    let Step::Done(Ok(resolved)) = lookup.poll() else {
        panic!("it is answered")
    };
    assert_eq!(resolved.candidates[0].address, ([192, 0, 2, 1], 1).into());
    assert_eq!(lookup.poll(), Step::Done(Ok(resolved)));
}

#[test]
fn failover_never_comes_back() {
    let one = |port| Candidate {
        transport: Transport::Udp,
        address: ([192, 0, 2, 1], port).into(),
        server_name: "a".into(),
    };
    let mut candidates = Candidates::new([one(1), one(2), one(1)]);
    candidates.note_tried(Transport::Udp, one(2).address);
    assert_eq!(candidates.next(), Some(one(1)));
    assert_eq!(candidates.next(), None);
    candidates.extend([one(1), one(2), one(3)]);
    assert_eq!((candidates.next(), candidates.next()), (Some(one(3)), None));
    assert_eq!(candidates.tried(), 3);
}

#[test]
fn the_cache_keeps_results_for_their_time_and_is_bounded() {
    let now = Instant::now();
    let mut cache = Cache::default();
    let list = [target("sip:a.example:5060")];
    let mut dns = Dns::default().host("a.example", &["192.0.2.1"]);
    let found = dns.run(&list, ways(Families::V4), 1);
    assert_eq!(found.as_ref().unwrap().ttl, TTL);
    cache.put(&list, &found, now);
    let later = now + TTL - Duration::from_millis(1);
    assert_eq!(cache.get(&list, later).unwrap().unwrap().len(), 1);
    assert_eq!(cache.get(&list, now + TTL), None);
    cache.put(&list, &Err(ResolveError::NotFound), now);
    assert_eq!(cache.get(&list, now), Some(Err(ResolveError::NotFound)));
    assert_eq!(cache.get(&list, now + NEGATIVE_TTL), None);
    cache.forget(&list);
    cache.put(&list, &Err(ResolveError::Failed), now);
    assert!(cache.is_empty());
    for i in 0..MAX_ENTRIES + 10 {
        let list = [target(&format!("sip:h{i}.example"))];
        cache.put(&list, &found, now + Duration::from_millis(i as u64));
    }
    assert_eq!(cache.len(), MAX_ENTRIES);
    assert_eq!(cache.get(&[target("sip:h9.example")], now), None);
    assert!(cache.get(&[target("sip:h10.example")], now).is_some());
}

proptest! {
    /// Whatever the zone says, a lookup ends, within its bounds.
    #[test]
    fn every_lookup_ends(
        naptrs in prop::collection::vec((0_u16..3, 0_u16..3, 0_usize..4, 0_usize..6), 0..6),
        srvs in prop::collection::vec((0_usize..6, 0_u16..3, 0_u16..3, 0_usize..6), 0..20),
        hosts in prop::collection::vec((0_usize..6, any::<bool>()), 0..6),
        uri in 0_usize..6,
    ) {
        let names = ["example.com", "_sip._udp.example.com", "_sip._tcp.example.com", "_sips._tcp.example.com", "h.example", "."];
        let services = ["SIP+D2U", "SIP+D2T", "SIPS+D2T", "E2U+sip"];
        let list: Vec<_> = naptrs.iter().map(|(o, p, s, n)| (*o, *p, services[*s], names[*n])).collect();
        let mut dns = Dns::default().naptr("example.com", &list);
        for (i, name) in names.iter().enumerate() {
            let list: Vec<_> = srvs.iter().filter(|s| s.0 == i).map(|s| (s.1, s.2, 5060, names[s.3])).collect();
            if !list.is_empty() {
                dns = dns.srv(name, &list);
            }
        }
        for (i, fails) in hosts {
            dns = if fails { dns.failing(Question::A(names[i].into())) } else { dns.host(names[i], &["192.0.2.1", "::1"]) };
        }
        let uri = ["sip:example.com", "sips:example.com", "sip:example.com;transport=tcp", "sip:example.com:1",
            "sips:h.example", "sip:_x.example"][uri];
        if let Ok(list) = dns.resolve(uri) {
            prop_assert!(!list.is_empty() && list.len() <= MAX_CANDIDATES);
            prop_assert!(!uri.starts_with("sips") || list.iter().all(|c| c.starts_with("TLS")));
        }
        prop_assert!(dns.asked.len() <= MAX_QUESTIONS);
    }
}

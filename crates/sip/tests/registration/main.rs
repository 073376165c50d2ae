//! Registrations: what is sent, when, and what ends them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod failures;
mod hostile;
mod registrar;

use omnigate_sip::digest::{Algorithm, Asker, Proof, Server, Verdict};
use omnigate_sip::message::{Name, Response, Status};
use omnigate_sip::registration::*;
use registrar::{Bench, HOUR, seconds, settings};

#[test]
fn the_request_says_who_and_where() {
    let mut all = settings();
    all.instance = Some("urn:uuid:00000000-0000-1000-8000-000a95a0e128".into());
    all.reg_id = Some(1);
    all.route = vec!["sip:proxy.example.net;lr".parse().unwrap()];
    all.user_agent = Some("test".into());
    let request = Bench::new(all).request();
    let headers = &request.headers;
    assert_eq!(
        (request.method.as_str(), request.uri.as_str()),
        ("REGISTER", "sip:example.com")
    );
    assert_eq!(headers.get(Name::Route), Some("<sip:proxy.example.net;lr>"));
    assert_eq!(headers.get(Name::To), Some("<sip:0701234@example.com>"));
    assert!(headers.from_tag().is_some() && headers.to_tag().is_none());
    assert_eq!(headers.get(Name::CSeq), Some("1 REGISTER"));
    assert_eq!(
        headers.get(Name::Contact),
        Some(
            "<sip:0701234@192.0.2.9:5060;transport=tcp>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\";reg-id=1;expires=3600"
        )
    );
    assert!(headers.lists(Name::Supported, "outbound") && headers.lists(Name::Supported, "path"));
    assert_eq!(
        (headers.get(Name::Via), headers.get(Name::UserAgent)),
        (None, Some("test"))
    );
    let without = Bench::new(settings()).request();
    assert!(!without.headers.get(Name::Contact).unwrap().contains("reg-id"));
    assert!(!without.headers.lists(Name::Supported, "outbound"));
}

#[test]
fn it_is_refreshed_at_a_share_of_the_granted_time_with_one_call_id() {
    let mut bench = Bench::new(settings());
    let call_id = bench.sent.as_ref().unwrap().headers.call_id().to_owned();
    let contact = "<sip:0701234@192.0.2.9:5060;transport=TCP>;expires=90";
    for cseq in 2..50 {
        let events = bench.answer(200, &[(Name::Contact, contact)]);
        let [Event::Registered(granted)] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(granted.expires, seconds(90));
        assert_eq!(bench.registration.bound_until(), Some(bench.now + seconds(90)));
        let (waited, events) = bench.next();
        assert!((seconds(54)..=seconds(72)).contains(&waited), "{waited:?}");
        assert_eq!((events, bench.cseq()), (vec![], cseq));
        assert_eq!(bench.sent.as_ref().unwrap().headers.call_id(), call_id);
    }
}

#[test]
fn our_contact_is_found_among_several() {
    let granted = |settings: Settings, fields: &[(Name, &str)]| {
        let mut bench = Bench::new(settings);
        bench.answer(200, fields);
        bench.registration.granted().map(|g| g.expires.as_secs())
    };
    let others = "<sip:0701234@192.0.2.7>;expires=7, \"x, y\" <sip:0701234@192.0.2.9:5060>;expires=8";
    let ours = "<sip:0701234@192.0.2.9:5060;transport=tcp;ob>;expires=55;q=0.5";
    let both = [(Name::Contact, others), (Name::Contact, ours)];
    assert_eq!(granted(settings(), &both), Some(55));
    assert_eq!(granted(settings(), &[(Name::Contact, others)]), None);
    // One that was written anew, none at all, a time in Expires alone, and none.
    let rewritten = [(Name::Contact, "<sip:0701234@203.0.113.1:9>;expires=66")];
    assert_eq!(granted(settings(), &rewritten), Some(66));
    assert_eq!(granted(settings(), &[(Name::Expires, "77")]), Some(77));
    let bare = [(Name::Contact, "<sip:0701234@192.0.2.9:5060;transport=tcp>")];
    assert_eq!(granted(settings(), &bare), Some(3600));
    assert_eq!(
        granted(settings(), &[(Name::Contact, "<sip:x@y>;expires=4294967295")]),
        Some(86_400)
    );
    assert_eq!(
        granted(settings(), &[(Name::Contact, "<sip:x@y>;expires=0")]),
        None
    );
    let mut number = settings();
    number.contact = "tel:+82701234".parse().unwrap();
    let numbers = "<tel:+8270999>;expires=11, <tel:+82701234>;expires=33";
    assert_eq!(granted(number, &[(Name::Contact, numbers)]), Some(33));
    // A flow is told by instance and number, whatever its address looks like.
    let mut flow = settings();
    flow.instance = Some("urn:uuid:1".into());
    flow.reg_id = Some(2);
    let flows = "<sip:a@b>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;expires=11, <sip:a@b>;+sip.instance=\"<URN:uuid:1>\";reg-id=2;expires=22";
    assert_eq!(granted(flow, &[(Name::Contact, flows)]), Some(22));
}

#[test]
fn routes_and_identities_are_told() {
    let mut bench = Bench::new(settings());
    let request = bench.request();
    let mut response = Response::new(&request, Status::OK, None)
        .with(Name::Expires, 60)
        .with(
            Name::ServiceRoute,
            "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        )
        .with(Name::ServiceRoute, "<sip:p3.example.com;lr>")
        .with(Name::Path, "<sip:edge.example.com;lr;ob>")
        .with(Name::Require, "outbound")
        .with(Name::FlowTimer, "126");
    response.headers.push_other(
        "P-Associated-URI",
        "<tel:+82701234>, \"a, b\" <sip:+82701234@example.com>",
    );
    response
        .headers
        .push_other("p-associated-uri", "<sip:second@example.com>");
    bench
        .registration
        .response(&response, bench.now, &mut bench.random);
    bench.drain();
    let granted = bench.registration.granted().unwrap();
    assert_eq!(
        granted.service_route,
        [
            "<sip:p1.example.com;lr>",
            "<sip:p2.example.com;lr>",
            "<sip:p3.example.com;lr>"
        ]
    );
    assert_eq!(granted.path, ["<sip:edge.example.com;lr;ob>"]);
    assert_eq!(granted.associated.len(), 3);
    assert_eq!((granted.outbound, granted.flow_timer), (true, Some(seconds(126))));
    let shown = format!("{:?} {granted:?}", bench.registration);
    assert!(!shown.contains("0701234") && !shown.contains("secret"), "{shown}");
}

#[test]
fn keep_alives_follow_the_flow_timer_or_the_setting() {
    let mut bench = Bench::new(settings());
    bench.answer(200, &[(Name::FlowTimer, "100")]);
    for n in 1..20 {
        let (waited, events) = bench.next();
        assert!((seconds(80)..=seconds(100)).contains(&waited), "{waited:?}");
        assert_eq!((events, bench.keep_alives), (vec![], n));
    }
    let mut own = settings();
    own.keep_alive = Some(KEEP_ALIVE_DATAGRAM);
    let mut bench = Bench::bound(own);
    assert!((seconds(24)..=seconds(29)).contains(&bench.next().0));
    bench.registration.flow_lost(bench.now);
    bench.drain();
    assert_eq!((bench.cseq(), bench.asks_for()), (2, "3600"));
    // None while there is no flow: the next thing due is the answer.
    assert_eq!(bench.registration.deadline(), Some(bench.now + ANSWER_LIMIT));
}

#[test]
fn challenges_are_answered_and_later_requests_carry_the_answer_at_once() {
    let mut bench = Bench::new(settings());
    let mut server = Server::new("example.com", &[1; 32], bench.now).with_lifetime(seconds(600));
    let passwords =
        |user: &str, _: &str, _: Algorithm| (user == "0701234").then(|| Proof::Password("secret".into()));
    let mut verdicts = Vec::new();
    for _ in 0..5 {
        let request = bench.request();
        let verdict = server.verify(&request, Asker::Server, &passwords, bench.now);
        let status = match verdict {
            Verdict::Accepted { .. } => Status::OK,
            _ => Status::UNAUTHORIZED,
        };
        let mut response = Response::new(&request, status, Some("r"));
        match &verdict {
            Verdict::Accepted { .. } => response.headers.push(Name::Expires, 500),
            other => {
                let stale = *other == Verdict::Stale;
                server.challenge(&mut response, Asker::Server, stale, bench.now, &mut bench.random);
            }
        }
        verdicts.push(verdict);
        bench
            .registration
            .response(&response, bench.now, &mut bench.random);
        bench.drain();
        if bench.sent.is_none() {
            bench.next();
        }
    }
    let ok = || Verdict::Accepted {
        user: "0701234".into(),
    };
    // The nonce is over before the third request; then the new one is used.
    assert_eq!(
        verdicts,
        [Verdict::NoCredentials, ok(), ok(), Verdict::Stale, ok()]
    );
}

#[test]
fn stopping_takes_the_binding_away() {
    let mut bench = Bench::bound(settings());
    bench.registration.stop(bench.now);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.asks_for(), "0");
    assert!(bench.contact().ends_with(";expires=0"));
    let challenge = [(Name::WwwAuthenticate, "Digest realm=\"a\",nonce=\"b\"")];
    assert_eq!(bench.answer(401, &challenge), []);
    assert_eq!((bench.cseq(), bench.asks_for()), (3, "0"));
    assert_eq!(bench.answer(200, &[]), [Event::Unregistered { confirmed: true }]);
    assert_eq!(
        (bench.registration.deadline(), bench.registration.granted()),
        (None, None)
    );
    // It may begin again.
    bench.registration.start(bench.now);
    bench.drain();
    assert_eq!((bench.cseq(), bench.asks_for()), (4, "3600"));
}

#[test]
fn a_stop_waits_for_the_open_request() {
    let mut bench = Bench::new(settings());
    bench.registration.stop(bench.now);
    bench.drain();
    assert_eq!(bench.asks_for(), "3600");
    assert_eq!(bench.ok(), []);
    assert_eq!((bench.cseq(), bench.asks_for()), (2, "0"));
    assert_eq!(bench.fail(), [Event::Unregistered { confirmed: false }]);

    let mut bench = Bench::new(settings());
    bench.registration.stop(bench.now);
    assert_eq!(bench.answer(503, &[]), [Event::Unregistered { confirmed: true }]);

    let mut bench = Bench::new(settings());
    bench.registration = Registration::new(settings(), &mut bench.random);
    bench.registration.stop(bench.now);
    assert_eq!(bench.drain(), [Event::Unregistered { confirmed: true }]);

    // Nobody knows whether that was heard.
    let mut bench = Bench::new(settings());
    bench.registration.stop(bench.now);
    assert_eq!(bench.fail(), [Event::Unregistered { confirmed: false }]);

    let mut bench = Bench::bound(settings());
    bench.registration.stop(bench.now);
    bench.drain();
    assert_eq!(bench.answer(403, &[]), [Event::Unregistered { confirmed: false }]);

    let mut bench = Bench::new(settings());
    assert_eq!(bench.fail().len(), 1);
    bench.registration.stop(bench.now);
    assert_eq!(bench.drain(), [Event::Unregistered { confirmed: true }]);
}

#[test]
fn leaving_has_an_end_though_challenges_have_none() {
    let mut bench = Bench::bound(settings());
    bench.registration.stop(bench.now);
    assert_eq!(bench.drain(), []);
    for n in 1..MAX_TRIES {
        let realm = format!("Digest realm=\"{n}\",nonce=\"{n}\"");
        assert_eq!(bench.answer(401, &[(Name::WwwAuthenticate, &realm)]), [], "{n}");
        assert_eq!(bench.asks_for(), "0");
    }
    let last = [(Name::WwwAuthenticate, "Digest realm=\"last\",nonce=\"1\"")];
    assert_eq!(
        bench.answer(401, &last),
        [Event::Unregistered { confirmed: false }]
    );
}

#[test]
fn what_does_not_belong_to_the_open_request_changes_nothing() {
    let mut bench = Bench::new(settings());
    let request = bench.sent.clone().unwrap();
    let mut wrong = Vec::new();
    let mut other = Response::new(&request, Status::FORBIDDEN, None);
    other.headers.set(Name::CallId, "other");
    wrong.push(other);
    let mut other = Response::new(&request, Status::FORBIDDEN, None);
    other.headers.set(Name::CSeq, "2 REGISTER");
    wrong.push(other);
    wrong.push(Response::new(&request, Status::TRYING, None));
    for response in wrong {
        bench
            .registration
            .response(&response, bench.now, &mut bench.random);
    }
    bench.registration.failed(9, bench.now, &mut bench.random);
    bench.registration.start(bench.now);
    bench.registration.flow_lost(bench.now);
    assert_eq!(bench.drain(), []);
    assert_eq!(bench.ok().len(), 1);
    assert!(bench.registration.bound_until().unwrap() <= bench.now + HOUR);
}

/// RFC 3329 with `mediasec`: the registrar's own words come back, unchanged, in every later request.
#[test]
fn what_the_registrar_says_about_the_security_of_media_is_repeated() {
    let fields = |bench: &Bench, name: Name| -> Vec<String> {
        let sent = bench.sent.as_ref().unwrap();
        sent.headers.list(name).map(str::to_owned).collect()
    };
    let mut all = settings();
    all.media_security = &["sdes-srtp", "dtls-srtp"];
    let mut bench = Bench::new(all);
    let ours = ["sdes-srtp;mediasec", "dtls-srtp;mediasec"];
    assert_eq!(fields(&bench, Name::SecurityClient), ours);
    assert_eq!(fields(&bench, Name::ProxyRequire), ["mediasec"]);
    assert_eq!(fields(&bench, Name::Require), ["mediasec"]);
    assert!(fields(&bench, Name::SecurityVerify).is_empty());
    let theirs = "msrp-tls;mediasec, sdes-srtp;mediasec";
    // A new word of it is heard at once, the same again is a refusal.
    bench.answer(494, &[(Name::SecurityServer, theirs)]);
    assert_eq!(
        fields(&bench, Name::SecurityVerify),
        ["msrp-tls;mediasec", "sdes-srtp;mediasec"]
    );
    assert_eq!(fields(&bench, Name::SecurityClient), ours);
    let events = bench.answer(
        200,
        &[
            (Name::Expires, "60"),
            (Name::SecurityServer, "sdes-srtp;mediasec;q=0.5"),
        ],
    );
    let [Event::Registered(granted)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(granted.media_security, ["sdes-srtp;mediasec;q=0.5"]);
    bench.next();
    assert_eq!(fields(&bench, Name::SecurityVerify), granted.media_security);
    let events = bench.answer(494, &[(Name::SecurityServer, "sdes-srtp;mediasec;q=0.5")]);
    assert!(
        matches!(events.as_slice(), [Event::Failed(Failure::Refused(_))]),
        "{events:?}"
    );
    // Whoever begins anew begins from nothing: the registrar may be another one by then.
    bench.registration.start(bench.now);
    bench.drain();
    assert!(fields(&bench, Name::SecurityVerify).is_empty());
    assert_eq!(fields(&bench, Name::SecurityClient), ours);

    // Nobody who does not want it hears of it.
    let mut bench = Bench::new(settings());
    assert!(fields(&bench, Name::SecurityClient).is_empty());
    let events = bench.answer(200, &[(Name::Expires, "60"), (Name::SecurityServer, theirs)]);
    let [Event::Registered(granted)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(granted.media_security.is_empty());
    bench.next();
    assert!(fields(&bench, Name::SecurityVerify).is_empty() && fields(&bench, Name::Require).is_empty());
}
